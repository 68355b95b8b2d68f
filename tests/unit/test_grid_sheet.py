"""Sheets: nothing overlaps, nothing is cut, sizes stay within limits, pictures lie where their labels say."""

from __future__ import annotations

import itertools
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint.artifacts.box import Box
from imprint.config import load_config
from imprint.errors import ConfigError, InputError
from imprint.jobs.grid import GridRecipe, sheet
from imprint.jobs.grid.layout import Band, Layout, Page, Row, Shown, lay_out
from imprint.jobs.grid.lettering import Lettering
from imprint.jobs.grid.pages import pages_of
from imprint.jobs.grid.plan import Plan, plan_grid
from imprint.jobs.grid.sheet import check_sheets, write_sheets

pytestmark = pytest.mark.unit

LETTERS, LARGE = Lettering(13, ["a"]), Lettering(17, ["a"])
LABELS = st.text(alphabet="abc de,\n|W", max_size=40)
SIZES = st.tuples(st.integers(1, 150), st.integers(1, 150))


def planned(out: Path, **fields: Any) -> tuple[Plan, GridRecipe]:
    values = {"generate": {"prompt": "a dog"}, "out": out, **fields}
    recipe = load_config(GridRecipe, values=values)
    return plan_grid(recipe, lambda: 1), recipe


def axis(field: str, values: str) -> dict[str, str]:
    return {"field": field, "values": values}


def drawn(plan: Plan, folder: Path, size: tuple[int, int] = (40, 30)) -> dict[tuple[int, int, int], Path | None]:
    """A file for each cell, of a colour that tells its place."""
    paths: dict[tuple[int, int, int], Path | None] = {}
    for cell in plan.cells:
        path = folder / "{}-{}-{}.png".format(*cell.place)
        Image.new("RGB", size, tuple(200 - 20 * at for at in cell.place)).save(path)
        paths[cell.place] = path
    return paths


