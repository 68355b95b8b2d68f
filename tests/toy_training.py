"""The smallest thing that the loop can train: a point that is drawn towards random targets."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from imprint.diffusion.randomness import Purpose, normal
from imprint.training.checkpoints import CheckpointStore
from imprint.training.loop import LoopConfig, Trainer
from imprint.training.trainable import Loss, ParameterGroup

Weights = dict[str, Tensor]


class Targets:
    """Batches of 4 random points, and who asked for them."""

    def __init__(self) -> None:
        self.threads: set[str] = set()

    def batch(self, step: int) -> Tensor:
        self.threads.add(threading.current_thread().name)
        return normal(3, step, range(4), Purpose.NOISE, (6,))


class Point:
    """Loss = mean squared distance to the targets, times `blow_up` at the step `blow_up_at`."""

    def __init__(self, blow_up: float = 1.0, blow_up_at: int = -1) -> None:
        self.place = nn.Parameter(torch.ones(6))
        self.shift = nn.Parameter(torch.zeros(6))
        self.blow_up, self.blow_up_at = blow_up, blow_up_at
        self.autocast: bool | None = None

    def groups(self) -> Sequence[ParameterGroup]:
        return [ParameterGroup("place", {"w": self.place}, 0.1), ParameterGroup("shift", {"w": self.shift}, 0.01)]

    def loss(self, batch: Tensor, step: int) -> Loss:
        self.autocast = torch.is_autocast_enabled("cpu")
        distance = (self.place + self.shift - batch).square().mean()
        factor = self.blow_up if step == self.blow_up_at else 1.0
        return Loss(distance * factor, {"distance": float(distance.detach())})


def trainer(config: LoopConfig, folder: Path | None = None, point: Point | None = None) -> Trainer:
    """A fresh trainer of a point, with a store if there is a folder."""
    store = CheckpointStore(folder, config.keep_resumable) if folder else None
    return Trainer(point or Point(), config, store, {"seed": 3})


def trained(config: LoopConfig) -> Weights:
    """All that a whole run ends with: weights and average."""
    loop = trainer(config)
    loop.run(Targets())
    end = loop.checkpoint()
    averages = {f"ema/{name}": value for name, value in end.ema.items()}
    return {f"weights/{name}": value.clone() for name, value in end.weights.items()} | averages


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
