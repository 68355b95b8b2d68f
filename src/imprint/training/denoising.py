"""Training a latent diffusion family by any methods with any objective.

Reads: `DenoisingBatch`. Writes: gradients on what the methods declared. Does not: know which methods these are, or
where latents come from.
"""

# B batch, c latent channels, h w latent cells, N tokens, D text width

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from imprint.config import Config
from imprint.diffusion.prediction import add_noise, min_snr_weight, target
from imprint.diffusion.randomness import Purpose, normal, uniform
from imprint.diffusion.schedule import NoiseSchedule
from imprint.families import Family
from imprint.methods import Handle
from imprint.training.objectives import Plain, PriorPreservation
from imprint.training.trainable import Loss, ParameterGroup


@dataclass(frozen=True)
class DenoisingBatch:
    """Encoded pictures and captions.

    Attributes:
        mean_Bchw, std_Bchw: of the posterior, in the family's latent scale.
        tokens_BN: captions as token ids.
        text_BND: captions encoded once; None when the text encoder is trained.
        prior_B: true for class images.
        samples: a number for each sample, unique in the step, from which its noise is counted.
    """

    mean_Bchw: Tensor
    std_Bchw: Tensor
    tokens_BN: Tensor
    text_BND: Tensor | None
    prior_B: Tensor
    samples: tuple[int, ...]


class NoiseOptions(Config):
    """How noise is added in training, and which noise levels count how much."""

    min_snr_gamma: float | None = Field(default=None, gt=0)
    """Cap on the signal-to-noise ratio in the loss weight (arXiv:2303.09556); 5 is usual; empty: all levels alike."""
    offset: float = Field(default=0.0, ge=0, le=1)
    """Strength of a constant added to each whole channel of the noise, so that very dark or bright ones are learnt."""


class LearningRates(Config):
    """Peak learning rates; the text encoder usually wants a smaller one."""

    unet: float = Field(default=1e-4, gt=0)
    """For what a method trains in the U-Net."""
    text_encoder: float = Field(default=1e-5, gt=0)
    """For what a method trains in the text encoder."""


class Denoising:
    """family x methods x objective as one trainable.

    Args:
        family: with the methods injected.
        handles: what is trained.
        objective: how errors become a loss.
        noise: how noise is added.
        rates: learning rates.
        seed: decides all noise of the run.
    """

    def __init__(
        self, family: Family, handles: Sequence[Handle], objective: Plain | PriorPreservation, noise: NoiseOptions,
        rates: LearningRates, seed: int,
    ) -> None:
        self.family = family
        self.objective = objective
        self.noise = noise
        self.rates = rates
        self.seed = seed
        self.schedule = NoiseSchedule.from_alphas_cumprod(family.alphas_cumprod_T)
        self._handles = tuple(handles)
        self._parameters: dict[str, nn.Parameter] = {}
        for handle in handles:
            self._parameters.update(handle.named_parameters())

    def groups(self) -> Sequence[ParameterGroup]:
        """What the methods declared, split by network, because their learning rates differ."""
        by_network: dict[str, dict[str, nn.Parameter]] = {"unet": {}, "text_encoder": {}}
        for name, parameter in self._parameters.items():
            by_network["text_encoder" if name.startswith("text_encoder.") else "unet"][name] = parameter
        rates: Mapping[str, float] = {"unet": self.rates.unet, "text_encoder": self.rates.text_encoder}
        return [ParameterGroup(name, found, rates[name]) for name, found in by_network.items() if found]

    def loss(self, batch: DenoisingBatch, step: int) -> Loss:
        """The objective over the squared errors of the network's prediction at random noise levels."""
        for handle in self._handles:
            handle.at_step(step)
        shape = batch.mean_Bchw.shape[1:]
        posterior = normal(self.seed, step, batch.samples, Purpose.POSTERIOR, shape).to(batch.mean_Bchw)
        latent = (batch.mean_Bchw + batch.std_Bchw * posterior).to(self.family.device)
        noise = self._noise(step, batch.samples, shape).to(latent)
        timestep_B = self._timesteps(step, batch.samples)
        text = batch.text_BND if batch.text_BND is not None else self.family.encode_tokens(batch.tokens_BN).text_BND
        noisy = add_noise(latent, noise, timestep_B, self.schedule)
        predicted = self.family.predict(noisy, timestep_B.to(latent.device), text)
        wanted = target(self.family.prediction, latent, noise, timestep_B, self.schedule)
        error_B = (predicted.float() - wanted.float()).square().mean(dim=(1, 2, 3))
        if self.noise.min_snr_gamma is not None:
            sigma_B = self.schedule.sigma(timestep_B)
            weight_B = min_snr_weight(sigma_B, self.noise.min_snr_gamma, self.family.prediction)
            error_B = error_B * weight_B.to(error_B)
        return self.objective.reduce(error_B, batch.prior_B.to(error_B.device))

    def _noise(self, step: int, samples: Sequence[int], shape: Sequence[int]) -> Tensor:
        noise = normal(self.seed, step, samples, Purpose.NOISE, shape)
        if self.noise.offset:
            constant = normal(self.seed, step, samples, Purpose.OFFSET, (shape[0], 1, 1))
            noise = noise + self.noise.offset * constant
        return noise

    def _timesteps(self, step: int, samples: Sequence[int]) -> Tensor:
        draws = [uniform(self.seed, step, sample, Purpose.TIMESTEP)[0] for sample in samples]
        return torch.tensor([int(u * self.schedule.timesteps) for u in draws])
