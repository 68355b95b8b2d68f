"""Where a picture is drawn anew: masks, the region around one, what is put under it, and the way back.

Reads: pictures and masks. Writes: pictures and masks. Does not: know networks.

A mask is float32 (H, W) in 0..1: 1 is drawn, 0 is kept, bit for bit. Pictures are uint8 (H, W, 3).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from imprint.artifacts.box import Box
from imprint.errors import InputError

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]

OVERLAY_GAIN = 2.0  # A1111: the drawn picture lies fully over the kept one from the middle of the blurred edge on
FILL_BLURS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2))  # pixels, times laid over: A1111's masked content "fill"
SMALL_BLUR_PX = 8.0  # wider blurs are computed on a smaller picture


def mask_from(pixels: Pixels, size_px: tuple[int, int]) -> Mask:
    """A mask from a picture of one.

    Args:
        pixels: (H, W) levels; (H, W, 3), read by luminance; or (H, W, 4): where its transparency varies that decides,
            drawn where alpha is above 128, else luminance.
        size_px: (width, height) of the picture it belongs to.
    Raises: InputError: if it has another size.
    """
    height, width = pixels.shape[:2]
    if (width, height) != size_px:
        raise InputError(
            "the mask has another size than the picture", where="mask", got=f"{width} x {height}",
            allowed=f"{size_px[0]} x {size_px[1]}", hint="scale the mask to the picture's size",
        )  # fmt: skip
    if pixels.ndim == 2:
        return (pixels / np.float32(255)).astype(np.float32)
    if pixels.shape[2] == 4 and int(pixels[..., 3].min()) < 255:
        return (pixels[..., 3] > 128).astype(np.float32)
    luminance = pixels[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.clip(luminance / 255, 0, 1).astype(np.float32)


def gaussian_kernel(sigma_px: float) -> Tensor:
    """Weights of a Gaussian over 2 * int(2.5 sigma + 0.5) + 1 pixels, summing to 1; float32.

    Source: the size A1111 cuts its mask blur to.
    """
    reach = int(2.5 * sigma_px + 0.5)
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-(place**2) / (2 * max(sigma_px, 1e-6) ** 2))
    return (weights / weights.sum()).float()


def blurred(planes_CHW: Tensor, sigma_px: float) -> Tensor:
    """Planes (C, H, W) under a Gaussian, edge pixels repeated outside; the same shape."""
    if sigma_px <= 0:
        return planes_CHW
    kernel = gaussian_kernel(sigma_px)
    reach = len(kernel) // 2
    planes = planes_CHW[:, None]
    wide = functional.pad(planes, (reach, reach, 0, 0), mode="replicate")
    planes = functional.conv2d(wide, kernel[None, None, None, :])
    tall = functional.pad(planes, (0, 0, reach, reach), mode="replicate")
    return functional.conv2d(tall, kernel[None, None, :, None])[:, 0]


def blurred_mask(mask_HW: Mask, sigma_px: float) -> Mask:
    """A mask with soft edges. Below half a level of a picture it is 0 again, so that what is far away is kept."""
    soft = blurred(torch.as_tensor(mask_HW)[None], sigma_px)[0].clamp(0, 1).numpy()
    return np.where(soft < 0.5 / 255, np.float32(0), soft).astype(np.float32)


def region_around(mask_HW: Mask, padding_px: int, aspect: float) -> Box | None:
    """The part of a picture to draw at full size: the mask's bounding box, padded, grown to a shape.

    Args:
        mask_HW: what is to be drawn.
        padding_px: context on every side, >= 0.
        aspect: width over height that the box grows to, as far as the picture reaches.
    Returns: a box inside the picture, or None for an empty mask.
    """
    rows, columns = np.nonzero(mask_HW.max(axis=1) > 0)[0], np.nonzero(mask_HW.max(axis=0) > 0)[0]
    if not len(rows):
        return None
    height, width = mask_HW.shape
    left, right = max(int(columns[0]) - padding_px, 0), min(int(columns[-1]) + 1 + padding_px, width)
    top, bottom = max(int(rows[0]) - padding_px, 0), min(int(rows[-1]) + 1 + padding_px, height)
    if (right - left) < aspect * (bottom - top):
        left, right = _grown(left, right, math.ceil(aspect * (bottom - top)), width)
    else:
        top, bottom = _grown(top, bottom, math.ceil((right - left) / aspect), height)
    return Box(left, top, right, bottom)


def _grown(first: int, last: int, wanted: int, limit: int) -> tuple[int, int]:
    """A stretch of `wanted` pixels around one, moved inside 0..limit, or all of it."""
    wanted = max(min(wanted, limit), last - first)
    first = min(max(first - (wanted - (last - first)) // 2, 0), limit - wanted)
    return first, first + wanted


def filled(picture_HWC: Pixels, mask_HW: Mask) -> Pixels:
    """The picture with colours from around the mask flowing over it, coarse ones first.

    Each blur carries the kept pixels further in; the finer ones are laid over the coarser as far as they reach.
    """
    kept_1HW = 1 - torch.as_tensor(mask_HW)[None]
    colours_CHW = torch.as_tensor(picture_HWC.astype(np.float32)).permute(2, 0, 1)
    premultiplied = torch.cat([colours_CHW * kept_1HW, kept_1HW])  # so that what is masked lends no colour
    out_CHW = colours_CHW * kept_1HW + _mean_colour(premultiplied) * (1 - kept_1HW)
    for sigma_px, times in FILL_BLURS:
        soft = _wide_blur(premultiplied, float(sigma_px))
        covered_1HW = 1 - (1 - soft[3:].clamp(0, 1)) ** times
        out_CHW = torch.lerp(out_CHW, soft[:3] / soft[3:].clamp(min=1e-6), covered_1HW)
    out_CHW = torch.lerp(out_CHW, colours_CHW, kept_1HW)
    return np.ascontiguousarray(out_CHW.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())


def _mean_colour(premultiplied_4HW: Tensor) -> Tensor:
    total = premultiplied_4HW.sum(dim=(1, 2), keepdim=True)
    return total[:3] / total[3:].clamp(min=1e-6)


def _wide_blur(planes_CHW: Tensor, sigma_px: float) -> Tensor:
    """`blurred`, on a picture reduced so far that the blur is small: what it removes is not missed."""
    height, width = planes_CHW.shape[1:]
    factor = max(1, round(sigma_px / SMALL_BLUR_PX))
    small = (max(1, round(height / factor)), max(1, round(width / factor)))
    reduced = functional.interpolate(planes_CHW[None], small, mode="area")[0]
    soft = blurred(reduced, sigma_px * small[0] / height)
    return functional.interpolate(soft[None], (height, width), mode="bilinear", align_corners=False)[0]


def latent_mask(mask_HW: Mask, stride: int) -> Tensor:
    """Which latent cells are drawn: 1 where at least half of a cell's pixels are, else 0; float32 (1, 1, h, w)."""
    cells = functional.avg_pool2d(torch.as_tensor(mask_HW)[None, None], stride)
    return (cells >= 0.5).float()


def laid_over(source_HWC: Pixels, drawn_HWC: Pixels, mask_HW: Mask, gain: float = OVERLAY_GAIN) -> Pixels:
    """The drawn picture over the kept one through a blurred mask; where the mask is 0 the source's own bytes.

    Args:
        source_HWC: what is kept.
        drawn_HWC: what lies over it, of the same size.
        mask_HW: 0..1.
        gain: what the mask is multiplied by; 1 for one that says how much is drawn (soft inpainting's).
    """
    alpha = np.clip(gain * mask_HW, 0, 1)[..., None]
    mixed = np.rint(source_HWC * (1 - alpha) + drawn_HWC * alpha).clip(0, 255).astype(np.uint8)
    return np.where(alpha > 0, mixed, source_HWC)
