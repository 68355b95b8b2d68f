"""The stages that make the embedded base, as recipes: world, autoencoder, judge, diffusion.

Reads: `recipes/nano/*.toml`. Writes: `build-nano/`, one folder a stage; every stage resumes after a kill.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import Field

from imprint.artifacts.event_log import EventLog
from imprint.config import Config
from imprint.errors import CheckpointError
from imprint.training.checkpoints import CheckpointStore
from imprint.training.events import CheckpointDone, Listener, StepDone
from imprint.training.loop import LoopConfig, Trainer
from imprint.training.stopping import stop_on_signals
from imprint.training.trainable import AnySource, AnyTrainable

log = logging.getLogger(__name__)


class World(Config):
    """Which pictures of the world are rendered ahead."""

    pictures: int = Field(default=40_000, ge=500, multiple_of=500)
    """Pictures to train on; seeds 0 and up."""
    held_out: int = Field(default=1000, ge=500, multiple_of=500)
    """Pictures to measure on; never trained on."""
    size_px: int = Field(default=128, ge=64, multiple_of=8)
    """Edge length of a picture."""


class StageLog(Listener):
    """Writes every `every`-th step, and all checkpoints, to the event log and the logger.

    Args:
        events: append-only log of the stage.
        every: steps between two lines.
    """

    def __init__(self, events: EventLog, every: int = 50) -> None:
        self.events = events
        self.every = every
        self._seconds: list[float] = []

    def after_step(self, event: StepDone) -> None:
        """Log the step's losses."""
        self._seconds.append(event.seconds)
        if event.step % self.every == 0 or event.step == event.steps:
            mean = sum(self._seconds) / len(self._seconds)
            self._seconds.clear()
            losses = {name: round(value, 5) for name, value in event.losses.items()}
            self.events.append("step", step=event.step, seconds_a_step=round(mean, 4), **losses)
            left = (event.steps - event.step) * mean / 60
            log.info("step %d/%d  %s  %.2f s/step  %.1f min left", event.step, event.steps, losses, mean, left)

    def after_checkpoint(self, event: CheckpointDone) -> None:
        """Log that a checkpoint was written."""
        self.events.append("checkpoint", step=event.step, folder=event.folder.name)


def run_stage(
    folder: Path, trainable: AnyTrainable, source: AnySource, loop: LoopConfig, state: dict[str, Any],
    listeners: Sequence[Listener] = (),
) -> Trainer:
    """Train one stage to its end, from its newest whole checkpoint if there is one.

    Raises: CheckpointError: if a checkpoint is of another recipe.
    """
    store = CheckpointStore(folder / "checkpoints", loop.keep_resumable)
    trainer = Trainer(trainable, loop, store, state)
    found, damaged = store.latest()
    for damage in damaged:
        log.warning("passed over a damaged checkpoint: %s", damage)
    if found:
        if {key: found.state.get(key) for key in state} != state:
            raise CheckpointError(
                "this checkpoint was made by another recipe", where=store.path(found.step),
                hint="remove the folder to begin this stage again",
            )
        trainer.restore(found)
        log.info("resumed at step %d of %d", found.step, loop.steps)
    events = EventLog(folder / "events.jsonl")
    with stop_on_signals() as stop:
        trainer.run(source, [StageLog(events), *listeners], stop)
    return trainer


def seeded(seed: int) -> None:
    """Fix the weights that networks are created with. Nothing else in the package uses torch's own generator."""
    cast("Any", torch).manual_seed(seed)

