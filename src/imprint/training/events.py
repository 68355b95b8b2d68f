"""What a run tells the world while it trains: listeners, called by the loop and injected by the job.

Reads: the loop's progress. Writes: nothing by itself. Does not: import generation or evaluation; whoever wants
previews or scores during training passes a listener in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class StepDone:
    """One optimiser step was made.

    Attributes:
        step: steps done so far, 1 after the first.
        steps: of the whole run.
        losses: the step's loss (`loss`) and its parts.
        gradient_norm: before clipping.
        learning_rate: factor times the first group's peak.
        seconds: for this step.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    gradient_norm: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class CheckpointDone:
    """A checkpoint is on disk and was read back.

    Attributes:
        step: steps done.
        folder: of the checkpoint.
        averaged: a context in which the live modules hold the averaged weights (or their own, without EMA).
    """

    step: int
    folder: Path
    averaged: Callable[[], AbstractContextManager[None]]


class Listener(Protocol):
    """Hears of steps and checkpoints. It may read the modules; it must not change them or draw random numbers."""

    def after_step(self, event: StepDone) -> None:
        """Called after every optimiser step."""
        ...

    def after_checkpoint(self, event: CheckpointDone) -> None:
        """Called after every checkpoint, also once for a checkpoint that a resumed run starts from."""
        ...
