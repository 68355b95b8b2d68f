"""A network run over a picture in tiles that overlap, so that memory is bounded and no seam is seen.

Reads: pictures. Writes: pictures. Does not: know networks.

Around the middle of what neighbours share, over `RAMP_PX`, one gives way to the other linearly. What lies between there
and the edge of a tile, its margin, is thrown away, since a network sees nothing beyond that edge. Where it sees no
further than the margin, the result is that of the whole picture. How far it sees is measured (`reach_px`). Tiles begin
at multiples of a unit, so that a network that works in windows has them at the same places in every tile.
"""

# H W pixels, C channels, T side of a tile, L length of the shorter side
from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imprint.generation.masks import Pixels

TILE_PX = 192  # A1111's; networks are trained on 48 to 256
RAMP_PX = 16
UNIT_PX = 32  # a multiple of the windows that networks have: 8, 16, 32
MARGINS_PX = (8, 24)  # neighbours share 32 to 64: at more, most of the work would be thrown away
PROBE_PX, CUT_PX = 96, 32
SEEN = 1 / 255  # one level

Levels: TypeAlias = NDArray[np.float32]  # one picture in 0..1
Run: TypeAlias = Callable[[Pixels], Levels]  # (H, W, 3) -> (H * scale, W * scale, 3)


def reach_px(run: Run, scale: int) -> int:
    """How far from the edge of a tile a network shows by a level or more that it saw nothing beyond, on noise.

    Args:
        run: the network.
        scale: output pixels to an input pixel.
    Returns: 0..CUT_PX.
    """
    noise = np.random.default_rng(0).integers(0, 256, (PROBE_PX, PROBE_PX, 3), dtype=np.uint8)
    whole = run(noise)[:, CUT_PX * scale : 2 * CUT_PX * scale]
    cut = run(np.ascontiguousarray(noise[:, CUT_PX:]))[:, : CUT_PX * scale]
    seen = (np.abs(whole - cut) >= SEEN).any(axis=(0, 2))
    return -(-int(np.flatnonzero(seen).max(initial=-1) + 1) // scale)


def margin_px(run: Run, scale: int) -> int:
    """What is thrown away at the edge of a tile, for this network."""
    return min(max(reach_px(run, scale), MARGINS_PX[0]), MARGINS_PX[1])


def tiled(
    run: Run, pixels_HWC: Pixels, scale: int, tile_px: int = TILE_PX, margin: int = MARGINS_PX[0], unit: int = UNIT_PX
) -> Pixels:
    """A picture by way of its tiles.

    Args:
        run: the network; it sees one tile at a time.
        pixels_HWC: RGB, shape (H, W, 3).
        scale: output pixels to an input pixel, >= 1.
        tile_px: side of a tile, at least two margins, a ramp and a unit; a picture no larger is seen whole.
        margin: thrown away at the edges of tiles inside the picture, in input pixels.
        unit: tiles begin at multiples of it, in input pixels.
    Returns: shape (H * scale, W * scale, 3). Beside it, a band of a tile's width along the shorter side is kept.
    """
    if pixels_HWC.shape[0] < pixels_HWC.shape[1]:  # bands lie along the shorter side
        turned = tiled(lambda tile: _turned(run(_turned(tile))), _turned(pixels_HWC), scale, tile_px, margin, unit)
        return np.ascontiguousarray(_turned(turned))
    height, width = pixels_HWC.shape[:2]
    rows, columns = (starts(side, tile_px, margin, unit) for side in (height, width))
    across = [ramps(columns, number, width, tile_px, scale) for number in range(len(columns))]
    out_HWC = np.empty((height * scale, width * scale, 3), np.uint8)
    carried: Levels = np.zeros((0, width * scale, 3), np.float32)  # what earlier bands have given to this one
    for number, (top, after) in enumerate(itertools.pairwise([*rows, height])):
        part = pixels_HWC[top : top + tile_px]
        band_TLC = _band(run, part, columns, across, scale)
        band_TLC *= ramps(rows, number, height, tile_px, scale)[:, None, None]
        band_TLC[: len(carried)] += carried
        done = (after - top) * scale
        out_HWC[top * scale : after * scale] = np.rint(band_TLC[:done].clip(0, 1) * 255)
        carried = band_TLC[done:]
    return out_HWC


def _band(run: Run, part_TLC: Pixels, columns: Sequence[int], across: Sequence[Levels], scale: int) -> Levels:
    """The tiles of one row, each giving way to the next."""
    band_TLC = np.zeros((len(part_TLC) * scale, part_TLC.shape[1] * scale, 3), np.float32)
    for left, weight in zip(columns, across, strict=True):
        tile = np.ascontiguousarray(part_TLC[:, left : left + len(weight) // scale])
        band_TLC[:, left * scale : left * scale + len(weight)] += run(tile) * weight[:, None]
    return band_TLC


def starts(length: int, tile_px: int = TILE_PX, margin: int = MARGINS_PX[0], unit: int = UNIT_PX) -> list[int]:
    """Where tiles begin along one side: evenly apart, sharing two margins and a ramp or more.

    The last one ends with the picture; where that is in the middle of a unit, it is shorter.
    """
    if length <= tile_px:
        return [0]
    last = -(-(length - tile_px) // unit)
    steps = -(-last // ((tile_px - 2 * margin - RAMP_PX) // unit))
    return [number * last // steps * unit for number in range(steps + 1)]


def ramps(begins: Sequence[int], number: int, length: int, tile_px: int, scale: int) -> Levels:
    """The weight of one tile along one side: 1, but for the ramps that it shares with its neighbours.

    Args:
        begins: from `starts`.
        number: of the tile.
        length: of the side, in input pixels.
        tile_px: of the tiles but for the last.
        scale: output pixels to an input pixel.
    Returns: shape (length of the tile * scale,). Over all tiles the weights of a place are 1 together.
    """
    covered = min(tile_px, length - begins[number]) * scale
    places = begins[number] + (np.arange(covered) + 0.5) / scale
    weight = np.ones(covered)
    if number > 0:
        weight = _rising(places, begins[number - 1], begins[number], tile_px)
    if number + 1 < len(begins):
        weight = weight * (1 - _rising(places, begins[number], begins[number + 1], tile_px))
    return weight.astype(np.float32)


def _rising(places: NDArray[np.float64], first: int, second: int, tile_px: int) -> NDArray[np.float64]:
    """From 0 to 1 around the middle of what two tiles share."""
    middle = (second + first + tile_px) / 2
    return np.clip((places - middle) / RAMP_PX + 0.5, 0, 1)


def _turned(pixels_HWC: NDArray[Any]) -> NDArray[Any]:
    return pixels_HWC.swapaxes(0, 1)
