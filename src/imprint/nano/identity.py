"""The part of the judge that tells individuals apart: which one is it, whatever the pose, scene, style or light?

Reads: feature maps of the judge. Writes: vectors. Does not: normalise or compare them, or train.

What tells two individuals of the same attributes apart is a pattern somewhere on the figure. A mean over the whole
picture drowns it in the scene, so the head learns where to look and keeps mean and spread of what it sees there.
"""

# B batch, C channels, h w cells of a map, p all its cells in a row, L looks, V values of a look, D identity width

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from imprint.config import Config
from imprint.nano.looks import Looks


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


class IdentityHead(Looks):
    """From three feature maps, each half as wide and high as the one before, to identity vectors.

    Args:
        channels: of the three maps.
        shape: sizes.
    """

    def __init__(self, channels: Sequence[int], shape: IdentityShape) -> None:
        super().__init__(channels, shape.looks, shape.values)
        pooled = (2 * shape.looks + 1) * shape.values
        self.norm = nn.LayerNorm(pooled)
        self.inner = nn.Linear(pooled, shape.hidden)
        self.out = nn.Linear(shape.hidden, shape.width)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Vectors (B, D), not normalised, of three maps (B, C, h, w), finest first."""
        where_BLp, what_BpV = self.seen(maps)
        where_BLp = where_BLp.softmax(2)
        with torch.autocast(what_BpV.device.type, enabled=False):  # bfloat16 leaves noise of a difference of squares
            mean_BLV = where_BLp @ what_BpV
            spread_BLV = (where_BLp @ what_BpV.square() - mean_BLV.square()).clamp_min(1e-6).sqrt()
        pooled = torch.cat([mean_BLV.flatten(1), spread_BLV.flatten(1), what_BpV.amax(1)], dim=1)
        return self.out(functional.silu(self.inner(self.norm(pooled))))
