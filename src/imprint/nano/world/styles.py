"""Eight ways to look at a picture: photo, pencil, watercolour, noir, pop art, pixel art, oil painting, stained glass.

Reads: two layers and a `Spec` (style, light, warmth, detail_seed). Writes: uint8 pixels. Does not: draw shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint.nano.world.canvas import Canvas
from imprint.nano.world.filters import REFERENCE_PX, Array, Layers, softened
from imprint.nano.world.painted import noir, oil_painting, pencil, watercolour
from imprint.nano.world.photo import photo
from imprint.nano.world.printed import pixel_art, pop_art, stained_glass
from imprint.nano.world.spec import Spec

# Every picture is seen through a slightly soft lens: edges sharper than this cost a 48-fold autoencoder decibels and
# show nothing more.
LENS_PX: Final = 0.26  # radius of each of two box blurs

_STYLES: Final[Mapping[str, Callable[[Layers, Spec], Array]]] = MappingProxyType({
    "photo": photo, "pencil": pencil, "watercolour": watercolour, "noir": noir, "pop art": pop_art,
    "pixel art": pixel_art, "oil painting": oil_painting, "stained glass": stained_glass,
})


def apply_style(scene: Canvas, figure: Canvas, spec: Spec) -> NDArray[np.uint8]:
    """The finished picture, uint8 (H, W, 3).

    Args:
        scene: opaque background.
        figure: transparent layer of the same size.
        spec: names the style and the light.
    """
    rgba = figure.rgba()
    # Slices of RGBA pixels are fifteen times slower to calculate with than compact ones.
    colour, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3:])
    layers = Layers(scene.rgb(), colour, alpha, tuple(figure.forms), scene.size_px / REFERENCE_PX)
    picture = Image.fromarray((np.clip(_STYLES[spec.style](layers, spec), 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(softened(picture, LENS_PX * layers.unit))
