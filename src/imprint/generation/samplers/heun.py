"""Heun's method, and Restart, which goes back up in noise and takes it again.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from imprint.diffusion.schedule import karras_sigmas
from imprint.generation.samplers.contract import (
    Churn,
    Denoise,
    NoiseSource,
    OnStep,
    SamplerStep,
    churned,
    levels,
    tell,
)

RESTART_FROM = 20  # steps; below, every one is needed to get down once
RESTART_TWICE_FROM = 36
RESTART_LOW, RESTART_HIGH = 0.1, 2.0  # levels between which the path is taken again
RESTART_SHARE = 4  # each restart has the steps' number divided by this


def sample_heun(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    s_churn: float = 0.0, s_tmin: float = 0.0, s_tmax: float = math.inf, s_noise: float = 1.0,
) -> Tensor:
    """Heun's method on the probability-flow ODE; second order, two calls a step but one to level 0.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: used when s_churn > 0.
        on_step: called after every step.
        s_churn: noise put back over all steps (`Churn`).
        s_tmin: lowest level at which it is.
        s_tmax: highest level at which it is.
        s_noise: standard deviation of that noise.
    Returns: shape (B, c, h, w).
    Source: Karras et al., arXiv:2206.00364, algorithm 2.
    """
    churn = Churn(s_churn, s_tmin, s_tmax, s_noise)
    for step, start, sigma_next in levels(sigmas):
        x_Bchw, sigma = churned(x_Bchw, start, noise, step, len(sigmas) - 1, churn)
        x_Bchw, denoised = _heun_step(denoise, x_Bchw, sigma, sigma_next)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_restart(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    s_noise: float = 1.0,
) -> Tensor:
    """Heun's method over levels that may rise: where they do, that much fresh noise is added.

    Going back up and down again contracts the errors of the first way down.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: levels >= 0 of which no two neighbours are equal; `restart_sigmas` makes them.
        noise: one draw for each rise.
        on_step: called after every step; a rise is none.
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Raises: ValueError: if a level is negative, 0 before the last, or equal to the one before.
    Source: Xu et al., arXiv:2306.14878, algorithm 1.
    """
    values = [float(sigma) for sigma in sigmas]
    pairs = list(itertools.pairwise(values))
    if any(not (low != high and low > 0 and high >= 0) for low, high in pairs):
        raise ValueError(f"sigmas must change and be > 0 before the last, got {values}")
    steps = sum(high < low for low, high in pairs)
    step = draw = 0
    for sigma, sigma_next in pairs:
        if sigma_next > sigma:
            x_Bchw = x_Bchw + (s_noise * math.sqrt(sigma_next**2 - sigma**2)) * noise(draw)
            draw += 1
            continue
        x_Bchw, denoised = _heun_step(denoise, x_Bchw, sigma, sigma_next)
        if on_step is not None:
            on_step(SamplerStep(step, steps, sigma, denoised))
        step += 1
    return x_Bchw


def restarts(steps: int) -> tuple[int, int]:
    """How often `Restart` goes back up when it has so many steps, and the steps of each time.

    Returns: (times, steps of each); those steps are part of the whole, not on top of it.
    """
    times = (steps >= RESTART_FROM) + (steps >= RESTART_TWICE_FROM)
    return times, steps // RESTART_SHARE


def restart_sigmas(sigmas: Tensor, times: int, steps: int) -> Tensor:
    """Insert restarts into descending levels, after the one nearest to `RESTART_LOW`.

    Args:
        sigmas: descending levels.
        times: restarts, >= 0.
        steps: of each, >= 1; spaced as Karras et al. do.
    Returns: levels that rise `times` times to `RESTART_HIGH`; unchanged where they never were that high, as when a
        picture is only touched up.
    """
    positive = sigmas[sigmas > 0]
    place = int((positive.log() - math.log(RESTART_LOW)).abs().argmin())
    low = float(positive[place])
    if not low < RESTART_HIGH <= float(sigmas[0]):
        return sigmas
    again = karras_sigmas(steps + 1, low, RESTART_HIGH)[:-1]
    again[-1] = sigmas[place]  # exactly, where the power and its root may differ in the last bit
    return torch.cat([sigmas[: place + 1], *[again] * times, sigmas[place + 1 :]])


def _heun_step(denoise: Denoise, x_Bchw: Tensor, sigma: float, sigma_next: float) -> tuple[Tensor, Tensor]:
    """Returns: (x at the next level, the clean latents as seen from this one)."""
    denoised = denoise(x_Bchw, sigma)
    slope = (x_Bchw - denoised) / sigma
    ahead = x_Bchw + slope * (sigma_next - sigma)
    if sigma_next == 0:
        return ahead, denoised
    slope_ahead = (ahead - denoise(ahead, sigma_next)) / sigma_next
    return x_Bchw + (slope + slope_ahead) * ((sigma_next - sigma) / 2), denoised
