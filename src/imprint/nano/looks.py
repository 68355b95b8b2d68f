"""Where to look: places of feature maps that are weighed, as a query of attention does, and what is read there.

Reads: feature maps of the judge. Writes: weights of places and values at them. Does not: know what they are used for.

A mouth or a mark is a few cells of a map. A mean over the whole picture, or over a quarter of it, drowns it in the
scene; a look learns which cells matter and keeps what is there.
"""

# B batch, C channels, h w cells of a map, p all its cells in a row, L looks, V values of a look, A attributes

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from imprint.config import Config


class AttributeShape(Config):
    """Sizes of what the attribute heads look at."""

    looks: int = Field(default=2, ge=1)
    """Looks of each attribute."""
    values: int = Field(default=96, ge=4)
    """Features that are read at every place."""


class Looks(nn.Module):
    """Weights of the places of the middle map, and values at them, from three maps.

    Args:
        channels: of the three maps.
        looks: how many.
        values: features at every place.
    """

    def __init__(self, channels: Sequence[int], looks: int, values: int) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(channels[1] + channels[2], looks, 1)
        self.values = nn.Conv2d(sum(channels), values, 1)

    def seen(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits of the places (B, L, p) and what is there (B, p, V), both float32, of three maps, finest first."""
        fine, middle, coarse = maps
        size = (middle.shape[2], middle.shape[3])
        fine, coarse = functional.adaptive_avg_pool2d(fine, size), functional.interpolate(coarse, size)
        where_BLp = self.weigh(torch.cat([middle, coarse], dim=1)).flatten(2).float()
        what_BpV = functional.silu(self.values(torch.cat([fine, middle, coarse], dim=1))).flatten(2).mT.float()
        return where_BLp, what_BpV


class AttributeLooks(Looks):
    """What each attribute's head sees beside the whole picture.

    Args:
        channels: of the three maps.
        shape: sizes.
        attributes: how many.
        places: of the middle map; some are likelier than others before anything is seen.
    """

    def __init__(self, channels: Sequence[int], shape: AttributeShape, attributes: int, places: int) -> None:
        super().__init__(channels, attributes * shape.looks, shape.values)
        self.width = shape.looks * shape.values
        self.attributes = attributes
        self.likely_Lp = nn.Parameter(torch.zeros(attributes * shape.looks, places))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """What each attribute looks at, (B, A, looks * values), of three maps, finest first."""
        where_BLp, what_BpV = self.seen(maps)
        with torch.autocast(what_BpV.device.type, enabled=False):
            seen_BLV = (where_BLp + self.likely_Lp).softmax(2) @ what_BpV
        return seen_BLV.reshape(len(seen_BLV), self.attributes, self.width)
