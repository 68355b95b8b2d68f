"""Neck, shoulders and the clothes on them.

Reads: a look. Writes: paint on a canvas whose frame is the body's. Does not: draw anything above the chin.
"""

from __future__ import annotations

from itertools import pairwise

from imprint.nano.world.canvas import Canvas, Point, darker, lighter, mix
from imprint.nano.world.looks import Look, Rgb

FOOT = 0.75  # far enough below the lower edge at the smallest scale
_HALF_WIDTHS = ((-0.01, 0.075), (0.02, 0.12), (0.04, 0.2), (0.065, 0.262), (0.1, 0.302), (0.15, 0.328), (0.25, 0.342),
                (FOOT, 0.35))
SHADE_FROM = 0.56  # share of the half width at which the shaded side begins


def half_width(look: Look, y: float) -> float:
    """Half the width of the shoulders at height `y` below the chin, both in body units."""
    for (y0, w0), (y1, w1) in pairwise(_HALF_WIDTHS):
        if y <= y1:
            return (w0 + (w1 - w0) * (y - y0) / (y1 - y0)) * look.breadth
    return _HALF_WIDTHS[-1][1] * look.breadth


def _slab(canvas: Canvas, look: Look, span: tuple[float, float], shares: tuple[float, float], colour: Rgb) -> None:
    """The part of the torso between two heights and between two shares (-1..1) of its half width."""
    heights = [span[0], *(y for y, _ in _HALF_WIDTHS if span[0] < y < span[1]), span[1]]
    left = [(half_width(look, y) * shares[0], y) for y in heights]
    right = [(half_width(look, y) * shares[1], y) for y in reversed(heights)]
    canvas.polygon([*left, *right], colour)


def _shaded(canvas: Canvas, look: Look, span: tuple[float, float], colours: tuple[Rgb, Rgb]) -> None:
    """A slab across the whole torso with its side in the shade."""
    _slab(canvas, look, span, (-1, 1), mix(colours[0], colours[1], 0.15))
    edge = look.dark_side * SHADE_FROM
    _slab(canvas, look, span, (min(edge, look.dark_side), max(edge, look.dark_side)), colours[1])


def draw_neck(canvas: Canvas, look: Look) -> None:
    """Neck and the skin above the neckline, in the head's shadow."""
    canvas.frame = look.body
    half = 0.062 if look.child else (0.07 if look.woman else 0.108)
    canvas.polygon([(-half, -0.06), (half, -0.06), (half * 1.15, 0.1), (-half * 1.15, 0.1)], look.skin_dark)


def draw_clothes(canvas: Canvas, look: Look) -> None:
    """The garment, in its colour, with what tells it from the others."""
    canvas.frame = look.body
    canvas.form(0, 0.4, 0.37 * look.breadth, 0.43)
    garment = look.values["clothing"]
    if garment == "hoodie":
        _hood(canvas, look)
    _shaded(canvas, look, (-0.01, FOOT), (look.cloth, look.cloth_dark))
    if garment == "t-shirt":
        _t_shirt(canvas, look)
    elif garment == "suit":
        _suit(canvas, look)
    elif garment == "hoodie":
        _hoodie(canvas, look)
    else:
        _sweater(canvas, look)


def _t_shirt(canvas: Canvas, look: Look) -> None:
    w = half_width(look, 0.14)
    for sign in (-1, 1):  # bare arms leave the sleeves
        arm = look.skin_dark if sign == look.dark_side else look.skin
        bare = ((0.64, 0.15), (1.01, 0.13), (1.04, 0.2), (1.06, FOOT), (0.7, FOOT))
        hem = ((0.62, 0.132), (1.03, 0.108), (1.05, 0.138), (0.64, 0.164))
        canvas.polygon([(sign * w * x, y) for x, y in bare], arm)
        canvas.polygon([(sign * w * x, y) for x, y in hem], look.cloth_dark)
        canvas.line([(sign * w * 0.65, 0.1), (sign * w * 0.7, FOOT)], 0.018, darker(look.cloth_dark, 0.25))
    r = look.breadth
    canvas.oval(0, 0.0, 0.15 * r, 0.098, look.cloth_dark)
    canvas.oval(0, -0.006, 0.124 * r, 0.078, look.skin)
    canvas.oval(0, -0.03, 0.115 * r, 0.07, look.skin_dark)


def _suit(canvas: Canvas, look: Look) -> None:
    r = look.breadth
    canvas.polygon([(-0.125 * r, 0.0), (0.125 * r, 0.0), (0.0, 0.3)], (250, 250, 252))
    tie: Rgb = (34, 44, 104) if look.values["clothing_colour"] in ("red", "purple") else (200, 32, 52)
    canvas.polygon([(-0.036, 0.035), (0.036, 0.035), (0.026, 0.085), (0.046, 0.22), (0.0, 0.3), (-0.046, 0.22),
                    (-0.026, 0.085)], tie)
    canvas.polygon([(-0.04, 0.03), (0.04, 0.03), (0.024, 0.088), (-0.024, 0.088)], darker(tie, 0.25))
    for sign in (-1, 1):
        lapel: list[Point] = [(0.1, -0.012), (0.165, 0.02), (0.21, 0.105), (0.16, 0.12), (0.175, 0.15), (0.0, 0.33)]
        canvas.polygon([(sign * x * r, y) for x, y in lapel], darker(look.cloth_dark, 0.12))
        canvas.polygon([(sign * 0.02, 0.02), (sign * 0.11 * r, -0.03), (sign * 0.12 * r, 0.07)], (226, 228, 236))
    canvas.line([(0, 0.3), (0, FOOT)], 0.014, darker(look.cloth_dark, 0.3))


def _hood(canvas: Canvas, look: Look) -> None:
    r = look.breadth
    hood: list[Point] = [(0.0, -0.1), (0.16, -0.085), (0.235, -0.01), (0.22, 0.07), (0.1, 0.12), (0.0, 0.13)]
    left = [(-x, y) for x, y in reversed(hood[1:-1])]
    canvas.shape([(x * r, y) for x, y in (*hood, *left)], darker(look.cloth_dark, 0.3))


def _hoodie(canvas: Canvas, look: Look) -> None:
    r = look.breadth
    for sign in (-1, 1):  # the hood's roll, which lies round the neck like a scarf
        roll: list[Point] = [(0.0, 0.125), (0.1, 0.075), (0.135, -0.03), (0.215, -0.035), (0.225, 0.05), (0.15, 0.125),
                             (0.04, 0.165)]
        colour = mix(look.cloth, look.cloth_dark if sign == look.dark_side else look.cloth_light, 0.5)
        canvas.shape([(sign * x * r, y) for x, y in roll], colour)
    canvas.polygon([(-0.11 * r, -0.03), (0.11 * r, -0.03), (0.0, 0.115)], darker(look.cloth_dark, 0.35))
    cord: Rgb = (70, 72, 92) if look.values["clothing_colour"] in ("white", "yellow") else (250, 250, 250)
    for sign in (-1, 1):
        canvas.line([(sign * 0.055, 0.11), (sign * 0.062, 0.19)], 0.021, cord)
        canvas.oval(sign * 0.062, 0.2, 0.018, 0.018, cord)
    canvas.line([(-0.15 * r, 0.3), (-0.11 * r, 0.222), (0.11 * r, 0.222), (0.15 * r, 0.3)], 0.02,
                darker(look.cloth_dark, 0.3))


def _sweater(canvas: Canvas, look: Look) -> None:
    white = look.values["clothing_colour"] == "white"  # white on white would not be striped
    stripe: Rgb = (70, 78, 110) if white else (248, 248, 246)
    y = 0.062
    while y < FOOT - 0.06:
        _shaded(canvas, look, (y, y + 0.036), (stripe, darker(stripe, 0.18)))
        y += 0.074
    r = look.breadth
    canvas.shape([(-0.125 * r, -0.03), (0.125 * r, -0.03), (0.14 * r, 0.03), (0.07 * r, 0.07), (-0.07 * r, 0.07),
                 (-0.14 * r, 0.03)], darker(look.cloth_dark, 0.1))
    canvas.oval(0, -0.005, 0.11 * r, 0.05, lighter(look.cloth, 0.12))
    canvas.oval(0, -0.022, 0.1 * r, 0.045, look.skin_dark)
