"""How a job tells a person where it is: on the log, never on stdout.

Reads: counts. Writes: log records with `progress = (what, done, total)`. Does not: know what a terminal is; whoever
shows the records (`app/cli`) makes bars or lines of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


def announce(what: str) -> Progress:
    """A callback that tells `done` of `total`.

    Args:
        what: is counted, in words; the same words are the same bar.
    """

    def tell(done: int, total: int) -> None:
        log.info("%s: %d/%d", what, done, total, extra={"progress": (what, done, total)})

    return tell
