"""The face: head, ears, eyes, brows, nose, mouth, and the signs of age and gender.

Reads: a look. Writes: paint on a canvas whose frame is the head's. Does not: draw hair, beards, hats or glasses.

Whatever names an attribute is at least three pixels wide at 128 px: an autoencoder blurs what is finer.
"""

from __future__ import annotations

import math

from imprint.nano.world import eyewear
from imprint.nano.world.canvas import Canvas, darker, ellipse_points, lighter, mix
from imprint.nano.world.looks import Look, Rgb

INK: Rgb = (34, 28, 36)
WHITE: Rgb = (255, 255, 252)
LIP: Rgb = (212, 34, 66)
GIRLS_LIP: Rgb = (236, 74, 116)
DARK_LIP: Rgb = (164, 0, 44)  # on dark skin, which is as bright as the other red
MOUTH: Rgb = (106, 18, 32)
GOLD: Rgb = (250, 200, 50)
TEAR: Rgb = (84, 172, 250)


def draw_head(canvas: Canvas, look: Look) -> None:
    """Ears and the bare head."""
    canvas.frame = look.head
    side, grow = look.outline[3][0], 1.25 if look.old else 1.0  # ears never stop growing
    rim = darker(look.skin_dark, 0.12)
    for sign in (-1, 1):
        canvas.oval(sign * (side + 0.004), 0.05, 0.042 * grow, 0.055 * grow, rim)
        canvas.oval(sign * side, 0.05, 0.035 * grow, 0.047 * grow, mix(look.skin, look.skin_dark, 0.4))
    canvas.shape([(x * 1.025, y * 1.025) for x, y in look.outline], rim)
    canvas.shape(look.outline, look.skin)
    canvas.form(0, -0.02, 0.262, 0.29)


def draw_features(canvas: Canvas, look: Look) -> None:
    """Everything on the face but the beard, in the order in which it overlaps."""
    canvas.frame = look.head
    if not look.painted_skin:
        _cheeks(canvas, look)
    if look.old:
        _wrinkles(canvas, look)
    for sign in (-1, 1):
        at = eye_x(look, sign)
        if look.values["glasses"] == "glasses":
            eyewear.spectacle(canvas, look, at)
        if look.values["glasses"] == "sunglasses":
            eyewear.sunglass(canvas, look, at, sign)
        else:
            _eye(canvas, look, sign)
        _brow(canvas, look, sign)
    if look.values["glasses"] != "none":
        eyewear.bridge(canvas, look, eye_x(look, -1), eye_x(look, 1))
    _nose(canvas, look)
    _mouth(canvas, look)


def eye_x(look: Look, sign: int) -> float:
    """Where an eye lies across the face; the one that turns away comes nearer to the middle, as on a ball."""
    return look.shift + sign * (0.104 if look.child else 0.099) * (1 - 1.6 * max(0.0, sign * look.shift))


def _cheeks(canvas: Canvas, look: Look) -> None:
    strength = 0.6 if look.child else (0.36 if look.woman else 0.14)
    size = 0.05 if look.child else 0.042
    for sign in (-1, 1):
        x = look.shift * 0.7 + sign * 0.126
        canvas.oval(x, look.eye_y + 0.096, size, size * 0.72, mix(look.skin, (240, 84, 92), strength))
        if look.child:
            for dx, dy in ((-0.03, -0.008), (0.0, 0.014), (0.03, -0.008)):  # freckles
                canvas.oval(x + dx, look.eye_y + 0.092 + dy, 0.011, 0.011, mix(look.skin_dark, (120, 50, 30), 0.5))


def _wrinkles(canvas: Canvas, look: Look) -> None:
    line, s = darker(look.skin_dark, 0.2), look.shift
    for y, half in ((-0.118, 0.105), (-0.16, 0.085)):
        canvas.ribbon([(s - half, y + 0.01), (s, y - 0.004), (s + half, y + 0.01)], 0.019, line)
    for sign in (-1, 1):
        x = eye_x(look, sign)
        canvas.oval(x, look.eye_y + 0.056, 0.064, 0.036, line)  # bags below the eyes
        canvas.oval(x, look.eye_y + 0.042, 0.066, 0.036, look.skin)
        fold = [(s + sign * 0.062, 0.105), (s + sign * 0.118, 0.142), (s + sign * 0.126, 0.2)]
        canvas.ribbon(fold, 0.022, line)


def _eye(canvas: Canvas, look: Look, sign: int) -> None:
    x, y = eye_x(look, sign), look.eye_y
    grow = 1.18 if look.child else (0.94 if look.old else 1.0)
    surprised = look.values["expression"] == "surprised"
    rx, ry = 0.066 * grow, (0.078 if surprised else 0.063) * grow
    if look.woman:
        for k in (0, 1):  # two thick lashes that leave the outer corner
            tip = (x + sign * (rx + 0.036 - 0.02 * k), y - 0.044 - 0.03 * k)
            canvas.line([(x + sign * rx * 0.6, y - ry * 0.5), tip], 0.02, INK)
    lid = INK if look.woman else darker(look.skin_dark, 0.45)
    canvas.oval(x, y - (0.012 if look.woman else 0.007), rx + 0.009, ry + 0.008, lid)
    canvas.oval(x, y, rx, ry, WHITE)
    gaze, radius = x + look.shift * 0.4, 0.054 * grow
    canvas.oval(gaze, y + 0.002, radius, radius, darker(look.iris, 0.4))
    canvas.oval(gaze, y + 0.003, radius * 0.87, radius * 0.87, look.iris)
    canvas.oval(gaze, y + 0.018, radius * 0.62, radius * 0.5, lighter(look.iris, 0.22))
    canvas.oval(gaze, y + 0.001, radius * 0.36, radius * 0.36, (16, 12, 18))
    canvas.oval(gaze - 0.017, y - 0.02, 0.0135, 0.0135, WHITE)
    if look.values["expression"] == "sad" or look.old:
        _eyelid(canvas, look, (x, rx, ry), sign)


