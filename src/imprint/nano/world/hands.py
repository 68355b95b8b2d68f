"""A hand before the chest and what it holds: balloon, flower, book or cup.

Reads: a look. Writes: paint on a canvas whose frame is the body's. Does not: draw the rest of the arm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from imprint.nano.world.canvas import Canvas, Frame, Point, darker, lighter, mix, rounded_points
from imprint.nano.world.looks import Look, Rgb

INK: Final[Rgb] = (52, 40, 46)
#: Colours that no caption names; each is far from skin.
COLOURS: Final[Mapping[str, tuple[Rgb, ...]]] = MappingProxyType({
    "balloon": ((230, 62, 74), (250, 176, 40), (90, 120, 232)),
    "flower": ((240, 88, 140), (250, 132, 52), (246, 240, 246)),
    "book": ((150, 44, 60), (30, 94, 120), (84, 62, 140)),
    "cup": ((246, 242, 232), (236, 120, 84), (104, 178, 190)),
})
HAND: Final[Point] = (0.215, 0.14)


def draw_holding(canvas: Canvas, look: Look) -> None:
    """The object and the hand round it, over everything else; nothing when the person holds nothing."""
    held = look.values["holding"]
    if held == "none":
        return
    side, pick = look.hand_side, int((look.jitter[4] + 1) * 1.4999)
    x, y = HAND[0] * look.reach, HAND[1]
    # A mirrored frame lets every object be drawn as if it were held on the right.
    canvas.frame = Frame(look.body.x, look.body.y, look.body.scale, look.body.angle, look.body.flip != (side < 0))
    elbow: list[Point] = [(x + 0.15, 0.46), (x + 0.1, 0.3), (x + 0.01, y + 0.05)]
    sleeve = look.skin if look.values["clothing"] == "t-shirt" else lighter(look.cloth, 0.08)
    canvas.ribbon(elbow, 0.142, darker(look.cloth_dark, 0.3))
    canvas.ribbon(elbow, 0.118, sleeve)
    canvas.frame = canvas.frame.child(x, y)
    here = canvas.frame
    _OBJECTS[held](canvas, _unlike(look.cloth, COLOURS[held], pick))
    canvas.frame = here
    _hand(canvas, look)


def _unlike(cloth: Rgb, colours: tuple[Rgb, ...], pick: int) -> Rgb:
    """The colour number `pick`, or the next that stands out from the clothes."""
    for k in range(len(colours)):
        colour = colours[(pick + k) % len(colours)]
        if sum(abs(a - b) for a, b in zip(colour, cloth, strict=True)) > 190:
            return colour
    return colours[pick]


def _hand(canvas: Canvas, look: Look) -> None:
    """A mitten of a hand with three fingers across the object."""
    rim = darker(look.skin_dark, 0.3)
    canvas.oval(0, 0.012, 0.07, 0.064, rim)
    canvas.oval(0, 0.01, 0.058, 0.052, look.skin)
    for y in (-0.014, 0.012, 0.038):
        canvas.line([(-0.034, y + 0.004), (0.014, y)], 0.014, mix(look.skin, rim, 0.55))
    canvas.oval(0.03, -0.032, 0.024, 0.034, rim, -0.5)
    canvas.oval(0.03, -0.03, 0.016, 0.026, look.skin, -0.5)


def _balloon(canvas: Canvas, fill: Rgb) -> None:
    canvas.ribbon([(0.0, 0.0), (0.1, -0.1), (0.13, -0.25)], 0.02, INK)
    canvas.polygon([(0.13, -0.3), (0.16, -0.262), (0.105, -0.262)], darker(fill, 0.35))
    canvas.ellipse(0.14, -0.41, 0.126, 0.143, darker(fill, 0.4))
    canvas.ellipse(0.14, -0.412, 0.112, 0.13, fill)
    canvas.ellipse(0.105, -0.465, 0.036, 0.046, lighter(fill, 0.6), 0.4)
    canvas.form(0.14, -0.41, 0.126, 0.143)


def _flower(canvas: Canvas, fill: Rgb) -> None:
    top = (0.065, -0.15)
    canvas.ribbon([(-0.01, 0.12), (0.01, 0.0), top], 0.03, (44, 112, 58))
    canvas.oval(-0.05, -0.075, 0.05, 0.026, (70, 160, 80), 0.6)
    for size, colour in ((1.0, darker(fill, 0.35)), (0.8, fill)):
        for k in range(6):
            x, y = top[0] + 0.063 * math.cos(math.pi * k / 3), top[1] + 0.063 * math.sin(math.pi * k / 3)
            canvas.ellipse(x, y, 0.053 * size, 0.053 * size, colour)
    canvas.ellipse(*top, 0.046, 0.046, (150, 96, 20))
    canvas.ellipse(*top, 0.037, 0.037, (252, 210, 60))


def _book(canvas: Canvas, fill: Rgb) -> None:
    canvas.frame = canvas.frame.child(0.0, -0.025, 1.0, 0.12)
    canvas.polygon([(-0.145, -0.15), (0.13, -0.15), (0.13, 0.13), (-0.145, 0.13)], darker(fill, 0.5))
    canvas.polygon([(0.1, -0.135), (0.135, -0.14), (0.135, 0.12), (0.1, 0.115)], (250, 244, 226))
    canvas.polygon([(-0.128, -0.135), (0.105, -0.135), (0.105, 0.115), (-0.128, 0.115)], fill)
    canvas.line([(-0.098, -0.13), (-0.098, 0.11)], 0.018, darker(fill, 0.4))
    canvas.polygon([(-0.06, -0.1), (0.075, -0.1), (0.075, -0.048), (-0.06, -0.048)], (250, 220, 130))


def _cup(canvas: Canvas, fill: Rgb) -> None:
    rim = darker(fill, 0.5)
    canvas.ellipse(0.115, -0.095, 0.066, 0.06, rim)
    canvas.ellipse(0.115, -0.095, 0.032, 0.028, mix(rim, (0, 0, 0), 0.3))
    canvas.polygon(rounded_points(0, -0.1, 0.118, 0.118, 0.3), rim)
    canvas.polygon(rounded_points(0, -0.1, 0.103, 0.104, 0.3), fill)
    canvas.ellipse(0, -0.195, 0.108, 0.034, rim)
    canvas.ellipse(0, -0.195, 0.09, 0.023, (104, 58, 30))
    canvas.polygon([(-0.098, -0.145), (0.098, -0.145), (0.1, -0.11), (-0.1, -0.11)], rim)


_OBJECTS: Final[Mapping[str, Callable[[Canvas, Rgb], None]]] = MappingProxyType({
    "balloon": _balloon, "flower": _flower, "book": _book, "cup": _cup,
})
