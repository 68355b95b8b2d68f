"""Where a source picture, its mask and the size that a network draws come together.

Reads: a source, settings. Writes: what is shown to the network, and the finished picture. Does not: know networks but
for the sizes they draw.

The result lies on the canvas: the source, brought to the size that was asked for. Drawn is a region of it: all, or what
is around the mask. Pictures are uint8 (H, W, 3), masks float32 (H, W), sizes (width, height) in pixels.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from imprint.artifacts.box import Box
from imprint.artifacts.source_picture import pixels_hash, pixels_md5
from imprint.config.base import Config
from imprint.errors import ConfigError, InputError
from imprint.families.family import Family
from imprint.generation.fitting import ResizeMode, SizePx, drawable, fitted, fitted_mask, resized, resized_mask
from imprint.generation.image_steps import StepRule
from imprint.generation.masks import Mask, Pixels, blurred_mask, filled, laid_over, mask_from, region_around
from imprint.generation.seeds import LONGEST_PX
from imprint.generation.soft_inpainting import SoftInpainting

log = logging.getLogger(__name__)

Fill: TypeAlias = Literal["original", "fill", "noise", "nothing"]
LARGEST_AREAS = 4  # of the base's native size; a larger source is drawn smaller unless a size is asked for


class ImageSettings(Config):
    """How a source picture, and its mask, are used."""

    strength: float = Field(default=0.75, ge=0, le=1)
    """How much is drawn anew ("denoising strength"): 0 keeps the picture, 1 keeps nothing of it."""
    step_rule: StepRule = "exact"
    """How many calls `steps` means: exact makes all of them, a1111 and diffusers about steps * strength; comfy."""
    resize: ResizeMode = "crop"
    """How the source comes to a size of other proportions: stretch, crop, fill (its edges go on), latent."""
    noise_multiplier: float = Field(default=1.0, ge=0, le=1.5)
    """How much noise is put on the source; below 1 the result is softer, above it has more detail."""
    extra_noise: float = Field(default=0.0, ge=0, le=1)
    """Noise that the network is not told of, and so draws as texture."""
    invert_mask: bool = False
    """Draw where the mask is black."""
    mask_blur_px: float = Field(default=4.0, ge=0, le=64)
    """How soft the mask's edge is, in pixels of the source; it reaches 2.5 times as far. At 0 the mask is exact."""
    fill: Fill = "original"
    """What is under the mask at the beginning: original, fill (colours from around it), noise, nothing."""
    only_masked: bool = False
    """Draw only the region around the mask, at width_px by height_px, and put it back: more detail in small things."""
    padding_px: int = Field(default=32, ge=0, le=1024)
    """Surroundings that are drawn along with only_masked, in pixels of the source."""
    soft: SoftInpainting | None = None
    """Soft inpainting: the edge of the mask is drawn by degrees, and what hardly changed is kept."""
    mask_weight: float = Field(default=1.0, ge=0, le=1)
    """How far inpainting models do not see what is under the mask."""


@dataclass(frozen=True)
class Source:
    """What a picture is made from."""

    picture_HWC: Pixels
    mask: NDArray[np.uint8] | None = None
    """Levels (H, W), (H, W, 3) or (H, W, 4): white is drawn; where alpha varies it decides. None draws everything."""
    name: str = ""
    """The picture's file name, for the record."""
    mask_name: str = ""
    """The mask's."""

    @property
    def size_px(self) -> SizePx:
        """(width, height)."""
        height, width = self.picture_HWC.shape[:2]
        return width, height

    def said(self) -> dict[str, Any]:
        """What a record says of it: enough to tell whether another file holds the same."""
        return {
            "source_name": self.name, "source_sha256": pixels_hash(self.picture_HWC),
            "source_md5": pixels_md5(self.picture_HWC),
            "mask_name": self.mask_name, "mask_sha256": "" if self.mask is None else pixels_hash(self.mask),
        }  # fmt: skip


@dataclass(frozen=True)
class Canvas:
    """Where a picture is drawn."""

    picture_HWC: Pixels
    mask_HW: Mask | None
    """With its soft edge; None draws everything."""
    region: Box
    """The part that is drawn."""
    drawn_px: SizePx
    """At which size."""
    keeps_size: bool
    """Whether the size was the source's to say."""
    encoded_HWC: Pixels | None = None
    """What is encoded instead of the region, where it is latents that are stretched."""

    def shown(self, fill: Fill) -> Pixels:
        """What the network begins with, at `drawn_px` (or what is encoded and stretched)."""
        begun = self.at_drawn_size() if self.encoded_HWC is None else self.encoded_HWC
        if fill == "fill" and self.mask_HW is not None:
            # At this size, as in A1111: it needs thirty times a picture's memory, and a source may be a large one.
            begun = filled(begun, resized_mask(self.region.of(self.mask_HW), begun.shape[1::-1]))
        return begun

    def at_drawn_size(self) -> Pixels:
        """The region as it is, at `drawn_px`."""
        return resized(self.region.of(self.picture_HWC), self.drawn_px)

    def kept(self) -> Pixels:
        """The result where nothing is drawn."""
        return self.picture_HWC if self.mask_HW is not None else self.at_drawn_size()

    def shown_mask(self) -> Mask:
        """The mask, at `drawn_px`."""
        if self.mask_HW is None:
            return np.ones(self.drawn_px[::-1], np.float32)
        return resized_mask(self.region.of(self.mask_HW), self.drawn_px)

    def finished(self, drawn_HWC: Pixels, overlay_HW: Mask | None = None) -> Pixels:
        """The result: what was drawn on the canvas, through the mask.

        Args:
            drawn_HWC: at `drawn_px`.
            overlay_HW: at `drawn_px`, how far it covers; left out, the mask decides.
        """
        if self.mask_HW is None:
            return drawn_HWC
        size = self.region.width, self.region.height
        part, mask = self.region.of(self.picture_HWC), self.region.of(self.mask_HW)
        back = resized(drawn_HWC, size)
        if overlay_HW is None:
            part = laid_over(part, back, mask)
        else:
            # Never outside the mask, however far the way back to this size has smeared the overlay.
            part = laid_over(part, back, np.where(mask > 0, resized_mask(overlay_HW, size), np.float32(0)), gain=1.0)
        out = self.picture_HWC.copy()
        self.region.of(out)[...] = part
        return out


