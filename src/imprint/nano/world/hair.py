"""Hair, beards and hats.

Reads: a look. Writes: paint on a canvas whose frame is the head's. Does not: draw the face below them.
"""

from __future__ import annotations

from imprint.nano.world.canvas import Canvas, Point, darker, lighter
from imprint.nano.world.looks import Look, Rgb

NAVY: Rgb = (30, 48, 104)
BLACK: Rgb = (30, 28, 34)
GOLD: Rgb = (248, 196, 44)


def draw_hair_back(canvas: Canvas, look: Look) -> None:
    """What lies behind the head: nothing when bald, a rim when short, a mane to the shoulders when long."""
    canvas.frame = look.head
    if look.values["hair_length"] == "bald":
        return
    if look.values["hair_length"] == "short":
        canvas.oval(0, -0.045, 0.232, 0.236, look.hair_dark)
        return
    wave = 0.02 * look.jitter[5]
    right = [(0.15, -0.26), (0.25, -0.14), (0.272, 0.03), (0.29 + wave, 0.19), (0.272 - wave, 0.33), (0.17, 0.37)]
    outline = [(0.0, -0.29), *right, (0.0, 0.33), *((-x, y) for x, y in reversed(right))]
    canvas.shape(outline, look.hair_dark)


def draw_hair_front(canvas: Canvas, look: Look) -> None:
    """Fringe, sides and the shine on them; drawn over the head and below any hat."""
    canvas.frame = look.head
    length = look.values["hair_length"]
    if length == "bald":
        canvas.oval(-look.dark_side * 0.075, -0.185, 0.05, 0.026, (255, 255, 250), -look.dark_side * 0.5)
        return
    part = 0.09 * (1 if look.jitter[5] > 0 else -1)
    rise = -0.04 if look.old else 0.0  # an old hairline leaves the forehead's wrinkles free
    top = _crown(look, part, rise)
    canvas.shape(top, look.hair)
    if length == "long":
        for sign in (-1, 1):
            _lock(canvas, look, sign)
    else:
        for sign in (-1, 1):
            colour = look.hair_dark if sign == look.dark_side else look.hair
            side = [(0.16, -0.16), (0.232, -0.12), (0.246, 0.0), (0.216, 0.085), (0.184, -0.01)]
            canvas.shape([(sign * x, y) for x, y in side], colour)
    _strands(canvas, look, part, rise)


def _crown(look: Look, part: float, rise: float) -> list[Point]:
    """The hair on top: over the skull and back along the fringe, which opens at the parting."""
    j = look.jitter
    puff = 0.012 * j[6] + (0.0 if look.values["hair_length"] == "long" else 0.012)
    over: list[Point] = [(-0.222, -0.06), (-0.232, -0.15), (-0.15, -0.262 - puff), (0.0, -0.298 - puff),
                         (0.15, -0.262 - puff), (0.232, -0.15), (0.222, -0.06)]
    fringe: list[Point] = [(0.185, -0.085), (0.14, -0.118 + rise), (part + 0.05, -0.128 + rise), (part, -0.165 + rise),
                           (part - 0.05, -0.128 + rise), (-0.14, -0.118 + rise), (-0.185, -0.085)]
    return [*over, *fringe]


def _lock(canvas: Canvas, look: Look, sign: int) -> None:
    wave = 0.016 * look.jitter[7]
    lock = [(0.17, -0.17), (0.235, -0.14), (0.264, 0.03), (0.276 + wave, 0.19), (0.258 - wave, 0.33), (0.2, 0.345),
            (0.185 + wave, 0.24), (0.196, 0.1), (0.188, -0.04)]
    canvas.shape([(sign * x, y) for x, y in lock], look.hair_dark if sign == look.dark_side else look.hair)
    canvas.ribbon([(sign * 0.225, -0.02), (sign * (0.236 + wave), 0.12), (sign * 0.226, 0.27)], 0.014,
                 look.hair if sign == look.dark_side else look.hair_dark)


def _strands(canvas: Canvas, look: Look, part: float, rise: float) -> None:
    """A glint on the lit side and two strands, the only place where the seed shows."""
    lit = -look.dark_side
    canvas.ribbon([(lit * 0.175, -0.165), (lit * 0.13, -0.225), (lit * 0.05, -0.252)], 0.026, look.hair_light)
    for k in (0.6, 1.15):
        x = max(-0.13, min(0.13, part * 0.4 + look.dark_side * 0.1 * k))
        canvas.ribbon([(x * 0.9, -0.255), (x * 1.1, -0.2), (x * 1.2, -0.15 + rise)], 0.013, look.hair_dark)


