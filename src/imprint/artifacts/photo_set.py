"""The photos of one subject or style as `photos` found them, and what it refused.

Reads: the photos, when their pixels are asked for. Writes: nothing. Does not: search folders, crop or resize.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.artifacts.files import sha256_json
from imprint.artifacts.image_file import decode_image, read_regular
from imprint.errors import PhotoError

if TYPE_CHECKING:
    from PIL import Image

NAME_LIMIT = 120


@dataclass(frozen=True)
class Photo:
    """One good photo.

    Attributes:
        path: the file.
        sha256: of the file's bytes.
        size_px: (width, height) as seen upright.
        caption: from a text file of the same name, cleaned; None without one.
    """

    path: Path
    sha256: str
    size_px: tuple[int, int]
    caption: str | None = None

    def pixels(self) -> Image.Image:
        """Decode it: upright, RGB, without metadata.

        Raises: PhotoError: if the file is gone or no longer the one that was checked.
        """
        data = read_regular(self.path)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise PhotoError("the photo was changed since it was checked", where=self.path, hint="start again")
        return decode_image(data, self.path)


@dataclass(frozen=True)
class Refusal:
    """A file that is not used, and why, in words."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{printable_name(self.path)}: {self.reason}"


@dataclass(frozen=True)
class PhotoSet:
    """What one folder of photos holds.

    Attributes:
        folder: where they are.
        photos: the good ones, in order of their names, no two alike.
        refused: the other files, in order of their names.
        warnings: what the user should know, though the run can go on.
    """

    folder: Path
    photos: tuple[Photo, ...]
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.photos)

    def __iter__(self) -> Iterator[Photo]:
        return iter(self.photos)

    @property
    def hash(self) -> str:
        """One hash for contents and captions of all photos; names do not count."""
        return sha256_json(sorted([photo.sha256, photo.caption or ""] for photo in self.photos))

    def smaller_than(self, side_px: int) -> tuple[Photo, ...]:
        """The photos that would have to be enlarged to fill a square of that side."""
        return tuple(photo for photo in self.photos if min(photo.size_px) < side_px)


def printable_name(path: Path) -> str:
    """A file's name for a terminal or a page: nothing in it can start a new line or reverse the reading direction."""
    text = path.name.encode("utf-8", "backslashreplace").decode()  # a name that is no UTF-8 has lone surrogates
    safe = "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character)[0] in "CZ" and character != " "
        else character
        for character in text
    )  # fmt: skip
    return safe if len(safe) <= NAME_LIMIT else f"{safe[: NAME_LIMIT // 2]}…{safe[-NAME_LIMIT // 2 :]}"
