"""Pieces that several places share: light, hills, clouds and firs.

Reads: nothing. Writes: paint on a canvas. Does not: know a place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from imprint.nano.world.canvas import Canvas, Colour, mix

Rng = np.random.Generator
#: Paints a whole place: canvas, dice, warmth of the light from -1 (cool) to 1 (warm).
Painter = Callable[[Canvas, Rng, float], None]
WARM: Final = (255, 196, 120)
COOL: Final = (120, 168, 255)


def lit(colour: Colour, warmth: float, share: float = 0.22) -> tuple[int, int, int]:
    """A colour under warm (1) or cool (-1) light."""
    return mix(colour, WARM if warmth > 0 else COOL, share * abs(warmth))


def between(rng: Rng, low: float, high: float) -> float:
    """A random number."""
    return float(rng.uniform(low, high))


def either_side(rng: Rng) -> int:
    """-1 for the left, 1 for the right."""
    return 1 if rng.random() < 0.5 else -1


def hill(canvas: Canvas, y: float, amplitude: float, phase: float, fill: Colour, waves: float = 1.0) -> None:
    """Ground from a wavy line at `y` down to the lower edge."""
    steps = [i / 16 for i in range(17)]
    line = [(x, y + amplitude * math.sin(2 * math.pi * waves * x + phase)) for x in steps]
    canvas.polygon([*line, (1.0, 1.0), (0.0, 1.0)], fill)


def cloud(canvas: Canvas, x: float, y: float, size: float, fill: Colour) -> None:
    """A heap of four flat balls, about two `size` wide."""
    for dx, dy, r in ((-0.6, 0.1, 0.4), (0.0, -0.1, 0.55), (0.6, 0.08, 0.42), (0.0, 0.22, 0.45)):
        canvas.ellipse(x + dx * size, y + dy * size, r * size * 1.2, r * size * 0.7, fill)


def fir(canvas: Canvas, x: float, top: float, height: float, green: Colour, snow: bool) -> None:
    """A fir of three tiers, snowed in or not."""
    canvas.polygon([(x - 0.015, top + height), (x + 0.015, top + height), (x + 0.015, top + height * 1.12),
                    (x - 0.015, top + height * 1.12)], (96, 68, 48))
    for tier in (2, 1, 0):
        y, half = top + height * 0.26 * tier, height * (0.17 + 0.07 * tier)
        canvas.polygon([(x, y), (x + half, y + height * 0.46), (x - half, y + height * 0.46)], green)
        if snow:
            canvas.polygon([(x, y), (x + half * 0.62, y + height * 0.28), (x, y + height * 0.22),
                            (x - half * 0.62, y + height * 0.28)], (248, 252, 255))
