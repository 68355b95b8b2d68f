"""Where everything lies on a sheet: pictures, labels, headings. Arithmetic only, so that it can be checked.

Reads: sizes and texts. Writes: boxes. Does not: open or paint pictures.

A page is a pile of bands, one for each value of z or for each line of pictures of a grid with one axis; a band has its
column labels and its rows. Columns are as wide as their widest picture, or label where that is short; rows as high as
their highest picture or label. Labels are wrapped into what they get. All numbers are pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from imprint.artifacts.box import Box
from imprint.jobs.grid.lettering import Lettering

Colour = tuple[int, int, int]
INK: Colour = (29, 29, 31)
GREY: Colour = (112, 112, 118)
LABEL_EM = 9  # a column is widened for its label up to so many times the size of the letters
GUTTERS_EM = (9, 13, 18, 26, 38, 56)  # room for the labels of rows: the least that keeps them inside their rows
TEXT_EM = 30  # headings may make a page this wide
Align = Literal["left", "centre", "right"]


@dataclass(frozen=True)
class Shown:
    """One picture of a page: the number of its cell, and its size as it is drawn there."""

    number: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Row:
    """One row: its label and its pictures."""

    label: str
    pictures: tuple[Shown, ...]


@dataclass(frozen=True)
class Band:
    """Rows below one another with the same columns."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    heading: str = ""


@dataclass(frozen=True)
class Page:
    """All that is said and shown on one sheet."""

    bands: tuple[Band, ...]
    title: str = ""
    note: str = ""
    x_name: str = ""
    y_name: str = ""


@dataclass(frozen=True)
class Words:
    """Lines of text in a box that holds them."""

    box: Box
    lines: tuple[str, ...]
    align: Align
    colour: Colour = INK
    large: bool = False


@dataclass
class Layout:
    """A page with every box placed."""

    width: int = 0
    height: int = 0
    words: list[Words] = field(default_factory=list[Words])
    pictures: list[tuple[Box, int]] = field(default_factory=list[tuple[Box, int]])

    @property
    def megapixels(self) -> float:
        """Of the whole sheet."""
        return self.width * self.height / 1e6


def lay_out(page: Page, letters: Lettering, large: Lettering) -> Layout:
    """Place everything on a page.

    Args:
        page: what.
        letters: measure and wrap its texts.
        large: the same for its title.
    """
    return _Setter(page, letters, large).set()


