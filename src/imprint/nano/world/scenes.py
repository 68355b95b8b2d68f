"""The twelve places of the world: opaque backgrounds whose tell-tale things stand at the sides and the top.

Reads: a `Spec` (scene, detail_seed, pose.warmth). Writes: an opaque `Canvas`. Does not: draw figures or styles.

The things of the vocabulary (lamp, chair, boat, car, ...) never stand in a scene: a judge must not be misled.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from imprint.nano.world.built import BUILT
from imprint.nano.world.canvas import Canvas
from imprint.nano.world.outdoors import OUTDOORS
from imprint.nano.world.scenery import Painter
from imprint.nano.world.spec import Spec

_PAINTERS: Final[Mapping[str, Painter]] = MappingProxyType({**OUTDOORS, **BUILT})


def draw_scene(spec: Spec, size_px: int) -> Canvas:
    """The background of a picture, opaque everywhere.

    Args:
        spec: what to draw; details are placed by its detail_seed.
        size_px: side of the picture in pixels.
    """
    canvas = Canvas(size_px, (255, 255, 255, 255), supersample=2)  # the lens is never focused on it
    rng = np.random.default_rng([0x5CE, spec.detail_seed])
    _PAINTERS[spec.scene](canvas, rng, spec.pose.warmth)
    return canvas

