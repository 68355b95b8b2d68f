"""The two sides of the drawing benchmark, in one process: our pipeline and diffusers' own, on networks alike.

Reads: the embedded base, or a folder. Writes: pictures in memory. Does not: measure.
"""

from __future__ import annotations

import functools
import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import torch
from benchmarks.bases import sd15_with_clip_l
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from numpy.typing import NDArray

from imprint.artifacts.picture import Precision
from imprint.families.sd1 import StableDiffusion1
from imprint.generation.listening import GenerationStep
from imprint.generation.precision import PRECISIONS
from imprint.generation.preview import LivePreview
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.nano import base_folder

DrawCase: TypeAlias = Literal["tiny", "nano", "sd15"]
PROMPT, NEGATIVE, CFG_SCALE = "a photo of a dog in the snow", "blurry, dark", 5.0


@dataclass(frozen=True)
class Task:
    """What one turn draws.

    Attributes:
        pictures: one after the other, batch 1.
        steps: network calls of each, DDIM.
        side_px: width and height.
        same_prompt: all have one prompt; else each has its own.
        guided: with a negative prompt, else at scale 1.
        preview: show one after every step; of ours only.
        precision: of the networks; of ours only.
    """

    pictures: int
    steps: int
    side_px: int
    same_prompt: bool = True
    guided: bool = True
    preview: bool = False
    precision: Precision = "fp32"

    def prompts(self, turn: int) -> list[str]:
        """One for each picture; other turns have other ones where they are not the same."""
        numbers = range(turn * self.pictures, (turn + 1) * self.pictures)
        return [PROMPT if self.same_prompt else f"{PROMPT} {number}" for number in numbers]


class Sides:
    """Both pipelines.

    Args:
        case: the tests' tiny base, the embedded base, or Stable Diffusion 1.5's true shape.
        folder: of another small base in place of the embedded one.
        device: "cpu" or "cuda".
    """

    def __init__(self, case: DrawCase, folder: Path | None, device: str) -> None:
        self.device = device
        if case == "sd15":  # one set of networks for both: two do not fit everywhere
            self.family = sd15_with_clip_l(torch.float32)
            parts = (self.family.vae, self.family.text_encoder, self.family.tokenizer, self.family.unet)
        else:
            where = folder or base_folder()
            self.family = StableDiffusion1.open(where)
            theirs: Any = StableDiffusionPipeline.from_pretrained(where, safety_checker=None)
            parts = (theirs.vae, theirs.text_encoder, theirs.tokenizer, theirs.unet)
        self.pipe = _pipeline(self.family, *parts).to(device)
        self.family.to(device)
        self._open = sd15_with_clip_l if case == "sd15" else functools.partial(StableDiffusion1.open, where)
        self._opened: dict[Precision, StableDiffusion1] = {"fp32": self.family}
        self._seeds = itertools.count()
        self.preview_seconds = self.previewed_seconds = 0.0

    def in_precision(self, precision: Precision) -> StableDiffusion1:
        """Our base in a number format, opened when it is first asked for."""
        if precision not in self._opened:
            self._opened[precision] = self._open(PRECISIONS[precision]).to(self.device)
        return self._opened[precision]

    def warm_up(self) -> None:
        """What is paid once and not timed: the fit of the previews' colours."""
        LivePreview(self.family, lambda step, pictures: None)

    def ours(self, task: Task, turn: int) -> list[NDArray[np.uint8]]:
        """Draw with `text_to_image`."""
        scale, negative = (CFG_SCALE, NEGATIVE) if task.guided else (1.0, "")
        requests = [
            TextToImage(
                prompt=prompt, negative_prompt=negative, seed=next(self._seeds), steps=task.steps, cfg_scale=scale,
                sampler="ddim", width_px=task.side_px, height_px=task.side_px,
            )
            for prompt in task.prompts(turn)
        ]
        shown: list[object] = []
        preview = LivePreview(self.family, lambda step, pictures: shown.append(pictures)) if task.preview else None

        def on_step(step: GenerationStep) -> None:
            if preview:
                began = time.perf_counter()
                preview(step.sampler)
                self.preview_seconds += time.perf_counter() - began

        began = time.perf_counter()
        family = self.in_precision(task.precision)
        with family.drawing():  # as `imprint generate` does
            pixels = [picture.pixels_HWC for picture in text_to_image(family, requests, on_step=on_step)]
        self.previewed_seconds += time.perf_counter() - began if preview else 0.0
        return pixels

    def theirs(self, task: Task, turn: int) -> list[NDArray[np.uint8]]:
        """Draw with `StableDiffusionPipeline`, called once for each picture."""
        scale, negative = (CFG_SCALE, NEGATIVE) if task.guided else (1.0, None)
        return [
            _levels(self.pipe(
                prompt, negative_prompt=negative, num_inference_steps=task.steps, guidance_scale=scale,
                width=task.side_px, height=task.side_px, output_type="np",
                generator=torch.Generator(self.device).manual_seed(next(self._seeds)),
            ).images[0])
            for prompt in task.prompts(turn)
        ]  # fmt: skip

    def difference(self, task: Task) -> int:
        """The largest difference of the same picture from the same noise, in levels of 255."""
        ours = self._compared(self.family, task)
        cells = task.side_px // self.family.latent_stride
        shape = (1, self.family.latent_channels, cells, cells)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        theirs = self.pipe(
            PROMPT, negative_prompt=NEGATIVE, num_inference_steps=task.steps, guidance_scale=CFG_SCALE,
            width=task.side_px, height=task.side_px, output_type="np", latents=noise.to(self.device),
        )
        return int(np.abs(ours.astype(int) - _levels(theirs.images[0]).astype(int)).max())


    def difference_in(self, precision: Precision, task: Task) -> int:
        """The same between our picture in a number format and in float32."""
        one, other = (self._compared(family, task) for family in (self.in_precision(precision), self.family))
        return int(np.abs(one.astype(int) - other.astype(int)).max())

    def _compared(self, family: StableDiffusion1, task: Task) -> NDArray[np.uint8]:
        request = TextToImage(
            prompt=PROMPT, negative_prompt=NEGATIVE, seed=1, steps=task.steps, cfg_scale=CFG_SCALE, sampler="ddim",
            width_px=task.side_px, height_px=task.side_px, noise_source="cpu",
        )
        return next(text_to_image(family, [request])).pixels_HWC


def _pipeline(family: StableDiffusion1, vae: Any, text_encoder: Any, tokenizer: Any, unet: Any) -> Any:
    pipe: Any = cast("Any", StableDiffusionPipeline)(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet,
        scheduler=DDIMScheduler.from_config(family.scheduler), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _levels(pixels_HWC: Any) -> NDArray[np.uint8]:
    return np.round(np.asarray(pixels_HWC) * 255).astype(np.uint8)
