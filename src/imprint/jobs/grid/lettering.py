"""Letters on a sheet: a font that has them, their width, and lines that are wrapped and never cut.

Reads: font files. Writes: nothing. Does not: draw.

Pillow brings a font with the letters of English; where a label needs others, a font of the system is looked for.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import ImageFont

from imprint.errors import InputError

log = logging.getLogger(__name__)

LINE = 1.32  # of a line to the next, over the size of the letters
NOT_A_CHARACTER = "\uffff"  # no font has it: it is drawn as every missing letter is
SYSTEM_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "arial.ttf", "Arial.ttf",
    "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc", "NotoSansDevanagari-Regular.ttf",
)  # fmt: skip
Font = Any  # ImageFont.FreeTypeFont, or the bitmap font of a Pillow without FreeType


class Lettering:
    """One font in one size.

    Args:
        size_px: height of the letters.
        texts: everything that will be written, to choose a font that has its letters.
        file: the font to take instead.
    Raises: InputError: if that file is no font.
    """

    def __init__(self, size_px: int, texts: Iterable[str], file: Path | None = None) -> None:
        self.size_px = size_px
        self.font: Font = _opened(file, size_px) if file else _font_for(set("".join(texts)), size_px)
        self.line_px = max(math.ceil(size_px * LINE), sum(self.font.getmetrics()))  # some fonts are taller

    def width(self, text: str) -> int:
        """Of one line, in pixels."""
        return math.ceil(self.font.getlength(text))

    def natural(self, text: str) -> int:
        """Of a text where nothing is wrapped but at its own line ends, in pixels."""
        return max(map(self.width, text.split("\n")))

    def height(self, lines: int) -> int:
        """Of so many lines, in pixels."""
        return lines * self.line_px

    def wrap(self, text: str, width_px: int) -> list[str]:
        """A text as lines no wider than that, broken between words, and inside words that are wider by themselves.

        Args:
            text: "" has no lines.
            width_px: a single letter may exceed it.
        """
        return [line for part in text.split("\n") for line in self._wrapped(part.split(), width_px)]

    def _wrapped(self, words: list[str], width_px: int) -> list[str]:
        lines: list[str] = []
        for word in words:
            joined = f"{lines[-1]} {word}" if lines else word
            if self.width(joined) <= width_px:
                lines[-1:] = [joined]
                continue
            *full, rest = self._broken(word, width_px)
            lines += [*full, rest]
        return lines

    def _broken(self, word: str, width_px: int) -> list[str]:
        parts = [""]
        for letter in word:
            if parts[-1] and self.width(parts[-1] + letter) > width_px:
                parts.append("")
            parts[-1] += letter
        return parts


def _opened(file: Path, size_px: int) -> Font:
    try:
        return ImageFont.truetype(str(file), size_px)
    except OSError as error:
        raise InputError("this is no font that can be read", where=file, got=str(error)) from error


def _font_for(letters: set[str], size_px: int) -> Font:
    """The first font that has all of these letters; Pillow's own where none does."""
    own: Font = ImageFont.load_default(size_px)
    if _has(own, letters):
        return own
    for name in SYSTEM_FONTS:
        try:
            font = ImageFont.truetype(name, size_px)
        except OSError:
            continue
        if _has(font, letters):
            return font
    log.warning("no font of this machine has every letter of the labels; name one in sheet.font")
    return own


def _has(font: Font, letters: set[str]) -> bool:
    missing = _drawn(font, NOT_A_CHARACTER)
    return all(letter.isspace() or _drawn(font, letter) != missing for letter in letters)


def _drawn(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
