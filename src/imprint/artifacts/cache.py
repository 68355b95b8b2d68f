"""Where what can be made again is kept: the user's cache, or `IMPRINT_CACHE`.

Reads: the environment. Writes: nothing. Does not: make folders.
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """The folder of one kind of cached things.

    Args:
        name: of the kind, such as "class-images".
    """
    given = os.environ.get("IMPRINT_CACHE")
    of_user = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return (Path(given) if given else Path(of_user) / "imprint") / name
