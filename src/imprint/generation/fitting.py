"""Pictures brought to the size that is drawn.

Reads: pictures and masks. Writes: pictures and masks. Does not: know networks.

Pictures are uint8 (H, W, 3), masks float32 (H, W) in 0..1, sizes (width, height) in pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from PIL import Image

from imprint.config.base import Config
from imprint.generation.masks import Mask, Pixels

log = logging.getLogger(__name__)

C = TypeVar("C", bound=Config)
SIZES = ("width_px", "height_px", "resize_from_width_px", "resize_from_height_px")
ResizeMode: TypeAlias = Literal["stretch", "crop", "fill", "latent"]
SizePx: TypeAlias = tuple[int, int]
LARGEST_COVER = 1 << 26  # pixels of a picture that covers a size; of more only the part that is kept is computed


def drawable(size_px: SizePx, stride: int) -> SizePx:
    """The nearest size that a network can draw: multiples of `stride`, at least one; the smaller of two as near."""
    width, height = (drawable_px(side, stride) for side in size_px)
    return width, height


def drawable_px(side_px: int, stride: int) -> int:
    """One side of `drawable`."""
    return max(stride, (side_px + (stride - 1) // 2) // stride * stride)


def with_drawable_sizes(requests: Sequence[C], stride: int) -> list[C]:
    """Requests with every size that they name made drawable; a warning says once what becomes of each.

    Args:
        requests: with any of the fields in `SIZES`.
        stride: pixels to a latent cell of the base.
    """
    told: dict[str, None] = {}
    out: list[C] = []
    for request in requests:
        said = {name: getattr(request, name, None) for name in SIZES}
        rounded = {name: drawable_px(side, stride) for name, side in said.items() if side and side % stride}
        told |= {f"{name} = {said[name]} becomes {side}": None for name, side in rounded.items()}
        out.append(request.model_copy(update=rounded) if rounded else request)
    for line in told:
        log.warning("%s: this base draws multiples of %d pixels", line, stride)
    return out


def resized(picture_HWC: Pixels, size_px: SizePx) -> Pixels:
    """A picture stretched to a size, by Lanczos."""
    if picture_HWC.shape[1::-1] == size_px:
        return picture_HWC
    return np.asarray(Image.fromarray(picture_HWC).resize(size_px, Image.Resampling.LANCZOS))


def resized_mask(mask_HW: Mask, size_px: SizePx) -> Mask:
    """A mask stretched to a size, by Lanczos and back into 0..1."""
    if mask_HW.shape[::-1] == size_px:
        return mask_HW
    image = Image.fromarray(mask_HW, mode="F").resize(size_px, Image.Resampling.LANCZOS)
    return np.clip(np.asarray(image), 0, 1).astype(np.float32)


def fitted(picture_HWC: Pixels, size_px: SizePx, mode: ResizeMode) -> Pixels:
    """A picture at a size of another shape.

    The modes: `stretch` (and `latent`, where it is the latents that are stretched, later) gives up its proportions;
    `crop` covers the size and cuts off what is outside, equally on both sides; `fill` fits inside and continues the
    pixels of its edges outwards.
    """
    if mode == "stretch" or picture_HWC.shape[1::-1] == size_px:
        return resized(picture_HWC, size_px)
    if mode == "latent":
        return picture_HWC
    inner, (left, top) = _laid(picture_HWC.shape[1::-1], size_px, mode)
    if mode == "crop" and inner[0] * inner[1] > LARGEST_COVER:  # a strip of 40,000 by 16 would become gigabytes
        return _middle(picture_HWC, size_px)
    whole = resized(picture_HWC, inner)
    if mode == "crop":
        return np.ascontiguousarray(whole[top : top + size_px[1], left : left + size_px[0]])
    around = (top, size_px[1] - inner[1] - top), (left, size_px[0] - inner[0] - left), (0, 0)
    return np.pad(whole, around, mode="edge")


def _middle(picture_HWC: Pixels, size_px: SizePx) -> Pixels:
    """The middle of a picture, with the proportions of a size, at that size."""
    height, width = picture_HWC.shape[:2]
    scale = max(size_px[0] / width, size_px[1] / height)
    wide, high = min(width, size_px[0] / scale), min(height, size_px[1] / scale)
    left, top = (width - wide) / 2, (height - high) / 2
    box = (left, top, left + wide, top + high)
    return np.asarray(Image.fromarray(picture_HWC).resize(size_px, Image.Resampling.LANCZOS, box=box))


def fitted_mask(mask_HW: Mask, size_px: SizePx, mode: ResizeMode) -> Mask:
    """The mask of a picture that was `fitted`; 0 outside of it."""
    levels = np.rint(mask_HW * 255).astype(np.uint8)
    ones = np.full_like(levels, 255)
    stacked = fitted(np.stack([levels, ones, ones], axis=-1), size_px, mode)
    if mode == "fill":
        inner, (left, top) = _laid(mask_HW.shape[::-1], size_px, mode)
        inside = np.zeros(stacked.shape[:2], np.bool_)
        inside[top : top + inner[1], left : left + inner[0]] = True
        stacked = np.where(inside[..., None], stacked, 0)
    return (stacked[..., 0] / np.float32(255)).astype(np.float32)


def _laid(given_px: tuple[int, ...], size_px: SizePx, mode: Literal["crop", "fill"]) -> tuple[SizePx, SizePx]:
    """The size that a picture is resized to, and how much on its left and top is cut off or left around it."""
    width, height = given_px
    ratios = size_px[0] / width, size_px[1] / height
    scale = max(ratios) if mode == "crop" else min(ratios)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    return inner, (abs(inner[0] - size_px[0]) // 2, abs(inner[1] - size_px[1]) // 2)