class _Setter:
    """Sets one page from the top down."""

    def __init__(self, page: Page, letters: Lettering, large: Lettering) -> None:
        self.page, self.letters, self.large = page, letters, large
        self.em = letters.size_px
        self.gap, self.margin = max(2, self.em // 2), self.em + self.em // 2
        self.columns = self._column_widths()
        self.gutter = self._gutter()
        self.left = self.margin + (self.gutter + self.gap if self.gutter else 0)
        grid = sum(self.columns) + self.gap * (len(self.columns) - 1)
        headings = [letters.natural(text) for text in (page.note, *(band.heading for band in page.bands))]
        wanted = min(max(*headings, large.natural(page.title)), TEXT_EM * self.em)
        self.right = self.margin + max(self.left - self.margin + grid, wanted)
        self.grid_right = self.left + grid
        self.y = self.margin
        self.out = Layout()

    def set(self) -> Layout:
        """Everything, top to bottom."""
        self._text(self.page.title, INK, after=self.gap + self.gap // 2, large=True)
        for place, band in enumerate(self.page.bands):
            self.y += 2 * self.gap if place else 0
            self._text(band.heading, INK, after=self.gap // 2)
            self._header(band, named=not place)
            for number, row in enumerate(band.rows):
                self.y += self.gap if number else 0
                self._row(row)
        if self.page.note:
            self.y += self.gap + self.gap // 2
            self._text(self.page.note, GREY, after=0)
        self.out.width, self.out.height = self.right + self.margin, self.y + self.margin
        return self.out

    def _column_widths(self) -> list[int]:
        bands = self.page.bands
        count = max(len(row.pictures) for band in bands for row in band.rows)
        widths = [0] * count
        for band in bands:
            for row in band.rows:
                for at, picture in enumerate(row.pictures):
                    widths[at] = max(widths[at], picture.size[0])
            for at, label in enumerate(band.columns):
                widths[at] = max(widths[at], min(self.letters.natural(label), LABEL_EM * self.em))
        return widths

    def _gutter(self) -> int:
        """Room for the labels of rows: as much as the longest needs, or less where they fit in wrapped."""
        rows = [row for band in self.page.bands for row in band.rows if row.label]
        if not rows:
            return 0
        natural = max(self.letters.natural(text) for text in (self.page.y_name, *(row.label for row in rows)))
        heights = [max(picture.size[1] for picture in row.pictures) for row in rows]
        for limit in GUTTERS_EM:
            width = min(natural, limit * self.em)
            lines = (len(self.letters.wrap(row.label, width)) for row in rows)
            if width == natural or all(self.letters.height(n) <= h for n, h in zip(lines, heights, strict=True)):
                return width
        return min(natural, GUTTERS_EM[-1] * self.em)

    def _text(self, text: str, colour: Colour, after: int, large: bool = False) -> None:
        """Text over the whole width."""
        letters = self.large if large else self.letters
        lines = letters.wrap(text, self.right - self.margin)
        if lines:
            bottom = self.y + letters.height(len(lines))
            box = Box(self.margin, self.y, self.right, bottom)
            self.out.words.append(Words(box, tuple(lines), "left", colour, large))
            self.y = bottom + after

    def _header(self, band: Band, named: bool) -> None:
        """The names of the axes, once, and the labels of the columns, standing on their pictures."""
        if named and self.page.x_name:
            lines = self.letters.wrap(self.page.x_name, self.grid_right - self.left)
            bottom = self.y + self.letters.height(len(lines))
            box = Box(self.left, self.y, self.grid_right, bottom)
            self.out.words.append(Words(box, tuple(lines), "centre", GREY))
            self.y = bottom
        labels = [self.letters.wrap(label, width) for label, width in zip(band.columns, self.columns, strict=False)]
        name = self.letters.wrap(self.page.y_name, self.gutter) if named and self.gutter else []
        height = self.letters.height(max(map(len, [*labels, name]), default=0))
        for lines, (left, right) in zip(labels, self._columns(), strict=False):
            self._standing(lines, Box(left, self.y, right, self.y + height), "centre", INK)
        self._standing(name, Box(self.margin, self.y, self.margin + self.gutter, self.y + height), "right", GREY)
        self.y += height + (self.gap // 2 if height else 0)

    def _standing(self, lines: Sequence[str], box: Box, align: Align, colour: Colour) -> None:
        """Text at the bottom of a box."""
        if lines:
            top = box.bottom - self.letters.height(len(lines))
            self.out.words.append(Words(Box(box.left, top, box.right, box.bottom), tuple(lines), align, colour))

    def _row(self, row: Row) -> None:
        lines = self.letters.wrap(row.label, self.gutter) if self.gutter else []
        label = self.letters.height(len(lines))
        height = max([label, *(picture.size[1] for picture in row.pictures)])
        if lines:
            top = self.y + (height - label) // 2
            box = Box(self.margin, top, self.margin + self.gutter, top + label)
            self.out.words.append(Words(box, tuple(lines), "right"))
        for picture, (left, right) in zip(row.pictures, self._columns(), strict=False):
            width, high = picture.size
            x, y = left + (right - left - width) // 2, self.y + (height - high) // 2
            self.out.pictures.append((Box(x, y, x + width, y + high), picture.number))
        self.y += height

    def _columns(self) -> list[tuple[int, int]]:
        """Left and right of each column."""
        starts = itertools.accumulate(self.columns[:-1], lambda x, width: x + width + self.gap, initial=self.left)
        return [(left, left + width) for left, width in zip(starts, self.columns, strict=True)]
