"""Our DDIM, Euler, PLMS, UniPC and LCM against diffusers' schedulers with Stable Diffusion 1's configuration.

Same first noise, same network, latents compared after the last step: tolerance 1e-4. Measured in float32 on a CPU:
1.5e-6 on a Gaussian (LCM 8.8e-6), 2.3e-5 on a random U-Net with guidance 5, 1 of 255 in the pixels of the stock
pipeline. What remains is rounding: their schedule and coefficients are float32, ours float64.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from imprint.diffusion.randomness import Purpose, normal
from imprint.diffusion.schedule import NoiseSchedule
from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.families import open_family
from imprint.generation.conditioning import Conditioning, Guidance
from imprint.generation.denoiser import guided_denoiser
from imprint.generation.samplers import NO_NOISE, SAMPLERS, NoiseSource, sample_lcm, sample_unipc
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.nano import base_folder
from make import tiny_base, tiny_family

pytestmark = [
    pytest.mark.parity,
    # diffusers hands a torch tensor to numpy.array(); nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TOLERANCE = 1e-4
SD1_CONFIG: dict[str, Any] = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "timestep_spacing": "leading", "steps_offset": 1,
}  # fmt: skip
FIRST_NOISE = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(7))


def ddim() -> Any:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(**SD1_CONFIG, set_alpha_to_one=False, clip_sample=False)


def euler() -> Any:
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

    return EulerDiscreteScheduler(**SD1_CONFIG)


def theirs(scheduler: Any, predict: Callable[[Tensor, Tensor], Tensor], steps: int) -> Tensor:
    """The loop of diffusers' pipeline. `predict` takes the scaled latents and the timestep."""
    scheduler.set_timesteps(steps)
    x = FIRST_NOISE * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        x = scheduler.step(predict(scheduler.scale_model_input(x, timestep), timestep), timestep, x).prev_sample
    return x


def ours(name: str, schedule_name: str, denoise: Callable[[Tensor, float], Tensor], steps: int) -> Tensor:
    sigmas = SCHEDULES.get(schedule_name).sigmas(noise_schedule(), steps)
    x = FIRST_NOISE * math.sqrt(1 + float(sigmas[0]) ** 2)
    x = SAMPLERS.get(name).sample(denoise, x, sigmas, lambda step: torch.zeros_like(x))
    return x / math.sqrt(1 + float(sigmas[-1]) ** 2)


@functools.cache
def noise_schedule() -> NoiseSchedule:
    return NoiseSchedule.from_alphas_cumprod(tiny_family().alphas_cumprod_T)


def gaussian_epsilon(x: Tensor, timestep: Tensor) -> Tensor:
    """The ideal noise prediction, in variance-preserving form, for data ~ N(0.7, 0.5^2)."""
    abar = noise_schedule().sigma(timestep).square().add(1).reciprocal().float()
    return (1 - abar).sqrt() * (x - abar.sqrt() * 0.7) / (abar * 0.25 + 1 - abar)


def gaussian_denoise(x: Tensor, sigma: float) -> Tensor:
    return (0.25 * x + sigma**2 * 0.7) / (0.25 + sigma**2)


def plms() -> Any:
    from diffusers.schedulers.scheduling_pndm import PNDMScheduler

    return PNDMScheduler(**SD1_CONFIG, set_alpha_to_one=False, skip_prk_steps=True)


CASES = [("ddim", "ddim", ddim), ("euler", "leading", euler), ("plms", "ddim", plms)]


@pytest.mark.parametrize(("name", "schedule", "scheduler"), CASES)
@pytest.mark.parametrize("steps", [2, 20, 30, 50])
def test_latents_equal_those_of_diffusers_on_a_gaussian(
    name: str, schedule: str, scheduler: Callable[[], Any], steps: int
) -> None:
    difference = ours(name, schedule, gaussian_denoise, steps) - theirs(scheduler(), gaussian_epsilon, steps)
    print(f"{name} {steps} gaussian: {float(difference.abs().max()):.1e}")
    assert float(difference.abs().max()) <= TOLERANCE


