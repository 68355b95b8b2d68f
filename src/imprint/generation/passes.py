"""One pass: latents from noise, or from a picture's latents with noise on them, by one sampler under what is told.

Reads: a family, conditionings, noise. Writes: latents. Does not: read prompts, choose what to begin with, or decode.

Suffixes: B batch, c channels, h w latent cells, k further channels that some networks see.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from imprint.diffusion.schedule import NoiseSchedule
from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.families.family import Family
from imprint.generation.conditioning import Conditioning, Guidance, Progress
from imprint.generation.denoiser import guided_denoiser
from imprint.generation.desk import Briefing
from imprint.generation.image_steps import StepRule, levels_of_image
from imprint.generation.pixels import all_finite
from imprint.generation.precision import with_retry
from imprint.generation.request import PictureRequest
from imprint.generation.samplers import SAMPLERS, Denoise, OnStep
from imprint.generation.seeds import BatchNoise, PictureNoise
from imprint.generation.soft_inpainting import SoftInpainting, blended, step_mask


@dataclass(frozen=True)
class Pass:
    """A pass with every setting resolved; what pictures must share to be computed in one batch."""

    steps: int
    """Asked for; how many are made of a picture is up to `rule`."""
    guidance: Guidance
    by_calls: bool
    """Whether texts change by model calls, as in A1111, and not by steps."""
    sampler: str
    schedule: str
    options: tuple[tuple[str, float], ...]
    width_px: int
    height_px: int
    strength: float | None = None
    """How much of a picture is drawn anew, 0..1; None for a pass that begins as noise."""
    rule: StepRule = "exact"
    """Which levels are visited from a picture."""

    @property
    def own_steps(self) -> bool:
        """Whether the sampler chooses steps by looking at the picture, which must then be alone."""
        return SAMPLERS.get(self.sampler).adaptive

    def levels(self, network: NoiseSchedule) -> Tensor:
        """The noise levels that it visits, float64; empty where nothing is to be done."""
        sampler = SAMPLERS.get(self.sampler)
        if self.strength is None:
            return sampler.sigmas(network, self.schedule, self.steps)
        # Without `arrange`: restarts would rise above the level that the picture begins at.
        build = functools.partial(replace(sampler, arrange=None).sigmas, network, self.schedule)
        return levels_of_image(self.rule, self.steps, self.strength, build)

    def shape(self, family: Family) -> tuple[int, int, int]:
        """(c, h, w) of its latents."""
        stride = family.latent_stride
        return family.latent_channels, self.height_px // stride, self.width_px // stride


def pass_of(
    family: Family, request: PictureRequest, size_px: tuple[int, int], *, strength: float | None = None,
    rule: StepRule = "exact",
) -> Pass:
    """The pass that a request asks of a family, at a size that the family can draw.

    Raises: ConfigError: if the schedule has no room for so many steps.
    """
    schedule = SCHEDULES.get(request.schedule or SAMPLERS.get(request.sampler).schedule)
    out = Pass(
        request.steps, request.guidance(), request.compat == "a1111", request.sampler,
        schedule.variants.get(family.name, schedule.name), tuple(request.options().items()), *size_px, strength, rule,
    )
    out.levels(noise_schedule(family))
    return out


def noise_schedule(family: Family) -> NoiseSchedule:
    """The noise levels that a family's network was trained on."""
    return NoiseSchedule.from_alphas_cumprod(family.alphas_cumprod_T)


@dataclass(frozen=True)
class Start:
    """Latents that a pass begins from, instead of noise alone."""

    latent_Bchw: Tensor
    mask_11hw: Tensor | None = None
    """1 where they are drawn anew, 0 where they stay; None draws all of them. Only soft inpainting reads what lies
    between."""
    soft: SoftInpainting | None = None
    """How far each cell follows the mask at each level; None follows it at once."""
    noise_multiplier: float = 1.0
    """Standard deviation of the noise that is put on them."""
    extra_noise: float = 0.0
    """Noise that is put on them and that the network is not told of."""


