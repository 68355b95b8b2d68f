"""The training loop, one page. Everything that is not a step is a listener or a checkpoint.

Reads: a `Trainable` and a `BatchSource`. Writes: trained parameters, and checkpoints if a store is given.
Does not: know methods, families, pictures or scores.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal, cast

import torch
from pydantic import Field

from imprint.config import Config
from imprint.errors import Interrupted, NumericsError
from imprint.training.checkpoints import Checkpoint, CheckpointStore
from imprint.training.ema import AveragedWeights, Ema
from imprint.training.events import CheckpointDone, Listener, StepDone
from imprint.training.optimiser import (
    AdamW,
    Schedule,
    build_optimiser,
    load_optimiser_state,
    optimiser_state,
    set_learning_rates,
)
from imprint.training.prefetch import batches
from imprint.training.stopping import StopRequest
from imprint.training.trainable import AnySource, AnyTrainable, Loss, named_parameters


class LoopConfig(Config):
    """How long and how a run trains, whatever it trains."""

    steps: int = Field(default=400, ge=1)
    """Optimiser steps of the whole run."""
    checkpoint_every: int = Field(default=100, ge=1)
    """Steps between checkpoints; the last step always has one."""
    keep_resumable: int = Field(default=2, ge=1)
    """How many of the newest checkpoints keep their optimiser state; older ones keep their weights."""
    optimiser: AdamW = AdamW()
    """The optimiser and its constants."""
    schedule: Schedule = Schedule()
    """How the learning rate moves over the run."""
    clip_norm: float = Field(default=1.0, gt=0)
    """Largest allowed norm of the whole gradient; larger ones are scaled down to it."""
    ema: Ema | None = None
    """Average the weights over steps; the average is what is scored and exported. Empty: no averaging."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the networks: fp32, or bf16 where safe (autocast); weights and optimiser stay fp32."""
    workers: int = Field(default=0, ge=0, le=64)
    """Threads that prepare batches ahead. Any number gives the same weights."""


class Trainer:
    """One run of the loop: a trainable, its optimiser, its average and its place in the run.

    Args:
        trainable: what is trained.
        config: how.
        store: where checkpoints go; None keeps nothing.
        state: JSON values stored in every checkpoint (seed, hashes).
    """

    def __init__(
        self, trainable: AnyTrainable, config: LoopConfig, store: CheckpointStore | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.trainable = trainable
        self.config = config
        self.store = store
        self.step = 0
        self._state = dict(state or {})
        self._groups = list(trainable.groups())
        self._parameters = named_parameters(self._groups)
        self._optimiser = build_optimiser(config.optimiser, self._groups)
        self._average = AveragedWeights(config.ema, self._parameters) if config.ema else None

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint, as if the run had never stopped.

        Raises: KeyError: if the checkpoint is of another trainable.
        """
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(checkpoint.weights[name])
        load_optimiser_state(self._optimiser, self._groups, checkpoint.optimiser)
        if self._average:
            self._average.load_state(checkpoint.ema)
        self.step = checkpoint.step

    def show(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint's averaged weights, or without EMA its own, into the live modules: to draw or export.

        The trainer's place in the run is unchanged; `restore` afterwards to train on.
        """
        shown = checkpoint.ema or checkpoint.weights
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(shown[name])

    def run(
        self, source: AnySource, listeners: Sequence[Listener] = (), stop: StopRequest | None = None,
    ) -> None:
        """Train to the last step.

        Raises:
            Interrupted: when `stop` was asked; a checkpoint of the last whole step was written before.
            NumericsError: when a loss, gradient or weight is not finite; nothing is written.
        """
        saved = self.step if self.step else -1
        for batch in batches(source, self.step, self.config.steps, self.config.workers):
            event = self._take_step(batch)
            for listener in listeners:
                listener.after_step(event)
            if self.step % self.config.checkpoint_every == 0 or self.step == self.config.steps:
                self._checkpoint(listeners)
                saved = self.step
            if stop:
                if saved != self.step:
                    self._save()
                raise Interrupted(
                    f"stopped by {stop.signal_name} after step {self.step} of {self.config.steps}",
                    hint="a checkpoint was written; `imprint resume RUN` goes on, or `imprint nano train` again",
                )

    def _take_step(self, batch: Any) -> StepDone:
        start = time.perf_counter()
        factor = self.config.schedule.factor(self.step, self.config.steps)
        set_learning_rates(self._optimiser, self._groups, factor)
        device = next(iter(self._parameters.values())).device
        with autocast(self.config.precision, device):
            loss: Loss = self.trainable.loss(batch, self.step)
        cast("Any", loss.total).backward()  # torch leaves its arguments unannotated
        total_norm = torch.nn.utils.get_total_norm([p.grad for p in self._parameters.values() if p.grad is not None])
        norm, value = float(total_norm), float(loss.total.detach())
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise NumericsError(
                f"the loss is {value} and the gradient's norm {norm} at step {self.step + 1}",
                hint="lower the learning rate, or set precision = 'fp32'; the last checkpoint is intact",
            )
        if norm > self.config.clip_norm:  # else a pass over every gradient, to multiply it by one
            torch.nn.utils.clip_grads_with_norm_(self._parameters.values(), self.config.clip_norm, total_norm)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        if self._average:
            self._average.update(self.step)
        self.step += 1
        rate = factor * self._groups[0].learning_rate
        return StepDone(
            self.step, self.config.steps, {"loss": value, **loss.parts}, norm, rate, time.perf_counter() - start
        )

    def checkpoint(self) -> Checkpoint:
        """The present state of the run."""
        return Checkpoint(
            step=self.step,
            weights={name: p.detach() for name, p in self._parameters.items()},
            optimiser=optimiser_state(self._optimiser, self._groups),
            ema=self._average.state() if self._average else {},
            state=self._state,
        )

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, the live modules hold the averaged weights; without EMA, their own."""
        return self._average.swapped() if self._average else nullcontext()

    def _save(self) -> Path | None:
        if self.store is None:
            return None
        checkpoint = self.checkpoint()
        for name, value in checkpoint.weights.items():
            if not bool(value.isfinite().all()):
                raise NumericsError(
                    f"{name} holds NaN or infinity after step {self.step}", where=self.store.path(self.step),
                    hint="lower the learning rate; this checkpoint was not written, the one before it is intact",
                )
        return self.store.save(checkpoint)

    def _checkpoint(self, listeners: Sequence[Listener]) -> None:
        folder = self._save()
        if folder is None:
            return
        event = CheckpointDone(self.step, folder, self.averaged)
        for listener in listeners:
            listener.after_checkpoint(event)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """A context that runs the networks inside in bfloat16 where that is safe, or leaves them as they are."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