@pytest.mark.parametrize(("name", "schedule", "scheduler"), CASES)
@pytest.mark.parametrize("steps", [20, 30])
def test_latents_equal_those_of_diffusers_on_a_network_with_guidance(
    name: str, schedule: str, scheduler: Callable[[], Any], steps: int
) -> None:
    family, cfg = tiny_family(), 5.0
    text, negative = family.encode_text(["a photo of a dog"]).text_BND, family.encode_text([""]).text_BND

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        both = family.predict(torch.cat([x, x]), timestep.expand(2), torch.cat([negative, text]))
        return both[:1] + cfg * (both[1:] - both[:1])

    with torch.no_grad():
        denoise = guided_denoiser(family, noise_schedule(), Conditioning.rows(text, negative), Guidance(cfg))
        difference = ours(name, schedule, denoise, steps) - theirs(scheduler(), predict, steps)
    print(f"{name} {steps} network: {float(difference.abs().max()):.1e}")
    assert float(difference.abs().max()) <= TOLERANCE


@pytest.mark.parametrize("base", ["tiny", "nano"])
@pytest.mark.parametrize(("name", "schedule", "scheduler"), CASES)
def test_pictures_equal_those_of_the_stock_pipeline(
    name: str, schedule: str, scheduler: Callable[[], Any], base: str
) -> None:
    request = TextToImage(
        prompt="a photo of a dog", negative_prompt="blur", seed=11, sampler=name, schedule=schedule, steps=20
    )
    folder = base_folder() if base == "nano" else tiny_base()
    family = open_family(folder)
    cells = family.native_px // family.latent_stride
    pixels = stock_pipeline(folder, scheduler())(
        request.prompt, negative_prompt=request.negative_prompt, num_inference_steps=request.steps,
        guidance_scale=request.cfg_scale, latents=normal(11, 0, [0], Purpose.LATENT, (4, cells, cells)),
        output_type="np", width=family.native_px, height=family.native_px,
    ).images[0]  # fmt: skip
    picture = next(text_to_image(family, [request]))
    levels = np.abs(picture.pixels_HWC.astype(int) - np.round(pixels * 255).astype(int))
    print(f"{name} pipeline on {base}: {levels.max()} of 255")
    assert levels.max() <= 1


@pytest.mark.parametrize("steps", [2, 3, 5, 20])
# With bh1 and an end at zero diffusers divides infinity by itself.
@pytest.mark.parametrize(("bh", "end"), [("bh1", "sigma_min"), ("bh2", "sigma_min"), ("bh2", "zero")])
def test_unipc_is_that_of_diffusers_on_its_levels(steps: int, bh: Any, end: str) -> None:
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    theirs_ = UniPCMultistepScheduler(**SD1_CONFIG, solver_order=3, solver_type=bh, final_sigmas_type=end)
    expected = theirs(theirs_, gaussian_epsilon, steps)
    sigmas = theirs_.sigmas.double()
    x = FIRST_NOISE * math.sqrt(1 + float(sigmas[0]) ** 2)
    x = sample_unipc(gaussian_denoise, x, sigmas, NO_NOISE, bh=bh) / math.sqrt(1 + float(sigmas[-1]) ** 2)
    print(f"unipc {bh} {steps} {end}: {float((x - expected).abs().max()):.1e}")
    assert float((x - expected).abs().max()) <= TOLERANCE


@pytest.mark.parametrize("steps", [1, 4, 8, 50])
def test_lcm_is_that_of_diffusers(steps: int) -> None:
    from diffusers.schedulers.scheduling_lcm import LCMScheduler

    theirs_ = LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    theirs_.set_timesteps(steps)
    generator, again = (torch.Generator().manual_seed(3) for _ in range(2))
    x = FIRST_NOISE
    for timestep in theirs_.timesteps:
        x = theirs_.step(gaussian_epsilon(x, timestep), timestep, x, generator=generator).prev_sample
    sigmas = SCHEDULES.get("lcm").sigmas(noise_schedule(), steps)
    start = FIRST_NOISE * math.sqrt(1 + float(sigmas[0]) ** 2)
    noise = cast("NoiseSource", lambda draw: torch.randn(FIRST_NOISE.shape, generator=again))
    difference = sample_lcm(gaussian_denoise, start, sigmas, noise) - x
    print(f"lcm {steps}: {float(difference.abs().max()):.1e}")
    assert float(difference.abs().max()) <= TOLERANCE


def stock_pipeline(folder: Path, scheduler: Any) -> Any:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    pipeline: Any = StableDiffusionPipeline.from_pretrained(folder, scheduler=scheduler, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
