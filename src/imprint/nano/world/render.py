"""From a spec to pixels: the one door through which pictures of the world are made.

Reads: a `Spec`. Writes: uint8 pixels or a contact sheet. Does not: choose what to draw, or caption it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint.nano.world.animals import draw_animal
from imprint.nano.world.canvas import Canvas
from imprint.nano.world.couple import draw_couple
from imprint.nano.world.creatures import draw_creature
from imprint.nano.world.people import draw_person
from imprint.nano.world.scenes import draw_scene
from imprint.nano.world.spec import Spec
from imprint.nano.world.styles import apply_style
from imprint.nano.world.things import draw_thing

_FIGURES: Final[Mapping[str, Callable[[Spec, int], Canvas]]] = MappingProxyType({
    "person": draw_person, "animal": draw_animal, "thing": draw_thing, "creature": draw_creature,
    "couple": draw_couple,
})


def render(spec: Spec, size_px: int = 128) -> NDArray[np.uint8]:
    """The picture of a spec, uint8 (H, W, 3); equal specs give equal bytes.

    Args:
        spec: everything that decides the picture.
        size_px: side of the picture in pixels.
    """
    return apply_style(draw_scene(spec, size_px), _FIGURES[spec.kind](spec, size_px), spec)


def contact_sheet(specs: Sequence[Spec], columns: int, size_px: int = 128) -> Image.Image:
    """Pictures of many specs side by side, row by row.

    Args:
        specs: what to draw, at least one.
        columns: pictures per row.
        size_px: side of one picture in pixels.
    """
    rows = -(-len(specs) // columns)
    sheet = Image.new("RGB", (columns * size_px, rows * size_px), (255, 255, 255))
    for i, spec in enumerate(specs):
        sheet.paste(Image.fromarray(render(spec, size_px)), (i % columns * size_px, i // columns * size_px))
    return sheet
