"""Where a user's files are looked for when a recipe names no place.

Reads: the environment. Writes: nothing. Does not: look for them.
"""

from __future__ import annotations

import os
from pathlib import Path


def paths_in(variable: str) -> tuple[Path, ...]:
    """The paths in an environment variable, between the separators of this system; none where it is not set."""
    return tuple(Path(place) for place in os.environ.get(variable, "").split(os.pathsep) if place)
