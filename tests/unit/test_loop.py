"""The loop: every option arrives, checkpoints come when they should, and nothing broken is ever written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from imprint.config import Config, load_config
from imprint.errors import NumericsError
from imprint.training.events import CheckpointDone, StepDone
from imprint.training.loop import LoopConfig
from toy_training import Point, Targets, equal, trained, trainer

pytestmark = pytest.mark.unit

BASE = ("steps=6", "schedule.kind=cosine", "ema.decay=0.9", "ema.warmup=false")
# A value for every option, each of which must change where the run ends ...
CHANGES = {
    "steps": ["steps=7"],
    "optimiser.betas": ["optimiser.betas=[0.5, 0.9]"],
    "optimiser.eps": ["optimiser.eps=0.1"],
    "optimiser.weight_decay": ["optimiser.weight_decay=0.5"],
    "schedule.kind": ["schedule.kind=constant"],
    "schedule.warmup": ["schedule.warmup=3"],
    "schedule.final": ["schedule.final=0.5"],
    "schedule.restarts": ["schedule.restarts=[3]"],
    "schedule.restart_peak": ["schedule.restarts=[3]", "schedule.restart_peak=0.5"],
    "clip_norm": ["clip_norm=0.001", "optimiser.eps=0.1"],  # Adam undoes a constant factor unless eps is large
    "ema.decay": ["ema.decay=0.5"],
    "ema.every": ["ema.every=4"],
    "ema.warmup": ["ema.warmup=true"],
}
# ... and those that must not, seen to arrive in tests of their own.
NO_CHANGE = {"checkpoint_every", "keep_resumable", "precision", "workers", "optimiser.kind"}


class Recorder:
    def __init__(self) -> None:
        self.steps: list[StepDone] = []
        self.checkpoints: list[CheckpointDone] = []

    def after_step(self, event: StepDone) -> None:
        self.steps.append(event)

    def after_checkpoint(self, event: CheckpointDone) -> None:
        self.checkpoints.append(event)


def config(*sets: str) -> LoopConfig:
    return load_config(LoopConfig, sets=(*BASE, *sets))


def options(model: Config, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name in type(model).model_fields:
        value: Any = getattr(model, name)
        found |= options(value, f"{prefix}{name}.") if isinstance(value, Config) else {prefix + name}
    return found


def test_every_option_is_tested_here() -> None:
    assert options(config()) == CHANGES.keys() | NO_CHANGE


@pytest.mark.parametrize("option", CHANGES)
def test_every_option_of_training_arrives(option: str) -> None:
    before = [text for text in CHANGES[option] if not text.startswith(option)]
    assert not equal(trained(config(*before)), trained(config(*CHANGES[option])))


@pytest.mark.parametrize("sets", [("workers=2",), ("workers=5",), ("checkpoint_every=1",), ("keep_resumable=1",)])
def test_what_is_no_part_of_training_does_not_change_it(sets: tuple[str, ...]) -> None:
    assert equal(trained(config()), trained(config(*sets)))


def test_workers_prepare_batches_in_threads_of_their_own() -> None:
    source = Targets()
    trainer(config("workers=2")).run(source)
    assert source.threads
    assert all(name.startswith("batches") for name in source.threads)


@pytest.mark.parametrize(("precision", "wanted"), [("fp32", False), ("bf16", True)])
def test_precision_reaches_the_networks(precision: str, wanted: bool) -> None:
    point = Point()
    trainer(config(f"precision={precision}"), point=point).run(Targets())
    assert point.autocast is wanted
    assert point.place.dtype == torch.float32


def test_checkpoints_come_at_their_steps_and_at_the_end(tmp_path: Path) -> None:
    loop, heard = trainer(config("steps=7", "checkpoint_every=3", "keep_resumable=1"), tmp_path), Recorder()
    loop.run(Targets(), [heard])
    assert [event.step for event in heard.checkpoints] == [3, 6, 7]
    assert loop.store is not None
    assert [step for step in loop.store.steps() if not loop.store.pruned(step)] == [7]


def test_listeners_hear_of_every_step() -> None:
    heard = Recorder()
    trainer(config("schedule.kind=constant", "schedule.warmup=4")).run(Targets(), [heard])
    assert [event.step for event in heard.steps] == [1, 2, 3, 4, 5, 6]
    assert heard.steps[0].losses["loss"] == heard.steps[0].losses["distance"]
    assert [event.learning_rate for event in heard.steps[:5]] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])
    assert all(event.seconds > 0 and event.gradient_norm > 0 and event.steps == 6 for event in heard.steps)


def test_without_a_store_nothing_is_written_and_nobody_hears_of_checkpoints() -> None:
    heard = Recorder()
    trainer(config("checkpoint_every=1")).run(Targets(), [heard])
    assert heard.checkpoints == []


def test_a_listener_sees_the_average_and_training_goes_on_with_the_weights(tmp_path: Path) -> None:
    point, seen = Point(), list[torch.Tensor]()

    class Look(Recorder):
        def after_checkpoint(self, event: CheckpointDone) -> None:
            own = point.place.detach().clone()
            with event.averaged():
                seen.append(point.place.detach().clone())
            assert torch.equal(own, point.place)

    loop = trainer(config("checkpoint_every=3"), tmp_path, point)
    loop.run(Targets(), [Look()])
    assert loop.store is not None
    assert [torch.equal(loop.store.load(step).ema["place/w"], s) for step, s in zip((3, 6), seen, strict=True)]
    plain = trained(config())
    assert torch.equal(plain["weights/place/w"], point.place)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("at", range(6))
def test_a_loss_that_is_no_number_stops_within_its_step(tmp_path: Path, bad: float, at: int) -> None:
    point = Point(blow_up=bad, blow_up_at=at)
    loop = trainer(config("checkpoint_every=1"), tmp_path, point)
    with pytest.raises(NumericsError, match=f"step {at + 1}"):
        loop.run(Targets())
    assert loop.store is not None
    found, damaged = loop.store.latest()
    assert (found.step if found else 0, damaged) == (at, [])
    assert bool(point.place.isfinite().all())


def test_a_gradient_that_is_no_number_stops_within_its_step(tmp_path: Path) -> None:
    point = Point()
    point.place.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(NumericsError, match="step 1"):
        trainer(config(), tmp_path, point).run(Targets())
    assert torch.equal(point.place, torch.ones(6))


def test_weights_that_are_no_numbers_are_never_written(tmp_path: Path) -> None:
    point = Point()

    class Break(Recorder):
        def after_step(self, event: StepDone) -> None:
            if event.step == 4:
                point.place.data[0] = float("nan")

    loop = trainer(config("checkpoint_every=2"), tmp_path, point)
    with pytest.raises(NumericsError, match="place/w"):
        loop.run(Targets(), [Break()])
    assert loop.store is not None
    assert loop.store.steps() == [2]


def test_showing_a_checkpoint_leaves_the_run_where_it_is(tmp_path: Path) -> None:
    loop = trainer(config("checkpoint_every=2", "steps=4"), tmp_path)
    loop.run(Targets())
    assert loop.store is not None
    end, early = loop.checkpoint(), loop.store.load(2)
    kept = end.weights["place/w"].clone()
    loop.show(early)
    assert torch.equal(loop.checkpoint().weights["place/w"], early.ema["place/w"])
    loop.restore(loop.store.load(4))
    assert torch.equal(loop.checkpoint().weights["place/w"], kept)


def test_state_of_the_run_is_in_every_checkpoint(tmp_path: Path) -> None:
    loop = trainer(config(), tmp_path)
    loop.run(Targets())
    assert loop.store is not None
    assert loop.store.load(6).state["seed"] == 3
