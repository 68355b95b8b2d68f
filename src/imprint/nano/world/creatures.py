"""Original pocket creatures: the held-out domain, in a look of its own (bold ink, glossy eyes, a flat pastel halo).

Reads: a `Spec` of kind creature. Writes: a transparent `Canvas` with halo and creature. Does not: draw place or style.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Final

from imprint.nano.world.animals import figure_frame
from imprint.nano.world.canvas import Canvas, Colour, Frame, Point, darker, ellipse_points, lighter, mix, smooth
from imprint.nano.world.spec import Spec
from imprint.nano.world.vocabulary import RGB

INK: Final = (34, 26, 44)
LINE: Final = 0.028
CREAM: Final = (255, 246, 222)
ELEMENT_RGB: Final = MappingProxyType({
    "fire": (250, 122, 30), "water": (74, 172, 250), "leaf": (82, 190, 70), "electric": (255, 218, 40),
})
#: Per body: middle and radii of the head, then of the body, local units.
SHAPES: Final = MappingProxyType({
    "round": ((0.0, 0.06, 0.29, 0.28), (0.0, 0.18, 0.22, 0.18)),
    "tall": ((0.0, -0.13, 0.18, 0.17), (0.0, 0.19, 0.155, 0.22)),
    "lizard": ((-0.06, -0.06, 0.23, 0.18), (0.04, 0.22, 0.2, 0.165)),
    "winged": ((0.0, -0.08, 0.2, 0.19), (0.0, 0.2, 0.16, 0.17)),
})


def draw_creature(spec: Spec, size_px: int) -> Canvas:
    """The creature of a spec on its halo, on a transparent layer.

    Args:
        spec: kind creature, with body, creature_colour, element and horns.
        size_px: side of the picture in pixels.
    """
    body, colour = spec.attributes["body"], RGB[spec.attributes["creature_colour"]]
    element = spec.attributes["element"]
    frame = figure_frame(spec.pose)
    canvas = Canvas(size_px, frame=frame)
    canvas.ellipse(0, 0.03, 0.43, 0.43, mix(ELEMENT_RGB[element], (255, 255, 255), 0.62))
    head, trunk = SHAPES[body]
    _tail(canvas, element, (trunk[0] + trunk[2] * 0.8, trunk[1] + 0.06))
    if body == "winged":
        _wings(canvas, colour)
    if body != "round":
        _limbs(canvas, trunk, colour)
        _ovoid(canvas, trunk, colour)
        canvas.ellipse(trunk[0], trunk[1] + 0.03, trunk[2] * 0.62, trunk[3] * 0.66, CREAM)
    _horns(canvas, spec.attributes["horns"], head)
    _crest(canvas, element, head)
    if body == "round":
        _limbs(canvas, trunk, colour)
    _head(canvas, body, head, colour)
    turn = spec.pose.turn * 0.03 * (-1 if spec.pose.flip else 1)
    canvas.frame = frame.child(head[0] + turn, head[1], head[2] / 0.24)
    _face(canvas, body, colour)
    return canvas


def _ovoid(canvas: Canvas, shape: tuple[float, float, float, float], fill: Colour) -> None:
    """An inked ellipse with a darker lower rim: cel shading in two flat tones."""
    x, y, rx, ry = shape
    canvas.ellipse(x, y, rx + LINE * 0.6, ry + LINE * 0.6, INK)
    canvas.ellipse(x, y, rx, ry, darker(fill, 0.2))
    canvas.ellipse(x - rx * 0.06, y - ry * 0.08, rx * 0.93, ry * 0.9, fill)


def _limbs(canvas: Canvas, trunk: tuple[float, float, float, float], fill: Colour) -> None:
    x, y, rx, ry = trunk
    for side in (-1, 1):
        _ovoid(canvas, (x + side * rx * 0.62, y + ry * 0.98, 0.075, 0.05), fill)
        arm = ellipse_points(x + side * rx * 1.08, y - ry * 0.15, 0.042, 0.08, -side * 0.6, 20)
        canvas.outlined(arm, fill, INK, LINE)


def _head(canvas: Canvas, body: str, head: tuple[float, float, float, float], fill: Colour) -> None:
    x, y, rx, ry = head
    if body == "lizard":
        canvas.outlined(ellipse_points(x - rx * 0.35, y + ry * 0.42, rx * 0.85, ry * 0.58, 0, 30), darker(fill, 0.1),
                        INK, LINE)
    _ovoid(canvas, head, fill)
    if body == "lizard":
        canvas.ellipse(x - rx * 0.35, y + ry * 0.42, rx * 0.8, ry * 0.5, fill)
    if body == "round":
        canvas.ellipse(x, y + ry * 0.5, rx * 0.62, ry * 0.42, CREAM)
    canvas.ellipse(x - rx * 0.4, y - ry * 0.6, rx * 0.2, ry * 0.12, lighter(fill, 0.55), -0.5)


def _face(canvas: Canvas, body: str, fill: Colour) -> None:
    """Big glossy eyes, a smile and blushing cheeks; the frame's head radius is 0.24."""
    for side in (-1, 1):
        x = side * 0.1
        canvas.ellipse(x, -0.02, 0.068, 0.085, INK)
        canvas.ellipse(x, 0.015, 0.046, 0.042, mix(fill, (255, 255, 255), 0.25))
        canvas.ellipse(x, 0.0, 0.034, 0.05, INK)
        canvas.ellipse(x - 0.018, -0.055, 0.03, 0.032, (255, 255, 255))
        canvas.ellipse(x + 0.024, 0.035, 0.014, 0.014, (255, 255, 255))
        canvas.ellipse(side * 0.17, 0.075, 0.036, 0.024, mix(fill, (255, 120, 130), 0.7))
    if body == "winged":
        canvas.outlined([(-0.045, 0.07), (0.045, 0.07), (0.0, 0.135)], (255, 190, 60), INK, 0.018)
        return
    mouth = ellipse_points(0, 0.075, 0.05, 0.055, 0, 14, 0, math.pi)
    canvas.outlined(mouth, (206, 60, 76), INK, 0.016)
    if body == "lizard":
        for side in (-1, 1):
            canvas.ellipse(side * 0.03, 0.055, 0.01, 0.008, INK)