def draw_beard(canvas: Canvas, look: Look) -> None:
    """A full beard round the jaw with a moustache."""
    canvas.frame = look.head
    if look.values["beard"] == "none":
        return
    x, tip = look.shift * 0.6, 0.345 + 0.02 * look.jitter[6]
    right: list[Point] = [(0.2, 0.02), (0.222, 0.12), (0.19, 0.24), (0.1, tip - 0.025)]
    inner: list[Point] = [(0.165, 0.085), (0.11, 0.128), (0.05, 0.116)]
    points = [(x, 0.126), *((px + x, py) for px, py in reversed(inner)), *right, (x, tip),
              *((-px, py) for px, py in reversed(right)), *((-px + x, py) for px, py in inner)]
    canvas.shape(points, look.hair)
    d = look.dark_side
    canvas.shape([(d * 0.21, 0.05), (d * 0.222, 0.13), (d * 0.185, 0.24), (d * 0.08, tip - 0.02), (d * 0.13, 0.23)],
                look.hair_dark)
    for k in (-0.07, 0.0, 0.07):
        canvas.line([(x + k, 0.258), (x + k * 0.8, 0.3)], 0.014, look.hair_dark)


def draw_hat(canvas: Canvas, look: Look) -> None:
    """Cap, top hat or crown, worn above the brows."""
    canvas.frame = look.head
    hat = look.values["hat"]
    if hat == "cap":
        _cap(canvas, look)
    elif hat == "top hat":
        _top_hat(canvas, look)
    elif hat == "crown":
        _crown_of_gold(canvas, look)


def _cap(canvas: Canvas, look: Look) -> None:
    s = look.shift
    dome: list[Point] = [(-0.243, -0.12), (-0.235, -0.22), (-0.14, -0.318), (0.0, -0.345), (0.14, -0.318),
                         (0.235, -0.22), (0.243, -0.12), (0.12, -0.155), (0.0, -0.165), (-0.12, -0.155)]
    canvas.shape(dome, NAVY)
    d = look.dark_side
    canvas.shape([(d * 0.243, -0.12), (d * 0.235, -0.22), (d * 0.14, -0.315), (d * 0.06, -0.335), (d * 0.15, -0.24),
                 (d * 0.17, -0.15)], darker(NAVY, 0.35))
    canvas.oval(s, -0.235, 0.056, 0.052, (244, 244, 240))
    canvas.oval(0, -0.342, 0.026, 0.016, lighter(NAVY, 0.25))
    brim: list[Point] = [(-0.235, -0.13), (-0.16, -0.185), (0.0, -0.2), (0.16, -0.185), (0.235, -0.13), (0.25, -0.095),
                         (0.13 + s, -0.118), (s, -0.122), (-0.13 + s, -0.118), (-0.25, -0.095)]
    canvas.shape(brim, darker(NAVY, 0.45))
    canvas.ribbon([(-0.2, -0.15), (0.0, -0.178), (0.2, -0.15)], 0.014, lighter(NAVY, 0.3))


def _top_hat(canvas: Canvas, look: Look) -> None:
    d = look.dark_side
    body: list[Point] = [(-0.172, -0.17), (-0.19, -0.41), (0.19, -0.41), (0.172, -0.17)]
    canvas.polygon(body, BLACK)
    canvas.polygon([(-d * 0.09, -0.17), (-d * 0.1, -0.41), (-d * 0.15, -0.41), (-d * 0.138, -0.17)], (84, 82, 96))
    canvas.oval(0, -0.41, 0.19, 0.028, (56, 54, 64))
    canvas.polygon([(-0.173, -0.185), (-0.177, -0.25), (0.177, -0.25), (0.173, -0.185)], (192, 40, 52))
    canvas.polygon([(d * 0.06, -0.185), (d * 0.06, -0.25), (d * 0.177, -0.25), (d * 0.173, -0.185)], (140, 24, 42))
    canvas.oval(0, -0.165, 0.285, 0.046, (62, 60, 70))
    canvas.oval(0, -0.158, 0.285, 0.042, BLACK)


def _crown_of_gold(canvas: Canvas, look: Look) -> None:
    d = look.dark_side
    tips = (-0.235, -0.118, 0.0, 0.118, 0.235)
    points: list[Point] = [(-0.2, -0.16)]
    for i, x in enumerate(tips):
        points.append((x, -0.385 if x == 0 else -0.36))
        if i < len(tips) - 1:
            points.append(((x + tips[i + 1]) / 2, -0.265))
    points.append((0.2, -0.16))
    canvas.polygon([(x * 1.06, y * 1.03 + 0.01) for x, y in points], darker(GOLD, 0.42))
    canvas.polygon(points, GOLD)
    canvas.polygon([(d * 0.1, -0.16), (d * 0.118, -0.36), (d * 0.176, -0.265), (d * 0.235, -0.36), (d * 0.2, -0.16)],
                   darker(GOLD, 0.2))
    canvas.line([(-0.198, -0.16), (0.0, -0.152), (0.198, -0.16)], 0.03, darker(GOLD, 0.25))
    for x, colour in ((-0.118, (40, 108, 214)), (0.0, (214, 36, 60)), (0.118, (36, 160, 92))):
        canvas.oval(x, -0.225, 0.031, 0.031, darker(colour, 0.4))
        canvas.oval(x, -0.226, 0.024, 0.024, colour)
    for x in tips:
        canvas.oval(x, -0.385 if x == 0 else -0.362, 0.021, 0.021, lighter(GOLD, 0.55))
