"""Exponential moving average of the trained weights.

Reads: parameters. Writes: their running average. Does not: touch the parameters, except inside `swapped`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from pydantic import Field
from torch import Tensor, nn

from imprint.config import Config


class Ema(Config):
    """Average the weights over the last steps; smoother than the last step's own weights."""

    decay: float = Field(default=0.995, gt=0, lt=1)
    """Share of the old average kept in each update, once warmed up. 0.995 remembers about 200 updates."""
    every: int = Field(default=1, ge=1)
    """Steps between updates; the decay is raised to this power so that the memory in steps stays the same."""
    warmup: bool = True
    """Start with a shorter memory, decay = (1 + step) / (10 + step), so that the first weights fade quickly."""


class AveragedWeights:
    """The running average of named parameters, held in float32.

    Args:
        config: decay and rhythm.
        parameters: what is averaged; their present values start the average.
    """

    def __init__(self, config: Ema, parameters: Mapping[str, nn.Parameter]) -> None:
        self.config = config
        self._parameters = dict(parameters)
        self._average = {name: p.detach().float().clone() for name, p in parameters.items()}

    def update(self, step: int) -> None:
        """Take in the weights after step `step` (from 0)."""
        if (step + 1) % self.config.every:
            return
        decay = min(self.config.decay, (1 + step) / (10 + step)) if self.config.warmup else self.config.decay
        share = 1 - decay**self.config.every
        for name, parameter in self._parameters.items():
            self._average[name].lerp_(parameter.detach().float(), share)

    def state(self) -> dict[str, Tensor]:
        """The average by parameter name."""
        return dict(self._average)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for name, value in self._average.items():
            value.copy_(state[name])

    @contextmanager
    def swapped(self) -> Generator[None]:
        """Inside, the parameters hold the average; afterwards they hold their own values again, bit for bit."""
        own = {name: p.detach().clone() for name, p in self._parameters.items()}
        try:
            with torch.no_grad():
                for name, parameter in self._parameters.items():
                    parameter.copy_(self._average[name])
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self._parameters.items():
                    parameter.copy_(own[name])
