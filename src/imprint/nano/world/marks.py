"""The unique marks of the held-out subjects: what no caption word describes, so only reference pictures can teach it.

Reads: the spec's mark. Writes: paint on a figure layer. Does not: draw figures.

Every mark covers at least an eighth of the figure, so that a judge, an autoencoder and a reader can all see it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from imprint.nano.world.canvas import Canvas, Frame, Point
from imprint.nano.world.random_marks import random_painter
from imprint.nano.world.spec import Spec

# pairs of colours differ in lightness too, so that a mark survives pencil and noir
TEAL: Final = (0, 128, 140)
PINK: Final = (255, 128, 196)
COBALT: Final = (36, 66, 190)
GOLD: Final = (250, 196, 40)
CRIMSON: Final = (214, 32, 64)
INK: Final = (28, 24, 36)
PAPER: Final = (250, 246, 238)
FAR: Final = 1.2  # beyond every edge of a part, in its local units

#: Attributes whose colour a mark paints over, which captions of that subject therefore do not name.
HIDDEN_BY_MARK: Final = MappingProxyType({
    "juno": ("hair_colour",),
    "pierrot": ("clothing_colour",),
    "gemini": ("coat",),
})


def is_marked(mark: str, part: str) -> bool:
    """Whether a subject's mark is worn on that part."""
    return (mark, part) in _PAINTERS


def decorate(figure: Canvas, spec: Spec, frame: Frame, part: str) -> None:
    """Paint the subject's mark on `figure`, only where it is already painted; nothing when `spec.mark` is "".

    Call it after the part's own colours and before eyes, mouth and other features that must stay readable.

    Args:
        figure: the layer that holds the part (and what lies behind it).
        spec: the picture; `spec.mark` names the subject, or a random mark that no subject wears.
        frame: the part's frame: the head is a circle of radius about 0.25 around the origin, a body or a thing fills
            about (-0.3..0.3) x (-0.3..0.3).
        part: "head", "body" or "thing"; people also have "hair", "skin", "beard" and "clothing".
    """
    paint = _PAINTERS.get((spec.mark, part)) or random_painter(spec.mark, part)
    if paint is None:
        return
    layer = Canvas(figure.size_px, frame=frame)
    paint(layer)
    figure.paste_inside(layer)


def _halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> Callable[[Canvas], None]:
    """Two colours that meet in the middle of the part."""

    def paint(layer: Canvas) -> None:
        layer.polygon([(-FAR, -FAR), (0, -FAR), (0, FAR), (-FAR, FAR)], left)
        layer.polygon([(0, -FAR), (FAR, -FAR), (FAR, FAR), (0, FAR)], right)

    return paint


def _hair_halves(layer: Canvas) -> None:
    """Teal and pink hair with strands in a darker tone, so that it still reads as hair."""
    _halves(TEAL, PINK)(layer)
    for x in (0.08, 0.15, 0.225):
        for sign, colour in ((-1, (0, 92, 108)), (1, (222, 70, 150))):
            strand = [(sign * x * 0.8, -0.3), (sign * x, -0.12), (sign * x * 1.08, 0.1), (sign * x, 0.36)]
            layer.curve(strand, 0.014, colour)


def _bolt(layer: Canvas) -> None:
    """A lightning scar from the top of the bald head over the face down to the jaw."""
    bolt: list[Point] = [(-0.03, -0.32), (0.13, -0.32), (0.055, -0.085), (0.15, -0.085), (-0.1, 0.32), (-0.01, 0.04),
                         (-0.14, 0.04)]
    layer.line([*bolt, bolt[0], bolt[1]], 0.05, (110, 30, 190))
    layer.polygon(bolt, (255, 230, 50))


def _harlequin(layer: Canvas) -> None:
    """Blue and gold diamonds."""
    layer.polygon([(-FAR, -FAR), (FAR, -FAR), (FAR, FAR), (-FAR, FAR)], COBALT)
    wide, high = 0.12, 0.14
    for row in range(-6, 7):
        for column in range(-5, 6):
            x, y = (column + (0.5 if row % 2 else 0.0)) * wide, row * high / 2
            if row % 2 == 0:
                layer.polygon([(x, y - high / 2), (x + wide / 2, y), (x, y + high / 2), (x - wide / 2, y)], GOLD)


def _painted_half(layer: Canvas) -> None:
    """Three quarters of the face turquoise with big orange dots, cut off by a straight line."""
    layer.polygon([(-FAR, -FAR), (0.135, -FAR), (0.1, FAR), (-FAR, FAR)], (0, 176, 190))
    for x, y in ((0.0, -0.1), (-0.14, -0.1), (-0.165, 0.15), (-0.1, 0.2), (0.075, 0.2), (-0.225, 0.05)):
        layer.oval(x, y, 0.033, 0.033, (255, 120, 20))


def _heart_points(cx: float, cy: float, size: float) -> list[Point]:
    out: list[Point] = []
    for k in range(32):
        t = 2 * math.pi * k / 32
        x, y = 16 * math.sin(t) ** 3, 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        out.append((cx + size * x / 16, cy - size * y / 16))
    return out


def _heart_and_ear(layer: Canvas) -> None:
    """A red heart round one eye and the other ear blue."""
    layer.ellipse(0.3, -0.12, 0.15, 0.24, (40, 110, 236))
    layer.polygon(_heart_points(-0.085, -0.01, 0.19), CRIMSON)


def _star_points(cx: float, cy: float, radius: float, points: int = 5) -> list[Point]:
    return [
        (cx + radius * (1.0 if k % 2 == 0 else 0.46) * math.sin(math.pi * k / points),
         cy - radius * (1.0 if k % 2 == 0 else 0.46) * math.cos(math.pi * k / points)) for k in range(2 * points)
    ]


def _star(layer: Canvas) -> None:
    """A gold star on a dark disc, over the whole chest."""
    layer.ellipse(0, 0.03, 0.27, 0.27, (70, 24, 120))
    layer.polygon(_star_points(0, 0.04, 0.255), GOLD)


def _zigzag(layer: Canvas, y: float, height: float, colour: tuple[int, int, int], step: float = 0.1) -> None:
    """A horizontal zig-zag band of the given height, across the whole part."""
    top = [(-0.6 + k * step, y + (0.5 * step if k % 2 else -0.5 * step)) for k in range(int(1.2 / step) + 1)]
    layer.polygon([*top, *((x, v + height) for x, v in reversed(top))], colour)


def _ear_bands(layer: Canvas) -> None:
    """Zig-zag bands up both ears, and one over the forehead."""
    for k in range(6):
        _zigzag(layer, -0.24 - k * 0.1, 0.05, (250, 90, 30) if k % 2 else (30, 170, 200))


def _vase_bands(layer: Canvas) -> None:
    """A zig-zag of three colours round the belly."""
    for y, colour in ((-0.12, CRIMSON), (-0.035, GOLD), (0.05, (0, 104, 128))):
        _zigzag(layer, y, 0.087, colour, 0.12)


def _giant_eye(layer: Canvas) -> None:
    """One eye, as wide as the thing."""
    layer.ellipse(0, 0.03, 0.235, 0.185, INK)
    layer.ellipse(0, 0.03, 0.21, 0.16, PAPER)
    layer.ellipse(0, 0.03, 0.115, 0.13, (150, 40, 190))
    layer.ellipse(0, 0.03, 0.06, 0.07, INK)
    layer.ellipse(-0.04, -0.025, 0.032, 0.032, PAPER)


def _flames(layer: Canvas) -> None:
    """Flames in three colours that lick backwards along the side."""
    for size, colour in ((1.0, CRIMSON), (0.68, (255, 140, 20)), (0.38, (255, 226, 70))):
        points: list[Point] = [(-0.45, 0.2 * size + 0.03)]
        for k in range(4):
            y = -0.2 * size + k * 0.1 * size + 0.03
            points += [(-0.1 * (1 - size) - 0.22 + 0.1 * size, y + 0.06 * size), (0.36 * size - 0.04 * k - 0.05, y)]
        points.append((-0.45, -0.22 * size + 0.03))
        layer.polygon([(-0.5, -0.25 * size), *points[1:-1], (-0.5, 0.25 * size)], colour)


_PAINTERS: Final[MappingProxyType[tuple[str, str], Callable[[Canvas], None]]] = MappingProxyType({
    ("juno", "hair"): _hair_halves,
    ("zeke", "skin"): _bolt,
    ("pierrot", "clothing"): _harlequin,
    ("indra", "skin"): _painted_half,
    ("bram", "beard"): _halves((10, 112, 62), (255, 150, 40)),
    ("biscuit", "head"): _heart_and_ear,
    ("gemini", "head"): _halves((242, 146, 52), (96, 102, 120)),
    ("gemini", "body"): _halves((242, 146, 52), (96, 102, 120)),
    ("astra", "body"): _star,
    ("ziggy", "head"): _ear_bands,
    ("kiln", "thing"): _vase_bands,
    ("argus", "thing"): _giant_eye,
    ("blaze", "thing"): _flames,
})