def canvas_of(
    source: Source, settings: ImageSettings, asked_px: tuple[int | None, int | None], family: Family
) -> Canvas:
    """Lay out a source for drawing.

    An empty mask draws everything, as in A1111.

    Args:
        source: picture and mask.
        settings: how they are used.
        asked_px: (width, height); with only_masked of the region that is drawn, else of the result. Left out, the
            source's own; one of them keeps its proportions.
        family: the base that draws.
    Raises:
        ConfigError: for one side whose other would be too long.
        InputError: for a mask of another size, or a picture or mask that is none.
    """
    _check(source)
    mask_HW = None if source.mask is None else mask_from(source.mask, source.size_px)
    if mask_HW is not None and settings.invert_mask:
        mask_HW = 1 - mask_HW
    if mask_HW is not None and not mask_HW.any():
        log.warning("the mask is empty; the whole picture is drawn")
        mask_HW = None
    if settings.only_masked and mask_HW is not None:
        return _around_the_mask(source, settings, asked_px, mask_HW, family)
    keeps = asked_px == (None, None)
    size = _size(source.size_px, asked_px, family)
    picture = source.picture_HWC
    mode = "stretch" if settings.resize == "latent" else settings.resize
    if mask_HW is None or not keeps:  # with a mask the result has the source's size, and what is drawn is scaled
        picture = fitted(picture, size, mode)
        mask_HW = None if mask_HW is None else fitted_mask(mask_HW, size, mode)
    if mask_HW is not None:
        mask_HW = blurred_mask(mask_HW, settings.mask_blur_px)
    height, width = picture.shape[:2]
    encoded = None
    if settings.resize == "latent" and not keeps:
        encoded = resized(source.picture_HWC, _bounded(source.size_px, family))
    return Canvas(picture, mask_HW, Box(0, 0, width, height), size, keeps, encoded)


def _around_the_mask(
    source: Source, settings: ImageSettings, asked_px: tuple[int | None, int | None], mask_HW: Mask, family: Family
) -> Canvas:
    width, height = (side or family.native_px for side in asked_px)
    drawn = drawable((width, height), family.latent_stride)
    soft_HW = blurred_mask(mask_HW, settings.mask_blur_px)
    region = region_around(soft_HW, settings.padding_px, drawn[0] / drawn[1])
    whole = Box(0, 0, *source.size_px)
    return Canvas(source.picture_HWC, soft_HW, region or whole, drawn, keeps_size=False)


def _size(given_px: SizePx, asked_px: tuple[int | None, int | None], family: Family) -> SizePx:
    """The size that is drawn of a whole picture."""
    width, height = asked_px
    if width is None and height is None:
        size = _bounded(given_px, family)
        if size != given_px:
            log.info("the source has %d x %d pixels; drawn at %d x %d", *given_px, *size)
        return size
    wanted = (
        width or max(1, round(given_px[0] * (height or 0) / given_px[1])),
        height or max(1, round(given_px[1] * (width or 0) / given_px[0])),
    )
    size = drawable(wanted, family.latent_stride)
    if max(size) > LONGEST_PX:
        raise ConfigError(
            "in the source's proportions this is too large", where="height_px" if width else "width_px",
            got=f"{size[0]} x {size[1]}", allowed=f"<= {LONGEST_PX}", hint="give both sides, or none",
        )  # fmt: skip
    return size


def _bounded(given_px: SizePx, family: Family) -> SizePx:
    """A source's own size, or a smaller one of `LARGEST_AREAS`, as the base can draw it."""
    limit = LARGEST_AREAS * family.native_px**2
    scale = min(1.0, math.sqrt(limit / (given_px[0] * given_px[1])), LONGEST_PX / max(given_px))
    wanted = max(1, round(given_px[0] * scale)), max(1, round(given_px[1] * scale))
    return drawable(wanted, family.latent_stride)


def _check(source: Source) -> None:
    picture = source.picture_HWC
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise InputError(
            "this is no picture to begin with", where=source.name or "source", got=f"{picture.dtype} {picture.shape}",
            allowed="uint8 of shape (height, width, 3)", hint="`Image.convert('RGB')` makes one",
        )  # fmt: skip
    mask = source.mask
    if mask is not None and (mask.dtype != np.uint8 or mask.shape[2:] not in ((), (3,), (4,)) or mask.ndim < 2):
        raise InputError(
            "this is no mask", where=source.mask_name or "mask", got=f"{mask.dtype} {mask.shape}",
            allowed="uint8 of shape (height, width), with 3 or 4 channels behind that, or none",
            hint="255 is drawn; `mask.astype('uint8') * 255` makes one of booleans",
        )  # fmt: skip