def _wings(canvas: Canvas, fill: Colour) -> None:
    for side in (-1, 1):
        bones: list[Point] = [(0.1, 0.12), (0.2, -0.16), (0.44, -0.26), (0.42, -0.06), (0.36, 0.0), (0.36, 0.12),
                              (0.28, 0.12), (0.24, 0.22), (0.14, 0.22)]
        wing = [(side * x, y) for x, y in bones]
        canvas.outlined(wing, lighter(fill, 0.35), INK, LINE)
        canvas.line([wing[1], wing[4]], 0.018, darker(fill, 0.2))
        canvas.line([wing[1], wing[6]], 0.018, darker(fill, 0.2))


def _horns(canvas: Canvas, horns: str, head: tuple[float, float, float, float]) -> None:
    x, y, rx, ry = head
    places = {"one": (0.0,), "two": (-0.36, 0.36)}.get(horns, ())
    for place in places:
        base, lean = y - ry * math.sqrt(1 - place * place), place * 0.1
        horn = [(x + place * rx - 0.055, base + 0.04), (x + place * rx + lean, base - 0.15),
                (x + place * rx + 0.055, base + 0.04)]
        canvas.outlined(horn, (250, 240, 214), INK, LINE)
        canvas.line([(horn[0][0] + 0.035, base - 0.03), (horn[2][0] - 0.02, base - 0.015)], 0.018, (206, 180, 130))


def _drop(size: float) -> list[Point]:
    """A drop, tip upwards, about `size` high to either side of its origin."""
    return [(size * x, size * y) for x, y in smooth(
        [(0, -1.1), (0.3, -0.45), (0.62, 0.2), (0.45, 0.75), (0, 0.95), (-0.45, 0.75), (-0.62, 0.2),
         (-0.3, -0.45)], True)]


def _flame(canvas: Canvas, size: float) -> None:
    outer = [(0, -1.2), (0.3, -0.5), (0.55, -0.7), (0.75, 0.1), (0.5, 0.75), (0, 0.9), (-0.5, 0.75), (-0.75, 0.1),
             (-0.4, -0.5)]
    scaled = [(size * x, size * y) for x, y in outer]
    canvas.outlined(smooth(scaled, closed=True, per_segment=4), ELEMENT_RGB["fire"], INK, LINE)
    canvas.blob([(x * 0.55, y * 0.55 + size * 0.3) for x, y in scaled], (255, 224, 90))


def _bolt(size: float) -> list[Point]:
    zigzag = ((-0.2, 1.0), (-0.05, 0.25), (-0.6, 0.35), (0.0, -1.1), (0.65, -1.0), (0.3, -0.35), (0.75, -0.4))
    return [(size * x, size * y) for x, y in zigzag]


def _emblem(canvas: Canvas, element: str, size: float) -> None:
    """The element's sign at the origin of the canvas frame."""
    fill = ELEMENT_RGB[element]
    if element == "fire":
        _flame(canvas, size)
    elif element == "water":
        canvas.outlined(_drop(size), fill, INK, LINE)
        canvas.ellipse(-size * 0.2, size * 0.25, size * 0.16, size * 0.24, (230, 246, 255))
    elif element == "leaf":
        leaf = smooth([(0, -1.2 * size), (0.6 * size, -0.2 * size), (0, 0.95 * size), (-0.6 * size, -0.2 * size)], True)
        canvas.outlined(leaf, fill, INK, LINE)
        canvas.line([(0, -0.7 * size), (0, 0.8 * size)], 0.02, darker(fill, 0.4))
    else:
        canvas.outlined(_bolt(size), fill, INK, LINE)


def _tail(canvas: Canvas, element: str, root: Point) -> None:
    """An arm of ink and colour that ends in the element's sign."""
    here = canvas.frame
    tip = (min(root[0] + 0.17, 0.36), root[1] - 0.16)
    bend = (root[0] + 0.13, root[1] + 0.04)
    tint = mix(ELEMENT_RGB[element], INK, 0.15)
    canvas.ribbon([(root[0] - 0.05, root[1]), bend, tip], 0.085, INK)
    canvas.ribbon([(root[0] - 0.05, root[1]), bend, tip], 0.045, tint)
    canvas.frame = here.child(tip[0], tip[1] - 0.06, 1.0, 0.25)
    _emblem(canvas, element, 0.145)
    canvas.frame = here


def _crest(canvas: Canvas, element: str, head: tuple[float, float, float, float]) -> None:
    """The element's sign twice more at the sides of the head, as ears."""
    here: Frame = canvas.frame
    x, y, rx, ry = head
    for side in (-1, 1):
        canvas.frame = here.child(x + side * rx * 0.86, y - ry * 0.72, 1.0, side * 0.75)
        _emblem(canvas, element, 0.1)
    canvas.frame = here
