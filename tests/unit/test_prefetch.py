"""Batches made ahead: the same batches in the same order, and no thread left behind."""

from __future__ import annotations

import threading
import time

import pytest

from imprint.training.prefetch import batches

pytestmark = pytest.mark.unit


class Numbers:
    def __init__(self, slow_first: bool = False, fails_at: int = -1) -> None:
        self.asked: list[int] = []
        self.slow_first, self.fails_at = slow_first, fails_at

    def batch(self, step: int) -> int:
        self.asked.append(step)
        if step == self.fails_at:
            raise ValueError(f"batch {step}")
        if self.slow_first and step == 0:
            time.sleep(0.05)
        return 10 * step


def batch_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


@pytest.mark.parametrize("workers", [0, 1, 2, 7])
@pytest.mark.parametrize(("start", "stop"), [(0, 9), (4, 9), (8, 9), (9, 9)])
def test_any_number_of_workers_gives_the_same_batches(workers: int, start: int, stop: int) -> None:
    assert list(batches(Numbers(slow_first=True), start, stop, workers)) == [10 * step for step in range(start, stop)]
    assert batch_threads() == []


def test_no_batch_is_made_twice_or_beyond_the_end() -> None:
    source = Numbers()
    list(batches(source, 2, 9, workers=3))
    assert sorted(source.asked) == list(range(2, 9))


def test_workers_are_only_a_little_ahead() -> None:
    source = Numbers()
    iterator = batches(source, 0, 1000, workers=2)
    next(iterator)
    time.sleep(0.05)
    assert len(source.asked) <= 2 * 2
    iterator.close()
    assert batch_threads() == []


def test_leaving_early_leaves_no_thread() -> None:
    for number in batches(Numbers(), 0, 100, workers=2):
        if number == 30:
            break
    assert batch_threads() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_batch_comes_out_at_its_step(workers: int) -> None:
    seen: list[int] = []
    with pytest.raises(ValueError, match="batch 3"):
        seen.extend(batches(Numbers(fails_at=3), 0, 9, workers))
    assert seen in ([], [0, 10, 20])
