"""Ears, muzzles and faces of the animals: what tells one species from another.

Reads: a species and a coat. Writes: paint on a canvas whose frame is the head's. Does not: draw bodies or markings.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from imprint.nano.world.canvas import Canvas, Colour, Point, darker, lighter, mix

INK: Final = (40, 30, 32)
PINK: Final = (240, 160, 160)


def pale(coat: Colour) -> tuple[int, int, int]:
    """The colour of belly and muzzle."""
    return mix(coat, (255, 246, 230), 0.62)


def mirror(side: int, *points: Point) -> list[Point]:
    """Points of the right half, or the same mirrored to the left for side -1."""
    return [(side * x, y) for x, y in points]


def _ears_dog(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        ear = mirror(side, (0.13, -0.2), (0.25, -0.2), (0.33, -0.04), (0.31, 0.13), (0.24, 0.15), (0.2, 0.0))
        canvas.blob(ear, darker(coat, 0.36))


def _ears_cat(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        canvas.polygon(mirror(side, (0.05, -0.18), (0.215, -0.36), (0.25, -0.05)), darker(coat, 0.12))
        canvas.polygon(mirror(side, (0.11, -0.18), (0.198, -0.295), (0.215, -0.1)), PINK)


def _ears_rabbit(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        canvas.ellipse(side * 0.105, -0.31, 0.07, 0.2, darker(coat, 0.12), side * 0.16)
        canvas.ellipse(side * 0.108, -0.31, 0.038, 0.15, PINK, side * 0.16)


def _ears_bear(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        canvas.ellipse(side * 0.19, -0.18, 0.088, 0.088, darker(coat, 0.14))
        canvas.ellipse(side * 0.19, -0.175, 0.05, 0.05, pale(coat))


def _ears_fox(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        canvas.polygon(mirror(side, (0.03, -0.17), (0.225, -0.41), (0.265, -0.04)), darker(coat, 0.08))
        canvas.polygon(mirror(side, (0.145, -0.31), (0.225, -0.41), (0.242, -0.27)), INK)
        canvas.polygon(mirror(side, (0.12, -0.17), (0.19, -0.28), (0.21, -0.12)), (250, 240, 228))
        # Cheek tufts make the head a wide triangle, the fox's outline in front view.
        canvas.polygon(mirror(side, (0.2, -0.06), (0.34, 0.11), (0.1, 0.2)), coat)


def _ears_owl(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        canvas.polygon(mirror(side, (0.04, -0.17), (0.24, -0.32), (0.25, -0.03)), darker(coat, 0.28))


def _ears_elephant(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        ear = mirror(side, (0.12, -0.17), (0.29, -0.27), (0.43, -0.16), (0.43, 0.06), (0.31, 0.19), (0.17, 0.12))
        canvas.blob(ear, darker(coat, 0.2))
        canvas.blob([(side * 0.04 + 0.82 * x, 0.82 * y - 0.005) for x, y in ear], mix(coat, PINK, 0.5))


def _ears_pig(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        canvas.polygon(mirror(side, (0.07, -0.19), (0.25, -0.31), (0.27, -0.03)), darker(coat, 0.22))
        canvas.polygon(mirror(side, (0.13, -0.18), (0.225, -0.25), (0.235, -0.09)), mix(coat, PINK, 0.65))


def draw_muzzle(canvas: Canvas, species: str, coat: Colour) -> None:
    """The pale part of the face, below the marks."""
    light = pale(coat)
    if species == "dog":
        canvas.ellipse(0, 0.105, 0.125, 0.1, light)
        canvas.ellipse(0, 0.0, 0.05, 0.09, light)
    elif species == "cat":
        for side in (-1, 1):
            canvas.ellipse(side * 0.048, 0.1, 0.062, 0.05, light)
    elif species == "rabbit":
        for side in (-1, 1):
            canvas.ellipse(side * 0.055, 0.11, 0.07, 0.058, light)
            canvas.ellipse(side * 0.17, 0.09, 0.045, 0.035, mix(coat, PINK, 0.6))
    elif species == "bear":
        canvas.ellipse(0, 0.1, 0.13, 0.095, light)
    elif species == "fox":
        for side in (-1, 1):
            canvas.polygon(mirror(side, (0.0, 0.02), (0.12, 0.04), (0.315, 0.105), (0.12, 0.2), (0.0, 0.225)),
                           (252, 244, 232))
        canvas.blob([(-0.06, -0.02), (0.06, -0.02), (0.05, 0.12), (0.0, 0.17), (-0.05, 0.12)], lighter(coat, 0.12))
    elif species == "pig":
        for side in (-1, 1):
            canvas.ellipse(side * 0.165, 0.09, 0.05, 0.04, mix(coat, PINK, 0.7))
    elif species == "elephant":
        for side in (-1, 1):
            canvas.ellipse(side * 0.14, 0.1, 0.05, 0.04, mix(coat, PINK, 0.35))
    else:
        for side in (-1, 1):
            canvas.ellipse(side * 0.105, -0.015, 0.128, 0.132, light)


def _eye(canvas: Canvas, x: float, y: float, r: float) -> None:
    """A round dark eye with a glint."""
    canvas.ellipse(x, y, r * 1.2, r * 1.2, (250, 246, 240))
    canvas.ellipse(x, y, r, r * 1.08, INK)
    canvas.ellipse(x - r * 0.3, y - r * 0.38, r * 0.36, r * 0.36, (255, 255, 255))


def _mouth(canvas: Canvas, y: float, w: float) -> None:
    """The two small bows under a nose."""
    for side in (-1, 1):
        canvas.ribbon(mirror(side, (0, y - 0.03), (0.005, y), (w * 0.6, y + 0.018), (w, y - 0.005)), 0.014, INK)


def _face_dog(canvas: Canvas, coat: Colour) -> None:
    canvas.blob([(-0.035, 0.14), (0.035, 0.14), (0.036, 0.2), (0.0, 0.228), (-0.036, 0.2)], (232, 104, 116))
    _mouth(canvas, 0.135, 0.07)
    canvas.ellipse(0, 0.062, 0.055, 0.04, INK)
    canvas.ellipse(-0.016, 0.048, 0.017, 0.01, (150, 140, 146))
    for side in (-1, 1):
        _eye(canvas, side * 0.108, -0.035, 0.038)


def _face_cat(canvas: Canvas, coat: Colour) -> None:
    _mouth(canvas, 0.11, 0.06)
    canvas.polygon([(-0.034, 0.048), (0.034, 0.048), (0.0, 0.088)], (226, 112, 122))
    whisker = (250, 250, 250) if sum(coat[:3]) < 420 else (84, 78, 84)
    for side in (-1, 1):
        for y, dy in ((0.085, -0.03), (0.115, 0.02)):
            canvas.line(mirror(side, (0.11, y), (0.31, y + dy)), 0.011, whisker)
        canvas.ellipse(side * 0.112, -0.025, 0.058, 0.056, INK)
        canvas.ellipse(side * 0.112, -0.025, 0.048, 0.046, (190, 214, 84))
        canvas.ellipse(side * 0.112, -0.025, 0.019, 0.043, INK)
        canvas.ellipse(side * 0.112 - 0.014, -0.042, 0.012, 0.012, (255, 255, 255))


def _face_rabbit(canvas: Canvas, coat: Colour) -> None:
    canvas.polygon([(-0.036, 0.12), (0.036, 0.12), (0.032, 0.19), (-0.032, 0.19)], (255, 255, 252))
    canvas.line([(0, 0.13), (0, 0.185)], 0.01, (150, 140, 140))
    _mouth(canvas, 0.115, 0.06)
    canvas.ellipse(0, 0.06, 0.036, 0.025, (228, 112, 126))
    for side in (-1, 1):
        _eye(canvas, side * 0.12, -0.03, 0.043)


def _face_bear(canvas: Canvas, coat: Colour) -> None:
    _mouth(canvas, 0.132, 0.05)
    canvas.ellipse(0, 0.06, 0.062, 0.042, INK)
    canvas.ellipse(-0.018, 0.046, 0.02, 0.011, (150, 140, 146))
    for side in (-1, 1):
        _eye(canvas, side * 0.105, -0.04, 0.03)


def _face_fox(canvas: Canvas, coat: Colour) -> None:
    canvas.ellipse(0, 0.155, 0.042, 0.034, INK)
    canvas.ellipse(-0.012, 0.145, 0.012, 0.008, (150, 140, 146))
    for side in (-1, 1):
        canvas.ellipse(side * 0.112, -0.01, 0.045, 0.03, INK, side * -0.4)
        canvas.ellipse(side * 0.108, -0.012, 0.026, 0.022, (236, 176, 60), side * -0.4)
        canvas.ellipse(side * 0.108, -0.012, 0.013, 0.02, INK)


def _face_elephant(canvas: Canvas, coat: Colour) -> None:
    """A trunk that hangs over the chest and curls aside at its tip, and two tusks."""
    for side in (-1, 1):
        canvas.ribbon(mirror(side, (0.09, 0.12), (0.13, 0.2), (0.2, 0.225)), 0.056, darker(coat, 0.5))
        canvas.ribbon(mirror(side, (0.09, 0.12), (0.13, 0.2), (0.195, 0.222)), 0.036, (255, 250, 236))
    trunk = [(0.0, 0.03), (0.0, 0.15), (0.012, 0.24), (0.07, 0.29), (0.13, 0.265)]
    canvas.ribbon(trunk, 0.128, darker(coat, 0.45))
    canvas.ribbon(trunk, 0.1, lighter(coat, 0.16))
    for y in (0.12, 0.19):
        canvas.line([(-0.036 + y * 0.06, y), (0.036 + y * 0.06, y + 0.004)], 0.018, darker(coat, 0.22))
    canvas.ellipse(0.137, 0.262, 0.028, 0.024, mix(coat, PINK, 0.6))
    for side in (-1, 1):
        _eye(canvas, side * 0.125, -0.03, 0.034)


def _face_pig(canvas: Canvas, coat: Colour) -> None:
    _mouth(canvas, 0.19, 0.06)
    snout = mix(coat, (246, 150, 160), 0.72)
    canvas.ellipse(0, 0.085, 0.105, 0.078, darker(snout, 0.32))
    canvas.ellipse(0, 0.08, 0.096, 0.068, snout)
    for side in (-1, 1):
        canvas.ellipse(side * 0.038, 0.08, 0.021, 0.031, (120, 50, 62))
        _eye(canvas, side * 0.118, -0.04, 0.035)


def _face_owl(canvas: Canvas, coat: Colour) -> None:
    for side in (-1, 1):
        canvas.ellipse(side * 0.1, -0.02, 0.092, 0.092, (244, 176, 48))
        canvas.ellipse(side * 0.1, -0.02, 0.06, 0.062, INK)
        canvas.ellipse(side * 0.1 - 0.022, -0.045, 0.022, 0.022, (255, 255, 255))
        canvas.line(mirror(side, (0.02, -0.1), (0.21, -0.17)), 0.036, darker(coat, 0.42))
    canvas.polygon([(-0.045, 0.04), (0.045, 0.04), (0.0, 0.15)], (236, 132, 30))
    canvas.polygon([(-0.045, 0.04), (0.0, 0.03), (0.0, 0.15)], (250, 168, 60))


EARS: Final = MappingProxyType({
    "dog": _ears_dog, "cat": _ears_cat, "rabbit": _ears_rabbit, "bear": _ears_bear, "fox": _ears_fox, "owl": _ears_owl,
    "elephant": _ears_elephant, "pig": _ears_pig,
})
FACES: Final = MappingProxyType({
    "dog": _face_dog, "cat": _face_cat, "rabbit": _face_rabbit, "bear": _face_bear, "fox": _face_fox, "owl": _face_owl,
    "elephant": _face_elephant, "pig": _face_pig,
})
