"""The face: head, ears, eyes, brows, nose, mouth, glasses, and the signs of age.

Reads: a look. Writes: paint on a canvas whose frame is the head's. Does not: draw hair, beards or hats.
"""

from __future__ import annotations

from imprint.nano.world.canvas import Canvas, Point, darker, ellipse_points, lighter, mix
from imprint.nano.world.looks import Look, Rgb

INK: Rgb = (34, 28, 36)
WHITE: Rgb = (255, 255, 252)
LIP: Rgb = (206, 38, 62)
MOUTH: Rgb = (106, 18, 32)
GOLD: Rgb = (250, 200, 50)
EYE_Y, EYE_GAP = 0.03, 0.092  # middle of the eyes in the head frame


def draw_head(canvas: Canvas, look: Look) -> None:
    """Ears and the bare head with its shaded side, light brow and cheeks."""
    canvas.frame = look.head
    side = look.outline[3][0]
    for sign in (-1, 1):
        shade = look.skin_dark if sign == look.dark_side else look.skin
        canvas.oval(sign * (side + 0.004), 0.045, 0.04, 0.052, darker(look.skin_dark, 0.12))
        canvas.oval(sign * side, 0.045, 0.034, 0.045, shade)
    canvas.shape([(x * 1.035, y * 1.035) for x, y in look.outline], darker(look.skin_dark, 0.12))
    canvas.shape(look.outline, look.skin_dark)
    # the lit part is the same head, pushed towards the light: what stays uncovered is the shade
    lit = [(x * 0.9 - look.dark_side * 0.02, y * 0.965 - 0.006) for x, y in look.outline]
    canvas.shape(lit, look.skin)
    if look.values["hair_length"] == "bald":  # below hair it would look like a hole in the fringe
        canvas.oval(-look.dark_side * 0.07, -0.145, 0.075, 0.045, look.skin_light, -look.dark_side * 0.35)


def draw_features(canvas: Canvas, look: Look) -> None:
    """Everything on the face but the beard, in the order in which it overlaps."""
    canvas.frame = look.head
    _cheeks(canvas, look)
    if look.old:
        _wrinkles(canvas, look)
    for sign in (-1, 1):
        if look.values["glasses"] == "glasses":
            _spectacle(canvas, look, sign)
        if look.values["glasses"] == "sunglasses":
            _sunglass(canvas, look, sign)
        else:
            _eye(canvas, look, sign)
        _brow(canvas, look, sign)
    if look.values["glasses"] != "none":
        _bridge(canvas, look)
    _nose(canvas, look)
    _mouth(canvas, look)


def _eye_x(look: Look, sign: int) -> float:
    # the eye that turns away comes nearer to the middle, which is what makes a flat head look round
    return look.shift + sign * EYE_GAP * (1 - 1.6 * max(0.0, sign * look.shift))


def _cheeks(canvas: Canvas, look: Look) -> None:
    strength = 0.55 if look.child else (0.34 if look.woman else 0.16)
    size = 0.046 if look.child else 0.04
    for sign in (-1, 1):
        x = look.shift * 0.8 + sign * 0.132
        canvas.oval(x, 0.112, size, size * 0.72, mix(look.skin, (240, 84, 92), strength))


def _wrinkles(canvas: Canvas, look: Look) -> None:
    line, s = darker(look.skin_dark, 0.18), look.shift
    for y, half in ((-0.125, 0.1), (-0.165, 0.08)):
        canvas.curve([(s - half, y + 0.008), (s, y - 0.004), (s + half, y + 0.008)], 0.016, line)
    for sign in (-1, 1):
        x = _eye_x(look, sign)
        canvas.oval(x, 0.075, 0.056, 0.036, line)  # bags below the eyes
        canvas.oval(x, 0.064, 0.058, 0.034, look.skin)
        canvas.curve([(s + sign * 0.06, 0.1), (s + sign * 0.112, 0.14), (s + sign * 0.118, 0.19)], 0.018, line)


