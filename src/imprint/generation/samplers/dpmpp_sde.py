"""DPM-Solver++ on the reverse stochastic equation: SDE, 2M SDE, 3M SDE.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.

With lambda = -log(sigma) and D constant over a step h in lambda, the equation's exact solution is
x' = exp(-(1 + eta) h) x + (1 - exp(-(1 + eta) h)) D + sigma' sqrt(1 - exp(-2 eta h)) z. The noise z comes from one
Brownian path, so that more steps follow it more closely.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from imprint.generation.samplers.contract import Denoise, NoiseSource, OnStep, levels, split, tell


def sample_dpmpp_sde(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 1.0, s_noise: float = 1.0,
) -> Tensor:
    """DPM-Solver++(2S) with noise in both of its stages; two calls a step but one to level 0.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: its Brownian path.
        on_step: called after every step.
        eta: share of the noise that is drawn afresh, 0..1; 0 is DPM-Solver++(2S).
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: Lu et al., arXiv:2211.01095, algorithm 1 with r = 1/2, as DPM++ SDE of k-diffusion.
    """
    for step, sigma, sigma_next in levels(sigmas):
        denoised = guess = denoise(x_Bchw, sigma)
        if sigma_next > 0:
            middle = math.sqrt(sigma * sigma_next)
            there = _ancestral(x_Bchw, denoised, sigma, middle, noise, eta, s_noise)
            guess = denoise(there, middle)
        x_Bchw = _ancestral(x_Bchw, guess, sigma, sigma_next, noise, eta, s_noise)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def _ancestral(
    x_Bchw: Tensor, denoised_Bchw: Tensor, sigma: float, sigma_next: float, noise: NoiseSource, eta: float,
    s_noise: float,
) -> Tensor:
    down, up = split(sigma, sigma_next, eta)
    x_Bchw = denoised_Bchw + (down / sigma) * (x_Bchw - denoised_Bchw)
    return x_Bchw + (up * s_noise) * noise.between(sigma, sigma_next) if up > 0 else x_Bchw


def sample_dpmpp_2m_sde(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 1.0, s_noise: float = 1.0, solver: Literal["midpoint", "heun"] = "midpoint",
) -> Tensor:
    """DPM-Solver++(2M) SDE: the step's slope in lambda from the call before; one call a step.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: its Brownian path.
        on_step: called after every step.
        eta: strength of the noise, 0..1; 0 is DPM-Solver++(2M).
        s_noise: standard deviation of the fresh noise, about 1.
        solver: how the slope is integrated over the step: as its value in the middle, or exactly.
    Returns: shape (B, c, h, w).
    Source: Lu et al., arXiv:2211.01095, section 5.2 and appendix C (SDE-DPM-Solver++(2M)).
    """
    before: Tensor | None = None
    h_before = 0.0
    for step, sigma, sigma_next in levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        if sigma_next == 0:
            x_Bchw = denoised
        else:
            h = math.log(sigma / sigma_next)
            drift = _first_order(x_Bchw, denoised, h, eta)
            if before is not None:
                # h times the slope of D in lambda, by its last difference.
                rise = (denoised - before) * (h / h_before)
                weight = -0.5 * math.expm1(-h * (1 + eta)) if solver == "midpoint" else _phi_2(h * (1 + eta))
                drift = drift + weight * rise
            x_Bchw = _with_noise(drift, sigma, sigma_next, noise, eta, s_noise)
            h_before = h
        before = denoised
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_dpmpp_2m_sde_heun(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 1.0, s_noise: float = 1.0,
) -> Tensor:
    """`sample_dpmpp_2m_sde` with the slope integrated exactly."""
    return sample_dpmpp_2m_sde(denoise, x_Bchw, sigmas, noise, on_step, eta=eta, s_noise=s_noise, solver="heun")


def sample_dpmpp_3m_sde(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 1.0, s_noise: float = 1.0,
) -> Tensor:
    """DPM-Solver++(3M) SDE: slope and curvature in lambda from the two calls before; one call a step.

    As published, the curvature counts half: the divided difference is the second derivative over two, and the formula
    takes it for the whole. So the order measured is 2, with a third of 2M's error; with the factor it would be 3, and
    every picture another than everywhere else.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: its Brownian path.
        on_step: called after every step.
        eta: strength of the noise, 0..1; 0 is DPM-Solver++(3M).
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: Lu et al., arXiv:2211.01095, appendix B, with the noise of section 5.2, as DPM++ 3M SDE of k-diffusion.
    """
    known: list[tuple[Tensor, float]] = []  # (D, h of its step), newest first
    for step, sigma, sigma_next in levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        if sigma_next == 0:
            x_Bchw = denoised
        else:
            h = math.log(sigma / sigma_next)
            drift = _first_order(x_Bchw, denoised, h, eta) + _higher_orders(denoised, h, known, eta)
            x_Bchw = _with_noise(drift, sigma, sigma_next, noise, eta, s_noise)
            known = [(denoised, h), *known[:1]]
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def _first_order(x_Bchw: Tensor, denoised_Bchw: Tensor, h: float, eta: float) -> Tensor:
    decay = h * (1 + eta)
    return math.exp(-decay) * x_Bchw - math.expm1(-decay) * denoised_Bchw


def _higher_orders(denoised_Bchw: Tensor, h: float, known: list[tuple[Tensor, float]], eta: float) -> Tensor | float:
    """What slope and curvature add to a step, by divided differences; 0 where no call is known."""
    if not known:
        return 0.0
    decay = h * (1 + eta)
    (before, h_1), *older = known
    slope = (denoised_Bchw - before) * (h / h_1)
    if not older:
        return _phi_2(decay) * slope
    earlier, h_2 = older[0]
    r0, r1 = h_1 / h, h_2 / h
    bend = (slope - (before - earlier) / r1) / (r0 + r1)
    phi_3 = _phi_2(decay) / decay - 0.5
    return _phi_2(decay) * (slope + r0 * bend) - phi_3 * bend


def _phi_2(decay: float) -> float:
    return math.expm1(-decay) / decay + 1


def _with_noise(
    x_Bchw: Tensor, sigma: float, sigma_next: float, noise: NoiseSource, eta: float, s_noise: float
) -> Tensor:
    if eta == 0:
        return x_Bchw
    up = sigma_next * math.sqrt(-math.expm1(-2 * eta * math.log(sigma / sigma_next)))
    return x_Bchw + (up * s_noise) * noise.between(sigma, sigma_next)
