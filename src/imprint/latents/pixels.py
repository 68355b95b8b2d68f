"""Pixels between files and networks.

Reads: uint8 arrays. Writes: float tensors in -1..1, and back. Does not: resize.
"""

# B batch, C channels, H W pixels

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def as_tensor(pictures_HWC: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Pictures of one size as float32 in -1..1, shape (B, C, H, W)."""
    stacked_BHWC = torch.tensor(np.stack(pictures_HWC))
    return stacked_BHWC.permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1.0).contiguous()


def as_levels(pixels_BCHW: Tensor) -> Tensor:
    """The same in 0..255, rounded and clamped as a picture file would be, float64."""
    return pixels_BCHW.to(torch.float64).add(1.0).mul(127.5).round().clamp(0, 255)


def as_pictures(pixels_BCHW: Tensor) -> NDArray[np.uint8]:
    """The same as a file holds it, uint8 (B, H, W, C)."""
    return as_levels(pixels_BCHW).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
