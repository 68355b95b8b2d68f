"""Stopping: the first signal asks, the second one kills, and a stopped run goes on exactly."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from imprint.errors import Interrupted
from imprint.training.events import CheckpointDone, StepDone
from imprint.training.loop import LoopConfig
from imprint.training.stopping import StopRequest, stop_on_signals
from toy_training import Targets, equal, trained, trainer

pytestmark = pytest.mark.unit

LOOP = LoopConfig(steps=6, checkpoint_every=4)


class AskAt:
    def __init__(self, stop: StopRequest, step: int) -> None:
        self.stop, self.step = stop, step

    def after_step(self, event: StepDone) -> None:
        if event.step == self.step:
            self.stop.ask("SIGTERM")

    def after_checkpoint(self, event: CheckpointDone) -> None: ...


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_meets_the_former_handler(number: signal.Signals) -> None:
    got: list[int] = []
    former = signal.signal(number, lambda n, _frame: got.append(n))
    try:
        with stop_on_signals() as stop:
            assert not stop
            os.kill(os.getpid(), number)
            assert (bool(stop), stop.signal_name, got) == (True, number.name, [])
            os.kill(os.getpid(), number)
            assert got == [number]
    finally:
        signal.signal(number, former)


def test_handlers_come_back_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("step", range(1, 7))
def test_a_stopped_run_has_a_checkpoint_of_its_last_step_and_goes_on_exactly(tmp_path: Path, step: int) -> None:
    stop = StopRequest()
    first = trainer(LOOP, tmp_path)
    with pytest.raises(Interrupted, match=f"SIGTERM after step {step} of 6"):
        first.run(Targets(), [AskAt(stop, step)], stop)
    second = trainer(LOOP, tmp_path)
    assert second.store is not None
    found, _ = second.store.latest()
    assert found is not None
    assert found.step == step
    second.restore(found)
    second.run(Targets())
    ends = {f"weights/{name}": value for name, value in second.checkpoint().weights.items()}
    assert equal(ends, trained(LOOP))


def test_a_stage_without_checkpoints_leaves_when_asked() -> None:
    stop = StopRequest()
    stop.raise_if_asked("while nothing happened")
    stop.ask("SIGINT")
    with pytest.raises(Interrupted, match="stopped by SIGINT while samples were drawn") as caught:
        stop.raise_if_asked("while samples were drawn")
    assert caught.value.exit_code == 130
