"""What every sampler takes and gives, and what they share: levels, telling, noise put back.

Reads: nothing. Writes: nothing. Does not: sample.

All samplers work in variance-exploding form, x = latent + sigma * noise, where the probability-flow ODE is
dx/dsigma = (x - D(x, sigma)) / sigma (Karras et al., arXiv:2206.00364, equation 3 with sigma(t) = t). Coefficients are
Python floats, so a step costs no synchronisation with the device. Suffixes: B batch, c channels, h w latent cells.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]
"""(x_Bchw, sigma) -> the expected clean latents, same shape."""


class NoiseSource(Protocol):
    """Standard normal noise of x's shape; asked only by stochastic samplers."""

    def __call__(self, draw: int, /) -> Tensor:
        """The noise of one draw: 0, 1, ... in the order of the steps. Asked at most once for each."""
        ...

    def between(self, sigma_from: float, sigma_to: float, /) -> Tensor:
        """The increment of a Brownian path between two levels > 0, scaled to a standard normal.

        The path does not depend on the levels that are asked for, so more steps follow the same one.
        """
        ...


class _NoNoise:
    """For samplers that draw none."""

    def __call__(self, draw: int, /) -> Tensor:
        raise AssertionError(f"a deterministic sampler asked for noise {draw}")

    def between(self, sigma_from: float, sigma_to: float, /) -> Tensor:
        raise AssertionError(f"a deterministic sampler asked for noise between {sigma_from} and {sigma_to}")


NO_NOISE: NoiseSource = _NoNoise()


@dataclass(frozen=True)
class SamplerStep:
    """What a listener learns after a step.

    Attributes:
        index: of the step, from 0.
        steps: in all; for an adaptive sampler a guess that grows.
        sigma: noise level that the step started from.
        denoised_Bchw: the network's idea of the clean latents at that level; good for a preview.
    """

    index: int
    steps: int
    sigma: float
    denoised_Bchw: Tensor


OnStep = Callable[[SamplerStep], None]


class Sampler(Protocol):
    """A sampler: from `x` at `sigmas[0]` to latents at `sigmas[-1]`."""

    def __call__(
        self, denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None,
    ) -> Tensor:
        """Run all steps. A sampler may have further options, all with defaults (`SamplerEntry.options`).

        Args:
            denoise: the guided network.
            x_Bchw: latents with noise of level `sigmas[0]`, float32 or float64.
            sigmas: descending levels, shape (steps + 1,); only the last may be 0.
            noise: standard normal noise for a step; called at most once for each.
            on_step: called after every step; may raise to stop.
        Returns: latents with noise of level `sigmas[-1]`, shape (B, c, h, w).
        """
        ...


def levels(sigmas: Tensor) -> Iterator[tuple[int, float, float]]:
    """(step, sigma, next sigma) for every step.

    Raises: ValueError: if the levels do not descend, or one is negative.
    """
    values = [float(sigma) for sigma in sigmas]
    if any(not late < early for early, late in itertools.pairwise(values)) or not values[-1] >= 0:
        raise ValueError(f"sigmas must descend and be >= 0, got {values}")
    for step, (sigma, sigma_next) in enumerate(itertools.pairwise(values)):
        yield step, sigma, sigma_next


def tell(on_step: OnStep | None, step: int, sigmas: Tensor, denoised_Bchw: Tensor) -> None:
    """Report a step of a sampler that takes one step a level."""
    if on_step is not None:
        on_step(SamplerStep(step, len(sigmas) - 1, float(sigmas[step]), denoised_Bchw))


def split(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """How far an ancestral step goes down, and how much fresh noise brings it back up to the next level.

    Args:
        sigma: level that the step starts from.
        sigma_next: level that it ends at, 0 <= sigma_next < sigma.
        eta: share of the fresh noise; 0 none, 1 the posterior's of DDPM.
    Returns: (down, up) with down^2 + up^2 = sigma_next^2.
    Source: Song et al., arXiv:2010.02502, equation 16 divided by sqrt(abar').
    """
    up = min(sigma_next, eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2))
    return math.sqrt(max(sigma_next**2 - up**2, 0.0)), up


def churned(
    x_Bchw: Tensor, sigma: float, noise: NoiseSource, draw: int, steps: int, churn: Churn
) -> tuple[Tensor, float]:
    """Put noise back before a step, so that it starts a little higher.

    Returns: (x, its level); both unchanged where the level is outside tmin..tmax or s_churn is 0.
    Source: Karras et al., arXiv:2206.00364, algorithm 2, lines 4-6.
    """
    gamma = min(churn.s_churn / steps, math.sqrt(2) - 1) if churn.s_tmin <= sigma <= churn.s_tmax else 0.0
    if gamma <= 0:
        return x_Bchw, sigma
    hat = sigma * (1 + gamma)
    return x_Bchw + (churn.s_noise * math.sqrt(hat**2 - sigma**2)) * noise(draw), hat


@dataclass(frozen=True)
class Churn:
    """The options of algorithm 2.

    Attributes:
        s_churn: noise put back over all steps, >= 0; 0 is none, from 0.41 * steps on nothing more is added.
        s_tmin: lowest level at which it is put back, >= 0.
        s_tmax: highest.
        s_noise: its standard deviation, about 1.
    """

    s_churn: float
    s_tmin: float
    s_tmax: float
    s_noise: float
