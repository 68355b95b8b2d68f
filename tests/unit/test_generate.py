"""Fields of `imprint generate` that reach each picture, and how several pictures count on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imprint.artifacts.picture import PictureRecord, read_record
from imprint.config import load_config
from imprint.config.places import find, plain_name
from imprint.jobs.generate import generate
from imprint.jobs.personalize import personalize
from imprint.jobs.recipe import GenerateRecipe
from make import tiny_base
from tiny_run import tiny_recipe

pytestmark = pytest.mark.unit


def records(out: Path, **fields: Any) -> list[PictureRecord]:
    recipe = GenerateRecipe(prompt="a dog", base=str(tiny_base()), out=out, steps=1, seed=5, **fields)
    return [read_record(path) for path in generate(recipe).pictures]


def test_sampler_schedule_and_noise_reach_the_record(tmp_path: Path) -> None:
    fields = {"eta": 0.5, "s_noise": 1.1, "noise_source": "nv:46", "ensd": 7, "resize_from_width_px": 16,
              "resize_from_height_px": 24}  # fmt: skip
    (record,) = records(tmp_path, sampler="DPM++ 2M SDE Karras", **fields)
    assert (record.sampler, record.schedule) == ("dpmpp_2m_sde", "karras")
    assert record.model_dump(include=set(fields)) == fields


def test_the_next_picture_has_the_next_seed(tmp_path: Path) -> None:
    found = records(tmp_path, count=2)
    assert [(record.seed, record.variation_seed) for record in found] == [(5, None), (6, None)]


def test_the_next_variation_is_of_the_same_picture(tmp_path: Path) -> None:
    found = records(tmp_path, count=2, variation_seed=9, variation_strength=0.2)
    assert [(record.seed, record.variation_seed) for record in found] == [(5, 9), (5, 10)]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_draws_nearly_the_same_picture_and_is_recorded(tmp_path: Path, precision: str) -> None:
    fields = {"prompt": "a dog", "base": str(tiny_base()), "steps": 3}
    whole, half = (
        generate(GenerateRecipe.model_validate({**fields, "out": tmp_path / name, "precision": name})).pictures[0]
        for name in ("fp32", precision)
    )
    one, other = (np.asarray(Image.open(path)).astype(int) for path in (whole, half))
    assert 0 < np.abs(one - other).max() <= 10  # of 255 levels; seeds 0 to 19: bf16 2 to 7, fp16 1
    assert (read_record(whole).precision, read_record(half).precision) == ("fp32", precision)


def test_a_run_is_put_on_a_base_in_half_precision(tmp_path: Path) -> None:
    learnt = personalize(tiny_recipe(tmp_path, loop={"steps": 2, "checkpoint_every": 2}, class_images={"count": 2}))
    recipe = GenerateRecipe(prompt="a zkz dog", run=learnt.run, out=tmp_path / "out", steps=2, precision="bf16")
    record = read_record(generate(recipe).pictures[0])
    assert (record.precision, len(record.adapters)) == ("bf16", 1)


def test_settings_of_the_command_line_reach_the_recipe() -> None:
    sets = ("sampler=Euler a", "schedule=SGM Uniform", "eta=0.5", "variation_seed=3", "variation_strength=0.5")
    recipe = load_config(GenerateRecipe, None, sets, {"prompt": "a dog"})
    assert (recipe.sampler, recipe.schedule, recipe.options()) == ("euler_a", "sgm_uniform", {"eta": 0.5})
    assert (recipe.variation_seed, recipe.variation_strength) == (3, 0.5)


def test_a_seed_of_minus_one_is_chosen_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda limit: limit - 9)
    recipe = GenerateRecipe(prompt="a dog", base=str(tiny_base()), out=tmp_path, steps=1, seed=-1, count=2)
    pictures = generate(recipe).pictures
    assert [read_record(path).seed for path in pictures] == [2**32 - 9, 2**32 - 8]
    assert [path.name for path in pictures] == [f"00000-{2**32 - 9}.png", f"00001-{2**32 - 8}.png"]


def test_names_of_other_programs_lead_to_fields_that_are_there() -> None:
    meant = set(GenerateRecipe.OTHER_NAMES.values())
    assert [path for path in meant if not find(GenerateRecipe, path.split("."))] == []
    assert [name for name in GenerateRecipe.OTHER_NAMES if name != plain_name(name)] == []


def test_a_thousand_open_brackets_are_one_remark(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = GenerateRecipe(prompt="(" * 1000 + "a dog", base=str(tiny_base()), out=tmp_path, steps=1)
    with caplog.at_level("INFO", "imprint"):
        generate(recipe)
    told = [line for line in caplog.messages if "never closed" in line]
    assert len(told) == 1
    assert told[0].startswith("prompt, character 1, and at ")
