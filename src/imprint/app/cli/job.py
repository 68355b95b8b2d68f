"""What surrounds every job that a verb starts. Reads: nothing. Writes: progress. Does not: catch anything."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from imprint.app.cli.progress import progress_on_stderr
from imprint.app.cli.threads import use_available_cores


@contextmanager
def job() -> Generator[None]:
    """As many threads as there are cores to use, and progress on stderr."""
    use_available_cores()
    with progress_on_stderr():
        yield
