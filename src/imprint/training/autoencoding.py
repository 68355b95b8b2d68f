"""Training an image autoencoder from scratch: reconstruction, edges, and a light pull of the latents towards a normal.

Reads: `PixelBatch`. Writes: gradients on an `AutoencoderKL`. Does not: know where the pixels come from.
"""

# B batch, C channels, H W pixels, c latent channels, h w latent cells

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from pydantic import Field
from torch import Tensor

from imprint.config import Config
from imprint.training.trainable import Loss, ParameterGroup


@dataclass(frozen=True)
class PixelBatch:
    """Pictures to reconstruct.

    Attributes:
        pixels_BCHW: float32 in -1..1.
        noise_Bchw: standard normal, for the sample from the posterior.
    """

    pixels_BCHW: Tensor
    noise_Bchw: Tensor


class AutoencodingObjective(Config):
    """What a good reconstruction is: mean absolute error, edges in their place, latents of bounded size."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate."""
    square_weight: float = Field(default=1.0, ge=0)
    """Weight of the mean squared error, beside the mean absolute error of weight 1."""
    edge_weight: float = Field(default=0.5, ge=0)
    """Weight of the mean absolute error between the pictures' horizontal and vertical differences."""
    kl_weight: float = Field(default=1e-6, ge=0)
    """Weight of the KL divergence of the latents from a standard normal, summed over a picture's latent cells."""


class Autoencoding:
    """A trainable autoencoder.

    Args:
        vae: trained in place.
        objective: the loss.
    """

    def __init__(self, vae: AutoencoderKL, objective: AutoencodingObjective) -> None:
        self.vae = vae.train()
        self.objective = objective

    def groups(self) -> Sequence[ParameterGroup]:
        """All parameters of the autoencoder."""
        return [ParameterGroup("vae", dict(self.vae.named_parameters()), self.objective.learning_rate)]

    def loss(self, batch: PixelBatch, step: int) -> Loss:
        """Loss = mean |r - x| + square_weight mean (r - x)² + edge_weight mean |grad r - grad x| + kl_weight KL."""
        weights = self.objective
        vae = cast("Any", self.vae)  # diffusers' annotations do not say what its networks return
        posterior = vae.encode(batch.pixels_BCHW).latent_dist
        latent_Bchw = cast("Tensor", posterior.mean + posterior.std * batch.noise_Bchw)
        error = cast("Tensor", vae.decode(latent_Bchw).sample).float() - batch.pixels_BCHW
        absolute, square = error.abs().mean(), error.square().mean()
        edges = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
        edges = edges + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        kl = cast("Tensor", posterior.kl()).float().mean()
        total = absolute + weights.square_weight * square + weights.edge_weight * edges + weights.kl_weight * kl
        parts = {"absolute": float(absolute.detach()), "square": float(square.detach()), "kl": float(kl.detach())}
        return Loss(total, parts)


def psnr_B(reconstruction_BCHW: Tensor, pixels_BCHW: Tensor) -> Tensor:  # noqa: N802 - B is the shape
    """Peak signal-to-noise ratio of each picture in dB, for pixels in -1..1 (peak to peak 2), shape (B,)."""
    error_B = (reconstruction_BCHW.float() - pixels_BCHW.float()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(4 / error_B.clamp_min(1e-12))