def _eye(canvas: Canvas, look: Look, sign: int) -> None:
    x, grow = _eye_x(look, sign), 1.16 if look.child else 1.0
    surprised = look.values["expression"] == "surprised"
    rx, ry = 0.053 * grow, (0.066 if surprised else 0.055) * grow
    if look.woman:
        for k in (0, 1):  # two thick lashes that leave the outer corner
            tip = (x + sign * (rx + 0.032 - 0.018 * k), EYE_Y - 0.034 - 0.03 * k)
            canvas.line([(x + sign * rx * 0.6, EYE_Y - ry * 0.5), tip], 0.017, INK)
    canvas.oval(x, EYE_Y - 0.008, rx + 0.009, ry + 0.008, INK if look.woman else darker(look.skin_dark, 0.45))
    canvas.oval(x, EYE_Y, rx, ry, WHITE)
    gaze, radius = x + look.shift * 0.45, 0.04 * grow
    canvas.oval(gaze, EYE_Y + 0.003, radius, radius, darker(look.iris, 0.35))
    canvas.oval(gaze, EYE_Y + 0.005, radius * 0.86, radius * 0.86, look.iris)
    canvas.oval(gaze, EYE_Y + 0.014, radius * 0.6, radius * 0.5, lighter(look.iris, 0.3))
    canvas.oval(gaze, EYE_Y + 0.003, radius * 0.42, radius * 0.42, (16, 12, 18))
    canvas.oval(gaze - 0.015, EYE_Y - 0.016, 0.0125, 0.0125, WHITE)
    droop = {"sad": 0.024, "happy": 0.0, "surprised": 0.0}[look.values["expression"]]
    if look.old or droop:
        _eyelid(canvas, look, (x, rx, ry), sign, droop)


def _eyelid(canvas: Canvas, look: Look, eye: tuple[float, float, float], sign: int, droop: float) -> None:
    """A lid that hangs over the eye, lower at the outer corner."""
    x, rx, ry = eye
    low = EYE_Y - ry * (0.34 if look.old else 0.5)
    outer = (x + sign * (rx + 0.014), low + (0.03 if look.old else 0.012) + droop * 0.4)
    inner = (x - sign * (rx + 0.012), low - 0.012)
    top = [(x - sign * rx * 0.6, EYE_Y - ry - 0.016), (x + sign * rx * 0.6, EYE_Y - ry - 0.016)]
    corner = (x + sign * (rx + 0.014), EYE_Y - ry * 0.5)
    canvas.polygon([inner, *top, corner, outer], mix(look.skin, look.skin_dark, 0.5))
    canvas.line([inner, outer], 0.015, darker(look.skin_dark, 0.45))


def _brow(canvas: Canvas, look: Look, sign: int) -> None:
    expression = look.values["expression"]
    raised = 0.044 if look.values["hat"] == "none" else 0.03  # higher and a hat would hide them
    lift = {"happy": 0.0, "sad": 0.006, "surprised": raised}[expression] - (0.012 if look.child else 0.0)
    slant = {"happy": -0.004, "sad": 0.046, "surprised": 0.0}[expression]
    x, y = _eye_x(look, sign), -0.058 - lift + 0.006 * look.jitter[2]
    inner, outer = (x - sign * 0.05, y - slant * 0.8), (x + sign * 0.058, y + slant * 0.6 + 0.006)
    middle = (x + sign * 0.004, y - 0.016 - (0.012 if expression == "surprised" else 0.0))
    if look.old:
        width, colour = 0.036, mix(look.hair, (236, 236, 238), 0.75)
        canvas.curve([inner, middle, outer], width + 0.012, darker(look.skin_dark, 0.25))
    else:
        width = 0.018 if look.woman or look.child else 0.032
        colour = darker(look.hair, 0.3)
    canvas.curve([inner, middle, outer], width + 0.004 * look.jitter[3], colour)


def _spectacle(canvas: Canvas, look: Look, sign: int) -> None:
    x = _eye_x(look, sign)
    canvas.oval(x, EYE_Y + 0.004, 0.098, 0.098, INK)
    canvas.oval(x, EYE_Y + 0.004, 0.073, 0.074, mix(look.skin, (226, 242, 255), 0.6))


