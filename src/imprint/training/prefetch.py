"""Batches made ahead by worker threads. Any number of workers gives the same run.

Reads: a `BatchSource`. Writes: its batches in order of step. Does not: hold loader state; a batch is a function of its
step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from imprint.training.trainable import BatchSource

B = TypeVar("B")


def batches(source: BatchSource[B], start: int, stop: int, workers: int) -> Iterator[B]:
    """The batches of steps `start`..`stop`-1, in order.

    Args:
        source: a pure function from step to batch.
        start: first step.
        stop: one past the last step.
        workers: threads that prepare batches ahead; 0 makes each when it is asked for.
    """
    if workers == 0:
        yield from map(source.batch, range(start, stop))
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        pending: deque[Future[B]] = deque()
        try:
            for step in range(start, stop):
                while len(pending) < 2 * workers and step + len(pending) < stop:
                    pending.append(pool.submit(source.batch, step + len(pending)))
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
