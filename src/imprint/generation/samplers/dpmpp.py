"""DPM-Solver++ of second order without noise inside a step: 2M and, with ancestral noise, 2S a.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.

Everything is written in lambda = -log(sigma), the paper's log of signal over noise with alpha = 1.
"""

from __future__ import annotations

import math

from torch import Tensor

from imprint.generation.samplers.contract import Denoise, NoiseSource, OnStep, levels, split, tell


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
    for step, sigma, sigma_next in levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        h = math.log(sigma / sigma_next) if sigma_next > 0 else math.inf
        guess = denoised
        if before is not None and math.isfinite(h):
            half_inverse_r = 0.5 * h / h_before
            guess = denoised + half_inverse_r * (denoised - before)
        x_Bchw = (sigma_next / sigma) * x_Bchw + (-math.expm1(-h)) * guess
        before, h_before = denoised, h
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_dpmpp_2s_ancestral(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 1.0, s_noise: float = 1.0,
) -> Tensor:
    """DPM-Solver++(2S) with fresh noise: second order from two calls a step, at its start and its middle in lambda.

    Both halves have the form x' = (sigma'/sigma) x + (1 - sigma'/sigma) D. A step to level 0 is Euler's, one call.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: one draw a step, none for a step to level 0.
        on_step: called after every step.
        eta: share of the noise that is drawn afresh, 0..1; 0 is DPM-Solver++(2S).
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: Lu et al., arXiv:2211.01095, algorithm 1 with r = 1/2, to the level of an ancestral step.
    """
    for step, sigma, sigma_next in levels(sigmas):
        denoised = guess = denoise(x_Bchw, sigma)
        down, up = split(sigma, sigma_next, eta)
        if down > 0:
            middle = math.sqrt(sigma * down)
            guess = denoise(denoised + (middle / sigma) * (x_Bchw - denoised), middle)
        x_Bchw = guess + (down / sigma) * (x_Bchw - guess)
        if up > 0:
            x_Bchw = x_Bchw + (up * s_noise) * noise(step)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw
