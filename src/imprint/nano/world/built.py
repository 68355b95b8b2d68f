"""Places that someone built, and space, which someone has to build a ship for.

Reads: dice and the light's warmth. Writes: paint on an opaque canvas. Does not: draw figures or styles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from imprint.nano.world.canvas import Canvas, Colour, Frame, Point, darker, ellipse_points, lighter
from imprint.nano.world.scenery import Painter, Rng, between, cloud, either_side, hill, lit


def _city(canvas: Canvas, rng: Rng, warmth: float) -> None:
    dusk = [(44, 54, 110), (120, 96, 150), lit((244, 164, 132), warmth, 0.4), (252, 208, 150)]
    canvas.wash([(dusk, 0, 0.75), (dusk[-1:], 0.75, 0.84), ([(66, 66, 84), (88, 88, 104)], 0.84, 1)])
    canvas.ellipse(0.5 + 0.22 * either_side(rng), 0.1, 0.045, 0.045, (255, 246, 214))
    for i in range(9):
        top = between(rng, 0.28, 0.46)
        canvas.polygon([(i / 9, top), ((i + 1) / 9, top), ((i + 1) / 9, 0.84), (i / 9, 0.84)], (112, 96, 142))
    edges = ((-0.04, 0.14), (0.155, 0.29), (0.71, 0.845), (0.86, 1.04))
    for i, (left, right) in enumerate(edges):
        outer = i in (0, 3)
        top = between(rng, 0.05, 0.15) if outer else between(rng, 0.2, 0.34)
        wall = ((52, 56, 92), (68, 66, 108))[i % 2 if i < 2 else (i + 1) % 2]
        canvas.polygon([(left, top), (right, top), (right, 0.84), (left, 0.84)], wall)
        if not outer:
            canvas.line([((left + right) / 2, top), ((left + right) / 2, top - 0.08)], 0.012, wall)
        _windows(canvas, rng, (left + 0.025, right - 0.02), top + 0.035)
    canvas.polygon([(0, 0.82), (1, 0.82), (1, 0.86), (0, 0.86)], (150, 146, 156))
    for x in (0.04, 0.28, 0.6, 0.86):
        canvas.polygon([(x, 0.92), (x + 0.12, 0.92), (x + 0.12, 0.945), (x, 0.945)], (238, 226, 170))


def _windows(canvas: Canvas, rng: Rng, span: Point, top: float) -> None:
    """A grid of lit and dark windows of about five pixels on a wall."""
    lit = rng.random((10, 3)) < 0.68
    for row in range(9):
        y = top + row * 0.085
        if y > 0.76:
            break
        for column in range(3):
            x = span[0] + column * 0.055
            if x + 0.03 < span[1] + 0.005:
                fill = (255, 222, 120) if lit[row, column] else (84, 88, 132)
                canvas.polygon([(x, y), (x + 0.035, y), (x + 0.035, y + 0.05), (x, y + 0.05)], fill)


def _room(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = either_side(rng)
    walls = ((226, 206, 172), (188, 206, 196), (214, 190, 190), (192, 198, 218))
    wall = lit(walls[int(rng.integers(len(walls)))], warmth)
    canvas.wash([([wall, darker(wall, 0.1)], 0, 0.8), ([(150, 100, 62), (186, 132, 86)], 0.76, 1)])
    for i in range(-1, 5):
        canvas.line([(0.5 + (i - 1.5) * 0.2, 0.8), (0.5 + (i - 1.5) * 0.34, 1.0)], 0.012, (134, 88, 54))
    canvas.polygon([(0, 0.75), (1, 0.75), (1, 0.785), (0, 0.785)], (244, 238, 226))
    _window(canvas, 0.5 - 0.32 * side, rng)
    _shelf(canvas, 0.5 + 0.38 * side, rng)


def _window(canvas: Canvas, x: float, rng: Rng) -> None:
    """A window onto a blue sky, with curtains."""
    curtain = ((196, 88, 80), (86, 124, 160), (214, 168, 84))[int(rng.integers(3))]
    canvas.polygon([(x - 0.16, 0.08), (x + 0.16, 0.08), (x + 0.16, 0.6), (x - 0.16, 0.6)], (250, 246, 238))
    canvas.polygon([(x - 0.135, 0.105), (x + 0.135, 0.105), (x + 0.135, 0.575), (x - 0.135, 0.575)], (158, 208, 240))
    canvas.ellipse(x + 0.02, 0.26, 0.075, 0.03, (244, 250, 255))
    canvas.ellipse(x - 0.04, 0.28, 0.065, 0.028, (244, 250, 255))
    canvas.line([(x, 0.1), (x, 0.58)], 0.022, (250, 246, 238))
    canvas.line([(x - 0.13, 0.35), (x + 0.13, 0.35)], 0.022, (250, 246, 238))
    for sign in (-1, 1):
        edge = x + sign * 0.19
        folds = [(edge, 0.05), (x + sign * 0.07, 0.05), (x + sign * 0.1, 0.38), (x + sign * 0.14, 0.68), (edge, 0.68)]
        canvas.polygon(folds, curtain)
        canvas.line([(x + sign * 0.145, 0.07), (x + sign * 0.165, 0.66)], 0.016, darker(curtain, 0.18))
    canvas.line([(x - 0.21, 0.055), (x + 0.21, 0.055)], 0.026, (110, 74, 50))


def _shelf(canvas: Canvas, x: float, rng: Rng) -> None:
    """Bookshelves with thick coloured books."""
    books = ((178, 62, 56), (62, 100, 150), (220, 176, 80), (80, 132, 92), (120, 80, 130))
    canvas.polygon([(x - 0.15, 0.1), (x + 0.15, 0.1), (x + 0.15, 0.8), (x - 0.15, 0.8)], (128, 84, 52))
    for row in range(3):
        y = 0.13 + row * 0.22
        canvas.polygon([(x - 0.125, y), (x + 0.125, y), (x + 0.125, y + 0.19), (x - 0.125, y + 0.19)], (84, 54, 36))
        for i in range(5):
            left, top = x - 0.122 + i * 0.049, y + between(rng, 0.015, 0.06)
            fill = books[int(rng.integers(len(books)))]
            canvas.polygon([(left, top), (left + 0.041, top), (left + 0.041, y + 0.19), (left, y + 0.19)], fill)


def _space(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = either_side(rng)
    nebulas = [(0.5 + 0.3 * side, 0.55, 0.5, lit((170, 70, 170), warmth, 0.4), 0.6),
               (0.5 - 0.4 * side, 0.35, 0.4, (50, 110, 200), 0.55)]
    canvas.wash([([(12, 12, 40), (30, 22, 74), (62, 36, 104)], 0, 1)], nebulas)
    for i in range(26):
        x, y, r = between(rng, 0, 1), between(rng, 0, 0.78), (0.0075, 0.0105, 0.014)[i % 3]
        canvas.ellipse(x, y, r, r, ((255, 255, 255), (255, 240, 196), (200, 224, 255))[i % 3])
    for x, y in ((0.5 - 0.4 * side, 0.3), (0.5 + 0.08 * side, 0.06)):
        for turn in (0.0, math.pi / 2):
            canvas.ellipse(x, y, 0.04, 0.009, (255, 255, 240), turn)
    _planet(canvas, 0.5 + 0.34 * side, 0.17, rng)
    canvas.ellipse(0.5 - 0.41 * side, 0.55, 0.06, 0.06, (110, 190, 214))
    canvas.ellipse(0.5 - 0.425 * side, 0.535, 0.035, 0.03, (160, 226, 236))
    canvas.ellipse(0.5, 1.28, 1.0, 0.46, (150, 148, 170))
    canvas.ellipse(0.5, 1.31, 1.0, 0.46, (178, 176, 194))
    for x in (0.08 + between(rng, 0, 0.06), 0.84 + between(rng, 0, 0.06)):
        canvas.ellipse(x, 0.95, 0.065, 0.024, (132, 130, 154))


def _planet(canvas: Canvas, x: float, y: float, rng: Rng) -> None:
    """A banded planet with a ring."""
    body, ring = (((236, 158, 88), (250, 220, 160)), ((226, 106, 120), (250, 196, 180)))[int(rng.integers(2))]
    canvas.ellipse(x, y, 0.2, 0.05, ring, -0.35)
    canvas.ellipse(x, y, 0.165, 0.032, (34, 26, 74), -0.35)
    canvas.ellipse(x, y, 0.115, 0.115, body)
    canvas.ellipse(x - 0.02, y - 0.03, 0.075, 0.03, lighter(body, 0.3), -0.35)
    front = ellipse_points(x, y, 0.183, 0.041, -0.35, 14, 0.15, math.pi - 0.15)
    canvas.line(front, 0.018, ring)


def _studio(canvas: Canvas, rng: Rng, warmth: float) -> None:
    backdrops = ((150, 130, 188), (126, 166, 196), (196, 146, 136), (138, 178, 150), (196, 178, 130), (158, 160, 172))
    tone = lit(backdrops[int(rng.integers(len(backdrops)))], warmth)
    paper = [darker(tone, 0.42), darker(tone, 0.12), lighter(tone, 0.1)]
    sweep = [lighter(tone, 0.1), lighter(tone, 0.32), lighter(tone, 0.18)]
    spot = (0.5 + between(rng, -0.12, 0.12), 0.42, 0.62, lighter(tone, 0.62), 0.9)
    canvas.wash([(paper, 0, 0.8), (sweep, 0.8, 1)], [spot])
    for side in (-1, 1):
        x, y = 0.5 + side * 0.385, 0.17 + between(rng, -0.02, 0.03)
        for foot in (-0.07, 0.0, 0.07):
            canvas.line([(x + side * 0.02, 0.72), (x + side * 0.02 + foot, 0.88)], 0.016, (54, 54, 62))
        canvas.line([(x + side * 0.02, y), (x + side * 0.02, 0.74)], 0.02, (54, 54, 62))
        canvas.frame = Frame(x, y, 1.0, side * 0.3)
        canvas.polygon([(-0.14, -0.11), (0.14, -0.11), (0.14, 0.11), (-0.14, 0.11)], (44, 44, 52))
        canvas.polygon([(-0.118, -0.088), (0.118, -0.088), (0.118, 0.088), (-0.118, 0.088)], (255, 252, 240))
    canvas.frame = Frame()


def _castle(canvas: Canvas, rng: Rng, warmth: float) -> None:
    at, stone = either_side(rng), (176, 170, 178)
    sky = [lit((120, 150, 216), warmth), lit((196, 190, 226), warmth), lit((252, 214, 196), warmth, 0.4)]
    canvas.wash([(sky, 0, 0.7), (sky[-1:], 0.7, 1)])
    cloud(canvas, 0.5 + 0.1 * at, 0.1, 0.09, (248, 238, 244))
    hill(canvas, 0.6, 0.03, between(rng, 0, 6), (142, 168, 152))
    _wall(canvas, (0.12, 0.88), 0.42, darker(stone, 0.06))
    canvas.polygon([(0.36, 0.82), (0.36, 0.3), (0.64, 0.3), (0.64, 0.82)], lighter(stone, 0.1))
    _wall(canvas, (0.36, 0.64), 0.26, lighter(stone, 0.1))
    roofs: tuple[Colour, ...] = ((186, 66, 72), (66, 88, 160), (110, 72, 150))
    roof = roofs[int(rng.integers(len(roofs)))]
    for x, top in ((0.13 + between(rng, -0.02, 0.02), 0.22), (0.87 + between(rng, -0.02, 0.02), 0.26)):
        _tower(canvas, x, top, stone, roof)
    hill(canvas, 0.8, 0.015, between(rng, 0, 6), lit((120, 164, 96), warmth))
    path = [(0.4, 0.8), (0.6, 0.8), (0.78, 1.0), (0.22, 1.0)]
    canvas.polygon(path, (214, 196, 160))


def _wall(canvas: Canvas, span: Point, top: float, stone: Colour) -> None:
    """A wall with battlements."""
    left, right = span
    canvas.polygon([(left, top), (right, top), (right, 0.84), (left, 0.84)], stone)
    count = round((right - left) / 0.09)
    for i in range(count):
        x = left + (right - left) * (i + 0.2) / count
        canvas.polygon([(x, top - 0.045), (x + 0.05, top - 0.045), (x + 0.05, top), (x, top)], stone)


def _tower(canvas: Canvas, x: float, top: float, stone: Colour, roof: Colour) -> None:
    """A round tower with a pointed roof, a flag and two windows."""
    canvas.polygon([(x - 0.1, top), (x + 0.1, top), (x + 0.1, 0.84), (x - 0.1, 0.84)], darker(stone, 0.1))
    canvas.polygon([(x - 0.1, top), (x - 0.02, top), (x - 0.02, 0.84), (x - 0.1, 0.84)], lighter(stone, 0.16))
    canvas.polygon([(x - 0.135, top + 0.02), (x, top - 0.2), (x + 0.135, top + 0.02)], roof)
    canvas.polygon([(x - 0.135, top + 0.02), (x, top - 0.2), (x - 0.03, top + 0.02)], lighter(roof, 0.2))
    for y in (top + 0.12, top + 0.32):
        canvas.ellipse(x, y, 0.028, 0.028, (70, 62, 88))
        canvas.polygon([(x - 0.028, y), (x + 0.028, y), (x + 0.028, y + 0.06), (x - 0.028, y + 0.06)], (70, 62, 88))


BUILT: Final[Mapping[str, Painter]] = MappingProxyType({
    "city": _city, "room": _room, "space": _space, "studio": _studio, "castle": _castle,
})