def pixels_of(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def overlap(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


@st.composite
def some_pages(draw: st.DrawFn) -> Page:
    columns, bands = draw(st.integers(1, 4)), []
    for _ in range(draw(st.integers(1, 2))):
        rows = [
            Row(draw(LABELS), tuple(Shown(0, draw(SIZES)) for _ in range(columns)))
            for _ in range(draw(st.integers(1, 3)))
        ]
        bands.append(Band(tuple(draw(LABELS) for _ in range(columns)), tuple(rows), draw(LABELS)))
    return Page(tuple(bands), draw(LABELS), draw(LABELS), draw(LABELS), draw(LABELS))


@settings(deadline=None)
@given(some_pages())
def test_nothing_overlaps_and_nothing_leaves_the_page(page: Page) -> None:
    layout = lay_out(page, LETTERS, LARGE)
    boxes = [box for box, _ in layout.pictures] + [words.box for words in layout.words]
    assert not any(overlap(one, other) for one, other in itertools.combinations(boxes, 2))
    assert all(box.left >= 0 and box.top >= 0 for box in boxes)
    assert all(box.right <= layout.width and box.bottom <= layout.height for box in boxes)


@settings(deadline=None)
@given(some_pages())
def test_no_word_is_cut_or_lost(page: Page) -> None:
    layout = lay_out(page, LETTERS, LARGE)
    texts = [page.title, page.note, page.x_name]
    if any(row.label for band in page.bands for row in band.rows):
        texts.append(page.y_name)  # it stands above the labels of rows
    for band in page.bands:
        texts += [band.heading, *band.columns, *(row.label for row in band.rows)]
    shown = "".join("".join(words.lines) for words in layout.words)
    assert sorted(shown.replace(" ", "")) == sorted("".join("".join(text.split()) for text in texts))
    for words in layout.words:
        letters = LARGE if words.large else LETTERS
        assert len(words.lines) * letters.line_px <= words.box.height
        assert all(letters.width(line) <= words.box.width or len(line) == 1 for line in words.lines)


@settings(deadline=None)
@given(st.text(alphabet="abc W\n", max_size=60), st.integers(20, 200))
def test_wrapped_lines_fit_and_keep_every_word(text: str, width: int) -> None:
    lines = LETTERS.wrap(text, width)
    assert all(LETTERS.width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_pictures_lie_where_their_labels_say(tmp_path: Path) -> None:
    plan, recipe = planned(tmp_path, x=axis("steps", "1-3"), y=axis("seed", "1, 2"))
    sizes = {cell.place: (40, 30) for cell in plan.cells}
    (page,) = pages_of(plan, recipe, sizes, 40)
    layout = lay_out(page, LETTERS, LARGE)
    centres = [(box.left + box.right, box.top + box.bottom) for box, _ in layout.pictures]
    by_text = {words.lines[0]: words.box for words in layout.words}
    assert centres[0][0] < centres[1][0] < centres[2][0]
    assert centres[0][1] == centres[2][1] < centres[3][1]
    assert abs(by_text["3"].left + by_text["3"].right - centres[5][0]) <= 1


def test_the_sheet_shows_each_cell_in_its_place(tmp_path: Path) -> None:
    plan, recipe = planned(tmp_path, x=axis("steps", "1-3"), y=axis("seed", "1, 2"))
    (path,) = write_sheets(plan, recipe, drawn(plan, tmp_path))
    pixels = pixels_of(path)
    centres = {}
    for cell in plan.cells:
        mask = (pixels == [200 - 20 * at for at in cell.place]).all(axis=2)
        assert mask.sum() == 40 * 30
        centres[cell.place] = np.argwhere(mask).mean(axis=0)
    assert centres[0, 0, 0][1] < centres[1, 0, 0][1] < centres[2, 0, 0][1]
    assert centres[0, 0, 0][0] == centres[2, 0, 0][0] < centres[0, 1, 0][0]


def test_a_failed_cell_is_blank_and_keeps_its_place(tmp_path: Path) -> None:
    plan, recipe = planned(tmp_path, x=axis("steps", "1-3"))
    files = drawn(plan, tmp_path, (80, 60))
    (path,) = write_sheets(plan, recipe, files)
    whole = pixels_of(path)
    (path,) = write_sheets(plan, recipe, files | {(1, 0, 0): None})
    holed = pixels_of(path)
    changed = (whole != holed).any(axis=2)
    assert whole.shape == holed.shape
    assert (changed == (whole == [180, 200, 200]).all(axis=2)).all()


@pytest.mark.parametrize(("z", "names"), [("files", ["sheet-00.png", "sheet-01.png"]), ("stacked", ["sheet.png"])])
def test_values_of_z_are_sheets_or_stacked(tmp_path: Path, z: str, names: list[str]) -> None:
    (tmp_path / "sheet-07.png").write_bytes(b"of an earlier call")
    plan, recipe = planned(tmp_path, x=axis("steps", "1-3"), z=axis("sampler", "euler, ddim"), sheet={"z": z})
    paths = write_sheets(plan, recipe, drawn(plan, tmp_path))
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in tmp_path.glob("sheet*")) == names
    pages = pages_of(plan, recipe, {cell.place: (9, 9) for cell in plan.cells}, 9)
    assert [band.heading for page in pages for band in page.bands] == ["sampler: euler", "sampler: ddim"]


@pytest.mark.parametrize("letter", ["x", "y"])
def test_one_long_axis_is_broken_into_rows(tmp_path: Path, letter: str) -> None:
    plan, recipe = planned(tmp_path, sheet={"columns": 4}, **{letter: axis("seed", "1-10")})
    (page,) = pages_of(plan, recipe, {cell.place: (30, 30) for cell in plan.cells}, 30)
    assert [len(band.rows[0].pictures) for band in page.bands] == [4, 4, 2]
    assert [label for band in page.bands for label in band.columns] == [str(n) for n in range(1, 11)]
    assert (page.x_name, page.y_name) == ("seed", "")


def test_pictures_become_thumbnails_above_the_limit(tmp_path: Path) -> None:
    plan, recipe = planned(tmp_path, x=axis("steps", "1-3"), sheet={"megapixels": 0.2})
    (path,) = write_sheets(plan, recipe, drawn(plan, tmp_path, (400, 300)))
    height, width, _ = pixels_of(path).shape
    assert 0.1e6 < width * height <= 0.2e6


def test_the_size_of_pictures_can_be_set(tmp_path: Path) -> None:
    plan, recipe = planned(tmp_path, x=axis("steps", "1"), sheet={"picture_px": 80})
    (path,) = write_sheets(plan, recipe, drawn(plan, tmp_path))
    assert (pixels_of(path) == 200).all(axis=2).sum() == 80 * 60


def test_a_sheet_that_cannot_fit_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    plan, recipe = planned(tmp_path, x=axis("steps", "1-30"), y=axis("seed", "1-30"), sheet={"megapixels": 1})
    with pytest.raises(ConfigError, match=r"too large with pictures of 64 px \(got '[45]\.\d megapixels'\)"):
        check_sheets(plan, recipe)


def test_title_and_note_say_what_all_cells_share(tmp_path: Path) -> None:
    generate = {"prompt": "a dog", "seed": 4, "negative_prompt": "grey", "strength": 1.0}
    plan, recipe = planned(tmp_path, generate=generate, x=axis("steps", "1, 2"))
    (page,) = pages_of(plan, recipe, {cell.place: (9, 9) for cell in plan.cells}, 9)
    assert page.title == "a dog"
    assert page.note.startswith("nano · sampler dpmpp_2m · cfg scale 4 · seed 4 · negative prompt grey")
    plan, recipe = planned(tmp_path, x=axis("prompt", "a cat, a dog"))
    assert pages_of(plan, recipe, {cell.place: (9, 9) for cell in plan.cells}, 9)[0].title == ""


def test_a_font_has_the_letters_or_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Lettering(13, ["plain words"]).font.getname()[0] == "Aileron"
    Lettering(13, ["\U0010fffd"])  # of private use: no font has it
    assert "name one in sheet.font" in caplog.text
    (tmp_path / "a.ttf").write_bytes(b"no font")
    with pytest.raises(InputError, match="no font"):
        Lettering(13, [""], tmp_path / "a.ttf")


def test_a_sheet_holds_one_picture_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[Image.Image]] = []
    decode = sheet.decode_image

    def watched(data: bytes, where: Path) -> Image.Image:
        assert sum(one() is not None for one in alive) <= 1
        picture = decode(data, where)
        alive.append(weakref.ref(picture))
        return picture

    monkeypatch.setattr(sheet, "decode_image", watched)
    plan, recipe = planned(tmp_path, x=axis("steps", "1-9"))
    write_sheets(plan, recipe, drawn(plan, tmp_path))
    assert len(alive) == 9


def test_a_layout_knows_its_size() -> None:
    assert Layout(2000, 1000).megapixels == 2
