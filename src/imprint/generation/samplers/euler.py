"""Euler's method, with fresh noise or without: Euler, Euler a, DDIM.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.
"""

from __future__ import annotations

import math

from torch import Tensor

from imprint.generation.samplers.contract import Churn, Denoise, NoiseSource, OnStep, churned, levels, split, tell


def sample_euler(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    s_churn: float = 0.0, s_tmin: float = 0.0, s_tmax: float = math.inf, s_noise: float = 1.0,
) -> Tensor:
    """Euler's method on the probability-flow ODE; first order, one call a step.

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
    Source: Karras et al., arXiv:2206.00364, algorithm 2 without the correction (lines 4-8).
    """
    churn = Churn(s_churn, s_tmin, s_tmax, s_noise)
    for step, start, sigma_next in levels(sigmas):
        x_Bchw, sigma = churned(x_Bchw, start, noise, step, len(sigmas) - 1, churn)
        denoised = denoise(x_Bchw, sigma)
        x_Bchw = x_Bchw + (x_Bchw - denoised) * ((sigma_next - sigma) / sigma)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def sample_euler_ancestral(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 1.0, s_noise: float = 1.0,
) -> Tensor:
    """Euler steps that go a little too far and put fresh noise back; never settles on one picture.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: one draw a step, none for a step to level 0.
        on_step: called after every step.
        eta: share of the noise that is drawn afresh, 0..1; 0 is Euler.
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: Song et al., arXiv:2011.13456, equation 47; the same as DDIM with eta 1 (arXiv:2010.02502, equation 16).
    """
    return sample_ddim(denoise, x_Bchw, sigmas, noise, on_step, eta=eta, s_noise=s_noise)


def sample_ddim(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None,
    eta: float = 0.0, s_noise: float = 1.0,
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
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: Song et al., arXiv:2010.02502, equations 12 and 16.
    """
    for step, sigma, sigma_next in levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        down, up = split(sigma, sigma_next, eta)
        x_Bchw = denoised + (x_Bchw - denoised) * (down / sigma)
        if up > 0:
            x_Bchw = x_Bchw + (up * s_noise) * noise(step)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw
