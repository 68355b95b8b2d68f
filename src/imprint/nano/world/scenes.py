"""The nine places of the world: opaque backgrounds whose tell-tale things stand at the sides and the top.

Reads: a `Spec` (scene, detail_seed, pose.warmth). Writes: an opaque `Canvas`. Does not: draw figures or styles.

The things of the vocabulary (lamp, chair, boat, car, ...) never stand in a scene: a judge must not be misled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from imprint.nano.world.canvas import Canvas, Colour, Frame, Point, darker, ellipse_points, lighter, mix
from imprint.nano.world.spec import Spec

Rng = np.random.Generator
WARM: Final = (255, 196, 120)
COOL: Final = (120, 168, 255)


def draw_scene(spec: Spec, size_px: int) -> Canvas:
    """The background of a picture, opaque everywhere.

    Args:
        spec: what to draw; details are placed by its detail_seed.
        size_px: side of the picture in pixels.
    """
    canvas = Canvas(size_px, (255, 255, 255, 255))
    rng = np.random.default_rng([0x5CE, spec.detail_seed])
    _PAINTERS[spec.scene](canvas, rng, spec.pose.warmth)
    return canvas


def _lit(colour: Colour, warmth: float, share: float = 0.22) -> tuple[int, int, int]:
    """A colour under warm (1) or cool (-1) light."""
    return mix(colour, WARM if warmth > 0 else COOL, share * abs(warmth))


def _between(rng: Rng, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _side(rng: Rng) -> int:
    """-1 for the left, 1 for the right."""
    return 1 if rng.random() < 0.5 else -1


def _hill(canvas: Canvas, y: float, amplitude: float, phase: float, fill: Colour, waves: float = 1.0) -> None:
    """Ground from a wavy line at `y` down to the lower edge."""
    steps = [i / 16 for i in range(17)]
    line = [(x, y + amplitude * math.sin(2 * math.pi * waves * x + phase)) for x in steps]
    canvas.polygon([*line, (1.0, 1.0), (0.0, 1.0)], fill)


def _cloud(canvas: Canvas, x: float, y: float, size: float, fill: Colour) -> None:
    for dx, dy, r in ((-0.6, 0.1, 0.4), (0.0, -0.1, 0.55), (0.6, 0.08, 0.42), (0.0, 0.22, 0.45)):
        canvas.ellipse(x + dx * size, y + dy * size, r * size * 1.2, r * size * 0.7, fill)


def _forest(canvas: Canvas, rng: Rng, warmth: float) -> None:
    greens = [_lit((226, 240, 186), warmth, 0.4), (168, 208, 140), (96, 156, 88), (70, 126, 62)]
    canvas.wash([(greens, 0, 1)], [(0.5 + 0.3 * _side(rng), 0.2, 0.45, (255, 252, 214), 0.75)])
    for i in range(7):
        x, w = (i + _between(rng, 0.2, 0.8)) / 7, _between(rng, 0.018, 0.028)
        canvas.polygon([(x - w, 0), (x + w, 0), (x + w * 1.2, 0.74), (x - w * 1.2, 0.74)], (118, 152, 96))
    _hill(canvas, 0.7, 0.02, _between(rng, 0, 6), (92, 146, 66))
    for x, w in ((_between(rng, 0.06, 0.11), 0.055), (_between(rng, 0.89, 0.94), 0.06),
                 (_between(rng, 0.22, 0.26), 0.03), (_between(rng, 0.74, 0.79), 0.032)):
        _trunk(canvas, x, w)
    _hill(canvas, 0.82, 0.025, _between(rng, 0, 6), (66, 116, 50))
    for i in range(9):
        x = i / 8 + _between(rng, -0.03, 0.03)
        reach = 0.02 + 0.1 * abs(2 * x - 1) + _between(rng, 0, 0.03)
        canvas.ellipse(x, reach - 0.02, 0.11, 0.085, (44, 100, 52))
        canvas.ellipse(x + 0.02, reach - 0.055, 0.085, 0.06, (72, 138, 66))
    for x in (_between(rng, -0.02, 0.08), _between(rng, 0.92, 1.02)):
        canvas.ellipse(x, 0.88, 0.13, 0.1, (42, 96, 48))
        canvas.ellipse(x + 0.01, 0.86, 0.09, 0.065, (74, 140, 66))


def _trunk(canvas: Canvas, x: float, w: float) -> None:
    """A near tree: trunk with a lit side, standing on the ground."""
    bark = (104, 70, 44)
    canvas.polygon([(x - w, 0), (x + w, 0), (x + w, 0.74), (x + w * 1.7, 0.86), (x - w * 1.7, 0.86), (x - w, 0.74)],
                   bark)
    canvas.polygon([(x - w * 0.7, 0), (x - w * 0.1, 0), (x - w * 0.2, 0.78), (x - w * 0.8, 0.78)], lighter(bark, 0.2))


def _beach(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = _side(rng)
    sky = [_lit((84, 170, 236), warmth), _lit((204, 236, 250), warmth, 0.5)]
    sea = [(32, 118, 190), (54, 176, 208), (128, 222, 218)]
    sun = (0.5 - 0.36 * side, 0.13, 0.24, (255, 250, 200), 0.9)
    canvas.wash([(sky, 0, 0.45), (sea, 0.43, 0.7), (sea[-1:], 0.7, 1)], [sun])
    canvas.ellipse(0.5 - 0.36 * side, 0.13, 0.07, 0.07, (255, 238, 140))
    _cloud(canvas, 0.5 + _between(rng, -0.1, 0.1), 0.1, 0.08, (250, 252, 255))
    for y, light in ((0.5, 0.25), (0.57, 0.35)):
        start = _between(rng, 0, 6)
        for half in (-0.36, 0.36):
            wave = [(0.5 + half + dx, y + 0.008 * math.sin(40 * dx + start)) for dx in (-0.14, -0.07, 0.0, 0.07, 0.14)]
            canvas.ribbon(wave, 0.018, mix((60, 170, 210), (255, 255, 255), light))
    phase = _between(rng, 0, 6)
    _hill(canvas, 0.655, 0.014, phase, (252, 254, 252), 1.5)
    _hill(canvas, 0.685, 0.014, phase, _lit((246, 220, 158), warmth), 1.5)
    _hill(canvas, 0.85, 0.02, phase + 2, _lit((234, 202, 134), warmth))
    _palm(canvas, 0.5 + 0.42 * side, side, rng)
    x = 0.5 - 0.4 * side
    canvas.line([(x, 0.86), (x - 0.02 * side, 0.56)], 0.018, (240, 240, 236))
    for i in range(4):
        arc = ellipse_points(x - 0.02 * side, 0.6, 0.13, 0.11, 0, 3, math.pi * (1 + i / 4), math.pi * (1 + (i + 1) / 4))
        canvas.polygon([(x - 0.02 * side, 0.6), *arc], ((226, 70, 64), (250, 246, 238))[i % 2])


def _palm(canvas: Canvas, x: float, side: int, rng: Rng) -> None:
    """A palm at one side of the beach whose crown hangs into the sky."""
    top = (x - 0.03 * side, 0.24)
    canvas.ribbon([(x + 0.04 * side, 0.84), (x + 0.025 * side, 0.6), top], 0.042, (150, 104, 62))
    for i, turn in enumerate((-2.9, -2.2, -1.2, -0.4, 0.25, 2.9)):
        dx, dy = math.cos(turn), math.sin(turn)
        r = 0.2 + _between(rng, -0.02, 0.02)
        leaf = [top, (top[0] + dx * r * 0.5, top[1] + dy * r * 0.5 - 0.05), (top[0] + dx * r, top[1] + dy * r + 0.08),
                (top[0] + dx * r * 0.5, top[1] + dy * r * 0.5 + 0.015)]
        canvas.blob(leaf, ((38, 128, 70), (66, 160, 84))[i % 2])


def _city(canvas: Canvas, rng: Rng, warmth: float) -> None:
    dusk = [(44, 54, 110), (120, 96, 150), _lit((244, 164, 132), warmth, 0.4), (252, 208, 150)]
    canvas.wash([(dusk, 0, 0.75), (dusk[-1:], 0.75, 0.84), ([(66, 66, 84), (88, 88, 104)], 0.84, 1)])
    canvas.ellipse(0.5 + 0.22 * _side(rng), 0.1, 0.045, 0.045, (255, 246, 214))
    for i in range(9):
        top = _between(rng, 0.28, 0.46)
        canvas.polygon([(i / 9, top), ((i + 1) / 9, top), ((i + 1) / 9, 0.84), (i / 9, 0.84)], (112, 96, 142))
    edges = ((-0.04, 0.14), (0.155, 0.29), (0.71, 0.845), (0.86, 1.04))
    for i, (left, right) in enumerate(edges):
        outer = i in (0, 3)
        top = _between(rng, 0.05, 0.15) if outer else _between(rng, 0.2, 0.34)
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


def _mountains(canvas: Canvas, rng: Rng, warmth: float) -> None:
    sky = [_lit((90, 158, 226), warmth), _lit((222, 238, 250), warmth, 0.5)]
    canvas.wash([(sky, 0, 0.75), (sky[-1:], 0.75, 1)])
    _cloud(canvas, _between(rng, 0.4, 0.6), 0.09, 0.1, (252, 254, 255))
    for x, top, half in ((0.36, 0.3, 0.3), (0.66, 0.26, 0.3)):
        _peak(canvas, x + _between(rng, -0.04, 0.04), top, half, (150, 168, 200))
    for x, top, half in ((0.1, 0.1, 0.34), (0.91, 0.13, 0.34)):
        _peak(canvas, x + _between(rng, -0.03, 0.03), top + _between(rng, -0.03, 0.04), half, (98, 112, 146))
    _hill(canvas, 0.7, 0.025, _between(rng, 0, 6), _lit((120, 170, 98), warmth))
    for x in (0.04, 0.13, 0.88, 0.97):
        _fir(canvas, x + _between(rng, -0.02, 0.02), 0.55, 0.26, (44, 98, 72), snow=False)
    _hill(canvas, 0.83, 0.03, _between(rng, 0, 6), _lit((92, 148, 76), warmth))


def _peak(canvas: Canvas, x: float, top: float, half: float, rock: Colour) -> None:
    """A mountain with a lit left flank, a shaded right one and a snow cap."""
    base = 0.8
    canvas.polygon([(x - half, base), (x, top), (x + half, base)], rock)
    canvas.polygon([(x, top), (x + half, base), (x + half * 0.15, base), (x - 0.02, top + 0.3)], darker(rock, 0.18))
    slope, cap = half / (base - top), 0.2
    left, right = x - slope * cap, x + slope * cap
    snow = [(x, top), (right, top + cap), (x + slope * cap * 0.45, top + cap * 0.72), (x, top + cap * 1.05),
            (x - slope * cap * 0.5, top + cap * 0.72), (left, top + cap)]
    canvas.polygon(snow, (250, 252, 255))


def _fir(canvas: Canvas, x: float, top: float, height: float, green: Colour, snow: bool) -> None:
    """A fir of three tiers, snowed in or not."""
    canvas.polygon([(x - 0.015, top + height), (x + 0.015, top + height), (x + 0.015, top + height * 1.12),
                    (x - 0.015, top + height * 1.12)], (96, 68, 48))
    for tier in (2, 1, 0):
        y, half = top + height * 0.26 * tier, height * (0.17 + 0.07 * tier)
        canvas.polygon([(x, y), (x + half, y + height * 0.46), (x - half, y + height * 0.46)], green)
        if snow:
            canvas.polygon([(x, y), (x + half * 0.62, y + height * 0.28), (x, y + height * 0.22),
                            (x - half * 0.62, y + height * 0.28)], (248, 252, 255))


def _desert(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = _side(rng)
    sky = [_lit((250, 178, 96), warmth), _lit((255, 222, 150), warmth), (255, 240, 200)]
    canvas.wash([(sky, 0, 0.62), (sky[-1:], 0.62, 1)], [(0.5 + 0.3 * side, 0.17, 0.3, (255, 252, 226), 0.9)])
    canvas.ellipse(0.5 + 0.3 * side, 0.17, 0.085, 0.085, (255, 246, 196))
    x = 0.5 - 0.4 * side + _between(rng, -0.04, 0.04)
    mesa = [(x - 0.2, 0.6), (x - 0.14, 0.4), (x + 0.14, 0.4), (x + 0.2, 0.6)]
    canvas.polygon(mesa, (206, 118, 78))
    canvas.polygon([(x - 0.155, 0.45), (x + 0.155, 0.45), (x + 0.17, 0.5), (x - 0.17, 0.5)], (226, 146, 98))
    phase = _between(rng, 0, 6)
    _hill(canvas, 0.57, 0.03, phase, (236, 176, 96))
    _hill(canvas, 0.68, 0.045, phase + 2.2, (222, 152, 74))
    _hill(canvas, 0.83, 0.04, phase + 4.0, (240, 186, 104), 0.8)
    _cactus(canvas, 0.5 - 0.38 * side, 0.3, 0.052)
    _cactus(canvas, 0.5 + 0.41 * side, 0.46, 0.04)


def _cactus(canvas: Canvas, x: float, top: float, w: float) -> None:
    """A saguaro with two arms, standing at the side."""
    green, base = (66, 138, 84), 0.86
    reach = w * 2.1
    for sign, low, high in ((-1, 0.46, 0.28), (1, 0.38, 0.14)):
        y, tip = top + (base - top) * low, top + (base - top) * high
        canvas.line([(x, y), (x + sign * reach, y), (x + sign * reach, tip)], w * 1.1, green)
    canvas.line([(x, base), (x, top)], w * 1.7, green)
    canvas.line([(x - w * 0.3, base - 0.02), (x - w * 0.3, top + 0.01)], w * 0.4, lighter(green, 0.3))


def _room(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = _side(rng)
    walls = ((226, 206, 172), (188, 206, 196), (214, 190, 190), (192, 198, 218))
    wall = _lit(walls[int(rng.integers(len(walls)))], warmth)
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
            left, top = x - 0.122 + i * 0.049, y + _between(rng, 0.015, 0.06)
            fill = books[int(rng.integers(len(books)))]
            canvas.polygon([(left, top), (left + 0.041, top), (left + 0.041, y + 0.19), (left, y + 0.19)], fill)


def _space(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = _side(rng)
    nebulas = [(0.5 + 0.3 * side, 0.55, 0.5, _lit((170, 70, 170), warmth, 0.4), 0.6),
               (0.5 - 0.4 * side, 0.35, 0.4, (50, 110, 200), 0.55)]
    canvas.wash([([(12, 12, 40), (30, 22, 74), (62, 36, 104)], 0, 1)], nebulas)
    for i in range(26):
        x, y, r = _between(rng, 0, 1), _between(rng, 0, 0.78), (0.0075, 0.0105, 0.014)[i % 3]
        canvas.ellipse(x, y, r, r, ((255, 255, 255), (255, 240, 196), (200, 224, 255))[i % 3])
    for x, y in ((0.5 - 0.4 * side, 0.3), (0.5 + 0.08 * side, 0.06)):
        for turn in (0.0, math.pi / 2):
            canvas.ellipse(x, y, 0.04, 0.009, (255, 255, 240), turn)
    _planet(canvas, 0.5 + 0.34 * side, 0.17, rng)
    canvas.ellipse(0.5 - 0.41 * side, 0.55, 0.06, 0.06, (110, 190, 214))
    canvas.ellipse(0.5 - 0.425 * side, 0.535, 0.035, 0.03, (160, 226, 236))
    canvas.ellipse(0.5, 1.28, 1.0, 0.46, (150, 148, 170))
    canvas.ellipse(0.5, 1.31, 1.0, 0.46, (178, 176, 194))
    for x in (0.08 + _between(rng, 0, 0.06), 0.84 + _between(rng, 0, 0.06)):
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


def _snow(canvas: Canvas, rng: Rng, warmth: float) -> None:
    sky = [_lit((134, 172, 214), warmth), _lit((212, 228, 244), warmth, 0.4), (236, 242, 250)]
    canvas.wash([(sky, 0, 0.8), (sky[-1:], 0.8, 1)])
    for x in (0.2, 0.34, 0.5, 0.66, 0.8):
        _fir(canvas, x + _between(rng, -0.04, 0.04), 0.36 + _between(rng, -0.04, 0.04), 0.34, (156, 186, 206),
             snow=False)
    _hill(canvas, 0.69, 0.03, _between(rng, 0, 6), (226, 236, 248))
    for x, top in ((0.09, 0.16), (0.92, 0.2)):
        _fir(canvas, x + _between(rng, -0.03, 0.03), top + _between(rng, -0.04, 0.04), 0.6, (42, 98, 92), snow=True)
    _hill(canvas, 0.84, 0.03, _between(rng, 0, 6), (250, 252, 255))
    for i in range(26):
        r = (0.012, 0.016, 0.021)[i % 3]
        canvas.ellipse((i % 6 + _between(rng, 0, 1)) / 6, (i // 6 + _between(rng, 0, 1)) / 5, r, r, (255, 255, 255))


def _studio(canvas: Canvas, rng: Rng, warmth: float) -> None:
    backdrops = ((150, 130, 188), (126, 166, 196), (196, 146, 136), (138, 178, 150), (196, 178, 130), (158, 160, 172))
    tone = _lit(backdrops[int(rng.integers(len(backdrops)))], warmth)
    paper = [darker(tone, 0.42), darker(tone, 0.12), lighter(tone, 0.1)]
    sweep = [lighter(tone, 0.1), lighter(tone, 0.32), lighter(tone, 0.18)]
    spot = (0.5 + _between(rng, -0.12, 0.12), 0.42, 0.62, lighter(tone, 0.62), 0.9)
    canvas.wash([(paper, 0, 0.8), (sweep, 0.8, 1)], [spot])
    for side in (-1, 1):
        x, y = 0.5 + side * 0.385, 0.17 + _between(rng, -0.02, 0.03)
        for foot in (-0.07, 0.0, 0.07):
            canvas.line([(x + side * 0.02, 0.72), (x + side * 0.02 + foot, 0.88)], 0.016, (54, 54, 62))
        canvas.line([(x + side * 0.02, y), (x + side * 0.02, 0.74)], 0.02, (54, 54, 62))
        canvas.frame = Frame(x, y, 1.0, side * 0.3)
        canvas.polygon([(-0.14, -0.11), (0.14, -0.11), (0.14, 0.11), (-0.14, 0.11)], (44, 44, 52))
        canvas.polygon([(-0.118, -0.088), (0.118, -0.088), (0.118, 0.088), (-0.118, 0.088)], (255, 252, 240))
    canvas.frame = Frame()


_PAINTERS: Final[Mapping[str, Callable[[Canvas, Rng, float], None]]] = MappingProxyType({
    "forest": _forest, "beach": _beach, "city": _city, "mountains": _mountains, "desert": _desert, "room": _room,
    "space": _space, "snow": _snow, "studio": _studio,
})
