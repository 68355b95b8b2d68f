"""The picture, and the mask, that a picture began with, found by their pixels.

Reads: records, picture files. Writes: nothing. Does not: load torch, or draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.artifacts.picture import ImageRecord, clean_text
from imprint.artifacts.source_picture import pixels_hash, pixels_md5, read_mask, read_source
from imprint.errors import InputError, PhotoError, shortened
from imprint.jobs.again.recipe import AgainRecipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Beginning:
    """What a picture began with."""

    source: Path
    mask: Path | None = None


def beginning_of(recipe: AgainRecipe, image: ImageRecord) -> Beginning:
    """The files with the pixels of a record.

    Raises:
        InputError: naming what is missing, by name and hash.
        PhotoError: if a file that was named is no picture.
    """
    source = _found(recipe, recipe.source, image.source_name, image.source_sha256, "source", read_source)
    if not image.mask_sha256:
        return Beginning(source)
    return Beginning(source, _found(recipe, recipe.mask, image.mask_name, image.mask_sha256, "mask", read_mask))


def beginning_by_md5(recipe: AgainRecipe, md5: str) -> Beginning | None:
    """What the picture of another tool began with: the file that was named, or one beside it with A1111's hash."""
    if recipe.source is not None:
        return Beginning(recipe.source, recipe.mask)
    for path in _beside(recipe) if md5 else ():
        if _is(path, read_source, pixels_md5, md5):
            return Beginning(path, recipe.mask)
    return None


def _found(
    recipe: AgainRecipe, given: Path | None, name: str, digest: str, what: str,
    read: Callable[[Path], NDArray[np.uint8]],
) -> Path:
    if given is not None:
        got = pixels_hash(read(given))
        if got != digest:
            raise InputError(
                f"this is not the {what} that the picture was made from", where=given, got=got[:12],
                allowed=f"the picture {shortened(name)} whose pixels have SHA-256 {digest}",
                hint=f'`imprint generate "PROMPT" --set source={given}` draws from another one',
            )  # fmt: skip
        return given
    for path in _beside(recipe):
        # Compared with what is there and never joined to a path: the name comes from a file, where it is clean.
        if clean_text(path.name) == name and _is(path, read, pixels_hash, digest):
            return path
    raise InputError(
        f"the {what} that this picture was made from is not here: {shortened(name) or 'without a name'}",
        where=recipe.picture, allowed=f"a picture whose pixels have SHA-256 {digest}",
        hint=f"name it with --set {what}=PICTURE",
    )  # fmt: skip


def _beside(recipe: AgainRecipe) -> Iterator[Path]:
    """Files that may be it: in the picture's folder and in the one that the command runs in."""
    folders = dict.fromkeys((recipe.picture.resolve().parent, Path.cwd()))
    for folder in folders:
        yield from (path for path in sorted(folder.glob("*")) if path.is_file())


def _is(
    path: Path, read: Callable[[Path], NDArray[np.uint8]], hashed: Callable[[NDArray[np.uint8]], str], digest: str
) -> bool:
    try:
        return hashed(read(path)) == digest
    except PhotoError:
        return False
