"""A grid from beginning to end: every cell once, gone on with after any end, failures, models, the verb."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from imprint.app.cli.edge import run
from imprint.artifacts.files import sha256_file
from imprint.artifacts.picture import read_record
from imprint.artifacts.picture_file import Jpeg
from imprint.config import load_config
from imprint.errors import ConfigError, Interrupted, NumericsError, OutputError
from imprint.generation.canvas import ImageSettings
from imprint.generation.hires import Hires, OpenedUpscaler
from imprint.generation.text_to_image import TextToImage
from imprint.jobs.best_of.recipe import BestOf
from imprint.jobs.grid import GridRecipe, GridResult, drawing, grid
from imprint.jobs.grid.drawing import WITHOUT_EFFECT, cell_key
from imprint.jobs.personalize import personalize
from imprint.jobs.recipe import GenerateRecipe
from imprint.jobs.wishes import Wish
from imprint.refine.upscalers.resampling import lanczos
from imprint.weights import save_embedding
from make import photo, tiny_base, write_tiny_base
from tiny_run import tiny_recipe

pytestmark = pytest.mark.unit

Patch = pytest.MonkeyPatch
X, Y = {"field": "steps", "values": "1, 2"}, {"field": "seed", "values": "5, -1"}
SAVE, DRAW, OPEN = drawing.save_drawn, drawing.drawn, drawing.open_base


def recipe(out: Path, /, **fields: Any) -> GridRecipe:
    generate = {"prompt": "a photo of a dog", "base": str(tiny_base()), **fields.pop("generate", {})}
    return load_config(GridRecipe, values={"generate": generate, "x": X, "y": Y, "out": out, **fields})


def files(result: GridResult) -> list[Path | None]:
    return [cell.file for cell in result.cells]


def hashes(result: GridResult) -> list[str]:
    return [sha256_file(file) if file else "" for file in files(result)]


def counted(monkeypatch: Patch, name: str, inner: Callable[..., Any]) -> list[Any]:
    """The first argument of every call of a function that the drawing uses."""
    calls: list[Any] = []

    def call(*given: Any, **named: Any) -> Any:
        calls.append(given[0])
        return inner(*given, **named)

    monkeypatch.setattr(drawing, name, call)
    return calls


def failing(monkeypatch: Patch, steps: int, error: Exception) -> None:
    """Let pictures of so many steps fail."""

    def draw(family: Any, wishes: Any, **named: Any) -> Any:
        if any(wish.request.steps == steps for wish in wishes):
            raise error
        return DRAW(family, wishes, **named)

    monkeypatch.setattr(drawing, "drawn", draw)


def test_every_cell_is_a_picture_with_its_record_and_a_line_in_the_manifest(tmp_path: Path) -> None:
    result = grid(recipe(tmp_path / "g"))
    records = [read_record(file) for file in files(result) if file]
    assert [(record.steps, record.seed) for record in records[:2]] == [(1, 5), (2, 5)]
    assert records[2].seed == records[3].seed != 5
    events = [json.loads(line) for line in result.manifest.read_text().splitlines()]
    told = {tuple(event["place"]): event for event in events if event["kind"] == "cell"}
    assert {place: event["sha256"] for place, event in told.items()} == {
        cell.place: digest for cell, digest in zip(result.cells, hashes(result), strict=True)
    }
    assert told[1, 1, 0]["values"] == {"x": 2, "y": records[2].seed}


def test_a_finished_grid_opens_no_model_and_draws_nothing(tmp_path: Path, monkeypatch: Patch) -> None:
    first = grid(recipe(tmp_path / "g"))
    opened = counted(monkeypatch, "open_base", OPEN)
    again = grid(recipe(tmp_path / "g"))
    assert (hashes(again), opened) == (hashes(first), [])


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("cell", range(4))
def test_a_grid_that_is_killed_at_a_cell_goes_on(tmp_path: Path, monkeypatch: Patch, cell: int, written: bool) -> None:
    def killed(*given: Any) -> None:
        nonlocal saved
        if saved == cell and written:
            SAVE(*given)
        if saved == cell:
            raise KeyboardInterrupt
        saved += 1
        SAVE(*given)

    saved = 0
    monkeypatch.setattr(drawing, "save_drawn", killed)
    with pytest.raises(KeyboardInterrupt):
        grid(recipe(tmp_path / "g"))
    drawn = counted(monkeypatch, "save_drawn", SAVE)
    result = grid(recipe(tmp_path / "g"))
    assert (len(drawn), len(result.failed)) == (4 - cell, 0)
    seed = result.cells[2].values["y"]
    whole = grid(recipe(tmp_path / "whole", y={"field": "seed", "values": f"5, {seed}"}))
    assert hashes(result) == hashes(whole)
    assert result.sheets[0].read_bytes() == whole.sheets[0].read_bytes()


def test_seeds_that_were_chosen_stay(tmp_path: Path) -> None:
    wanted = recipe(tmp_path / "g", y={"field": "seed", "values": "-1, -1"})
    seeds = [cell.values["y"] for cell in grid(wanted).cells]
    assert [cell.values["y"] for cell in grid(wanted).cells] == seeds
    assert len(set(seeds)) == 2


def test_only_cells_whose_settings_changed_are_drawn_again(tmp_path: Path, monkeypatch: Patch) -> None:
    first = grid(recipe(tmp_path / "g"))
    drawn = counted(monkeypatch, "save_drawn", SAVE)
    second = grid(recipe(tmp_path / "g", x={"field": "steps", "values": "3, 1, 2"}))
    assert [read_record(path).steps for path in drawn] == [3, 3]
    assert [files(second)[n] for n in (1, 2, 4, 5)] == files(first)
    assert {file for file in files(second) if file} > {file for file in files(first) if file}


def test_a_cell_that_was_damaged_or_removed_is_drawn_again(tmp_path: Path, monkeypatch: Patch) -> None:
    result = grid(recipe(tmp_path / "g"))
    before, (one, two, *_) = hashes(result), files(result)
    assert one
    assert two
    one.unlink()
    two.write_bytes(two.read_bytes()[:-9])
    drawn = counted(monkeypatch, "save_drawn", SAVE)
    assert hashes(grid(recipe(tmp_path / "g"))) == before
    assert drawn == [one, two]


def test_another_base_under_the_same_name_is_another_picture(tmp_path: Path, monkeypatch: Patch) -> None:
    wanted = recipe(tmp_path / "g", generate={"base": str(write_tiny_base(tmp_path / "base"))})
    grid(wanted)
    weights = tmp_path / "base" / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-2] ^= 1
    weights.write_bytes(data)
    drawn = counted(monkeypatch, "save_drawn", SAVE)
    grid(wanted)
    assert len(drawn) == 4


@pytest.mark.parametrize("error", [NumericsError("NaN"), RuntimeError("out of memory")])
@pytest.mark.parametrize("batch", [None, 2])
def test_a_failed_cell_is_blank_and_ends_nothing(
    tmp_path: Path, monkeypatch: Patch, error: Exception, batch: int | None,
) -> None:  # fmt: skip
    failing(monkeypatch, 2, error)
    wanted = recipe(tmp_path / "g", generate={"batch": batch}, x={"field": "steps", "values": "1, 2, 2"})
    result = grid(wanted)
    assert [bool(file) for file in files(result)] == [True, False, False] * 2
    assert result.failed[0].error == str(error)
    assert '"kind": "failed"' in result.manifest.read_text()
    monkeypatch.setattr(drawing, "drawn", DRAW)
    assert grid(wanted).failed == ()


def test_a_failure_in_a_batch_costs_no_neighbour(tmp_path: Path, monkeypatch: Patch) -> None:
    def draw(family: Any, wishes: Any, **named: Any) -> Any:
        if any(wish.request.seed == 2 for wish in wishes):
            raise NumericsError("NaN")
        return DRAW(family, wishes, **named)

    monkeypatch.setattr(drawing, "drawn", draw)
    result = grid(recipe(tmp_path / "g", generate={"batch": 4}, x=None, y={"field": "seed", "values": "1-5"}))
    assert [cell.values["y"] for cell in result.failed] == [2]


def test_a_base_that_cannot_be_opened_fails_its_cells_only(tmp_path: Path, monkeypatch: Patch) -> None:
    opened = counted(monkeypatch, "open_base", OPEN)
    bases = {"field": "base", "values": [str(tiny_base()), str(tmp_path / "none")]}
    result = grid(recipe(tmp_path / "g", y=bases))
    assert [bool(file) for file in files(result)] == [True, True, False, False]
    assert opened == [str(tiny_base()), str(tmp_path / "none")]


def test_each_base_is_opened_once_whichever_axis_it_lies_on(tmp_path: Path, monkeypatch: Patch) -> None:
    opened = counted(monkeypatch, "open_base", OPEN)
    other = str(write_tiny_base(tmp_path / "other", "v_prediction"))
    grid(recipe(tmp_path / "g", x={"field": "base", "values": [str(tiny_base()), other]}))
    assert opened == [str(tiny_base()), other]


def test_number_formats_lie_on_an_axis_and_the_base_is_opened_once_in_each(tmp_path: Path, monkeypatch: Patch) -> None:
    opened = counted(monkeypatch, "open_base", OPEN)
    axes = {"x": {"field": "precision", "values": "fp32, bf16"}, "y": {"field": "seed", "values": "1, 2, 3"}}
    result = grid(recipe(tmp_path / "g", **axes))
    assert [read_record(file).precision for file in files(result) if file] == ["fp32", "bf16"] * 3
    assert (len(set(hashes(result))), len(opened)) == (6, 2)


def test_a_run_is_put_on_its_base_once_for_each_strength(tmp_path: Path, monkeypatch: Patch) -> None:
    learnt = personalize(tiny_recipe(tmp_path, loop={"steps": 2, "checkpoint_every": 2}, class_images={"count": 2}))
    opened, applied = (counted(monkeypatch, name, getattr(drawing, name)) for name in ("open_base", "applied"))
    generate = {"run": learnt.run, "base": None}
    axes = {"x": {"field": "strength", "values": "0, 1"}, "y": {"field": "seed", "values": "1, 2"}}
    result = grid(recipe(tmp_path / "g", generate=generate, **axes))
    strengths = [read_record(file).adapters[0].strength for file in files(result) if file]
    assert (strengths, len(opened), len(applied)) == ([0, 1, 0, 1], 1, 2)
    runs = {"field": "run", "values": [str(learnt.run), str(tmp_path / "none")]}
    result = grid(recipe(tmp_path / "h", generate=generate, x=runs, y=None))
    assert [bool(file) for file in files(result)] == [True, False]


def test_equal_cells_are_drawn_once(tmp_path: Path, monkeypatch: Patch) -> None:
    drawn = counted(monkeypatch, "save_drawn", SAVE)
    result = grid(recipe(tmp_path / "g", x={"field": "steps", "values": "1, 1, 1"}, y=None))
    assert (len(drawn), len(set(files(result)))) == (1, 1)


def test_sizes_are_rounded_and_that_is_said_once_for_the_grid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = grid(recipe(tmp_path / "g", x={"field": "size", "values": "30x45, 45x30"}, generate={"steps": 1}))
    records = [read_record(file) for file in files(result) if file]
    assert [(record.width_px, record.height_px) for record in records] == [(32, 48), (48, 32)] * 2
    assert len([record for record in caplog.records if "multiples of 8" in record.getMessage()]) == 4


@pytest.mark.parametrize("prompt", ["a photo of zkz", "a {zkz|ZKZ} dog"])
def test_an_embedding_that_changed_draws_the_cells_that_name_it(
    tmp_path: Path, monkeypatch: Patch, prompt: str
) -> None:
    def cells() -> list[Path]:
        values = f'"{prompt}", "a dog <none>", "a dog"'
        made = {"networks": [str(tmp_path)], "steps": 1}
        drawn = grid(recipe(tmp_path / "g", x={"field": "prompt", "values": values}, y=None, generate=made))
        return [file for file in files(drawn) if file]

    monkeypatch.setenv("IMPRINT_CACHE", str(tmp_path / "cache"))
    embedding = tmp_path / "zkz.safetensors"
    save_embedding(embedding, torch.ones(2, 16))
    before = cells()
    save_embedding(embedding, torch.zeros(2, 16))
    os.utime(embedding, ns=(1, 1))  # the clock of a file may be too coarse for two writes
    after = cells()
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True]


#: Another value of every field that decides a picture, by which its cell is then drawn anew.
DECIDES: dict[str, Any] = {
    "best": BestOf(draw=2), "cfg_end": 0.5, "cfg_rescale": 0.5, "cfg_scale": 7.0, "cfg_start": 0.5, "clip_skip": 2,
    "compat": "a1111", "count": 2, "emphasis": "none", "ensd": 31337, "eta": 0.5, "format": Jpeg(), "height_px": 64,
    "hires": Hires(), "image": ImageSettings(strength=0.5), "mask": Path("m.png"), "noise_source": "nv",
    "precision": "bf16", "resize_from_height_px": 64, "resize_from_width_px": 64, "s_churn": 1.0, "s_noise": 1.1,
    "s_tmax": 1.0, "s_tmin": 0.5, "sampler": "euler", "schedule": "karras", "seed": 1, "source": Path("s.png"),
    "steps": 26, "strength": 0.5, "tiling": "both", "variation_seed": 1, "variation_strength": 0.5, "width_px": 64,
}  # fmt: skip


def test_every_field_is_in_the_key_of_a_cell_or_said_to_have_no_effect() -> None:
    plain = GenerateRecipe(prompt="")
    wish = Wish(TextToImage(prompt="", seed=0))
    keys = {name: cell_key(plain.model_copy(update={name: DECIDES[name]}), wish, []) for name in DECIDES}
    assert len({cell_key(plain, wish, []), *keys.values()}) == 1 + len(keys)
    assert set(DECIDES) == GenerateRecipe.model_fields.keys() - WITHOUT_EFFECT
    assert GenerateRecipe.model_fields.keys() >= WITHOUT_EFFECT


def test_prompts_and_files_are_in_the_key_of_a_cell_by_what_they_hold() -> None:
    recipe, said = GenerateRecipe(prompt="a {dog|cat}"), ("a dog", "a cat")
    wishes = [Wish(TextToImage(prompt=one, negative_prompt=other, seed=0)) for one in said for other in said]
    wishes.append(Wish(wishes[0].request, template={"prompt_template": recipe.prompt}))
    assert len({cell_key(recipe, wish, list(files)) for wish in wishes for files in ("", "a", "b")}) == 3 * len(wishes)


def test_an_upscaler_that_changed_draws_the_cells_that_use_it(tmp_path: Path, monkeypatch: Patch) -> None:
    def opener(*_: Any) -> Callable[[str], OpenedUpscaler]:
        return lambda name: OpenedUpscaler(lanczos)

    monkeypatch.setattr(drawing, "upscaler_opener", opener)
    model, changes = tmp_path / "mine.safetensors", list[list[Path | None]]()
    hires = {"hires": {"steps": 1, "strength": 0.5}, "upscalers": [str(tmp_path)], "steps": 1}
    names = {"field": "hires.upscaler", "values": '"mine", "latent", "lanczos", "gone"'}
    for content in (b"one", b"two, which is longer"):
        model.write_bytes(content)
        changes.append(files(grid(recipe(tmp_path / "g", x=names, y=None, generate=hires))))
    assert [old == new for old, new in zip(*changes, strict=True)] == [False, True, True, True]


def test_cells_that_begin_with_one_picture_hold_it_once(tmp_path: Path, monkeypatch: Patch) -> None:
    held: list[int] = []

    def draw(family: Any, wishes: Any, **named: Any) -> Any:
        held.extend(id(wish.source) for wish in wishes)
        return DRAW(family, wishes, **named)

    photo().save(tmp_path / "source.png")
    monkeypatch.setattr(drawing, "drawn", draw)
    made = {"source": str(tmp_path / "source.png"), "width_px": 32, "height_px": 32}
    assert grid(recipe(tmp_path / "g", generate=made)).failed == ()
    assert len(held) == 4 and len(set(held)) == 1


def test_a_request_to_stop_is_heard_between_two_steps(tmp_path: Path, monkeypatch: Patch) -> None:
    def draw(family: Any, wishes: Any, **named: Any) -> Any:
        yield from DRAW(family, wishes, **named)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(drawing, "drawn", draw)
    with pytest.raises(Interrupted, match=r"SIGTERM.*\n.*1 of 4 cells.*same command goes on"):
        grid(recipe(tmp_path / "g"))
    assert len(list((tmp_path / "g" / "cells").glob("*.png"))) == 1


def test_a_full_disk_ends_the_grid(tmp_path: Path, monkeypatch: Patch) -> None:
    def full(*_: Any) -> None:
        raise OutputError("no room")

    monkeypatch.setattr(drawing, "save_drawn", full)
    with pytest.raises(OutputError, match="no room"):
        grid(recipe(tmp_path / "g"))


def test_nothing_is_written_for_a_grid_that_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sheet would be too large"):
        grid(recipe(tmp_path / "g", sheet={"picture_px": 4096}))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file stands"):
        grid(recipe(tmp_path / "file"))
    assert not (tmp_path / "g").exists()


def test_what_was_asked_is_kept_as_a_recipe(tmp_path: Path) -> None:
    wanted = recipe(tmp_path / "g")
    grid(wanted)
    assert load_config(GridRecipe, tmp_path / "g" / "grid.toml") == wanted


def test_the_verb_draws_and_its_code_says_whether_cells_failed(
    tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sets = [f"generate.base={tiny_base()}", "generate.prompt=a dog", "x.field=Steps", "x.values=1-2"]
    arguments = ["grid", "--out", str(tmp_path / "g"), *(word for text in sets for word in ("--set", text))]
    assert run(arguments) == 0
    assert f"sheet    {tmp_path}/g/sheet.png" in capsys.readouterr().out
    failing(monkeypatch, 3, NumericsError("NaN"))
    assert run([*arguments, "--set", "x.values=1-3", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert [cell["error"] for cell in shown["cells"]] == ["", "", "NaN"]
    with Image.open(shown["sheets"][0]) as sheet:
        assert sheet.width > 3 * 32
