"""What a grid's folder knows of its cells: one JSON line for each thing that happened, never rewritten.

    {"kind": "seed", "seed": 123}                                     chosen for a -1, in the order of the recipe
    {"kind": "grid", "x": {"name": "steps", "labels": [...]}, ...}    a call began
    {"kind": "cell", "place": [x, y, z], "values": {...}, "file": ..., "sha256": ..., "seconds": ..., "key": ...}
    {"kind": "failed", "place": [x, y, z], "values": {...}, "error": ..., "key": ...}
    {"kind": "sheet", "file": ..., "sha256": ...}

A cell is known by its key, the hash of all that decides its picture; where it lies may change. Reads and writes:
`manifest.jsonl`. Does not: draw.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import sha256_file
from imprint.jobs.recipe import SEED_RANGE

MANIFEST = "manifest.jsonl"
CELLS = "cells"


@dataclass(frozen=True)
class Kept:
    """A picture that was drawn.

    Attributes:
        file: its path.
        sha256: of the file.
        seconds: that it took.
    """

    file: Path
    sha256: str
    seconds: float


class Manifest:
    """The manifest of one grid.

    Args:
        folder: of the grid; nothing is written before the first `add`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / MANIFEST
        self._log = EventLog(self.path)
        events = self._log.read()
        self._seeds = [seed for event in events if isinstance(seed := event.fields.get("seed"), int)]
        self._cells = {event.fields.get("key"): dict(event.fields) for event in events if event.kind == "cell"}
        self._new: list[int] = []
        self._asked = 0

    def next_seed(self) -> int:
        """The seed for the next -1: that of an earlier call, or one chosen now; `write_seeds` keeps it."""
        known = [*self._seeds, *self._new]
        if self._asked == len(known):
            self._new.append(secrets.randbelow(SEED_RANGE))
            known.append(self._new[-1])
        self._asked += 1
        return known[self._asked - 1]

    def write_seeds(self) -> None:
        """Keep the seeds that were chosen, so that a later call draws the same pictures."""
        for seed in self._new:
            self._log.append("seed", seed=seed)
        self._seeds, self._new = [*self._seeds, *self._new], []

    def add(self, kind: str, **fields: object) -> None:
        """Write one line."""
        self._log.append(kind, **fields)

    def kept(self, key: str) -> Kept | None:
        """The picture of a cell that was drawn before and still is what it was; else None."""
        fields: dict[str, Any] = self._cells.get(key, {})
        name, sha256, seconds = fields.get("file"), fields.get("sha256"), fields.get("seconds")
        if not isinstance(name, str) or not isinstance(sha256, str) or not isinstance(seconds, int | float):
            return None
        path = self.folder / CELLS / Path(name).name  # a manifest from elsewhere cannot point outside of its folder
        return Kept(path, sha256, float(seconds)) if path.is_file() and sha256_file(path) == sha256 else None

    def keep(self, key: str, place: tuple[int, int, int], values: dict[str, object], kept: Kept) -> None:
        """Note that a cell is drawn."""
        name = kept.file.relative_to(self.folder).as_posix()
        fields = {"file": name, "sha256": kept.sha256, "seconds": round(kept.seconds, 3), "key": key}
        self._log.append("cell", place=place, values=values, **fields)
        self._cells[key] = fields
