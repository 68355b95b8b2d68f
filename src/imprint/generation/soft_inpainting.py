"""Inpainting through a mask of shades: half-masked places are drawn with half a will, and mixed in where they changed.

Reads: masks, latents. Writes: masks, latents. Does not: draw, decode or compose.

The mask is continuous here: 1 is drawn, 0 is kept, between is held to the source at high noise and released as it
falls, so that what is new grows into its surroundings. Wherever the mask is 0 the result is the source, bit for bit:
`blended` gives back the source's own latent there, and `overlay_mask` is 0 on every pixel where the mask is.

Source: AUTOMATIC1111's "soft inpainting", its formulas and defaults; where these leave room the docstrings say what was
chosen. Suffixes: B pictures, c channels, H W pixels, h w latent cells, K neighbours.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from imprint.config.base import Config
from imprint.generation.masks import OVERLAY_GAIN, Mask, blurred

NEIGHBOURS = 5  # cells across the window of a percentile filter
NEIGHBOUR_SIGMA = NEIGHBOURS / 4  # of its weights, in cells; our choice: the window's corners count a thirteenth
PEAKS, MIDDLE = (0.9, 1.0), (0.25, 0.75)  # the two filters' ranges of percentiles
OVERLAY_BLUR_PX = 4.0
CANCELLED = 1e-6  # of the longer vector: what is shorter than this has no direction in float32
HALF_A_LEVEL = 0.5 / 255


class SoftInpainting(Config):
    """How places between drawn and kept are drawn and mixed in."""

    power: float = Field(default=1.0, ge=0, le=8)
    """How the hold on the source follows the noise: 0 holds alike at all levels, more holds early and lets go late."""
    scale: float = Field(default=0.5, ge=0, le=8)
    """How strongly half-masked places are held to the source; 0 draws them as if they were wholly masked."""
    detail_preservation: float = Field(default=4.0, ge=1, le=32)
    """How much contrast a mixture keeps: 1 lets two details that differ cancel, more keeps the stronger one's."""
    mask_influence: float = Field(default=0.0, ge=0, le=1)
    """How much the mask says what goes into the result; at 0 only how much was changed says it."""
    difference_threshold: float = Field(default=0.5, ge=0, le=8)
    """How much a place must have changed to be half drawn, half source; less lets smaller changes through."""
    difference_contrast: float = Field(default=2.0, ge=0, le=8)
    """How sharply changed and unchanged places are told apart; 0 mixes all of them half and half."""


def cell_shares(mask_HW: Mask, stride: int) -> Tensor:
    """How much of each latent cell is masked: the mean of its pixels, float32 (1, 1, h, w), not rounded."""
    return functional.avg_pool2d(torch.as_tensor(mask_HW)[None, None], stride).clamp(0, 1)


def step_mask(mask_11hw: Tensor, sigma: float, settings: SoftInpainting) -> Tensor:
    """The mask of one step: m ** (sigma ** power * scale).

    At high noise only what is wholly masked is drawn; as the noise falls, ever fainter places join. At sigma 0 (with
    a power above 0) all that the mask touches is drawn: 0 stays 0 and 1 stays 1 at every level.

    Args:
        mask_11hw: 0..1, see `cell_shares`.
        sigma: noise over signal, >= 0.
        settings: of these, `power` and `scale`.
    Returns: 0..1, in the shape and dtype of the mask.
    """
    exponent = sigma**settings.power * settings.scale
    return torch.where(mask_11hw > 0, mask_11hw**exponent, torch.zeros_like(mask_11hw))


def blended(init_Bchw: Tensor, denoised_Bchw: Tensor, mask_11hw: Tensor, settings: SoftInpainting) -> Tensor:
    """Between source and drawn latents, with vectors as long as between theirs.

    Averages of unlike vectors are short, which shows as blur. So each cell's vector points as the linear mixture does,
    and its length is ((1 - m) * |init| ** p + m * |denoised| ** p) ** (1 / p) with p the detail preservation. Where
    both cancel there is no direction, and the linear mixture is taken (our choice).

    Args:
        init_Bchw: the source, kept bit for bit where the mask is 0.
        denoised_Bchw: what was drawn, taken bit for bit where the mask is 1.
        mask_11hw: 0..1, usually from `step_mask`.
        settings: of these, `detail_preservation`.
    """
    mixed = torch.lerp(init_Bchw, denoised_Bchw, mask_11hw)
    power = settings.detail_preservation
    lengths = [_length(x) for x in (init_Bchw, denoised_Bchw, mixed)]
    # Of lengths relative to the longer one, since their powers overflow.
    longest = torch.maximum(lengths[0], lengths[1]).clamp(min=torch.finfo(mixed.dtype).tiny)
    init, denoised, own = (length / longest for length in lengths)
    wanted = torch.lerp(init**power, denoised**power, mask_11hw) ** (1 / power)
    mixed = torch.where(own > CANCELLED, mixed * (wanted / own.clamp(min=CANCELLED)), mixed)
    return torch.where(mask_11hw <= 0, init_Bchw, torch.where(mask_11hw >= 1, denoised_Bchw, mixed))


