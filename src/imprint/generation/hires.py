"""The second pass: a picture drawn small is made larger, and drawn on at that size.

Reads: latents, upscalers. Writes: latents. Does not: draw.

Suffixes: B batch, c channels, h w latent cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from pydantic import Field
from torch import Tensor

from imprint.config.base import Config
from imprint.errors import ConfigError
from imprint.families.family import Family
from imprint.generation.latent_upscaling import (
    LATENT_UPSCALERS,
    HiresTarget,
    hires_target,
    latent_upscaler,
    upscale_latent,
)
from imprint.generation.masks import Pixels
from imprint.generation.passes import Pass, pass_of
from imprint.generation.pixels import latents_of, picture_of
from imprint.generation.request import PictureRequest, Prompt
from imprint.generation.samplers import SAMPLERS
from imprint.generation.sampling import SAMPLER_OPTIONS, SamplerName, ScheduleName
from imprint.generation.seeds import SidePx


class Upscale(Protocol):
    """Makes a picture larger by its pixels; `imprint.refine.upscalers` has some."""

    def __call__(self, picture_HWC: Pixels, size_px: tuple[int, int], /) -> Pixels:
        """The picture, uint8 (H, W, 3), at exactly (width, height)."""
        ...


@dataclass(frozen=True)
class OpenedUpscaler:
    """An upscaler and how it is known again."""

    upscale: Upscale
    sha256: str = ""
    """Of the model's file; "" for one that is no model."""


OpenUpscaler = Callable[[str], OpenedUpscaler]
"""From a name to an upscaler. Raises: UnknownNameError: if there is none."""


class Hires(Config):
    """Draw the picture larger in a second pass. What is left out is as in the first."""

    scale: float = Field(default=2.0, ge=1, le=8)
    """How much wider and higher the picture becomes; not used where a size is given."""
    width_px: SidePx | None = None
    """Width to reach; alone it keeps the proportions, with height_px the picture covers both and is cut."""
    height_px: SidePx | None = None
    """Height to reach."""
    strength: float = Field(default=0.7, ge=0, le=1)
    """How much is drawn anew. Latent upscalers need 0.5 or more, or the picture stays soft; others 0.2 to 0.5."""
    steps: int | None = Field(default=None, ge=1, le=500)
    """Network calls of the second pass, all of which are made whatever the strength; left out, as many as before."""
    upscaler: str = "latent"
    """How it becomes larger: latent, "latent (nearest-exact)", ...; lanczos, nearest; or a model's file name."""
    sampler: SamplerName | None = None
    """Left out, the first pass's."""
    schedule: ScheduleName = None
    """Left out, the first pass's, or with a sampler of its own that one's."""
    cfg_scale: float | None = Field(default=None, ge=0, le=100)
    """Left out, the first pass's."""
    prompt: Prompt | None = None
    """Left out, the first pass's."""
    negative_prompt: Prompt | None = None
    """Left out, the first pass's."""


@dataclass(frozen=True)
class SecondPass:
    """A second pass with every setting resolved."""

    plan: Pass
    target: HiresTarget
    upscaler: str
    opened: OpenedUpscaler | None = None
    """The upscaler of that name, where it works on pixels; None makes latents larger."""

    def said(self, hires: Hires) -> dict[str, Any]:
        """What a record says of it, and of what was asked for."""
        return {**hires.model_dump(), "upscaler_sha256": self.opened.sha256 if self.opened else ""}

    def started(self, family: Family, latent_Bchw: Tensor, notes: list[str]) -> Tensor:
        """The latents of the first pass, larger.

        Args:
            family: the base.
            latent_Bchw: of the first pass.
            notes: gets a line if something had to be computed in higher precision.
        """
        if self.opened is None:
            upscale = latent_upscaler(self.upscaler).upscale
            return upscale_latent(latent_Bchw, self.target, upscale, family.latent_stride)
        left, top = self.target.crop_px
        width, height = self.target.size_px
        latents: list[Tensor] = []
        for place in range(len(latent_Bchw)):
            small = picture_of(family, latent_Bchw[place : place + 1], notes)
            large = self.opened.upscale(small, self.target.inner_px)
            latents.append(latents_of(family, large[top : top + height, left : left + width], notes))
        return torch.cat(latents)


def second_request(request: PictureRequest, hires: Hires) -> PictureRequest:
    """The request as the second pass has it."""
    named = ("prompt", "negative_prompt", "cfg_scale", "steps")
    changes: dict[str, Any] = {name: value for name in named if (value := getattr(hires, name)) is not None}
    if hires.sampler is not None:
        takes = SAMPLERS.get(hires.sampler).options
        changes |= {"sampler": hires.sampler, "schedule": None}
        changes |= dict.fromkeys((option for option in SAMPLER_OPTIONS if option not in takes), None)
    if hires.schedule is not None:
        changes["schedule"] = hires.schedule
    return request.model_copy(update=changes)


def second_pass(
    family: Family, request: PictureRequest, hires: Hires, size_px: tuple[int, int],
    open_upscaler: OpenUpscaler | None,
) -> SecondPass:
    """What the second pass of a request is.

    Args:
        family: the base.
        request: as `second_request` gives it.
        hires: what was asked.
        size_px: (width, height) of the first pass.
        open_upscaler: finds those that work on pixels.
    Raises:
        ConfigError: for a size that is smaller than the first, or an upscaler of pixels where none can be opened.
        UnknownNameError: if there is no such upscaler.
    """
    opened = None
    if LATENT_UPSCALERS.find(hires.upscaler) is None:
        if open_upscaler is None:
            raise ConfigError(
                "only latents can be made larger here", where="hires.upscaler", got=hires.upscaler,
                allowed=", ".join(LATENT_UPSCALERS.names()), hint="give `text_to_image` an `open_upscaler`",
            )  # fmt: skip
        opened = open_upscaler(hires.upscaler)
    target = hires_target(size_px, hires.scale, hires.width_px or 0, hires.height_px or 0, family.latent_stride)
    plan = pass_of(family, request, target.size_px, strength=hires.strength)
    return SecondPass(plan, target, hires.upscaler, opened)