def _sunglass(canvas: Canvas, look: Look, sign: int) -> None:
    x, y = _eye_x(look, sign), EYE_Y
    lens = [(-0.096, -0.062), (0.0, -0.07), (0.1, -0.066), (0.096, 0.03), (0.03, 0.086), (-0.05, 0.078),
            (-0.094, 0.026)]
    canvas.shape([(x + sign * px, y + py) for px, py in lens], (18, 16, 22))
    canvas.polygon([(x - 0.05, y - 0.045), (x - 0.015, y - 0.045), (x - 0.045, y + 0.03), (x - 0.07, y + 0.012)],
                   (112, 124, 150))


def _bridge(canvas: Canvas, look: Look) -> None:
    left, right = _eye_x(look, -1), _eye_x(look, 1)
    y = EYE_Y - (0.05 if look.values["glasses"] == "sunglasses" else 0.012)
    canvas.line([(left + 0.075, y), (right - 0.075, y)], 0.026, INK)
    side = look.outline[3][0]
    for x, end in ((left - 0.085, -side), (right + 0.085, side)):
        if abs(end) > abs(x):
            canvas.line([(x, y), (end, y + 0.004)], 0.024, INK)


def _nose(canvas: Canvas, look: Look) -> None:
    x, size = look.shift * 1.5, (0.024 if look.child else (0.027 if look.woman else 0.036)) * (1 + 0.1 * look.jitter[4])
    if look.old:
        size *= 1.15
    canvas.oval(x, 0.098, size * 1.12, size * 0.92, darker(look.skin_dark, 0.06))
    canvas.oval(x - look.dark_side * size * 0.16, 0.092, size * 0.92, size * 0.78, mix(look.skin, (236, 96, 92), 0.16))
    canvas.oval(x - look.dark_side * size * 0.4, 0.083, size * 0.34, size * 0.26, look.skin_light)


def _mouth(canvas: Canvas, look: Look) -> None:
    x, expression = look.shift * 1.1, look.values["expression"]
    lip = LIP if look.woman and not look.child else darker(mix(look.skin_dark, (150, 40, 48), 0.5), 0.1)
    if expression == "happy":
        arc: list[Point] = ellipse_points(x, 0.148, 0.088, 0.068, 0.0, 16, 0.0, 3.1416)
        canvas.polygon([(px, py - 0.004) for px, py in arc], lip)
        inner = ellipse_points(x, 0.15, 0.07, 0.05, 0.0, 16, 0.0, 3.1416)
        canvas.polygon(inner, MOUTH)
        canvas.polygon([(x - 0.069, 0.148), (x + 0.069, 0.148), (x + 0.058, 0.176), (x - 0.058, 0.176)], WHITE)
        canvas.line([(x - 0.09, 0.142), (x + 0.09, 0.142)], 0.014, lip)
    elif expression == "sad":
        canvas.curve([(x - 0.078, 0.2), (x - 0.04, 0.162), (x, 0.152), (x + 0.04, 0.162), (x + 0.078, 0.2)], 0.03, lip)
        tear = _eye_x(look, 1) + 0.03
        canvas.polygon([(tear - 0.022, 0.128), (tear, 0.076), (tear + 0.022, 0.128)], (96, 176, 246))
        canvas.oval(tear, 0.13, 0.024, 0.024, (96, 176, 246))
        canvas.oval(tear - 0.006, 0.13, 0.009, 0.009, WHITE)
    else:
        canvas.oval(x, 0.175, 0.047, 0.056, lip)
        canvas.oval(x, 0.175, 0.031, 0.04, (64, 8, 20))


def draw_earrings(canvas: Canvas, look: Look) -> None:
    """Gold ear-rings, over the hair so that long hair does not hide them."""
    canvas.frame = look.head
    for sign in (-1, 1):
        x = sign * (look.outline[3][0] + 0.008)
        canvas.oval(x, 0.118, 0.029, 0.033, darker(GOLD, 0.3))
        canvas.oval(x - 0.003, 0.114, 0.022, 0.025, GOLD)
