"""Files below some folders, and none outside of them. Reads: folders. Writes: nothing. Does not: open files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def files_below(folders: Sequence[Path], endings: tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
    """(folder, file) of every file with one of these endings, each real file once.

    Symbolic links are followed where they lead into one of the folders.

    Args:
        folders: looked through with all below them, in this order.
        endings: of names, in small letters; capitals in names do not matter.
    """
    roots = [folder.resolve() for folder in folders]
    seen = set[Path]()
    for folder in folders:
        for place, below, names in os.walk(folder, followlinks=True):
            here = Path(place)
            below[:] = [name for name in sorted(below) if _allowed(here / name, roots, seen)]
            for name in sorted(names):
                path = here / name
                if name.lower().endswith(endings) and _allowed(path, roots, seen):
                    yield folder, path


def _allowed(path: Path, roots: Sequence[Path], seen: set[Path]) -> bool:
    """Whether it lies in an allowed folder after all links, and was not met by another way."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # a link into nothing, or in a circle
        return False
    if real in seen or not any(real.is_relative_to(root) for root in roots):
        return False
    seen.add(real)
    return True
