"""Samplers: how a picture's latents are found among noise. Pure functions over `denoise(x, sigma)`.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.

All work in variance-exploding form, x = latent + sigma * noise, where the probability-flow ODE is
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

from imprint.registry import Registry

Denoise = Callable[[Tensor, float], Tensor]
"""(x_Bchw, sigma) -> the expected clean latents, same shape."""

NoiseSource = Callable[[int], Tensor]
"""Step number -> standard normal noise of x's shape; asked only by stochastic samplers."""


@dataclass(frozen=True)
class SamplerStep:
    """What a listener learns after a step.

    Attributes:
        index: of the step, from 0.
        steps: in all.
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
        """Run all steps.

        Args:
            denoise: the guided network.
            x_Bchw: latents with noise of level `sigmas[0]`, float32 or float64.
            sigmas: descending levels, shape (steps + 1,); only the last may be 0.
            noise: standard normal noise for a step; called at most once for each.
            on_step: called after every step; may raise to stop.
        Returns: latents with noise of level `sigmas[-1]`, shape (B, c, h, w).
        """
        ...


def sample_euler(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None,
) -> Tensor:
    """Euler's method on the probability-flow ODE; first order, one call a step.

    Source: Karras et al., arXiv:2206.00364, algorithm 1 without the correction (lines 4-5).
    """
    for step, sigma, sigma_next in _levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        x_Bchw = x_Bchw + (x_Bchw - denoised) * ((sigma_next - sigma) / sigma)
        _tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_euler_ancestral(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None,
) -> Tensor:
    """Euler steps that go a little too far and put fresh noise back; never settles on one picture.

    Source: Song et al., arXiv:2011.13456, equation 47; the same as DDIM with eta 1 (arXiv:2010.02502, equation 16).
    """
    for step, sigma, sigma_next in _levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        x_Bchw = _ddim_step(x_Bchw, denoised, sigma, sigma_next, noise, step, eta=1.0)
        _tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_ddim(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None,
    eta: float = 0.0,
) -> Tensor:
    """Denoising diffusion implicit models; with eta 0 the same noise gives the same picture.

    In this module's coordinates (latents divided by sqrt(abar)) equation 12 reads
    x' = D + sqrt(sigma'^2 - up^2) * (x - D) / sigma + up * z. With eta 0 it is Euler's step (the paper's equation 14);
    what tells DDIM apart is its levels (`ddim_sigmas`), and with eta 1 it is the ancestral sampler.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: used when eta > 0.
        on_step: called after every step.
        eta: share of the noise that is drawn afresh, 0..1.
    Returns: shape (B, c, h, w).
    Source: Song et al., arXiv:2010.02502, equations 12 and 16.
    """
    for step, sigma, sigma_next in _levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        x_Bchw = _ddim_step(x_Bchw, denoised, sigma, sigma_next, noise, step, eta)
        _tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_dpmpp_2m(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None,
) -> Tensor:
    """DPM-Solver++(2M): second order at one call a step, by remembering the call before.

    With lambda = -log(sigma) and h the step in lambda, x' = (sigma'/sigma) x + (1 - exp(-h)) D', where D' extrapolates
    the last two answers to the middle of the step: D' = (1 + 1/2r) D_i - (1/2r) D_{i-1}, r = h_{i-1}/h_i. The first
    step, and one that ends at sigma 0 (h infinite), are first order.

    Source: Lu et al., arXiv:2211.01095, algorithm 2 with alpha = 1.
    """
    before: Tensor | None = None
    h_before = 0.0
    for step, sigma, sigma_next in _levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        h = math.log(sigma / sigma_next) if sigma_next > 0 else math.inf
        guess = denoised
        if before is not None and math.isfinite(h):
            half_inverse_r = 0.5 * h / h_before
            guess = denoised + half_inverse_r * (denoised - before)
        x_Bchw = (sigma_next / sigma) * x_Bchw + (-math.expm1(-h)) * guess
        before, h_before = denoised, h
        _tell(on_step, step, sigmas, denoised)
    return x_Bchw


def _levels(sigmas: Tensor) -> Iterator[tuple[int, float, float]]:
    """(step, sigma, next sigma) for every step."""
    values = [float(sigma) for sigma in sigmas]
    if any(not late < early for early, late in itertools.pairwise(values)) or not values[-1] >= 0:
        raise ValueError(f"sigmas must descend and be >= 0, got {values}")
    for step, (sigma, sigma_next) in enumerate(itertools.pairwise(values)):
        yield step, sigma, sigma_next


def _ddim_step(
    x_Bchw: Tensor, denoised_Bchw: Tensor, sigma: float, sigma_next: float, noise: NoiseSource, step: int, eta: float,
) -> Tensor:
    # Equation 16 divided by sqrt(abar'): the part of sigma' that is drawn afresh, and the part that is kept.
    up = eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2)
    down = math.sqrt(max(sigma_next**2 - up**2, 0.0))
    stepped = denoised_Bchw + (x_Bchw - denoised_Bchw) * (down / sigma)
    return stepped + up * noise(step) if up > 0 else stepped


def _tell(on_step: OnStep | None, step: int, sigmas: Tensor, denoised_Bchw: Tensor) -> None:
    if on_step is not None:
        on_step(SamplerStep(step, len(sigmas) - 1, float(sigmas[step]), denoised_Bchw))


@dataclass(frozen=True)
class SamplerEntry:
    """A sampler as data for the command line and the web form.

    Attributes:
        name: as written in recipes and records.
        title: as shown to people and known from A1111.
        sample: the function.
        schedule: the levels it uses unless told otherwise, a name in `SCHEDULES`.
        stochastic: whether it draws noise at its steps.
        reference: the paper.
    """

    name: str
    title: str
    sample: Sampler
    schedule: str
    stochastic: bool
    reference: str


SAMPLERS: Registry[SamplerEntry] = Registry("sampler")

_KARRAS_2022 = "https://arxiv.org/abs/2206.00364"
SAMPLERS.add(
    "euler",
    SamplerEntry("euler", "Euler", sample_euler, "uniform", stochastic=False, reference=_KARRAS_2022),
    aliases=("Euler", "k_euler", "sample_euler", "EulerDiscreteScheduler"),
)
SAMPLERS.add(
    "euler_a",
    SamplerEntry(
        "euler_a", "Euler a", sample_euler_ancestral, "uniform",
        stochastic=True, reference="https://arxiv.org/abs/2011.13456",
    ),
    aliases=("Euler a", "k_euler_a", "euler_ancestral", "sample_euler_ancestral", "EulerAncestralDiscreteScheduler"),
)
SAMPLERS.add(
    "dpmpp_2m",
    SamplerEntry(
        "dpmpp_2m", "DPM++ 2M", sample_dpmpp_2m, "karras",
        stochastic=False, reference="https://arxiv.org/abs/2211.01095",
    ),
    aliases=("DPM++ 2M", "DPM++ 2M Karras", "k_dpmpp_2m", "sample_dpmpp_2m", "DPMSolverMultistepScheduler"),
)
SAMPLERS.add(
    "ddim",
    SamplerEntry("ddim", "DDIM", sample_ddim, "ddim", stochastic=False, reference="https://arxiv.org/abs/2010.02502"),
    aliases=("DDIM", "DDIMScheduler"),
)
