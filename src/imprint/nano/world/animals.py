"""Eight big-headed sitting animals, told apart by ears, snout, tail and beak.

Reads: a `Spec` of kind animal. Writes: a transparent `Canvas` with the figure. Does not: draw the place or the style.

Local coordinates of the figure: the origin is its middle, feet at y = 0.42; the pose moves, leans and mirrors it all.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import numpy as np

from imprint.nano.world.animal_faces import EARS, FACES, draw_muzzle, mirror, pale
from imprint.nano.world.canvas import Canvas, Colour, Frame, darker, lighter, mix
from imprint.nano.world.marks import decorate
from imprint.nano.world.spec import Pose, Spec
from imprint.nano.world.vocabulary import RGB

#: Marking colours: far from the coat in lightness, so that a marking survives monochrome styles.
MARKING_RGB: Final = MappingProxyType({
    "brown": (244, 226, 196), "black": (236, 234, 232), "white": (92, 74, 68), "grey": (62, 62, 72),
    "ginger": (126, 56, 22),
})
HEAD_Y: Final = MappingProxyType({"rabbit": -0.05, "owl": -0.13})
BODY_Y: Final = 0.22


def figure_frame(pose: Pose, y: float = 0.53) -> Frame:
    """The local coordinate system of a whole figure; `y` is its usual middle in unit coordinates."""
    return Frame(0.5 + pose.x, y + pose.y, pose.scale, pose.tilt, pose.flip)


def draw_animal(spec: Spec, size_px: int) -> Canvas:
    """The animal of a spec on a transparent layer.

    Args:
        spec: kind animal, with species, coat and marking.
        size_px: side of the picture in pixels.
    """
    body = figure_frame(spec.pose)
    species, coat = spec.attributes["species"], RGB[spec.attributes["coat"]]
    head = body.child(0.0, HEAD_Y.get(species, -0.14), 0.94)
    canvas = Canvas(size_px, frame=body)
    _tail(canvas, species, coat)
    _body(canvas, species, coat)
    canvas.frame = head
    EARS[species](canvas, coat)
    canvas.ellipse(0, 0, 0.262, 0.232, darker(coat, 0.16))
    canvas.ellipse(0, -0.006, 0.25, 0.222, coat)
    _marking(canvas, spec, body, head)
    canvas.frame = body
    _belly(canvas, species, coat)
    decorate(canvas, spec, body.child(0.0, BODY_Y, 0.68), "body")
    # The mirrored frame mirrors the turn too; undo it, so that `turn` always means the viewer's side.
    turn = spec.pose.turn * 0.035 * (-1 if spec.pose.flip else 1)
    canvas.frame = head.child(turn, 0.0)
    draw_muzzle(canvas, species, coat)
    decorate(canvas, spec, head, "head")
    canvas.frame = head.child(turn * 1.4, 0.0)
    FACES[species](canvas, coat)
    canvas.frame = body
    canvas.form(0, BODY_Y, 0.22, 0.24)
    canvas.frame = head
    canvas.form(0, -0.005, 0.27, 0.24)
    return canvas


def _tail(canvas: Canvas, species: str, coat: Colour) -> None:
    dark = darker(coat, 0.14)
    if species == "dog":
        canvas.ribbon([(0.14, 0.34), (0.27, 0.27), (0.3, 0.15), (0.25, 0.08)], 0.065, dark)
    elif species == "cat":
        canvas.ribbon([(0.12, 0.38), (0.28, 0.38), (0.35, 0.25), (0.29, 0.13), (0.35, 0.03)], 0.055, dark)
    elif species == "rabbit":
        canvas.ellipse(0.2, 0.33, 0.075, 0.075, mix(coat, (255, 255, 255), 0.75))
    elif species == "pig":
        canvas.ribbon([(0.18, 0.27), (0.27, 0.22), (0.3, 0.3), (0.25, 0.29), (0.29, 0.17), (0.35, 0.16)], 0.036, dark)
    elif species == "elephant":
        canvas.ribbon([(0.18, 0.3), (0.28, 0.3), (0.32, 0.38)], 0.034, dark)
        canvas.ellipse(0.325, 0.39, 0.034, 0.034, darker(coat, 0.5))
    elif species == "fox":
        canvas.blob([(0.08, 0.4), (0.27, 0.38), (0.39, 0.2), (0.36, -0.04), (0.26, 0.1), (0.14, 0.2)], dark)
        tip = (250, 244, 232) if sum(coat[:3]) < 660 else (110, 104, 108)
        canvas.blob([(0.39, 0.14), (0.385, 0.02), (0.36, -0.05), (0.3, 0.04), (0.26, 0.12), (0.32, 0.1)], tip)


def _body(canvas: Canvas, species: str, coat: Colour) -> None:
    rx = {"bear": 0.24, "owl": 0.215, "fox": 0.18, "cat": 0.175, "elephant": 0.225, "pig": 0.225}.get(species, 0.195)
    canvas.ellipse(0, BODY_Y, rx + 0.01, 0.21, darker(coat, 0.16))
    canvas.ellipse(0, BODY_Y - 0.006, rx, 0.2, coat)
    if species == "owl":
        for side in (-1, 1):
            wing = mirror(side, (0.15, 0.06), (0.235, 0.13), (0.25, 0.27), (0.17, 0.39), (0.14, 0.24))
            canvas.blob(wing, darker(coat, 0.3))
            for x in (0.05, 0.09, 0.13):
                canvas.ellipse(side * x, 0.42, 0.026, 0.024, (240, 166, 50))
        return
    for side in (-1, 1):
        canvas.ellipse(side * (rx - 0.02), 0.33, 0.085, 0.085, darker(coat, 0.1))
        canvas.ellipse(side * 0.145, 0.4, 0.085, 0.042, darker(coat, 0.06))


def _belly(canvas: Canvas, species: str, coat: Colour) -> None:
    light = pale(coat)
    if species == "owl":
        canvas.ellipse(0, 0.25, 0.13, 0.15, light)
        for y, count in ((0.19, 2), (0.25, 3), (0.31, 2)):
            for i in range(count):
                x = (i - (count - 1) / 2) * 0.08
                canvas.line([(x - 0.022, y - 0.012), (x, y + 0.012), (x + 0.022, y - 0.012)], 0.018, darker(coat, 0.2))
        return
    if species == "fox":
        canvas.blob([(-0.1, 0.06), (0.1, 0.06), (0.08, 0.2), (0.0, 0.32), (-0.08, 0.2)], (252, 244, 232))
    else:
        canvas.ellipse(0, 0.25, 0.145 if species == "bear" else 0.1, 0.13, light)
    paw = darker(coat, 0.55) if species == "fox" else lighter(coat, 0.14)
    for side in (-1, 1):
        canvas.line([(side * 0.066, 0.24), (side * 0.066, 0.38)], 0.078, darker(coat, 0.12))
        canvas.ellipse(side * 0.066, 0.4, 0.056, 0.036, paw)


def _marking(canvas: Canvas, spec: Spec, body: Frame, head: Frame) -> None:
    """Paint the marking on whatever of the animal is drawn so far, and nowhere else."""
    marking, fill = spec.attributes["marking"], MARKING_RGB[spec.attributes["coat"]]
    if marking == "plain":
        return
    layer = Canvas(canvas.size_px, frame=head)
    if marking == "patch":
        layer.ellipse(-0.13, -0.05, 0.12, 0.15, fill, 0.35)
        layer.frame = body
        layer.ellipse(0.17, 0.2, 0.11, 0.12, fill)
    elif marking == "stripes":
        for x, reach in ((-0.095, 0.0), (0.0, 0.03), (0.095, 0.0)):
            layer.line([(x * 1.15, -0.26), (x * 0.8, -0.11 + reach)], 0.046, fill)
        for side in (-1, 1):
            for y in (0.0, 0.095):
                layer.line([(side * 0.27, y - 0.01), (side * 0.16, y + 0.02)], 0.042, fill)
        layer.frame = body
        for y in (0.12, 0.215, 0.31):
            for side in (-1, 1):
                layer.line([(side * 0.28, y - 0.02), (side * 0.11, y + 0.025)], 0.044, fill)
    else:
        jitter = np.random.default_rng([0x5B0, spec.detail_seed]).uniform(-0.015, 0.015, (13, 2))
        spots = ((-0.17, -0.1), (-0.04, -0.17), (0.1, -0.15), (0.19, -0.05), (-0.21, 0.05), (0.19, 0.1))
        for (x, y), (dx, dy) in zip(spots, jitter.tolist(), strict=False):
            layer.ellipse(x + dx, y + dy, 0.043, 0.04, fill)
        layer.frame = body
        for (x, y), (dx, dy) in zip(
            ((-0.16, 0.14), (0.15, 0.12), (-0.17, 0.27), (0.18, 0.26), (-0.1, 0.36), (0.11, 0.37), (0.28, 0.34)),
            jitter[6:].tolist(), strict=True,
        ):
            layer.ellipse(x + dx, y + dy, 0.043, 0.043, fill)
    canvas.paste_inside(layer)
