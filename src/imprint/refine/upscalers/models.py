"""Upscaling by a network that was trained for it, whoever opened it.

Reads: pictures, a network. Writes: pictures. Does not: open files (`model_files`).
"""

# H W pixels, C channels
from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from imprint.errors import ModelError, NumericsError
from imprint.generation.fitting import SizePx
from imprint.generation.masks import Pixels
from imprint.refine.upscalers.contract import MAX_PIXELS, check_request
from imprint.refine.upscalers.resampling import lanczos
from imprint.refine.upscalers.tiles import MARGINS_PX, RAMP_PX, TILE_PX, UNIT_PX, Levels, margin_px, tiled

PASSES = 3  # A1111's: a network of 4 then reaches 64 times a side
PURPOSES = ("SR", "Restoration")  # of spandrel's; not "FaceSR", which redraws faces, nor "Inpainting"
# What a network may raise on a picture that it was not made for.
RUNNING_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, LookupError, AttributeError)

_log = logging.getLogger(__name__)


class UpscalingModel(Protocol):
    """What is used of spandrel's `ImageModelDescriptor`.

    It pads a picture to the sizes that its network takes, and cuts the result.
    """

    @property
    def purpose(self) -> str:
        """What it is for: "SR", "Restoration", "FaceSR" or "Inpainting"."""
        ...

    @property
    def scale(self) -> int:
        """Output pixels to an input pixel."""
        ...

    @property
    def input_channels(self) -> int:
        """3 for RGB."""
        ...

    @property
    def output_channels(self) -> int:
        """3 for RGB."""
        ...

    @property
    def size_requirements(self) -> Any:
        """`minimum` and `multiple_of`: sides that its network takes without padding."""
        ...

    @property
    def tiling(self) -> Any:
        """An enum; "INTERNAL" by its `name` makes tiles itself, and is to see the whole picture."""
        ...

    def __call__(self, image: Tensor, /) -> Tensor:
        """(1, 3, H, W) in 0..1 -> (1, 3, H * scale, W * scale) in 0..1."""
        ...


class ModelUpscaler:
    """An `Upscaler` that is a network.

    It is run until the picture is at least as large as asked, at most `PASSES` times; Lanczos does the rest. A picture
    that is already as large is resampled only; a network that does not enlarge is run once before. It is computed in
    float32, tile by tile.

    Args:
        model: the network, on `device`.
        path: of its file, for messages.
        device: where tiles are put.
    Raises: ModelError: if it is no network for RGB pictures that enlarges or restores them.
    """

    def __init__(self, model: UpscalingModel, path: Path, device: str = "cpu") -> None:
        _check_model(model, path)
        self._model, self.path, self._device = model, path, device
        multiple = int(model.size_requirements.multiple_of)
        self._unit = multiple if UNIT_PX % multiple else UNIT_PX
        self._tile_px = _tile_px(model, self._unit)
        self._margin: int | None = None  # measured when it is needed first

    def __call__(self, pixels_HWC: Pixels, size_px: SizePx) -> Pixels:
        """A picture at a size. Args, returns and errors: as `Upscaler`.

        Raises: ModelError: if the network fails on it; NumericsError: if it gives NaN or infinity.
        """
        check_request(pixels_HWC, size_px)
        scale, grown = self._model.scale, pixels_HWC
        for _ in range(PASSES if scale > 1 else 1):
            height, width = grown.shape[:2]
            if width >= size_px[0] and height >= size_px[1]:
                break
            if width * height * scale**2 > MAX_PIXELS:
                _log.warning("%s would need a picture of more than %d pixels; Lanczos does the rest", self.path.name,
                             MAX_PIXELS)  # fmt: skip
                break
            grown = self._pass(grown)
        return lanczos(grown, size_px)

    def _pass(self, pixels_HWC: Pixels) -> Pixels:
        longest = max(pixels_HWC.shape[:2])
        if self._tile_px is None or longest <= self._tile_px:
            return tiled(self._run, pixels_HWC, self._model.scale, longest)
        if self._margin is None:
            self._margin = margin_px(self._run, self._model.scale)
        return tiled(self._run, pixels_HWC, self._model.scale, self._tile_px, self._margin, self._unit)

    def _run(self, tile_HWC: Pixels) -> Levels:
        given = torch.tensor(tile_HWC).to(self._device).permute(2, 0, 1)[None]
        try:
            with torch.inference_mode():
                out = self._model(given.to(torch.float32) / 255.0)
        except RUNNING_ERRORS as error:
            what = f"this model fails on a picture of {tile_HWC.shape[1]} by {tile_HWC.shape[0]}"
            raise ModelError(what, where=self.path, got=str(error)) from error
        wanted = (1, 3, tile_HWC.shape[0] * self._model.scale, tile_HWC.shape[1] * self._model.scale)
        if tuple(out.shape) != wanted:
            what = "this model gives a picture of another shape than it says"
            raise ModelError(what, where=self.path, got=tuple(out.shape), allowed=str(wanted))
        if not bool(out.isfinite().all()):
            raise NumericsError("this model gives NaN or infinity", where=self.path, hint="use another one")
        return np.ascontiguousarray(out[0].permute(1, 2, 0).to("cpu", torch.float32).numpy())


def _check_model(model: UpscalingModel, path: Path) -> None:
    if model.purpose not in PURPOSES:
        raise ModelError(
            "this model does not upscale", where=path, got=model.purpose, allowed=", ".join(PURPOSES),
            hint="SR is an upscaler; FaceSR and Inpainting models are for other work",
        )  # fmt: skip
    channels = model.input_channels, model.output_channels
    if channels != (3, 3):
        got = f"{channels[0]} channels in, {channels[1]} out"
        raise ModelError("this model is not for RGB pictures", where=path, got=got, allowed="3 in, 3 out")
    if model.scale < 1:
        raise ModelError("this model makes pictures smaller", where=path, got=model.scale)


def _tile_px(model: UpscalingModel, unit: int) -> int | None:
    """The side of a tile that needs no padding; None for a network that makes tiles itself."""
    if model.tiling.name == "INTERNAL":
        return None
    least = max(TILE_PX, int(model.size_requirements.minimum), unit + 2 * MARGINS_PX[1] + RAMP_PX)
    return -(-least // unit) * unit
