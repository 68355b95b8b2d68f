"""The photo: a vinyl figurine in focus before a hazy, softer world.

Reads: layers and a `Spec`. Writes: a picture, (H, W, 3). Does not: draw.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from imprint.nano.world.filters import Array, Layers, defocus, grid, over, vignette
from imprint.nano.world.lighting import cast, contact, lit, relief
from imprint.nano.world.spec import Spec

#: How much air lies before the far part of a place.
HAZE: Final = {"mountains": 0.3, "desert": 0.26, "beach": 0.2, "forest": 0.16, "snow": 0.2, "garden": 0.2,
               "castle": 0.26, "city": 0.12, "underwater": 0.12}
FAR_BLUR_PX, NEAR_BLUR_PX = 2.2, 0.9


def photo(layers: Layers, spec: Spec) -> Array:
    """Rounded by light, standing on a soft shadow before a background out of focus."""
    alpha, unit, light = layers.alpha[..., 0], layers.unit, spec.pose.light
    size = alpha.shape[0]
    scene = _depth(layers.scene, spec.scene, unit)
    shadow = np.maximum(0.34 * cast(alpha, light, unit), 0.55 * contact(alpha, light))
    scene = scene * (1 - shadow[..., None])
    picture = over(scene, lit(layers.figure, relief(layers, spec)), layers.alpha)
    x, _ = grid(size)
    picture = picture * (1 + 0.1 * light * x[..., None]) * (1 - 0.27 * vignette(size))
    warmth = spec.pose.warmth
    return picture * np.array([1 + 0.06 * warmth, 1.0, 1 - 0.08 * warmth], dtype=np.float32)


def _depth(scene: Array, name: str, unit: float) -> Array:
    """The background with its far part, above, softer and paler than its near part, below."""
    near, haze = _near(scene.shape[0])
    far = defocus(scene, FAR_BLUR_PX * unit)
    soft = far + (defocus(scene, NEAR_BLUR_PX * unit) - far) * near
    air = haze * HAZE.get(name, 0.0)
    return soft + (np.array([0.9, 0.93, 0.95], dtype=np.float32) - soft) * air


@lru_cache(maxsize=8)
def _near(size_px: int) -> tuple[Array, Array]:
    """How near every row is (0 far, 1 near) and how thick the air before it, (H, 1, 1) each."""
    _, y = grid(size_px)
    rows = y[..., None]
    return np.clip((rows - 0.1) / 0.7, 0, 1), np.exp(-((rows - 0.15) ** 2) * 5).astype(np.float32)