def _eyelid(canvas: Canvas, look: Look, eye: tuple[float, float, float], sign: int) -> None:
    """A lid that hangs over the eye, lower at the outer corner."""
    x, rx, ry = eye
    sad, y = look.values["expression"] == "sad", look.eye_y
    outer = (x + sign * (rx + 0.014), y - ry * (0.1 if sad else 0.3))
    inner = (x - sign * (rx + 0.012), y - ry * (0.8 if sad else 0.6))
    top = [(x - sign * rx * 0.6, y - ry - 0.016), (x + sign * rx * 0.6, y - ry - 0.016)]
    corner = (x + sign * (rx + 0.014), y - ry * 0.55)
    canvas.polygon([inner, *top, corner, outer], mix(look.skin, look.skin_dark, 0.45))
    canvas.line([inner, outer], 0.018, INK if look.woman else darker(look.skin_dark, 0.45))


def _brow(canvas: Canvas, look: Look, sign: int) -> None:
    expression = look.values["expression"]
    raised = 0.042 if look.values["hat"] == "none" else 0.022  # higher and a hat would hide them
    lift = {"happy": 0.004, "sad": 0.004, "surprised": raised}[expression]
    slant = {"happy": -0.004, "sad": 0.05, "surprised": 0.0}[expression]
    x, y = eye_x(look, sign), look.eye_y - 0.094 - lift + 0.005 * look.jitter[2]
    inner, outer = (x - sign * 0.054, y - slant * 0.7), (x + sign * 0.062, y + slant * 0.6 + 0.006)
    middle = (x + sign * 0.004, y - 0.016 - (0.012 if expression == "surprised" else 0.0))
    width = 0.019 if look.woman else (0.03 if look.child else 0.04)
    colour = darker(look.hair, 0.3)
    if look.old:
        width, colour = width + 0.008, mix(look.hair, (236, 236, 238), 0.75)
        canvas.ribbon([inner, middle, outer], width + 0.014, darker(look.skin_dark, 0.25))
    canvas.ribbon([inner, middle, outer], width + 0.003 * look.jitter[3], colour)


def _nose(canvas: Canvas, look: Look) -> None:
    x, size = look.shift * 1.5, (0.024 if look.child else (0.026 if look.woman else 0.042)) * (1 + 0.1 * look.jitter[4])
    if look.old:
        size *= 1.2
    y = look.eye_y + 0.075
    canvas.oval(x, y + 0.004, size * 1.12, size * 0.9, darker(look.skin_dark, 0.06))
    canvas.oval(x, y - 0.002, size * 0.95, size * 0.78, mix(look.skin, (236, 96, 92), 0.16))
    canvas.oval(x - look.dark_side * size * 0.36, y - 0.01, size * 0.36, size * 0.28, look.skin_light)


def _mouth(canvas: Canvas, look: Look) -> None:
    x, expression = look.shift * 1.1, look.values["expression"]
    painted = look.woman
    red = DARK_LIP if look.values["skin"] == "dark" else (GIRLS_LIP if look.child else LIP)
    lip = red if painted else darker(mix(look.skin_dark, (150, 40, 48), 0.5), 0.34)
    wide = 0.78 if look.child else 1.0
    if expression == "happy":
        arc = ellipse_points(x, 0.142, 0.1 * wide, 0.082, 0.0, 16, 0.0, math.pi)
        canvas.polygon(arc, lip)
        canvas.polygon(ellipse_points(x, 0.146, 0.08 * wide, 0.056, 0.0, 16, 0.0, math.pi), MOUTH)
        w = wide
        canvas.polygon([(x - 0.08 * w, 0.144), (x + 0.08 * w, 0.144), (x + 0.067 * w, 0.176), (x - 0.067 * w, 0.176)],
                       WHITE)
        canvas.line([(x - 0.1 * w, 0.139), (x + 0.1 * w, 0.139)], 0.022 if painted else 0.014, lip)
    elif expression == "sad":
        bow = [(x - 0.082 * wide, 0.204), (x - 0.042, 0.164), (x, 0.153), (x + 0.042, 0.164), (x + 0.082 * wide, 0.204)]
        canvas.ribbon(bow, 0.042 if painted else 0.032, lip)
        tear, y = eye_x(look, 1) + 0.036, look.eye_y + 0.108
        canvas.polygon([(tear - 0.026, y - 0.004), (tear, y - 0.068), (tear + 0.026, y - 0.004)], TEAR)
        canvas.oval(tear, y, 0.03, 0.03, TEAR)
        canvas.oval(tear - 0.008, y, 0.011, 0.011, WHITE)
    else:
        rim = 0.066 if painted else 0.058
        canvas.oval(x, 0.172, rim * wide, rim + 0.006, lip)
        canvas.oval(x, 0.172, 0.041 * wide, 0.05, (64, 8, 20))


def draw_earrings(canvas: Canvas, look: Look) -> None:
    """Gold ear-rings, over the hair so that long hair does not hide them."""
    canvas.frame = look.head
    for sign in (-1, 1):
        x = sign * (look.outline[3][0] + 0.01)
        canvas.oval(x, 0.125, 0.033, 0.037, darker(GOLD, 0.35))
        canvas.oval(x - 0.003, 0.121, 0.025, 0.028, GOLD)
