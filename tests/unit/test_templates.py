"""Styles, variants and wildcards in `imprint generate` and `imprint grid`: what draws, and what the record keeps."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from imprint.app.cli.edge import run
from imprint.artifacts.infotext import parse_infotext
from imprint.artifacts.picture import read_record
from imprint.config import load_config
from imprint.errors import ConfigError, ImprintError, PromptError
from imprint.generation.text_to_image import TextToImage
from imprint.jobs.again import AgainRecipe, again
from imprint.jobs.generate import generate
from imprint.jobs.grid import GridRecipe, grid
from imprint.jobs.recipe import GenerateRecipe
from imprint.jobs.wishes import Wish, wishes
from make import tiny_base

pytestmark = pytest.mark.unit

Patch = pytest.MonkeyPatch
STYLES = 'name,prompt,negative_prompt\nphoto,"a photo of {prompt}",blur\nink,in {ink|pencil},\n'


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: Patch) -> None:
    """Wildcards and styles where they are looked for by default."""
    for name in ("IMPRINT_WILDCARDS", "IMPRINT_STYLES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("wildcards").mkdir()
    Path("wildcards", "pets.txt").write_text("cat\ndog\nowl\n")
    Path("styles.csv").write_text(STYLES)


def asked(prompt: str, **fields: Any) -> list[Wish]:
    return wishes(GenerateRecipe(prompt=prompt, **fields))


def texts(prompt: str, **fields: Any) -> list[str]:
    return [wish.request.prompt for wish in asked(prompt, **fields)]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_picture_has_the_same_text_alone_and_among_others() -> None:
    template = "a __pets__ in {ink|oil|chalk}, {@one|two|three}"
    together = texts(template, count=12, seed=5)
    assert together == [text for seed in range(5, 17) for text in texts(template, seed=seed)]
    assert len(set(together)) > 3
    assert [text.rpartition(" ")[2] for text in together[:4]] == ["three", "one", "two", "three"]


def test_variations_of_a_picture_share_its_text() -> None:
    assert len(set(texts("{a|b|c|d}", count=6, variation_seed=1, variation_strength=0.1))) == 1


def test_prompt_and_negative_prompt_draw_apart() -> None:
    pairs = {(w.request.prompt, w.request.negative_prompt) for w in asked("{a|b}", negative_prompt="{a|b}", count=30)}
    assert len(pairs) == 4


def test_all_draws_every_combination_as_often_as_count_says() -> None:
    found = asked("{a|b} __pets__", dynamic="all", count=2, seed=9, negative_prompt="{x|y}")
    assert [w.request.prompt for w in found] == [
        f"{a} {b}" for a, b in itertools.product("ab", ("cat", "dog", "owl"))
    ] * 2
    assert [w.request.seed for w in found] == list(range(9, 21))
    assert {w.request.negative_prompt for w in found} == {"x", "y"}
    with pytest.raises(PromptError, match="5 combinations"):
        asked("{a|b} __pets__", dynamic="all", max_combinations=5)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, "a"), ({"dynamic": "off"}, "{a|a}"), ({"compat": "a1111"}, "{a|a}"),
     ({"compat": "a1111", "dynamic": "random"}, "a")],
)  # fmt: skip
def test_braces_are_text_where_they_are_off_and_in_a1111s_language(fields: dict[str, Any], expected: str) -> None:
    assert texts("{a|a}", **fields) == [expected]


def test_styles_go_around_the_prompt_before_its_variants_are_drawn() -> None:
    (wish,) = asked("a {dog|dog}", styles=("photo", "ink"), negative_prompt="ugly", seed=2)
    assert wish.request.prompt in ("a photo of a dog, in ink", "a photo of a dog, in pencil")
    assert wish.request.negative_prompt == "ugly, blur"
    assert wish.template == {
        "prompt_template": "a {dog|dog}", "negative_prompt_template": "ugly", "styles": ("photo", "ink"),
    }  # fmt: skip


def test_a_second_pass_has_its_own_texts_written_out_and_chooses_as_the_first() -> None:
    hires = {"prompt": "{red|blue} __pets__, fine", "negative_prompt": "{a|a}"}
    found = asked("{red|blue} __pets__", hires=hires, styles=("photo",), count=20)
    for request in (wish.request for wish in found):
        assert isinstance(request, TextToImage)
        assert request.hires is not None
        assert request.hires.prompt == f"{request.prompt}, fine"
        assert request.hires.negative_prompt == "a, blur"
    assert len({wish.request.prompt for wish in found}) > 2
    assert found[0].template["hires_prompt_template"] == hires["prompt"]
    assert found[0].template["hires_negative_prompt_template"] == hires["negative_prompt"]


def test_a_second_pass_without_texts_has_the_firsts() -> None:
    (wish,) = asked("{red|blue} dog", hires={"scale": 1.5}, styles=("photo",))
    assert isinstance(wish.request, TextToImage)
    assert wish.request.hires is not None
    assert (wish.request.hires.prompt, wish.request.hires.negative_prompt) == (None, None)
    assert not [name for name in wish.template if "hires" in name]


def test_an_unknown_style_and_a_missing_file_are_named() -> None:
    with pytest.raises(PromptError, match="did you mean `photo`"):
        asked("a", styles=("foto",))
    Path("styles.csv").unlink()
    with pytest.raises(PromptError, match="IMPRINT_STYLES"):
        asked("a", styles=("photo",))
    with pytest.raises(PromptError, match=r"mine\.csv"):
        asked("a", styles=("photo",), styles_files=(Path("mine.csv"),))


def test_files_and_folders_are_found_by_field_then_environment(monkeypatch: Patch) -> None:
    for name in ("one", "two"):
        Path(name).mkdir()
        Path(name, "pets.txt").write_text(f"{name}\n")
        Path(f"{name}.csv").write_text(f"name,prompt\nphoto,{name}\n")
    monkeypatch.setenv("IMPRINT_WILDCARDS", "one")
    monkeypatch.setenv("IMPRINT_STYLES", f"two.csv{os.pathsep}one.csv")
    assert texts("__pets__", styles=("photo",)) == ["one, one"]
    given = {"styles_files": (Path("two.csv"),), "wildcards": (Path("one"), Path("two"))}
    assert set(texts("__pets__", styles=("photo",), count=20, **given)) == {"one, two", "two, two"}


def test_what_is_missing_stays_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    assert texts("a __none__ ${v}", count=3) == ["a __none__ ${v}"] * 3
    told = said(caplog)
    assert [line for line in told if "there is no wildcard 'none'" in line] == [told[0]]
    assert any("IMPRINT_WILDCARDS" in line for line in told)
    shutil.rmtree("wildcards")
    assert texts("a __pets__") == ["a __pets__"]
    with pytest.raises(PromptError, match="no such folder of wildcards"):
        asked("a", wildcards=(Path("wildcards"),))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\secret"])
def test_names_that_are_paths_read_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert texts(f"a __{name}__") == [f"a __{name}__"]
    assert "leads to no other folder" in said(caplog)[0]


@pytest.mark.parametrize(
    ("prompt", "fields"),
    [
        ("{a|b}" * 30, {"dynamic": "all"}),
        ("{a|b}" * 1900, {"dynamic": "all"}),
        ("{~a|b}" * 1500 + "{a|b}" * 9, {"dynamic": "all"}),
        ("{4900$$" + "|".join("a" * 4900) + "}", {}),
        ("{" * 60 + "a" + "}" * 60, {}),
        ("__loop__", {}),
        ("__long__", {}),
        ("a", {"styles": ("twice",) * 32, "styles_files": (Path("bomb.csv"),)}),
    ],
)
def test_a_bomb_ends_in_a_clear_error(prompt: str, fields: dict[str, Any]) -> None:
    Path("wildcards", "loop.txt").write_text("__loop__\n")
    Path("wildcards", "long.txt").write_text("long " * 100_000)
    Path("bomb.csv").write_text("name,prompt\ntwice," + "{prompt}" * 10_000 + "\n")
    with pytest.raises(PromptError, match="too"):
        asked(prompt, **fields)


def test_what_a_file_brings_is_checked_like_what_is_written() -> None:
    Path("wildcards", "bell.txt").write_text("ding \x07\n")
    with pytest.raises(ConfigError, match=r"U\+0007"):
        asked("__bell__")
    with pytest.raises(ConfigError, match="seed"):
        asked("a", seed=2**53 - 1, count=2)
    with pytest.raises(ConfigError, match="too many pictures"):
        asked("{a|b|c}", dynamic="all", count=50_000)
    Path("wildcards", "long.txt").write_text("🐶" * 6_000)
    with pytest.raises(PromptError, match="JPEG"):
        asked("__long__", format={"kind": "jpeg"})
    with pytest.raises(ValidationError):
        GenerateRecipe(prompt="a", styles=("",))


def drawn(out: str, **fields: Any) -> Path:
    recipe = GenerateRecipe(
        **{"prompt": "a {red|red} __pets__", "base": str(tiny_base()), "seed": 3, "steps": 1, "out": out, **fields}
    )
    return generate(recipe).pictures[0]


def test_a_record_has_the_prompt_that_draws_and_the_one_that_was_written() -> None:
    picture = drawn("out", styles=("photo",), negative_prompt="a: {b|b}")
    record = read_record(picture)
    assert record.prompt in {f"a photo of a red {pet}" for pet in ("cat", "dog", "owl")}
    assert (record.prompt_template, record.styles) == ("a {red|red} __pets__", ("photo",))
    with Image.open(picture) as opened:
        info = parse_infotext(opened.info["parameters"])
    assert (info.prompt, info.negative_prompt) == (record.prompt, "a: b, blur")
    assert (info.parameters["Template"], info.parameters["Negative Template"]) == ("a {red|red} __pets__", "a: {b|b}")
    plain = read_record(drawn("out", prompt="a dog"))
    assert (plain.prompt_template, plain.negative_prompt_template, plain.styles) == (None, None, ())


def test_again_knows_how_the_texts_of_a_second_pass_were_written() -> None:
    hires = {"prompt": "a {red|red} dog", "scale": 1.5, "steps": 1}
    picture = drawn("out", prompt="a dog", hires=hires)
    record = read_record(picture)
    assert record.hires is not None
    assert (record.hires.prompt, record.hires_prompt_template) == ("a red dog", "a {red|red} dog")
    result = again(AgainRecipe(picture=picture, base=str(tiny_base()), out=Path("again")))
    assert result.same_pixels
    assert read_record(result.picture) == record


def test_again_needs_neither_wildcards_nor_styles(capsys: pytest.CaptureFixture[str]) -> None:
    picture = drawn("out", styles=("photo",))
    shutil.rmtree("wildcards")
    Path("styles.csv").unlink()
    result = again(AgainRecipe(picture=picture, base=str(tiny_base()), out=Path("again")))
    assert result.same_pixels
    assert read_record(result.picture) == read_record(picture)
    changed = again(AgainRecipe(picture=picture, base=str(tiny_base()), out=Path("again"), changes=("prompt={a|b}",)))
    assert (read_record(changed.picture).prompt, read_record(changed.picture).prompt_template) == ("{a|b}", None)
    assert run(["show", str(picture)]) == 0
    assert "a {red|red} __pets__" in capsys.readouterr().out


def cells(**fields: Any) -> list[Path]:
    made = {"prompt": "a __pets__", "base": str(tiny_base()), "seed": 3, **fields.pop("generate", {})}
    values = {"generate": made, "x": {"field": "steps", "values": "1, 2"}, "out": Path("grid"), **fields}
    return [cell.file for cell in grid(load_config(GridRecipe, values=values)).cells if cell.file]


def test_cells_of_one_seed_have_one_text_and_keep_their_template() -> None:
    records = [read_record(path) for path in cells(generate={"styles": ("photo",)})]
    assert len({record.prompt for record in records}) == 1
    assert [(record.prompt_template, record.styles) for record in records] == [("a __pets__", ("photo",))] * 2


def test_a_cell_is_drawn_again_where_its_text_becomes_another() -> None:
    first = cells()
    Path("wildcards", "others.txt").write_text("x\n")
    assert cells() == first
    Path("wildcards", "pets.txt").write_text("bear\n")
    assert set(cells()).isdisjoint(first)


def test_a_cell_is_drawn_again_where_the_text_of_its_second_pass_becomes_another() -> None:
    made = {"prompt": "a dog", "hires": {"prompt": "a __pets__", "scale": 1.5, "steps": 1}}
    first = cells(generate=made)
    assert cells(generate=made) == first
    Path("wildcards", "pets.txt").write_text("bear\n")
    assert set(cells(generate=made)).isdisjoint(first)


def test_a_style_is_no_text_of_a_second_pass_that_has_none(caplog: pytest.LogCaptureFixture) -> None:
    Path("styles.csv").write_text("name,prompt,negative_prompt\nodd,__nowhere__,\n")
    asked("a dog", styles=("odd",), hires={"scale": 1.5})
    assert not [text for text in said(caplog) if text.startswith("hires prompt")]


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"generate": {"dynamic": "all"}}, "a cell is one picture"),
        ({"x": {"field": "dynamic", "values": "off, all"}}, "a cell is one picture"),
        ({"generate": {"styles": ["foto"]}}, "did you mean `photo`"),
    ],
)
def test_a_grid_that_cannot_be_written_out_is_refused_before_it_is_drawn(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ImprintError, match=match):
        cells(**fields)
    assert not Path("grid").exists()
