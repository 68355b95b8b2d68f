"""Optimisers and learning-rate schedules as configuration, and their state as named tensors.

Reads: configuration and parameter groups. Writes: a torch optimiser. Does not: step it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from imprint.config import Config
from imprint.training.trainable import ParameterGroup, named_parameters


class AdamW(Config):
    """AdamW with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the running mean and of the running square of the gradient, each in 0..1."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to the denominator of the update."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Pull towards zero, as a share of the learning rate."""


class Schedule(Config):
    """How the learning rate moves over the run, as a factor on its peak.

    Restarts are those of SGDR (Loshchilov and Hutter, arXiv:1608.03983): up to one, the run is the run that ends there.
    """

    kind: Literal["constant", "cosine"] = "constant"
    """constant, or cosine down to `final` at the last step."""
    warmup: int = Field(default=0, ge=0)
    """Steps of linear rise from zero at the start."""
    final: float = Field(default=0.0, ge=0, le=1)
    """Factor at the last step of a cosine schedule, and before each restart."""
    restarts: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Steps, ascending, after which a cosine schedule begins at a peak again. Empty: one descent."""
    restart_peak: float = Field(default=1.0, gt=0, le=1)
    """Peak after a restart, as a share of the peak before it."""

    @model_validator(mode="after")
    def _restarts_ascend(self) -> Self:
        if self.restarts and self.kind != "cosine":
            raise ValueError('restarts are those of kind = "cosine"')
        if list(self.restarts) != sorted(set(self.restarts)):
            raise ValueError("restarts must ascend")
        return self

    def factor(self, step: int, steps: int) -> float:
        """The factor on the peak learning rate at a step (from 0) of `steps`; > 0 from the first step on."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.kind == "constant":
            return rise
        begun = [0, *(restart for restart in self.restarts if restart <= step)]
        end = min([restart for restart in self.restarts if restart > step] + [steps])
        done = min(1.0, (step - begun[-1]) / max(1, end - begun[-1] - 1))
        peak = max(self.final, self.restart_peak ** (len(begun) - 1))
        return rise * (self.final + (peak - self.final) * 0.5 * (1 + math.cos(math.pi * done)))


def build_optimiser(config: AdamW, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
    """A fused AdamW over the groups, in their stable order."""
    return torch.optim.AdamW(
        [
            {"params": [p for _, p in sorted(group.parameters.items())], "lr": group.learning_rate, "name": group.name}
            for group in groups
        ],
        betas=config.betas, eps=config.eps, weight_decay=config.weight_decay, fused=True,
    )


def set_learning_rates(optimiser: torch.optim.Optimizer, groups: Sequence[ParameterGroup], factor: float) -> None:
    """Give every group its peak rate times `factor`."""
    for torch_group, group in zip(optimiser.param_groups, groups, strict=True):
        torch_group["lr"] = group.learning_rate * factor


def optimiser_state(optimiser: torch.optim.Optimizer, groups: Sequence[ParameterGroup]) -> dict[str, Tensor]:
    """The optimiser's memory as tensors named `parameter::slot`."""
    state: dict[str, Tensor] = {}
    for name, parameter in named_parameters(groups).items():
        for slot, value in optimiser.state.get(parameter, {}).items():
            state[f"{name}::{slot}"] = torch.as_tensor(value)
    return state


def load_optimiser_state(
    optimiser: torch.optim.Optimizer, groups: Sequence[ParameterGroup], state: Mapping[str, Tensor],
) -> None:
    """Put back what `optimiser_state` gave.

    Raises: KeyError: if the state names a parameter that is not trained.
    """
    parameters = named_parameters(groups)
    for key, value in state.items():
        name, slot = key.rsplit("::", 1)
        parameter = parameters[name]
        # The step counter stays a CPU scalar, as a fused AdamW on the CPU makes it.
        optimiser.state[parameter][slot] = value.clone() if slot == "step" else value.to(parameter.device, copy=True)
