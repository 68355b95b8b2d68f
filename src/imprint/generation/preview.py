"""Small pictures of what appears, while it appears.

Reads: a sampler's steps, a family's autoencoder. Writes: pixels, handed to a callback. Does not: write files.

A colour is nearly a linear function of a latent cell. The function is fitted once for an autoencoder, on smooth random
pictures that it encodes, and then costs a product of a few numbers a cell; nothing of the picture itself changes.
Suffixes: B batch, c channels, h w latent cells, H W pixels, S samples.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from imprint.diffusion.randomness import Purpose, uniform
from imprint.errors import ConfigError
from imprint.families.family import Family
from imprint.generation.pixels import levels
from imprint.generation.samplers import SamplerStep

PreviewKind: TypeAlias = Literal["fast", "full"]
OnPreview: TypeAlias = Callable[[SamplerStep, list[NDArray[np.uint8]]], None]
SIDE_CELLS = 8  # of a picture that the colours are fitted on: 64 px for Stable Diffusion 1; more gain nothing
GRIDS = (4, 8, 16, 32)  # a picture each: random colours at so many points a side, smoothed between them
_fitted: dict[str, LatentColours] = {}


@dataclass(frozen=True)
class LatentColours:
    """The colour of a latent cell: `cell @ weight + bias`."""

    weight_c3: Tensor
    bias_3: Tensor

    def pictures(self, latent_Bchw: Tensor) -> list[NDArray[np.uint8]]:
        """One picture (h, w, 3) for each latent, a pixel for each cell."""
        cells_Bhwc = latent_Bchw.permute(0, 2, 3, 1).to(self.weight_c3)
        return _pictures(cells_Bhwc @ self.weight_c3 + self.bias_3)


def latent_colours(family: Family) -> LatentColours:
    """The colours of a family's latents, fitted by least squares at the first call for an autoencoder.

    The same autoencoder gives the same colours; a second family with it shares them.
    """
    key = _hash(family)
    if key not in _fitted:
        _fitted[key] = _fit(family)
    return _fitted[key]


class LivePreview:
    """Listens to a sampler and shows where it stands.

    `text_to_image(family, requests, on_step=lambda step: preview(step.sampler))`.

    Args:
        family: whose latents these are.
        show: called with the step and a picture for each of the batch: (h, w, 3) uint8, a pixel for each latent cell,
            or with kind "full" (H, W, 3), as the autoencoder decodes it.
        kind: fast takes colours cell by cell and costs next to nothing; full is exact and costs a decoding.
        every: steps from one preview to the next, >= 1; the last step of a run shows nothing, the picture follows.
        every_s: seconds that must lie between two, >= 0; 0 is no such limit.
    Raises: ConfigError: if `every` or `every_s` is out of bounds.
    """

    def __init__(
        self, family: Family, show: OnPreview, kind: PreviewKind = "fast", every: int = 1, every_s: float = 0.0,
    ) -> None:
        if every < 1:
            raise ConfigError("a preview comes after a number of steps", where="every", got=every, allowed=">= 1")
        if not every_s >= 0:
            raise ConfigError("previews cannot be that close", where="every_s", got=every_s, allowed=">= 0 seconds")
        self._family, self._show, self._every, self._every_s = family, show, every, every_s
        self._colours = latent_colours(family) if kind == "fast" else None
        self._shown_at = float("-inf")

    def __call__(self, step: SamplerStep) -> None:
        """Show a step, if it is time to."""
        if (step.index + 1) % self._every or step.index + 1 >= step.steps:
            return
        now = time.monotonic()
        if now - self._shown_at < self._every_s:
            return
        self._shown_at = now
        with torch.no_grad():
            if self._colours:
                pictures = self._colours.pictures(step.denoised_Bchw)
            else:
                pictures = _pictures(self._family.decode(step.denoised_Bchw).permute(0, 2, 3, 1))
        self._show(step, pictures)


def _pictures(pixels_BHWC: Tensor) -> list[NDArray[np.uint8]]:
    """From -1..1; where a network failed, grey instead of an error."""
    return list(levels(pixels_BHWC.nan_to_num()))


@torch.no_grad()
def _fit(family: Family) -> LatentColours:
    pictures_BCHW = torch.cat([_picture(number, family.latent_stride) for number in range(len(GRIDS))])
    latents_Bchw = torch.cat([family.encode_image(one[None]).mean_Bchw for one in pictures_BCHW])
    seen_B3hw = functional.avg_pool2d(pictures_BCHW, family.latent_stride)
    cells_Sc = latents_Bchw.permute(0, 2, 3, 1).flatten(0, 2).cpu().double()
    colours_S3 = seen_B3hw.permute(0, 2, 3, 1).flatten(0, 2).double()
    with_one = torch.cat([cells_Sc, torch.ones(len(cells_Sc), 1, dtype=torch.float64)], dim=1)
    solved = torch.as_tensor(np.linalg.lstsq(with_one.numpy(), colours_S3.numpy())[0]).float().to(family.device)
    return LatentColours(solved[:-1], solved[-1])


def _picture(number: int, stride: int) -> Tensor:
    """A smooth random picture in -1..1, (1, 3, H, W)."""
    points = GRIDS[number]
    drawn = uniform(0, 0, number, Purpose.EVALUATION, 3 * points * points).reshape(1, 3, points, points)
    coarse = torch.as_tensor(2 * drawn - 1).float()
    side_px = SIDE_CELLS * stride
    return functional.interpolate(coarse, (side_px, side_px), mode="bilinear", align_corners=True)


def _hash(family: Family) -> str:
    digest = hashlib.sha256(str(family.device).encode())
    for name, value in sorted(family.vae.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
