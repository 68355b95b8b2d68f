"""What a network is asked to predict, and what its answer means.

Reads: latents, noise, timesteps. Writes: noisy latents, targets, weights. Does not: call a network.

Noisy latents are in variance-preserving form, x = alpha * latent + s * noise with alpha^2 + s^2 = 1 (DDPM,
arXiv:2006.11239, equation 4). With sigma = s / alpha: alpha = 1 / sqrt(1 + sigma^2) and s = sigma * alpha.
Suffixes: B batch, c channels, h w latent cells.
"""

from __future__ import annotations

import torch
from torch import Tensor

from imprint.diffusion.schedule import NoiseSchedule
from imprint.families.family import PredictionKind


def add_noise(latent_Bchw: Tensor, noise_Bchw: Tensor, timestep_B: Tensor, schedule: NoiseSchedule) -> Tensor:
    """Latents as the network sees them in training, in variance-preserving form.

    Args:
        latent_Bchw: clean, in the family's scale.
        noise_Bchw: standard normal, same shape.
        timestep_B: integer or fractional, 0..T-1, shape (B,); may stay on the CPU.
        schedule: of the network.
    Returns: sqrt(abar) * latent + sqrt(1 - abar) * noise; shape, dtype and device of the latents.
    """
    alpha_B111, s_B111 = _signal_and_noise(timestep_B, schedule, latent_Bchw)
    return alpha_B111 * latent_Bchw + s_B111 * noise_Bchw


def target(
    kind: PredictionKind, latent_Bchw: Tensor, noise_Bchw: Tensor, timestep_B: Tensor, schedule: NoiseSchedule,
) -> Tensor:
    """What the network should answer for `add_noise` of the same arguments.

    Returns: the noise for "epsilon"; alpha * noise - s * latent for "v_prediction". Shape (B, c, h, w).
    Source: DDPM, arXiv:2006.11239, equation 14; v: Salimans and Ho, arXiv:2202.00512, appendix D.
    """
    if kind == "epsilon":
        return noise_Bchw
    alpha_B111, s_B111 = _signal_and_noise(timestep_B, schedule, latent_Bchw)
    return alpha_B111 * noise_Bchw - s_B111 * latent_Bchw


def denoised_from_prediction(
    kind: PredictionKind, prediction_Bchw: Tensor, x_Bchw: Tensor, timestep_B: Tensor, schedule: NoiseSchedule,
) -> Tensor:
    """The clean latents that a network's answer implies.

    Args:
        kind: what the network predicts.
        prediction_Bchw: its answer.
        x_Bchw: what it was shown, in variance-preserving form (`add_noise`).
        timestep_B: integer or fractional, shape (B,).
        schedule: of the network.
    Returns: shape (B, c, h, w).
    """
    alpha_B111, s_B111 = _signal_and_noise(timestep_B, schedule, x_Bchw)
    if kind == "epsilon":
        return (x_Bchw - s_B111 * prediction_Bchw) / alpha_B111
    return alpha_B111 * x_Bchw - s_B111 * prediction_Bchw


def min_snr_weight(sigma_B: Tensor, gamma: float = 5.0, kind: PredictionKind = "epsilon") -> Tensor:
    """Down-weight nearly clean samples so that no noise level dominates the loss.

    Args:
        sigma_B: noise over signal, > 0, shape (B,): `NoiseSchedule.sigma` of the timesteps.
        gamma: cap on the signal-to-noise ratio, dimensionless, > 0; 5 is the paper's choice.
        kind: what the network predicts.
    Returns: min(snr, gamma) / snr for "epsilon", min(snr, gamma) / (snr + 1) for "v_prediction", with
        snr = 1 / sigma^2; in (0, 1], shape (B,), same dtype and device.
    Raises: ValueError: if gamma is not positive.
    Source: Min-SNR weighting, arXiv:2303.09556.
    """
    if not gamma > 0:
        raise ValueError(f"gamma must be positive, got {gamma!r}")
    snr_B = sigma_B**-2.0
    capped_B = snr_B.clamp(max=gamma)
    return capped_B / snr_B if kind == "epsilon" else capped_B / (snr_B + 1)


def _signal_and_noise(timestep_B: Tensor, schedule: NoiseSchedule, like: Tensor) -> tuple[Tensor, Tensor]:
    # In float64 from the schedule on, and cast once: the same coefficients on every device.
    sigma_B = schedule.sigma(timestep_B)
    alpha_B = torch.rsqrt(1 + sigma_B**2)
    shape = (-1, *[1] * (like.ndim - 1))
    return alpha_B.to(like).reshape(shape), (sigma_B * alpha_B).to(like).reshape(shape)
