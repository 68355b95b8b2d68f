"""Stopping a run politely: the first SIGINT or SIGTERM asks, the second one kills.

Reads: signals. Writes: a flag. Does not: touch the run; the loop looks at the flag between two steps.
"""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from imprint.errors import Interrupted


class StopRequest:
    """Whether somebody asked the run to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal_name = ""

    def __bool__(self) -> bool:
        return bool(self.signal_name)

    def ask(self, signal_name: str = "request") -> None:
        """Ask the loop to stop after the step it is in."""
        self.signal_name = signal_name

    def raise_if_asked(self, when: str) -> None:
        """Leave a stage that has no checkpoints of its own and keeps its files as they come.

        Raises: Interrupted: if somebody asked.
        """
        if self:
            raise Interrupted(
                f"stopped by {self.signal_name} {when}", hint="nothing is lost; `imprint resume RUN` goes on from here"
            )


@contextmanager
def stop_on_signals() -> Generator[StopRequest]:
    """Catch SIGINT and SIGTERM inside; the former handlers come back afterwards, and after the first signal."""
    request = StopRequest()
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def handle(number: int, _frame: FrameType | None) -> None:
        request.ask(signal.Signals(number).name)
        restore()

    for number in previous:
        signal.signal(number, handle)
    try:
        yield request
    finally:
        restore()
