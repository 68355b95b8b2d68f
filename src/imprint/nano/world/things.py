"""Ten everyday things, large in the frame, coloured and patterned.

Reads: a `Spec` of kind thing. Writes: a transparent `Canvas` with the thing. Does not: draw the place or the style.

Each painter draws what lies behind, then the body that carries the pattern; its second half draws what lies in front.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from imprint.nano.world.animals import figure_frame
from imprint.nano.world.canvas import Canvas, Colour, Point, darker, ellipse_points, lighter, rounded_points, smooth
from imprint.nano.world.marks import decorate
from imprint.nano.world.spec import Spec
from imprint.nano.world.vocabulary import RGB

WOOD: Final = (136, 88, 52)
METAL: Final = (72, 74, 86)
#: Right half of a guitar's outline, from neck to foot.
GUITAR: Final[list[Point]] = [
    (0.06, -0.09), (0.16, -0.07), (0.185, 0.02), (0.135, 0.11), (0.2, 0.2), (0.225, 0.3), (0.15, 0.41), (0.0, 0.435),
]


@dataclass(frozen=True)
class _Thing:
    """How a thing is drawn.

    Attributes:
        back: draws what lies behind and the patterned body.
        front: draws what lies over the pattern.
        mark: middle x, y and scale of the frame in which a mark is worn.
        plain_parts: draws what a mark may paint over but the pattern may not, or None.
    """

    back: Callable[[Canvas, Colour], None]
    front: Callable[[Canvas, Colour], None]
    mark: tuple[float, float, float]
    plain_parts: Callable[[Canvas, Colour], None] | None = None


def draw_thing(spec: Spec, size_px: int) -> Canvas:
    """The thing of a spec on a transparent layer.

    Args:
        spec: kind thing, with object, object_colour and pattern.
        size_px: side of the picture in pixels.
    """
    thing, colour = _THINGS[spec.attributes["object"]], RGB[spec.attributes["object_colour"]]
    frame = figure_frame(spec.pose)
    canvas = Canvas(size_px, frame=frame)
    thing.back(canvas, colour)
    _pattern(canvas, spec)
    if thing.plain_parts is not None:
        thing.plain_parts(canvas, colour)
    decorate(canvas, spec, frame.child(*thing.mark), "thing")
    canvas.frame = frame
    thing.front(canvas, colour)
    return canvas


def _pattern(canvas: Canvas, spec: Spec) -> None:
    """Thick stripes or dots on the body drawn so far: white, or dark on the two pale colours."""
    pattern, name = spec.attributes["pattern"], spec.attributes["object_colour"]
    if pattern == "plain":
        return
    fill = {"white": (84, 84, 96), "yellow": (146, 84, 30)}.get(name, (248, 246, 240))
    layer = Canvas(canvas.size_px, frame=canvas.frame)
    for i in range(-4, 5):
        if pattern == "stripes":
            layer.line([(i * 0.125 - 0.1, -0.6), (i * 0.125 + 0.1, 0.6)], 0.05, fill)
            continue
        for j in range(-4, 5):
            layer.ellipse((i + 0.5 * (j % 2)) * 0.135, j * 0.118, 0.037, 0.037, fill)
    canvas.paste_inside(layer)


def _revolved(profile: list[Point]) -> list[Point]:
    """The smooth outline of a turned body from its right profile, top to bottom."""
    right = smooth(profile, closed=False)
    return [*right, *((-x, y) for x, y in reversed(right))]


def _vase(canvas: Canvas, colour: Colour) -> None:
    outline = _revolved([(0.13, -0.1), (0.085, -0.03), (0.12, 0.05), (0.23, 0.17), (0.2, 0.32), (0.12, 0.41)])
    canvas.polygon(outline, colour)
    canvas.form(0, 0.18, 0.24, 0.27)


def _vase_handles(canvas: Canvas, colour: Colour) -> None:
    for side in (-1, 1):
        handle = [(side * x, y) for x, y in ((0.1, -0.025), (0.19, -0.06), (0.245, 0.03), (0.195, 0.13))]
        canvas.ribbon(handle, 0.042, darker(colour, 0.18))


def _vase_front(canvas: Canvas, colour: Colour) -> None:
    canvas.ellipse(0, -0.1, 0.135, 0.03, lighter(colour, 0.25))
    canvas.ellipse(0, -0.1, 0.11, 0.02, darker(colour, 0.45))
    canvas.line([(-0.11, 0.405), (0.11, 0.405)], 0.035, darker(colour, 0.25))
    canvas.ellipse(-0.13, 0.17, 0.024, 0.07, lighter(colour, 0.6), 0.3)
    for side in (-1, 1):
        canvas.ellipse(side * 0.1, -0.17, 0.05, 0.022, (88, 160, 92), side * -0.6)
    for x, y, bloom in ((-0.16, -0.3, (240, 130, 150)), (0.0, -0.37, (250, 210, 90)), (0.16, -0.29, (240, 130, 150))):
        canvas.ribbon([(x * 0.3, -0.1), (x * 0.6, -0.18), (x, y)], 0.022, (70, 140, 78))
        for k in range(5):
            turn = 2 * math.pi * k / 5
            canvas.ellipse(x + 0.045 * math.cos(turn), y + 0.045 * math.sin(turn), 0.038, 0.038, bloom)
        canvas.ellipse(x, y, 0.028, 0.028, (170, 96, 40))


def _backpack(canvas: Canvas, colour: Colour) -> None:
    canvas.line(ellipse_points(0, -0.3, 0.09, 0.1, 0, 16, math.pi, 2 * math.pi), 0.045, darker(colour, 0.4))
    for side in (-1, 1):
        canvas.polygon(rounded_points(side * 0.27, 0.2, 0.07, 0.14), darker(colour, 0.3))
    canvas.polygon(rounded_points(0, 0.05, 0.265, 0.36, 0.55), colour)


def _backpack_front(canvas: Canvas, colour: Colour) -> None:
    dark = darker(colour, 0.3)
    canvas.line(ellipse_points(0, -0.02, 0.215, 0.23, 0, 20, math.pi * 1.05, math.pi * 1.95), 0.022,
                darker(colour, 0.5))
    canvas.polygon(rounded_points(0, 0.22, 0.19, 0.13, 0.45), dark)
    canvas.polygon(rounded_points(0, 0.23, 0.165, 0.105, 0.45), lighter(colour, 0.12))
    canvas.line([(-0.15, 0.17), (0.15, 0.17)], 0.026, darker(colour, 0.5))
    canvas.polygon(rounded_points(0, 0.2, 0.024, 0.04), (244, 214, 110))


def _car(canvas: Canvas, colour: Colour) -> None:
    cabin = [(-0.27, 0.06), (-0.2, -0.14), (-0.08, -0.2), (0.1, -0.2), (0.2, -0.12), (0.27, 0.06)]
    canvas.blob(cabin, colour)
    body = [(-0.4, 0.2), (-0.4, 0.06), (-0.3, -0.0), (0.26, -0.0), (0.4, 0.05), (0.43, 0.16), (0.41, 0.26),
            (-0.38, 0.26)]
    canvas.blob(body, colour)


def _car_front(canvas: Canvas, colour: Colour) -> None:
    glass = (180, 222, 242)
    canvas.polygon([(-0.2, 0.02), (-0.15, -0.12), (-0.02, -0.15), (-0.02, 0.02)], glass)
    canvas.polygon([(0.03, 0.02), (0.03, -0.15), (0.11, -0.14), (0.19, 0.02)], glass)
    canvas.polygon([(-0.17, 0.0), (-0.13, -0.1), (-0.1, -0.11), (-0.14, 0.0)], (240, 250, 255))
    canvas.line([(-0.41, 0.245), (0.42, 0.245)], 0.035, darker(colour, 0.4))
    canvas.ellipse(0.395, 0.11, 0.03, 0.036, (255, 242, 170))
    canvas.ellipse(-0.4, 0.11, 0.02, 0.03, (226, 60, 50))
    canvas.line([(-0.03, 0.07), (0.03, 0.07)], 0.02, darker(colour, 0.5))
    for x in (-0.23, 0.24):
        canvas.ellipse(x, 0.26, 0.105, 0.105, (36, 36, 44))
        canvas.ellipse(x, 0.26, 0.056, 0.056, (206, 210, 218))
        canvas.ellipse(x, 0.26, 0.02, 0.02, (96, 98, 110))


def _teapot(canvas: Canvas, colour: Colour) -> None:
    dark = darker(colour, 0.2)
    canvas.line(ellipse_points(-0.27, 0.1, 0.13, 0.13, 0, 24, math.pi * 0.35, math.pi * 1.7), 0.05, dark)
    canvas.blob([(0.16, 0.2), (0.28, 0.12), (0.33, -0.02), (0.43, -0.1), (0.38, 0.06), (0.33, 0.2), (0.2, 0.3)], dark)
    canvas.ellipse(0, 0.12, 0.29, 0.25, colour)
    canvas.form(0, 0.12, 0.29, 0.25)


def _teapot_front(canvas: Canvas, colour: Colour) -> None:
    canvas.ellipse(0, -0.1, 0.15, 0.05, darker(colour, 0.35))
    lid = [(-0.14, -0.1), (-0.09, -0.18), (0, -0.2), (0.09, -0.18), (0.14, -0.1), (0, -0.075)]
    canvas.blob(lid, lighter(colour, 0.12))
    canvas.ellipse(0, -0.235, 0.045, 0.045, darker(colour, 0.3))
    canvas.ellipse(0, 0.36, 0.15, 0.03, darker(colour, 0.35))
    canvas.ellipse(-0.15, 0.03, 0.03, 0.08, lighter(colour, 0.65), 0.5)


def _lamp(canvas: Canvas, colour: Colour) -> None:
    canvas.ellipse(0, 0.0, 0.17, 0.04, (255, 238, 150))
    canvas.polygon([(-0.13, -0.38), (0.13, -0.38), (0.28, 0.0), (-0.28, 0.0)], colour)


def _lamp_front(canvas: Canvas, colour: Colour) -> None:
    canvas.line([(-0.13, -0.38), (0.13, -0.38)], 0.03, darker(colour, 0.3))
    canvas.line([(-0.27, 0.0), (0.27, 0.0)], 0.03, darker(colour, 0.3))
    canvas.ellipse(0, 0.045, 0.065, 0.065, (255, 244, 176))
    canvas.line([(0, 0.1), (0, 0.36)], 0.045, (206, 162, 74))
    canvas.ellipse(0, 0.22, 0.055, 0.055, (222, 182, 92))
    canvas.ellipse(0, 0.39, 0.16, 0.045, (176, 132, 58))
    canvas.line([(0.18, 0.02), (0.18, 0.14)], 0.012, METAL)
    canvas.ellipse(0.18, 0.15, 0.02, 0.02, METAL)


def _boat(canvas: Canvas, colour: Colour) -> None:
    canvas.line([(0.0, 0.2), (0.0, -0.42)], 0.032, WOOD)
    canvas.polygon([(-0.41, 0.16), (0.43, 0.16), (0.3, 0.37), (-0.28, 0.37)], colour)
    sail = smooth([(0.03, -0.38), (0.16, -0.24), (0.3, -0.05), (0.34, 0.09)], closed=False)
    canvas.polygon([*sail, (0.03, 0.09)], colour)


def _boat_front(canvas: Canvas, colour: Colour) -> None:
    canvas.polygon([(-0.03, -0.32), (-0.03, 0.09), (-0.25, 0.09)], (250, 246, 234))
    canvas.polygon([(-0.03, -0.42), (-0.03, -0.35), (-0.13, -0.385)], (226, 84, 60))
    canvas.line([(-0.4, 0.17), (0.42, 0.17)], 0.045, WOOD)
    canvas.line([(0.0, 0.15), (0.0, -0.42)], 0.026, WOOD)
    for x in (-0.32, -0.11, 0.1, 0.31):
        canvas.ellipse(x, 0.385, 0.12, 0.028, (220, 240, 250))


def _chair(canvas: Canvas, colour: Colour) -> None:
    for x in (-0.17, 0.17):
        canvas.line([(x, 0.1), (x * 1.05, 0.33)], 0.04, darker(WOOD, 0.3))
    canvas.polygon(rounded_points(0, -0.18, 0.2, 0.23, 0.5), colour)
    canvas.polygon([(-0.2, 0.06), (0.2, 0.06), (0.26, 0.18), (-0.26, 0.18)], lighter(colour, 0.1))


def _chair_front(canvas: Canvas, colour: Colour) -> None:
    for side in (-1, 1):
        canvas.line([(side * 0.215, -0.3), (side * 0.205, 0.08)], 0.042, WOOD)
        canvas.line([(side * 0.24, 0.2), (side * 0.255, 0.42)], 0.05, WOOD)
        canvas.ellipse(side * 0.216, -0.32, 0.032, 0.032, lighter(WOOD, 0.2))
    canvas.line([(-0.19, 0.05), (0.19, 0.05)], 0.02, darker(colour, 0.45))
    canvas.line([(-0.25, 0.195), (0.25, 0.195)], 0.045, darker(colour, 0.3))


def _guitar(canvas: Canvas, colour: Colour) -> None:
    canvas.polygon(_revolved(GUITAR), colour)


def _guitar_front(canvas: Canvas, colour: Colour) -> None:
    outline = _revolved(GUITAR)
    canvas.line([*outline, outline[0]], 0.02, darker(colour, 0.45))
    canvas.ellipse(0, 0.11, 0.085, 0.085, (244, 220, 170))
    canvas.ellipse(0, 0.11, 0.065, 0.065, (48, 30, 24))
    canvas.line([(0, 0.06), (0, -0.36)], 0.062, darker(WOOD, 0.25))
    canvas.polygon([(-0.06, -0.36), (0.06, -0.36), (0.075, -0.48), (-0.075, -0.48)], WOOD)
    for side in (-1, 1):
        for y in (-0.385, -0.445):
            canvas.ellipse(side * 0.09, y, 0.022, 0.02, (236, 226, 206))
        canvas.line([(side * 0.014, -0.4), (side * 0.014, 0.32)], 0.008, (240, 234, 220))
    canvas.line([(-0.075, 0.32), (0.075, 0.32)], 0.034, darker(WOOD, 0.35))


def _rocket(canvas: Canvas, colour: Colour) -> None:
    for side in (-1, 1):
        fin = [(side * x, y) for x, y in ((0.1, 0.06), (0.27, 0.24), (0.28, 0.4), (0.1, 0.3))]
        canvas.polygon(fin, darker(colour, 0.35))
    for size, fire in ((1.0, (250, 120, 40)), (0.6, (255, 222, 90))):
        canvas.blob([(-0.1 * size, 0.3), (0.1 * size, 0.3), (0.07 * size, 0.3 + 0.1 * size), (0, 0.3 + 0.18 * size),
                     (-0.07 * size, 0.3 + 0.1 * size)], fire)
    outline = _revolved([(0.0, -0.47), (0.1, -0.36), (0.165, -0.18), (0.175, 0.04), (0.14, 0.22), (0.11, 0.3)])
    canvas.polygon(outline, colour)
    canvas.form(0, -0.03, 0.19, 0.5)


def _rocket_front(canvas: Canvas, colour: Colour) -> None:
    nose = _revolved([(0.0, -0.47), (0.1, -0.36), (0.142, -0.25)])
    canvas.polygon(nose, darker(colour, 0.4))
    canvas.ellipse(0, -0.08, 0.1, 0.1, (232, 234, 240))
    canvas.ellipse(0, -0.08, 0.074, 0.074, (60, 100, 150))
    canvas.ellipse(-0.022, -0.105, 0.03, 0.026, (190, 224, 244))
    canvas.polygon([(-0.125, 0.27), (0.125, 0.27), (0.1, 0.33), (-0.1, 0.33)], METAL)
    canvas.polygon([(-0.024, 0.12), (0.024, 0.12), (0.03, 0.37), (-0.03, 0.37)], darker(colour, 0.35))


def _boot(canvas: Canvas, colour: Colour) -> None:
    leg: list[Point] = [(-0.2, -0.36), (0.1, -0.36), (0.095, 0.0), (0.12, 0.1), (0.3, 0.14), (0.37, 0.24), (0.36, 0.34),
                        (-0.2, 0.34), (-0.215, 0.1)]
    canvas.polygon(smooth(leg, closed=True, per_segment=5), colour)


def _boot_front(canvas: Canvas, colour: Colour) -> None:
    canvas.polygon(rounded_points(0.08, 0.36, 0.3, 0.04, 0.5), darker(colour, 0.55))
    canvas.line([(-0.19, 0.37), (0.35, 0.37)], 0.02, darker(colour, 0.7))
    canvas.polygon(rounded_points(-0.05, -0.34, 0.175, 0.062, 0.4), lighter(colour, 0.3))
    canvas.ellipse(-0.05, -0.375, 0.13, 0.022, darker(colour, 0.65))
    canvas.line([(-0.2, -0.3), (0.1, -0.3)], 0.016, darker(colour, 0.3))
    canvas.polygon(rounded_points(0.31, 0.29, 0.055, 0.05, 0.6), lighter(colour, 0.2))


_THINGS: Final[Mapping[str, _Thing]] = MappingProxyType({
    "vase": _Thing(_vase, _vase_front, (0.0, 0.2, 0.7), _vase_handles),
    "backpack": _Thing(_backpack, _backpack_front, (0.0, 0.0, 0.85)),
    "car": _Thing(_car, _car_front, (0.0, 0.12, 0.65)),
    "teapot": _Thing(_teapot, _teapot_front, (0.0, 0.12, 0.85)),
    "lamp": _Thing(_lamp, _lamp_front, (0.0, -0.17, 0.65)),
    "boat": _Thing(_boat, _boat_front, (0.0, 0.26, 0.6)),
    "chair": _Thing(_chair, _chair_front, (0.0, -0.18, 0.65)),
    "rocket": _Thing(_rocket, _rocket_front, (0.0, 0.05, 0.65)),
    "boot": _Thing(_boot, _boot_front, (0.0, 0.0, 0.65)),
    "guitar": _Thing(_guitar, _guitar_front, (0.0, 0.26, 0.65)),
})
