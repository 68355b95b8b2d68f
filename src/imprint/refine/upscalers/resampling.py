"""Upscalers that need no model. Reads: pictures. Writes: pictures. Does not: invent detail."""

from __future__ import annotations

import numpy as np
from PIL import Image

from imprint.generation.fitting import SizePx
from imprint.generation.masks import Pixels
from imprint.refine.upscalers.contract import check_request


def lanczos(pixels_HWC: Pixels, size_px: SizePx) -> Pixels:
    """A picture at a size by Lanczos with three lobes. Args, returns and errors: as `Upscaler`."""
    return _resampled(pixels_HWC, size_px, Image.Resampling.LANCZOS)


def bicubic(pixels_HWC: Pixels, size_px: SizePx) -> Pixels:
    """A picture at a size by cubic convolution. Args, returns and errors: as `Upscaler`."""
    return _resampled(pixels_HWC, size_px, Image.Resampling.BICUBIC)


def nearest(pixels_HWC: Pixels, size_px: SizePx) -> Pixels:
    """A picture at a size whose pixels are those that lie nearest. Args, returns and errors: as `Upscaler`."""
    return _resampled(pixels_HWC, size_px, Image.Resampling.NEAREST)


def _resampled(pixels_HWC: Pixels, size_px: SizePx, kernel: Image.Resampling) -> Pixels:
    check_request(pixels_HWC, size_px)
    if pixels_HWC.shape[1::-1] == tuple(size_px):
        return pixels_HWC.copy()
    return np.array(Image.fromarray(pixels_HWC).resize(size_px, kernel))  # a copy: Pillow's own is read-only
