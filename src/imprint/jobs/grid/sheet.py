"""The finished sheets of a grid, painted from the files of its cells one by one.

Reads: a plan, pictures. Writes: PNG files. Does not: keep more than one picture and one sheet in memory.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from imprint.artifacts.box import Box
from imprint.artifacts.files import write_bytes
from imprint.artifacts.image_file import decode_image, read_regular
from imprint.errors import ConfigError, OutputError, PhotoError
from imprint.jobs.grid.layout import GREY, Layout, Page, Words, lay_out
from imprint.jobs.grid.lettering import Lettering
from imprint.jobs.grid.pages import Place, Size, pages_of
from imprint.jobs.grid.plan import Cell, Plan
from imprint.jobs.grid.recipe import GridRecipe

log = logging.getLogger(__name__)

LEAST_PX = 64  # of a thumbnail's longest side: smaller ones show nothing
ASSUMED_PX = 512  # of a picture whose size is not known
SHRINK = 0.9  # at a time, until the sheet fits
SIDE_OVER_LETTERS = 16
LETTERS_PX = (13, 60)
TITLE = 1.3  # of its letters over those of labels
WHITE, BLANK = (255, 255, 255), (241, 241, 243)
FAILED = "failed"


def check_sheets(plan: Plan, recipe: GridRecipe) -> None:
    """Refuse a grid whose sheet could not be made, before anything is drawn.

    Raises: ConfigError: if a sheet has more than `sheet.megapixels` with pictures as small as they may be.
    """
    side = recipe.sheet.picture_px or LEAST_PX
    sizes = {cell.place: _asked(cell, (ASSUMED_PX, ASSUMED_PX)) for cell in plan.cells}
    largest = max(layout.megapixels for layout in _laid_out(plan, recipe, sizes, side)[0])
    if largest > recipe.sheet.megapixels:
        raise ConfigError(
            f"the sheet would be too large with pictures of {side} px", where="sheet.megapixels",
            got=f"{largest:.1f} megapixels", allowed=f"at most {recipe.sheet.megapixels:g}",
            hint="take fewer values, move an axis to z, or set sheet.megapixels (200 at most) or sheet.picture_px",
        )  # fmt: skip


def write_sheets(plan: Plan, recipe: GridRecipe, files: Mapping[Place, Path | None]) -> list[Path]:
    """Paint a sheet, or one for each value of z; sheets of an earlier call go.

    Args:
        plan: of the grid.
        recipe: how it looks, and where to.
        files: of the cells, by place; None for one that failed.
    Returns: `sheet.png`, or `sheet-00.png` and following.
    Raises: OutputError: if a sheet cannot be written.
    """
    layouts, letters = _fitted(plan, recipe, _sizes(plan, files))
    by_number = [files.get(cell.place) for cell in plan.cells]
    paths: list[Path] = []
    for number, layout in enumerate(layouts):
        paths.append(recipe.out / ("sheet.png" if len(layouts) == 1 else f"sheet-{number:02d}.png"))
        _write(paths[-1], _painted(layout, letters, by_number))
    for path in recipe.out.glob("sheet*.png"):
        if path not in paths and re.fullmatch(r"sheet(-\d+)?\.png", path.name):
            path.unlink()
    return paths


@dataclass(frozen=True)
class _Letters:
    """The letters of labels, and those of titles."""

    normal: Lettering
    large: Lettering


def _fitted(plan: Plan, recipe: GridRecipe, sizes: Mapping[Place, Size]) -> tuple[list[Layout], _Letters]:
    """The pages with their pictures as large as the limit allows, on all pages alike."""
    side = float(recipe.sheet.picture_px or max(max(size) for size in sizes.values()))
    while True:
        layouts, letters = _laid_out(plan, recipe, sizes, side)
        if max(layout.megapixels for layout in layouts) <= recipe.sheet.megapixels or side <= LEAST_PX:
            return layouts, letters
        side = max(LEAST_PX, side * SHRINK)


def _laid_out(
    plan: Plan, recipe: GridRecipe, sizes: Mapping[Place, Size], side_px: float,
) -> tuple[list[Layout], _Letters]:
    pages = pages_of(plan, recipe, sizes, side_px)
    texts, font, (least, most) = _texts(pages), recipe.sheet.font, LETTERS_PX
    px = recipe.sheet.font_px or min(max(round(side_px / SIDE_OVER_LETTERS), least), most)
    letters = _Letters(Lettering(px, texts, font), Lettering(round(px * TITLE), texts, font))
    return [lay_out(page, letters.normal, letters.large) for page in pages], letters


def _texts(pages: Sequence[Page]) -> list[str]:
    """Everything that is written on these pages."""
    texts: list[str] = [FAILED]
    for page in pages:
        texts += [page.title, page.note, page.x_name, page.y_name]
        for band in page.bands:
            texts += [band.heading, *band.columns, *(row.label for row in band.rows)]
    return texts


def _sizes(plan: Plan, files: Mapping[Place, Path | None]) -> dict[Place, Size]:
    """Of every picture, from its file; of one that failed what was asked for, or that of another."""
    found = {cell.place: _size(path) for cell in plan.cells if (path := files.get(cell.place)) is not None}
    usual = next((size for size in found.values() if size), (ASSUMED_PX, ASSUMED_PX))
    return {cell.place: found.get(cell.place) or _asked(cell, usual) for cell in plan.cells}


def _size(path: Path) -> Size | None:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.size
    except OSError:
        return None


def _asked(cell: Cell, otherwise: Size) -> Size:
    return cell.recipe.width_px or otherwise[0], cell.recipe.height_px or otherwise[1]


def _painted(layout: Layout, letters: _Letters, files: Sequence[Path | None]) -> Image.Image:
    sheet = Image.new("RGB", (layout.width, layout.height), WHITE)
    draw = ImageDraw.Draw(sheet)
    for box, number in layout.pictures:
        picture = _picture(files[number], (box.width, box.height))
        if picture is None:
            _blank(draw, letters.normal, box)
        else:
            sheet.paste(picture, (box.left, box.top))
    for words in layout.words:
        _letter(draw, letters.large if words.large else letters.normal, words)
    return sheet


def _blank(draw: ImageDraw.ImageDraw, letters: Lettering, box: Box) -> None:
    """The place of a picture that failed, with a word where there is room for it."""
    draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=BLANK)
    if letters.width(FAILED) < box.width and letters.line_px < box.height:
        middle = (box.top + box.bottom - letters.line_px) // 2
        _letter(draw, letters, Words(Box(box.left, middle, box.right, box.bottom), (FAILED,), "centre", GREY))


def _picture(path: Path | None, size: Size) -> Image.Image | None:
    """A cell's picture in the size in which it is shown; None for a blank."""
    if path is None:
        return None
    try:
        picture = decode_image(read_regular(path), path)
    except PhotoError as error:
        log.warning("a cell is left blank: %s", error)
        return None
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _letter(draw: ImageDraw.ImageDraw, letters: Lettering, words: Words) -> None:
    for number, line in enumerate(words.lines):
        free = words.box.width - letters.width(line)
        left = words.box.left + {"left": 0, "centre": free // 2, "right": free}[words.align]
        draw.text((left, words.box.top + letters.height(number)), line, fill=words.colour, font=letters.font)


def _write(path: Path, sheet: Image.Image) -> None:
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    try:
        write_bytes(path, buffer.getvalue())
    except OSError as error:
        raise OutputError("the sheet cannot be written", where=path, got=str(error)) from error
