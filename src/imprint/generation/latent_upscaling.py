"""Latents enlarged as they are, for a second pass at another size; and what size that is.

Reads: latents, sizes. Writes: latents, sizes. Does not: decode; upscalers of pixels are in `refine.upscalers`.

Sizes are (width, height) in pixels, those of latents (h, w) in cells.
"""

# B batch, c channels, h w latent cells
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from imprint.errors import ConfigError
from imprint.generation.fitting import SizePx
from imprint.registry import Registry

LatentUpscaler: TypeAlias = Callable[[Tensor, tuple[int, int]], Tensor]


@dataclass(frozen=True)
class LatentUpscalerEntry:
    """A way to enlarge latents.

    Attributes:
        name: as written in recipes and records.
        title: as shown to people; A1111's.
        about: what it does to the picture.
        upscale: (latent_Bchw, (h, w)) -> latent of that size and the given dtype. Computed in float32, or float64 for
            such latents; no picture depends on the others of its batch.
    """

    name: str
    title: str
    about: str
    upscale: LatentUpscaler


def _interpolation(mode: str, antialias: bool = False) -> LatentUpscaler:
    def upscale(latent_Bchw: Tensor, size_hw: tuple[int, int]) -> Tensor:
        exact = latent_Bchw.dtype if latent_Bchw.dtype == torch.float64 else torch.float32
        # In one layout: for another one, torch may take other code with other roundings.
        given = latent_Bchw.to(exact).contiguous()
        return functional.interpolate(given, size=size_hw, mode=mode, antialias=antialias).to(latent_Bchw.dtype)

    return upscale


LATENT_UPSCALERS: Registry[LatentUpscalerEntry] = Registry("latent upscaler")


def _add(name: str, title: str, about: str, upscale: LatentUpscaler) -> None:
    aliases = dict.fromkeys((title, title.lower()))
    aliases.pop(name, None)
    LATENT_UPSCALERS.add(name, LatentUpscalerEntry(name, title, about, upscale), aliases=tuple(aliases))


_add("latent", "Latent", "bilinear; soft: below a strength of about 0.5 the picture stays blurred",
     _interpolation("bilinear"))  # fmt: skip
_add("latent_antialiased", "Latent (antialiased)", "bilinear; the same as latent unless it makes a side smaller",
     _interpolation("bilinear", antialias=True))  # fmt: skip
_add("latent_bicubic", "Latent (bicubic)", "bicubic; sharper than latent, with brighter and darker rims",
     _interpolation("bicubic"))  # fmt: skip
_add("latent_bicubic_antialiased", "Latent (bicubic antialiased)",
     "bicubic with a gentler kernel; filtered when smaller",
     _interpolation("bicubic", antialias=True))  # fmt: skip
_add("latent_nearest", "Latent (nearest)", "repeats cells; blocks, which the second pass has to draw over",
     _interpolation("nearest"))  # fmt: skip
_add("latent_nearest_exact", "Latent (nearest-exact)", "repeats cells, by their centres: uneven scales shift nothing",
     _interpolation("nearest-exact"))  # fmt: skip


def latent_upscaler(name: str) -> LatentUpscalerEntry:
    """The latent upscaler of a name or alias; capitals do not matter.

    Raises: UnknownNameError: naming the nearest.
    """
    return LATENT_UPSCALERS.get(LATENT_UPSCALERS.find(name) or name)


@dataclass(frozen=True)
class HiresTarget:
    """The size of a second pass and the way there. All are multiples of the network's stride.

    Attributes:
        size_px: what is drawn.
        inner_px: what the first picture is enlarged to, at least as large.
        crop_px: (left, top) of `size_px` in `inner_px`; what is outside is cut off.
    """

    size_px: SizePx
    inner_px: SizePx
    crop_px: tuple[int, int] = (0, 0)


def hires_target(size_px: SizePx, scale: float, width_px: int, height_px: int, stride: int) -> HiresTarget:
    """The size of a second pass, by A1111's rules.

    With neither side given, it is `scale` times the first. With one, the other keeps the proportions. With both, the
    first picture is enlarged until it covers them and what stands over is cut off, equally on both sides. Sizes are
    rounded down to what the network can draw.

    Args:
        size_px: of the first pass.
        scale: > 0; of no effect where a side is given.
        width_px: >= 1, or 0 for none.
        height_px: the same.
        stride: pixels to a latent cell.
    Raises: ConfigError: if the scale is no positive number or a side is negative.
    """
    _check(scale, width_px, height_px)
    width, height = size_px
    if not width_px and not height_px:
        # To the nearest pixel first: 1.15 times 640 is a hair less than 736 in floating point.
        size = _below((round(width * scale), round(height * scale)), stride)
        return HiresTarget(size, size)
    if not width_px or not height_px:
        asked = (width_px, width_px * height // width) if width_px else (height_px * width // height, height_px)
        size = _below(asked, stride)
        return HiresTarget(size, size)
    target = _below((width_px, height_px), stride)
    if target[0] * height >= target[1] * width:  # wider than the first picture: the widths meet, height stands over
        inner = _below((target[0], target[0] * height // width), stride)
    else:
        inner = _below((target[1] * width // height, target[1]), stride)
    left, top = ((inner[side] - target[side]) // stride // 2 * stride for side in (0, 1))
    return HiresTarget(target, inner, (left, top))


def _below(size_px: SizePx, stride: int) -> SizePx:
    """A size rounded down to multiples of `stride`, as A1111 does it; at least one."""
    width, height = (max(stride, side // stride * stride) for side in size_px)
    return width, height


def _check(scale: float, width_px: int, height_px: int) -> None:
    if width_px < 0 or height_px < 0:
        what = "a size is at least 1, or 0 where it follows from the other side"
        raise ConfigError(what, where="size of the second pass", got=f"{width_px}x{height_px}")
    if not (math.isfinite(scale) and scale > 0) and not width_px and not height_px:
        raise ConfigError("a picture is enlarged by a positive number", where="scale", got=scale, allowed="> 0")


def upscale_latent(latent_Bchw: Tensor, target: HiresTarget, upscale: LatentUpscaler, stride: int) -> Tensor:
    """Latents of the first pass at the size of the second, not yet noised.

    Args:
        latent_Bchw: of the first pass, shape (B, c, h, w).
        target: from `hires_target`.
        upscale: of an entry.
        stride: pixels to a latent cell.
    Returns: shape (B, c, height / stride, width / stride) of `target.size_px`.
    """
    inner = upscale(latent_Bchw, (target.inner_px[1] // stride, target.inner_px[0] // stride))
    left, top = (place // stride for place in target.crop_px)
    width, height = (side // stride for side in target.size_px)
    return inner[:, :, top : top + height, left : left + width].contiguous()
