"""Glasses and sunglasses.

Reads: a look and where its eyes are. Writes: paint on a canvas whose frame is the head's. Does not: draw eyes.
"""

from __future__ import annotations

from imprint.nano.world.canvas import Canvas, Point, mix
from imprint.nano.world.looks import Look, Rgb

INK: Rgb = (26, 22, 30)
RED: Rgb = (206, 44, 74)
AVIATOR: tuple[Point, ...] = (
    (-0.1, -0.066), (0.0, -0.076), (0.106, -0.072), (0.104, 0.034), (0.034, 0.092), (-0.05, 0.084), (-0.096, 0.03),
)
CAT_EYE: tuple[Point, ...] = (
    (-0.084, -0.04), (0.0, -0.056), (0.085, -0.078), (0.134, -0.112), (0.112, -0.02), (0.05, 0.062), (-0.034, 0.064),
    (-0.082, 0.016),
)


def spectacle(canvas: Canvas, look: Look, x: float) -> None:
    """A thick round rim with a pale lens, below the eye that is drawn on it."""
    y = look.eye_y + 0.004
    canvas.oval(x, y, 0.119, 0.117, INK)
    canvas.oval(x, y, 0.09, 0.088, mix(look.skin, (232, 244, 255), 0.62))


def sunglass(canvas: Canvas, look: Look, x: float, sign: int) -> None:
    """A dark lens with a slanted reflection: an aviator's for men, a cat's eye for women."""
    y = look.eye_y
    lens = CAT_EYE if look.woman else AVIATOR
    if look.woman:
        canvas.shape([(x + sign * px * 1.12, y + py * 1.14 - 0.004) for px, py in lens], RED)
    canvas.shape([(x + sign * px, y + py) for px, py in lens], (18, 16, 22))
    canvas.polygon([(x - 0.05, y - 0.048), (x - 0.008, y - 0.048), (x - 0.042, y + 0.036), (x - 0.072, y + 0.014)],
                   (104, 116, 144))


def bridge(canvas: Canvas, look: Look, left: float, right: float) -> None:
    """What joins the two lenses, and the arms to the ears."""
    y = look.eye_y - (0.05 if look.values["glasses"] == "sunglasses" else 0.01)
    canvas.line([(left + 0.088, y), (right - 0.088, y)], 0.028, INK)
    side = look.outline[3][0]
    for x, end in ((left - 0.1, -side), (right + 0.1, side)):
        if abs(end) > abs(x):
            canvas.line([(x, y), (end, y + 0.004)], 0.026, INK)
