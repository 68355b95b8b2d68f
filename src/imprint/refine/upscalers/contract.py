"""What an upscaler is. Reads: pictures and sizes. Writes: nothing. Does not: upscale."""

# H W pixels, C channels
from __future__ import annotations

from typing import Protocol

import numpy as np

from imprint.errors import InputError
from imprint.generation.fitting import SizePx
from imprint.generation.masks import Pixels

MAX_PIXELS = 1 << 28  # 16384 by 16384; 0.8 GB as RGB


class Upscaler(Protocol):
    """Brings a picture to a size. The same picture and size give the same pixels; what it was given is not changed."""

    def __call__(self, pixels_HWC: Pixels, size_px: SizePx) -> Pixels:
        """A picture of exactly that size.

        Args:
            pixels_HWC: RGB, shape (H, W, 3); any size.
            size_px: (width, height), larger or smaller.
        Returns: uint8, shape (height, width, 3).
        Raises: InputError: if the picture is not RGB of 8 bits, or the size none or above `MAX_PIXELS`.
        """
        ...


def check_request(pixels_HWC: Pixels, size_px: SizePx) -> None:
    """Refuse what no upscaler takes.

    Raises: InputError: as `Upscaler`.
    """
    shape = pixels_HWC.shape
    if pixels_HWC.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or not pixels_HWC.size:
        raise InputError(
            "an upscaler takes an RGB picture of 8 bits a channel", got=f"{pixels_HWC.dtype} of shape {shape}",
            allowed="uint8 of shape (height, width, 3)", hint="convert it, as by Pillow's convert('RGB')",
        )  # fmt: skip
    width, height = size_px
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        allowed = f"at least 1 by 1, at most {MAX_PIXELS >> 20} x 2^20 pixels"
        raise InputError("a picture cannot have that size", got=f"{width}x{height}", allowed=allowed)
