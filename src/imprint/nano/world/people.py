"""A person: a charming big-headed bust in which every attribute can be seen at 128 px.

Reads: a spec of kind person. Writes: a transparent figure layer. Does not: draw scenes or apply styles.
"""

from __future__ import annotations

from collections.abc import Callable

from imprint.nano.world import clothes, faces, hair, hands
from imprint.nano.world.canvas import Canvas, Frame
from imprint.nano.world.looks import Look, look_of
from imprint.nano.world.marks import decorate
from imprint.nano.world.spec import Spec


def draw_person(spec: Spec, size_px: int) -> Canvas:
    """Draw the person of `spec` on a transparent layer of `size_px` pixels."""
    canvas = Canvas(size_px)
    paint_person(canvas, spec)
    return canvas


def paint_person(canvas: Canvas, spec: Spec) -> None:
    """Paint the person of `spec` over what is already on the canvas, back to front."""
    look = look_of(spec)
    chest = look.body.child(0, 0.2)
    _part(canvas, spec, look, "hair", look.head, hair.draw_hair_back)
    if look.values["clothing"] != "hoodie":
        clothes.draw_neck(canvas, look)
    _part(canvas, spec, look, "clothing", chest, clothes.draw_clothes)
    _part(canvas, spec, look, "skin", look.head, faces.draw_head)
    _part(canvas, spec, look, "beard", look.head, hair.draw_beard)
    faces.draw_features(canvas, look)
    _part(canvas, spec, look, "hair", look.head, hair.draw_hair_front)
    hair.draw_hat(canvas, look)
    if look.woman:
        faces.draw_earrings(canvas, look)
    hands.draw_holding(canvas, look)


def _part(
    canvas: Canvas, spec: Spec, look: Look, part: str, frame: Frame, paint: Callable[[Canvas, Look], None],
) -> None:
    """Paint one part; a marked subject's part gets a layer of its own, so that the mark stays on that part."""
    if not spec.mark:
        paint(canvas, look)
        return
    layer = Canvas(canvas.size_px)
    paint(layer, look)
    decorate(layer, spec, frame, part)
    canvas.over(layer)
    canvas.forms += layer.forms
