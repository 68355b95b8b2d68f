"""The part of the judge that tells individuals apart: which one is it, whatever the pose, scene, style or light?

Reads: feature maps of the judge. Writes: vectors. Does not: normalise or compare them, or train.

What tells two individuals of the same attributes apart is a pattern somewhere on the figure. A mean over the whole
picture drowns it in the scene, so the head learns where to look: each of its looks weighs the places of the middle maps
(a softmax over places, as a query of attention does) and keeps mean and spread of what it sees there.
"""

# B batch, C channels, h w cells of a map, p all its cells in a row, L looks, V values of a look, D identity width

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from imprint.config import Config


class IdentityShape(Config):
    """Sizes of the identity embedding."""

    width: int = Field(default=128, ge=2)
    """Width of the embedding."""
    looks: int = Field(default=6, ge=1)
    """Places that are looked at, each with weights of its own."""
    values: int = Field(default=128, ge=4)
    """Features that are read at every place."""
    hidden: int = Field(default=256, ge=4)
    """Width of the hidden layer."""


class IdentityHead(nn.Module):
    """From three feature maps, each half as wide and high as the one before, to identity vectors.

    Args:
        channels: of the three maps.
        shape: sizes.
    """

    def __init__(self, channels: Sequence[int], shape: IdentityShape) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(channels[1] + channels[2], shape.looks, 1)
        self.values = nn.Conv2d(sum(channels), shape.values, 1)
        pooled = (2 * shape.looks + 1) * shape.values
        self.norm = nn.LayerNorm(pooled)
        self.inner = nn.Linear(pooled, shape.hidden)
        self.out = nn.Linear(shape.hidden, shape.width)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Vectors (B, D), not normalised, of three maps (B, C, h, w), finest first."""
        fine, middle, coarse = maps
        size = (middle.shape[2], middle.shape[3])
        fine, coarse = functional.adaptive_avg_pool2d(fine, size), functional.interpolate(coarse, size)
        where_BLp = self.weigh(torch.cat([middle, coarse], dim=1)).flatten(2).float().softmax(2)
        what_BpV = functional.silu(self.values(torch.cat([fine, middle, coarse], dim=1))).flatten(2).mT.float()
        with torch.autocast(middle.device.type, enabled=False):  # a difference of squares: bfloat16 leaves noise of it
            mean_BLV = where_BLp @ what_BpV
            spread_BLV = (where_BLp @ what_BpV.square() - mean_BLV.square()).clamp_min(1e-6).sqrt()
        pooled = torch.cat([mean_BLV.flatten(1), spread_BLV.flatten(1), what_BpV.amax(1)], dim=1)
        return self.out(functional.silu(self.inner(self.norm(pooled))))