def run_pass(
    family: Family, plan: Pass, brief: Briefing, requests: Sequence[PictureRequest], notes: list[str], *,
    on_step: OnStep | None = None, start: Start | None = None, beside_1khw: Tensor | None = None,
) -> Tensor:
    """Run a sampler from its first level to its last; once more in higher precision if it comes to NaN.

    Args:
        family: the network.
        plan: sampler, levels, guidance.
        brief: what each picture of the batch is told.
        requests: of each, for its noise.
        notes: gets a line if it had to be computed in higher precision.
        on_step: called after every step; may raise to stop.
        start: what to begin from; needed by a plan with a strength.
        beside_1khw: what the network sees beside the latents, if it was made for that.
    Returns: latents (B, c, h, w).
    Raises: NumericsError: if it comes to NaN or infinity there too.
    """
    def compute() -> Tensor:
        each = noises(family, plan, requests)
        noise, before = BatchNoise(each, family.device), brief.networks.enter
        return _run(family, plan, brief.conditionings(), noise, before, on_step, start, beside_1khw)

    return with_retry(family, "sampling", compute, all_finite, notes, parts=("unet", "text_encoder"))


def noises(family: Family, plan: Pass, requests: Sequence[PictureRequest]) -> list[PictureNoise]:
    """The noise of each picture of a pass."""
    shape = plan.shape(family)
    return [PictureNoise(request.seed, request, shape, family.latent_stride) for request in requests]


def _run(
    family: Family, plan: Pass, told: Sequence[Conditioning], noise: BatchNoise, before: Callable[[int], None],
    on_step: OnStep | None, start: Start | None, beside_1khw: Tensor | None,
) -> Tensor:
    schedule = noise_schedule(family)
    sigmas = plan.levels(schedule)
    if start is not None and not len(sigmas):
        return start.latent_Bchw
    progress = Progress(plan.steps if start is None else len(sigmas) - 1, plan.by_calls)
    denoise = guided_denoiser(family, schedule, told, plan.guidance, progress, before, beside_1khw)
    first, last = float(sigmas[0]), float(sigmas[-1])
    if start is None:
        # The network saw sqrt(abar) * latent + sqrt(1 - abar) * noise. At the first level that is nearly all noise, of
        # variance one; here everything is divided by sqrt(abar) = 1 / sqrt(1 + sigma^2), and multiplied by it at the
        # end.
        x_Bchw = noise.first() * math.sqrt(1 + first**2)
    else:
        denoise = _keeping(denoise, start)
        drawn_Bchw = noise.first()
        x_Bchw = start.latent_Bchw + (first * start.noise_multiplier + start.extra_noise) * drawn_Bchw
    sampler = SAMPLERS.get(plan.sampler).with_options(dict(plan.options))
    x_Bchw = sampler(denoise, x_Bchw, sigmas, noise, progress.told_to(on_step))
    latent_Bchw = x_Bchw / math.sqrt(1 + last**2)
    if start is None or start.mask_11hw is None or start.soft:
        return latent_Bchw
    return torch.lerp(start.latent_Bchw, latent_Bchw, start.mask_11hw)


def _keeping(denoise: Denoise, start: Start) -> Denoise:
    """A denoiser that answers with the start where the mask keeps it.

    Source: Lugmayr et al., RePaint, arXiv:2201.09865, equation 8, on the denoised estimate instead of the sample, as
    A1111 and ComfyUI do it.
    """
    mask_11hw = start.mask_11hw
    if mask_11hw is None:
        return denoise

    def kept(x_Bchw: Tensor, sigma: float) -> Tensor:
        drawn_Bchw = denoise(x_Bchw, sigma)
        if start.soft is None:
            return torch.lerp(start.latent_Bchw, drawn_Bchw, mask_11hw)
        return blended(start.latent_Bchw, drawn_Bchw, step_mask(mask_11hw, sigma, start.soft), start.soft)

    return kept
