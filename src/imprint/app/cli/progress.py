"""Progress on stderr: a bar with the time left on a terminal, a line now and then anywhere else.

Reads: log records of `imprint`. Writes: stderr. Does not: touch stdout.

A record may carry `extra={"progress": (what, done, total)}`; it then moves a bar. Any other record is a line.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from imprint.artifacts.picture import clean_text

EVERY_S = 5.0
Count = tuple[str, int, int]


class LineHandler(logging.Handler):
    """One line for a record; for a count at most one every `every_s` seconds, and its last.

    Args:
        every_s: seconds between two lines of one count.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        super().__init__()
        self.every_s = every_s
        self._begun: dict[str, tuple[float, int]] = {}
        self._told: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or leave it out."""
        count = count_of(record)
        line = text_of(record) if count is None else self._count_line(*count)
        if line:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is where progress is shown

    def _count_line(self, what: str, done: int, total: int) -> str:
        now = time.monotonic()
        begun, first = self._begun.setdefault(what, (now, done))  # a resumed run does not begin at nothing
        if done < total and now - self._told.get(what, begun) < self.every_s:
            return ""
        self._told[what] = now
        if done >= total:
            del self._begun[what], self._told[what]  # the same thing may be counted again
            return f"{what}: {done}/{total}, {now - begun:.0f} s"
        left = f", {(now - begun) / (done - first) * (total - done):.0f} s left" if done > first else ""
        return f"{what}: {done}/{total}{left}"


class BarHandler(logging.Handler):
    """A bar for each count, lines above them.

    Args:
        bars: started by the caller.
    """

    def __init__(self, bars: Progress) -> None:
        super().__init__()
        self.bars = bars
        self._tasks: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Move a bar or print a line."""
        count = count_of(record)
        if count is None:
            self.bars.console.print(text_of(record), markup=False, highlight=False)
            return
        what, done, total = count
        if what not in self._tasks:
            self._tasks[what] = self.bars.add_task(clean_text(what), total=total)
        self.bars.update(self._tasks[what], completed=done, total=total)
        if done >= total:
            self.bars.remove_task(self._tasks.pop(what))
            self.bars.console.print(f"{clean_text(what)}: {done}/{total}", markup=False, highlight=False)


def count_of(record: logging.LogRecord) -> Count | None:
    """The (what, done, total) that a record carries, if it does."""
    return getattr(record, "progress", None)


def text_of(record: logging.LogRecord) -> str:
    """A record as a line that cannot steer the terminal."""
    text = clean_text(record.getMessage())
    return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


@contextmanager
def progress_on_stderr() -> Generator[None]:
    """Show what jobs log for as long as the context lasts."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with _listening(LineHandler()):
            yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars, _listening(BarHandler(bars)):
        yield


@contextmanager
def _listening(handler: logging.Handler) -> Generator[None]:
    logger = logging.getLogger("imprint")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
