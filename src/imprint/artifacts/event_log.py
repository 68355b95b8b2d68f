"""What happened in a run, one JSON line each: losses, timings, warnings, scores.

Reads and writes: `events.jsonl`. Does not: decide anything; a run does not depend on its log.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes:
        kind: "step", "checkpoint", "score", "warning", ...
        time_s: seconds since 1970.
        fields: whatever the kind says, JSON values.
    """

    kind: str
    time_s: float
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def step(self) -> int | None:
        """The step it belongs to, if any."""
        value = self.fields.get("step")
        return value if isinstance(value, int) else None


class EventLog:
    """An append-only log that a crash can shorten by its last line at most.

    Args:
        path: of the file; made by the first `append`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = False  # whether the file is known to end with a complete line

    def append(self, kind: str, **fields: object) -> None:
        """Write one event in one system call, so that it survives the end of this process.

        Args:
            kind: of the event.
            fields: values that JSON knows; NaN and infinity become null, anything else text.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._whole:
            self._drop_torn_line()
        line = json.dumps({"kind": kind, "time_s": round(time.time(), 3), **_json(fields)}, ensure_ascii=False)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)

    def read(self, kind: str | None = None) -> list[Event]:
        """Every event in order, or those of one kind. Lines that are no event are passed over."""
        if not self.path.exists():
            return []
        events = (_parse(line) for line in self.path.read_bytes().splitlines())
        return [event for event in events if event and kind in (None, event.kind)]

    def by_step(self, kind: str) -> list[Event]:
        """The last event of a kind for each step, in order of steps.

        A resumed run repeats the steps after its checkpoint; what it says then replaces what was said before.
        """
        last = {event.step: event for event in self.read(kind) if event.step is not None}
        return [last[step] for step in sorted(last)]

    def _drop_torn_line(self) -> None:
        """Cut off a line that a crash left unfinished, so that the next one does not grow onto it."""
        if self.path.exists():
            data = self.path.read_bytes()
            end = data.rfind(b"\n") + 1
            if end != len(data):
                os.truncate(self.path, end)
        self._whole = True


def _parse(line: bytes) -> Event | None:
    try:
        value: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    kind, time_s = fields.pop("kind", None), fields.pop("time_s", None)
    return Event(kind, float(time_s), fields) if isinstance(kind, str) and isinstance(time_s, int | float) else None


def _json(value: Any) -> Any:
    """A value as JSON has it: strict readers (browsers) know no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in cast("list[Any]", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
