"""DPM-Solver-2 in the coordinates of the probability-flow ODE: DPM2 and, with fresh noise, DPM2 a.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.
"""

from __future__ import annotations

import math

from torch import Tensor

from imprint.generation.samplers.contract import Churn, Denoise, NoiseSource, OnStep, churned, levels, split, tell


def sample_dpm_2(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    s_churn: float = 0.0, s_tmin: float = 0.0, s_tmax: float = math.inf, s_noise: float = 1.0,
) -> Tensor:
    """The midpoint method, its midpoint in log sigma; second order, two calls a step but one to level 0.

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
    Source: Lu et al., arXiv:2206.00927, algorithm 1 with its step in sigma; churn as in arXiv:2206.00364.
    """
    churn = Churn(s_churn, s_tmin, s_tmax, s_noise)
    for step, start, sigma_next in levels(sigmas):
        x_Bchw, sigma = churned(x_Bchw, start, noise, step, len(sigmas) - 1, churn)
        x_Bchw, denoised = _midpoint_step(denoise, x_Bchw, sigma, sigma_next)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_dpm_2_ancestral(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 1.0, s_noise: float = 1.0,
) -> Tensor:
    """DPM2 steps that go a little too far and put fresh noise back.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: one draw a step, none for a step to level 0.
        on_step: called after every step.
        eta: share of the noise that is drawn afresh, 0..1; 0 is DPM2.
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: `sample_dpm_2`, to the level of an ancestral step (arXiv:2010.02502, equation 16).
    """
    for step, sigma, sigma_next in levels(sigmas):
        down, up = split(sigma, sigma_next, eta)
        x_Bchw, denoised = _midpoint_step(denoise, x_Bchw, sigma, down)
        if up > 0:
            x_Bchw = x_Bchw + (up * s_noise) * noise(step)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def _midpoint_step(denoise: Denoise, x_Bchw: Tensor, sigma: float, sigma_next: float) -> tuple[Tensor, Tensor]:
    """Returns: (x at the next level, the clean latents as seen from this one)."""
    denoised = denoise(x_Bchw, sigma)
    slope = (x_Bchw - denoised) / sigma
    if sigma_next > 0:
        middle = math.sqrt(sigma * sigma_next)
        there = x_Bchw + slope * (middle - sigma)
        slope = (there - denoise(there, middle)) / middle
    return x_Bchw + slope * (sigma_next - sigma), denoised
