"""The upscalers that a user has. Reads: folders, the environment. Writes: nothing. Does not: upscale."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

DEFAULT_FOLDER = "upscalers"


def upscaler_folders(folders: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Where models of upscalers are looked for.

    Args:
        folders: those that were asked for; without, those of `IMPRINT_UPSCALERS`, else `upscalers/` where there is one.
    """
    if folders:
        return tuple(folders)
    given = os.environ.get("IMPRINT_UPSCALERS", "")
    if named := tuple(Path(place) for place in given.split(os.pathsep) if place):
        return named
    return (Path(DEFAULT_FOLDER),) if Path(DEFAULT_FOLDER).is_dir() else ()
