"""Places under the open sky, and one under water.

Reads: dice and the light's warmth. Writes: paint on an opaque canvas. Does not: draw figures or styles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from imprint.nano.world.canvas import Canvas, Colour, darker, ellipse_points, lighter, mix
from imprint.nano.world.scenery import Painter, Rng, between, cloud, either_side, fir, hill, lit


def _forest(canvas: Canvas, rng: Rng, warmth: float) -> None:
    greens = [lit((226, 240, 186), warmth, 0.4), (168, 208, 140), (96, 156, 88), (70, 126, 62)]
    canvas.wash([(greens, 0, 1)], [(0.5 + 0.3 * either_side(rng), 0.2, 0.45, (255, 252, 214), 0.75)])
    for i in range(7):
        x, w = (i + between(rng, 0.2, 0.8)) / 7, between(rng, 0.018, 0.028)
        canvas.polygon([(x - w, 0), (x + w, 0), (x + w * 1.2, 0.74), (x - w * 1.2, 0.74)], (118, 152, 96))
    hill(canvas, 0.7, 0.02, between(rng, 0, 6), (92, 146, 66))
    for x, w in ((between(rng, 0.06, 0.11), 0.055), (between(rng, 0.89, 0.94), 0.06),
                 (between(rng, 0.22, 0.26), 0.03), (between(rng, 0.74, 0.79), 0.032)):
        _trunk(canvas, x, w)
    hill(canvas, 0.82, 0.025, between(rng, 0, 6), (66, 116, 50))
    for i in range(9):
        x = i / 8 + between(rng, -0.03, 0.03)
        reach = 0.02 + 0.1 * abs(2 * x - 1) + between(rng, 0, 0.03)
        canvas.ellipse(x, reach - 0.02, 0.11, 0.085, (44, 100, 52))
        canvas.ellipse(x + 0.02, reach - 0.055, 0.085, 0.06, (72, 138, 66))
    for x in (between(rng, -0.02, 0.08), between(rng, 0.92, 1.02)):
        canvas.ellipse(x, 0.88, 0.13, 0.1, (42, 96, 48))
        canvas.ellipse(x + 0.01, 0.86, 0.09, 0.065, (74, 140, 66))


def _trunk(canvas: Canvas, x: float, w: float) -> None:
    """A near tree: trunk with a lit side, standing on the ground."""
    bark = (104, 70, 44)
    canvas.polygon([(x - w, 0), (x + w, 0), (x + w, 0.74), (x + w * 1.7, 0.86), (x - w * 1.7, 0.86), (x - w, 0.74)],
                   bark)
    canvas.polygon([(x - w * 0.7, 0), (x - w * 0.1, 0), (x - w * 0.2, 0.78), (x - w * 0.8, 0.78)], lighter(bark, 0.2))


def _beach(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = either_side(rng)
    sky = [lit((84, 170, 236), warmth), lit((204, 236, 250), warmth, 0.5)]
    sea = [(32, 118, 190), (54, 176, 208), (128, 222, 218)]
    sun = (0.5 - 0.36 * side, 0.13, 0.24, (255, 250, 200), 0.9)
    canvas.wash([(sky, 0, 0.45), (sea, 0.43, 0.7), (sea[-1:], 0.7, 1)], [sun])
    canvas.ellipse(0.5 - 0.36 * side, 0.13, 0.07, 0.07, (255, 238, 140))
    cloud(canvas, 0.5 + between(rng, -0.1, 0.1), 0.1, 0.08, (250, 252, 255))
    for y, light in ((0.5, 0.25), (0.57, 0.35)):
        start = between(rng, 0, 6)
        for half in (-0.36, 0.36):
            wave = [(0.5 + half + dx, y + 0.008 * math.sin(40 * dx + start)) for dx in (-0.14, -0.07, 0.0, 0.07, 0.14)]
            canvas.ribbon(wave, 0.018, mix((60, 170, 210), (255, 255, 255), light))
    phase = between(rng, 0, 6)
    hill(canvas, 0.655, 0.014, phase, (252, 254, 252), 1.5)
    hill(canvas, 0.685, 0.014, phase, lit((246, 220, 158), warmth), 1.5)
    hill(canvas, 0.85, 0.02, phase + 2, lit((234, 202, 134), warmth))
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
        r = 0.2 + between(rng, -0.02, 0.02)
        leaf = [top, (top[0] + dx * r * 0.5, top[1] + dy * r * 0.5 - 0.05), (top[0] + dx * r, top[1] + dy * r + 0.08),
                (top[0] + dx * r * 0.5, top[1] + dy * r * 0.5 + 0.015)]
        canvas.blob(leaf, ((38, 128, 70), (66, 160, 84))[i % 2])


def _mountains(canvas: Canvas, rng: Rng, warmth: float) -> None:
    sky = [lit((90, 158, 226), warmth), lit((222, 238, 250), warmth, 0.5)]
    canvas.wash([(sky, 0, 0.75), (sky[-1:], 0.75, 1)])
    cloud(canvas, between(rng, 0.4, 0.6), 0.09, 0.1, (252, 254, 255))
    for x, top, half in ((0.36, 0.3, 0.3), (0.66, 0.26, 0.3)):
        _peak(canvas, x + between(rng, -0.04, 0.04), top, half, (150, 168, 200))
    for x, top, half in ((0.1, 0.1, 0.34), (0.91, 0.13, 0.34)):
        _peak(canvas, x + between(rng, -0.03, 0.03), top + between(rng, -0.03, 0.04), half, (98, 112, 146))
    hill(canvas, 0.7, 0.025, between(rng, 0, 6), lit((120, 170, 98), warmth))
    for x in (0.04, 0.13, 0.88, 0.97):
        fir(canvas, x + between(rng, -0.02, 0.02), 0.55, 0.26, (44, 98, 72), snow=False)
    hill(canvas, 0.83, 0.03, between(rng, 0, 6), lit((92, 148, 76), warmth))


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


def _desert(canvas: Canvas, rng: Rng, warmth: float) -> None:
    side = either_side(rng)
    sky = [lit((250, 178, 96), warmth), lit((255, 222, 150), warmth), (255, 240, 200)]
    canvas.wash([(sky, 0, 0.62), (sky[-1:], 0.62, 1)], [(0.5 + 0.3 * side, 0.17, 0.3, (255, 252, 226), 0.9)])
    canvas.ellipse(0.5 + 0.3 * side, 0.17, 0.085, 0.085, (255, 246, 196))
    x = 0.5 - 0.4 * side + between(rng, -0.04, 0.04)
    mesa = [(x - 0.2, 0.6), (x - 0.14, 0.4), (x + 0.14, 0.4), (x + 0.2, 0.6)]
    canvas.polygon(mesa, (206, 118, 78))
    canvas.polygon([(x - 0.155, 0.45), (x + 0.155, 0.45), (x + 0.17, 0.5), (x - 0.17, 0.5)], (226, 146, 98))
    phase = between(rng, 0, 6)
    hill(canvas, 0.57, 0.03, phase, (236, 176, 96))
    hill(canvas, 0.68, 0.045, phase + 2.2, (222, 152, 74))
    hill(canvas, 0.83, 0.04, phase + 4.0, (240, 186, 104), 0.8)
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


def _snow(canvas: Canvas, rng: Rng, warmth: float) -> None:
    sky = [lit((134, 172, 214), warmth), lit((212, 228, 244), warmth, 0.4), (236, 242, 250)]
    canvas.wash([(sky, 0, 0.8), (sky[-1:], 0.8, 1)])
    for x in (0.2, 0.34, 0.5, 0.66, 0.8):
        fir(canvas, x + between(rng, -0.04, 0.04), 0.36 + between(rng, -0.04, 0.04), 0.34, (156, 186, 206),
             snow=False)
    hill(canvas, 0.69, 0.03, between(rng, 0, 6), (226, 236, 248))
    for x, top in ((0.09, 0.16), (0.92, 0.2)):
        fir(canvas, x + between(rng, -0.03, 0.03), top + between(rng, -0.04, 0.04), 0.6, (42, 98, 92), snow=True)
    hill(canvas, 0.84, 0.03, between(rng, 0, 6), (250, 252, 255))
    for i in range(26):
        r = (0.012, 0.016, 0.021)[i % 3]
        canvas.ellipse((i % 6 + between(rng, 0, 1)) / 6, (i // 6 + between(rng, 0, 1)) / 5, r, r, (255, 255, 255))


def _garden(canvas: Canvas, rng: Rng, warmth: float) -> None:
    at = either_side(rng)
    sky = [lit((142, 200, 244), warmth), lit((226, 242, 250), warmth, 0.4)]
    lawn = [(150, 200, 104), (116, 178, 80)]
    canvas.wash([(sky, 0, 0.5), (lawn, 0.5, 1)], [(0.5 - 0.3 * at, 0.1, 0.4, (255, 252, 220), 0.7)])
    for i in range(8):
        x = i / 7 + between(rng, -0.03, 0.03)
        canvas.ellipse(x, 0.47, 0.13, 0.14 + between(rng, 0, 0.04), ((96, 162, 84), (112, 176, 92))[i % 2])
    canvas.polygon([(0, 0.5), (1, 0.5), (1, 0.56), (0, 0.56)], (250, 250, 246))
    for i in range(9):
        x = (i + 0.5) / 9
        canvas.polygon([(x - 0.034, 0.72), (x - 0.034, 0.47), (x, 0.42), (x + 0.034, 0.47), (x + 0.034, 0.72)],
                       (250, 250, 246))
    hill(canvas, 0.7, 0.015, between(rng, 0, 6), (98, 164, 70))
    _tree_with_apples(canvas, 0.5 + 0.42 * at, rng)
    hill(canvas, 0.86, 0.02, between(rng, 0, 6), (78, 142, 60))
    petals = ((240, 96, 140), (250, 214, 84), (248, 248, 250), (170, 108, 214), (244, 112, 66))
    for i in range(12):
        x = (i + between(rng, 0.2, 0.8)) / 12
        y = 0.8 + 0.13 * float(rng.random())
        _blossom(canvas, x, y, 0.036, petals[int(rng.integers(len(petals)))])


def _tree_with_apples(canvas: Canvas, x: float, rng: Rng) -> None:
    canvas.polygon([(x - 0.035, 0.8), (x - 0.025, 0.3), (x + 0.025, 0.3), (x + 0.035, 0.8)], (120, 84, 56))
    for dx, dy, r in ((-0.1, 0.22, 0.13), (0.1, 0.2, 0.13), (0.0, 0.1, 0.15), (0.0, 0.28, 0.13)):
        canvas.ellipse(x + dx, dy, r, r * 0.9, (74, 142, 66))
    canvas.ellipse(x - 0.03, 0.12, 0.1, 0.08, (104, 170, 82))
    for dx, dy in ((-0.12, 0.2), (0.02, 0.26), (0.1, 0.14), (-0.03, 0.08)):
        canvas.ellipse(x + dx + between(rng, -0.01, 0.01), dy, 0.026, 0.026, (222, 62, 52))


def _blossom(canvas: Canvas, x: float, y: float, size: float, fill: Colour) -> None:
    canvas.line([(x, y), (x, y + size * 2.2)], 0.014, (62, 122, 54))
    for k in range(5):
        turn = 2 * math.pi * k / 5
        canvas.ellipse(x + size * 0.62 * math.cos(turn), y + size * 0.62 * math.sin(turn), size * 0.5, size * 0.5, fill)
    canvas.ellipse(x, y, size * 0.4, size * 0.4, (252, 226, 120))


def _underwater(canvas: Canvas, rng: Rng, warmth: float) -> None:
    at = either_side(rng)
    water = [lit((126, 222, 232), warmth, 0.15), (52, 160, 206), (24, 102, 170), (18, 72, 134)]
    canvas.wash([(water, 0, 1)], [(0.5 + 0.2 * at, 0.0, 0.5, (226, 255, 250), 0.7)])
    for x, w in ((0.2, 0.05), (0.42, 0.035), (0.66, 0.06), (0.86, 0.04)):  # shafts of light
        foot = x + 0.16 * at
        canvas.polygon([(x - w * 0.6, 0), (x + w * 0.6, 0), (foot + w, 0.72), (foot - w, 0.72)], (96, 190, 220))
    hill(canvas, 0.76, 0.03, between(rng, 0, 6), (60, 140, 170))
    hill(canvas, 0.84, 0.02, between(rng, 0, 6), (214, 198, 150))
    for x, height in ((0.06, 0.5), (0.16, 0.36), (0.86, 0.44), (0.95, 0.58)):
        sway = between(rng, -0.03, 0.03)
        top = 0.88 - height
        weed = [(x, 0.92), (x + 0.03 + sway, 0.88 - height * 0.35), (x - 0.03, 0.88 - height * 0.7), (x + sway, top)]
        canvas.ribbon(weed, 0.05, ((38, 132, 92), (64, 156, 84))[int(rng.integers(2))])
    for x, fill in ((0.03, (240, 112, 120)), (0.97, (246, 158, 84))):
        for dx, y in ((-0.07, 0.78), (0.0, 0.72), (0.07, 0.78)):
            canvas.line([(x, 0.95), (x + dx, y)], 0.045, fill)
    for i in range(3):
        _fish(canvas, 0.5 + at * (0.4 - 0.35 * (i % 2)) * (1 if i else -1), 0.12 + 0.13 * i, 0.06, i)
    for i in range(9):
        r = (0.013, 0.019, 0.026)[i % 3]
        x, y = 0.5 - 0.36 * at + between(rng, -0.1, 0.1), between(rng, 0.05, 0.7)
        canvas.ellipse(x, y, r, r, (196, 240, 248))
        canvas.ellipse(x + r * 0.15, y + r * 0.15, r * 0.65, r * 0.65, (90, 186, 216))


def _fish(canvas: Canvas, x: float, y: float, size: float, number: int) -> None:
    fill = ((250, 160, 50), (250, 220, 90), (240, 110, 110))[number % 3]
    canvas.polygon([(x + size * 0.7, y), (x + size * 1.5, y - size * 0.6), (x + size * 1.5, y + size * 0.6)],
                   darker(fill, 0.15))
    canvas.ellipse(x, y, size, size * 0.6, fill)
    canvas.ellipse(x - size * 0.1, y, size * 0.16, size * 0.52, (250, 250, 250))
    canvas.ellipse(x - size * 0.55, y - size * 0.1, size * 0.15, size * 0.15, (30, 30, 40))


OUTDOORS: Final[Mapping[str, Painter]] = MappingProxyType({
    "forest": _forest, "beach": _beach, "mountains": _mountains, "desert": _desert, "snow": _snow, "garden": _garden,
    "underwater": _underwater,
})
