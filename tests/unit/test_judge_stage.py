"""The judge stage with everything on: individuals, pictures through the base as far as there is one, its figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imprint.errors import ModelError
from imprint.jobs.nano.autoencoder import AutoencoderRecipe, train_autoencoder
from imprint.jobs.nano.diffusion import DiffusionRecipe, train_diffusion
from imprint.jobs.nano.drawn import Drawn
from imprint.jobs.nano.individuals import FAMILIES_A_CHUNK, Families, RenderedIndividuals
from imprint.jobs.nano.judge import Individuals, IndividualSource, JudgeRecipe, train_judge
from imprint.jobs.nano.judge_measures import labels, subjects_lineup, verification
from imprint.jobs.nano.stages import World
from imprint.nano.identity import IdentityShape
from imprint.nano.judge import Judge, JudgeShape
from imprint.nano.networks import AutoencoderShape, TextEncoderShape, UNetShape
from imprint.nano.world.spec import sample_spec
from imprint.training.contrastive import NOT_VISIBLE
from imprint.training.loop import LoopConfig

pytestmark = pytest.mark.unit

WORLD = World(pictures=500, held_out=500, size_px=64)
LOOP = LoopConfig(steps=2, checkpoint_every=1)
PLAN = Individuals(families=3, held_out=2, members=2, pictures=3, families_a_step=2)
RECIPE = JudgeRecipe(
    world=WORLD, batch_size=6, individuals=PLAN, loop=LOOP,
    drawn=Drawn(share=0.5, reconstructed=500, redrawn=500, steps=1),
    shape=JudgeShape(
        channels=(8, 8, 16, 16), width=16, text_layers=1, size_px=64,
        identity=IdentityShape(width=8, looks=2, values=8, hidden=16),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge trained before the diffusion stage, and again after it."""
    folder = tmp_path_factory.mktemp("build")
    shape = AutoencoderShape(channels=(8, 8, 16, 16))
    train_autoencoder(AutoencoderRecipe(world=WORLD, shape=shape, batch_size=2, crop_px=32, loop=LOOP), folder)
    train_judge(RECIPE, folder)
    shutil.copyfile(folder / "judge" / "measured.json", folder / "first.json")
    unet, text = UNetShape(channels=(16, 16, 32), groups=8, heads=2), TextEncoderShape(width=16, layers=1, heads=2)
    train_diffusion(DiffusionRecipe(world=WORLD, unet=unet, text_encoder=text, batch_size=4, loop=LOOP), folder)
    train_judge(RECIPE, folder)
    return folder


def measured(build: Path, name: str = "judge/measured.json") -> dict[str, Any]:
    return json.loads((build / name).read_text(encoding="utf-8"))


def test_a_judge_sees_as_much_of_the_base_as_there_is(build: Path) -> None:
    assert set(measured(build, "first.json")["forms"]) == {"renders", "reconstructions"}
    assert set(measured(build)["forms"]) == {"renders", "reconstructions", "redrawn"}


def test_the_judge_from_before_the_base_is_put_aside(build: Path) -> None:
    (aside,) = (build / "judge").glob("earlier-*")
    assert {path.name for path in aside.iterdir()} == {"checkpoints", "events.jsonl", "measured.json", "judge"}


def test_with_nothing_new_the_stage_is_done(build: Path) -> None:
    before = (build / "judge" / "events.jsonl").read_text(encoding="utf-8")
    train_judge(RECIPE, build)
    assert (build / "judge" / "events.jsonl").read_text(encoding="utf-8") == before


def test_confidence_and_identity_are_measured(build: Path) -> None:
    figures = measured(build)
    fitted, stored = figures["calibration"]["temperatures"], Judge.open(build / "judge" / "judge").temperatures
    assert {name: stored[name] for name in fitted} == pytest.approx(fitted)
    assert figures["calibration"]["renders"]["nll_after"] < figures["calibration"]["renders"]["nll_before"]
    assert {"ece_before", "ece_after", "attributes"} <= figures["calibration"]["redrawn"].keys()
    assert {"auc", "auc_doubles", "auc_strangers"} <= figures["identity"]["reconstructions"]["subjects"].keys()
    assert 0 <= figures["identity"]["renders"]["random"]["auc"] <= 1


def test_drawn_pictures_need_an_autoencoder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no autoencoder"):
        train_judge(RECIPE, tmp_path)


def test_identity_heads_and_individuals_need_each_other() -> None:
    with pytest.raises(ValueError, match="give both or neither"):
        JudgeRecipe(individuals=PLAN)
    with pytest.raises(ValueError, match="at most pictures"):
        Individuals(pictures=2, pictures_a_step=3)


def test_a_step_shows_the_same_pictures_of_all_members() -> None:
    families = Families(0, 2 * FAMILIES_A_CHUNK, 3, 4)
    source = IndividualSource(RenderedIndividuals(families, []), Individuals(families_a_step=5), seed=0)
    rows = source.rows(7)
    assert rows == source.rows(7)
    assert len(rows) == 5 * 3 * 2
    shown = {(place, member): {p for a, m, p in rows if (a, m) == (place, member)} for place, member, _ in rows}
    assert all(shown[place, member] == shown[place, 0] for place, member in shown)
    assert {len(pictures) for pictures in shown.values()} == {2}


def test_pictures_through_the_base_take_the_place_of_renders() -> None:
    clean, soft = np.zeros((2, 2, 3, 4, 4, 3), np.uint8), np.ones((2, 2, 1, 4, 4, 3), np.uint8)
    individuals = RenderedIndividuals(Families(0, 2, 2, 3), [clean], [soft])
    assert [int(individuals.pixels(1, 0, picture).max()) for picture in range(3)] == [1, 0, 0]


def test_hidden_attributes_have_no_label() -> None:
    spec = sample_spec(1)
    name = next(iter(spec.attributes))
    assert int(labels([spec], [[name]])[name][0]) == NOT_VISIBLE


def test_a_perfect_judge_of_identity_has_an_area_of_one() -> None:
    lineup = subjects_lineup(["kiln"], 2)
    vectors = np.eye(int(lineup.who_N.max()) + 1)[lineup.who_N]
    assert verification(vectors, lineup) == {"auc": 1.0, "auc_doubles": 1.0, "auc_strangers": 1.0}


def test_subjects_are_asked_about_and_their_doubles_are_not() -> None:
    lineup = subjects_lineup(["kiln"], 2)
    marks = [spec.mark for spec in lineup.specs]
    assert [mark == "kiln" for mark in marks] == lineup.asked_N.tolist()
    assert torch.tensor([mark == "" for mark in marks]).sum() == 4
