"""Marks without end: seeded designs in odd colours, from which a judge learns to see marks it was never shown.

Reads: a mark's name, "random:SEED". Writes: paint on a layer in a part's frame. Does not: know figures or subjects.

The marks of `subjects` are drawn by `marks` and appear in no design here: designs are generic, colours are drawn anew
for every seed.
"""

from __future__ import annotations

import colorsys
import math
import zlib
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import numpy as np

from imprint.nano.world.canvas import Canvas, Point

PREFIX: Final = "random:"
PART_SHARE: Final = 0.5  # chance that a mark covers a part; individuals whose mark does not show get another seed
_FAR: Final = 1.2  # beyond every edge of a part, in its local units
_LIGHT, _DARK = (0.9, 1.0), (0.35, 0.6)  # ranges of the brightest channel: the pair survives pencil and noir

Rgb = tuple[int, int, int]
Colours = tuple[Rgb, Rgb, Rgb]
Painter = Callable[[Canvas], None]


def random_mark(seed: int) -> str:
    """The name of the mark number `seed`, for `Spec.mark`."""
    return f"{PREFIX}{seed}"


def random_painter(mark: str, part: str) -> Painter | None:
    """What paints a random mark on a part of a figure.

    Args:
        mark: as `random_mark` gives it; any other name has no painter here.
        part: as in `marks.decorate`.
    Returns: a painter for a layer in the part's frame, or None where this mark leaves the part alone.
    """
    if not mark.startswith(PREFIX):
        return None
    seed = int(mark.removeprefix(PREFIX))
    if np.random.default_rng([0x3A9, seed, zlib.crc32(part.encode())]).random() >= PART_SHARE:
        return None

    def paint(layer: Canvas) -> None:
        rng = np.random.default_rng([0x3AA, seed])
        colours = _colours(rng)
        design = list(_DESIGNS.values())[int(rng.integers(len(_DESIGNS)))]
        design(layer, rng, colours)

    return paint


def _colours(rng: np.random.Generator) -> Colours:
    """Three saturated colours far apart in hue, the second much darker or lighter than the first."""
    hue = rng.random()
    ranges = [_LIGHT, _DARK, _LIGHT] if rng.random() < 0.5 else [_DARK, _LIGHT, _DARK]
    out: list[Rgb] = []
    for number, (low, high) in enumerate(ranges):
        turned = (hue + number / 3 + rng.uniform(-0.1, 0.1)) % 1.0
        rgb = colorsys.hsv_to_rgb(turned, rng.uniform(0.65, 1.0), rng.uniform(low, high))
        out.append((round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255)))
    return out[0], out[1], out[2]


def _turned(layer: Canvas, rng: np.random.Generator, reach: float, angle: float = math.pi) -> None:
    """Move the layer's frame up to `reach` aside and turn it up to `angle`."""
    x, y = rng.uniform(-reach, reach, 2)
    layer.frame = layer.frame.child(float(x), float(y), 1.0, float(rng.uniform(-angle, angle)))


def _slab(layer: Canvas, top: float, bottom: float, colour: Rgb) -> None:
    layer.polygon([(-_FAR, top), (_FAR, top), (_FAR, bottom), (-_FAR, bottom)], colour)


def _split(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """Two colours that meet in a straight line."""
    _turned(layer, rng, 0.05)
    _slab(layer, -_FAR, 0.0, colours[0])
    _slab(layer, 0.0, _FAR, colours[1])


def _bands(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """Parallel bands in two or three colours."""
    _turned(layer, rng, 0.05)
    wide, used = float(rng.uniform(0.06, 0.13)), int(rng.integers(2, 4))
    for k in range(-round(_FAR / wide), round(_FAR / wide)):
        _slab(layer, k * wide, (k + 1) * wide, colours[k % used])


def _zigzags(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """Zig-zag bands, with or without the figure's own colour between them."""
    _turned(layer, rng, 0.05, 0.7)
    step, wide = float(rng.uniform(0.09, 0.16)), float(rng.uniform(0.05, 0.09))
    pitch = wide * float(rng.choice((2.0, 3.0)))
    for row in range(-round(0.7 / pitch), round(0.7 / pitch) + 1):
        top: list[Point] = [
            (-_FAR + k * step, row * pitch + (0.5 if k % 2 else -0.5) * step) for k in range(round(2 * _FAR / step))
        ]
        layer.polygon([*top, *((x, y + wide) for x, y in reversed(top))], colours[row % 2])


def _spots(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """Spots in two colours on a shifted grid, some over a ground of the third."""
    _turned(layer, rng, 0.08)
    pitch = float(rng.uniform(0.12, 0.2))
    radius = pitch * float(rng.uniform(0.26, 0.42))
    if rng.random() < 0.5:
        _slab(layer, -_FAR, _FAR, colours[2])
    for row in range(-4, 5):
        for column in range(-4, 5):
            x = (column + (0.5 if row % 2 else 0.0)) * pitch
            layer.oval(x, row * pitch, radius, radius, colours[(row + column) % 2])


def _stripe(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """One broad stripe with a rim."""
    _turned(layer, rng, 0.08)
    half = float(rng.uniform(0.07, 0.13))
    _slab(layer, -half * 1.4, half * 1.4, colours[1])
    _slab(layer, -half, half, colours[0])


def _disc(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """Rings round a point."""
    _turned(layer, rng, 0.09)
    radius = float(rng.uniform(0.18, 0.27))
    for share, colour in zip((1.0, 0.72, 0.38), colours, strict=True):
        layer.oval(0.0, 0.0, radius * share, radius * share, colour)


def _star(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """A star of four to seven points, bare or on a disc."""
    _turned(layer, rng, 0.07)
    radius, tips, depth = float(rng.uniform(0.22, 0.3)), int(rng.integers(4, 8)), float(rng.uniform(0.35, 0.6))
    if rng.random() < 0.5:
        layer.oval(0.0, 0.0, radius, radius, colours[1])
    points: list[Point] = []
    for k in range(2 * tips):
        reach = radius * (1.0 if k % 2 == 0 else depth)
        points.append((reach * math.sin(math.pi * k / tips), -reach * math.cos(math.pi * k / tips)))
    layer.polygon(points, colours[0])


def _bolt(layer: Canvas, rng: np.random.Generator, colours: Colours) -> None:
    """A jagged stroke with a rim, right across the part."""
    _turned(layer, rng, 0.06)
    swing, wide = float(rng.uniform(0.07, 0.14)), float(rng.uniform(0.1, 0.15))
    points: list[Point] = [((swing if k % 2 else -swing), -0.45 + 0.18 * k) for k in range(6)]
    layer.line(points, wide * 1.6, colours[1])
    layer.line(points, wide, colours[0])


_DESIGNS: Final[MappingProxyType[str, Callable[[Canvas, np.random.Generator, Colours], None]]] = MappingProxyType({
    "split": _split, "bands": _bands, "zigzags": _zigzags, "spots": _spots, "stripe": _stripe, "disc": _disc,
    "star": _star, "bolt": _bolt,
})