def overlay_mask(
    mask_HW: Mask, init_1chw: Tensor, final_1chw: Tensor, settings: SoftInpainting, stride: int
) -> Mask:
    """How much of the drawn picture lies over the source: as much as it differs from it.

    The distance between the latents, spread to its surroundings and cleaned of single cells, over the threshold, is d;
    1 / (1 + d ** contrast) is then kept, eased at both ends, and softened at pixel size. The threshold is lowered by
    the mask times its influence (our choice). Nowhere is it more than what plain inpainting lays over, twice the
    mask, and so it is exactly 0 where the mask is.

    Args:
        mask_HW: of the picture, 0..1.
        init_1chw: the source's latent.
        final_1chw: what was drawn in the end, before decoding.
        settings: of these, those of the difference and the mask's influence.
        stride: pixels per cell.
    Returns: 0..1, float32 (H, W), for `laid_over` with a gain of 1.
    Raises: ValueError: if mask and latents have different sizes.
    """
    height, width = mask_HW.shape
    if (height, width) != (init_1chw.shape[-2] * stride, init_1chw.shape[-1] * stride):
        raise ValueError(f"latents of {tuple(init_1chw.shape[-2:])} cells do not fit a mask of {height} x {width} px")
    distance_11hw = _length(final_1chw.float().cpu() - init_1chw.float().cpu())
    for part in (PEAKS, MIDDLE):
        distance_11hw = percentile_mean(distance_11hw, *part)
    threshold = settings.difference_threshold * (1 - settings.mask_influence * cell_shares(mask_HW, stride))
    # At a threshold of 0 any change is one, and no change is none.
    relative = torch.where(distance_11hw > 0, distance_11hw / threshold, torch.zeros_like(distance_11hw))
    drawn = 1 - _smootherstep(1 / (1 + relative**settings.difference_contrast))
    pixels_HW = functional.interpolate(drawn, (height, width), mode="bilinear", align_corners=False)[0]
    soft = blurred(pixels_HW, OVERLAY_BLUR_PX)[0].clamp(0, 1).numpy()
    soft = np.where(soft < HALF_A_LEVEL, np.float32(0), soft)  # what is not changed visibly is the source's own
    return np.minimum(soft, np.clip(np.float32(OVERLAY_GAIN) * mask_HW, 0, 1)).astype(np.float32)


def percentile_mean(values_11hw: Tensor, low: float, high: float) -> Tensor:
    """The mean of what lies between two percentiles of each cell's neighbourhood, in the shape of the values.

    Neighbours are weighted by a Gaussian of their distance, and those beyond the edge do not count (our choices). A
    neighbour that lies across a percentile counts by the share of its weight that is inside.

    Args:
        values_11hw: of any size.
        low: lower percentile, as a share 0..1.
        high: upper one, > low.
    """
    reach, (height, width) = NEIGHBOURS // 2, values_11hw.shape[-2:]
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    falloff = torch.exp(-(place**2) / (2 * NEIGHBOUR_SIGMA**2))
    weights_K1 = torch.outer(falloff, falloff).flatten()[:, None].float()

    def neighbours(of_11hw: Tensor) -> Tensor:
        return functional.unfold(of_11hw, NEIGHBOURS, padding=reach)[0]

    sorted_KN, order_KN = neighbours(values_11hw).sort(dim=0)
    weights_KN = (weights_K1 * neighbours(torch.ones_like(values_11hw))).gather(0, order_KN)
    ends_KN = weights_KN.cumsum(0) / weights_KN.sum(0)
    starts_KN = ends_KN - weights_KN / weights_KN.sum(0)
    inside_KN = (ends_KN.clamp(max=high) - starts_KN.clamp(min=low)).clamp(min=0)
    return ((inside_KN * sorted_KN).sum(0) / inside_KN.sum(0)).reshape(1, 1, height, width)


def _length(x_Bchw: Tensor) -> Tensor:
    """Of each cell's vector over the channels, (B, 1, h, w)."""
    return x_Bchw.square().sum(dim=1, keepdim=True).sqrt()


def _smootherstep(x: Tensor) -> Tensor:
    """0..1 onto itself, with slope and curvature 0 at both ends."""
    return x**3 * (x * (6 * x - 15) + 10)
