"""By hand and by the dark room: pencil, watercolour, oil painting and film noir.

Reads: layers and a `Spec`. Writes: a picture, (H, W, 3). Does not: draw.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imprint.nano.world.filters import (
    REFERENCE_PX,
    Array,
    Layers,
    box,
    cells,
    clouds,
    gather,
    grid,
    luma,
    over,
    rim,
    saturate,
    shift,
    slopes,
    vignette,
)
from imprint.nano.world.lighting import cast, contact, lit, relief
from imprint.nano.world.spec import Spec


def pencil(layers: Layers, spec: Spec) -> Array:
    """Grey lines and light hatching on warm paper."""
    size, unit = layers.alpha.shape[0], layers.unit
    alpha = layers.alpha[..., 0]
    soft = box(layers.scene, 1.8 * unit)
    shaded = 0.5 * (layers.figure + lit(layers.figure, relief(layers, spec), 0.5))  # a hint: lines carry the form
    grey = luma(over(soft, shaded, layers.alpha))
    # Graphite never gets as dark as the ink of noir; the square root keeps faces apart from hair in the dark.
    pale = np.sqrt(np.maximum(grey, 0))
    tone = (1 - pale) * (0.62 + 0.5 * alpha)
    x, y = grid(size)
    hatch = 0.5 + 0.5 * np.sin((x + y) * np.float32(np.pi * REFERENCE_PX / 15))
    tone = tone * (0.84 + 0.2 * hatch)
    dx, dy = slopes(pale)
    ax, ay = slopes(alpha)
    line = np.hypot(dx, dy) * (0.8 + 0.6 * alpha) + 0.6 * np.hypot(ax, ay)
    line = np.clip(box(np.clip(line * 1.4, 0, 1), 0.5 * unit) * 1.2, 0, 0.86)
    ink = 1 - (1 - tone) * (1 - line)
    ragged = (clouds(size, spec.detail_seed % 16, 6) - 0.3) * 1.2
    margin = np.clip((1 - np.maximum(np.abs(x), np.abs(y))) * 9 + ragged, 0, 1)
    ink = ink * np.maximum(margin, alpha * 0.9)
    paper = np.array([0.965, 0.94, 0.885], dtype=np.float32)
    graphite = np.array([0.19, 0.19, 0.215], dtype=np.float32)
    return paper + (graphite - paper) * ink[..., None]


@lru_cache(maxsize=64)
def _run(size_px: int, variant: int) -> NDArray[np.intp]:
    """Where every pixel of a watercolour takes its paint from: flat indices (H, W), up to 2 px (of 128) away."""
    reach = 4 * size_px / REFERENCE_PX
    axis = np.arange(size_px)
    down, right = clouds(size_px, (variant + 5) % 16, 8) - 0.5, clouds(size_px, variant, 6) - 0.5
    y = np.clip(axis[:, None] + np.rint(down * reach).astype(np.intp), 0, size_px - 1)
    x = np.clip(axis[None, :] + np.rint(right * reach).astype(np.intp), 0, size_px - 1)
    return y * size_px + x


def watercolour(layers: Layers, spec: Spec) -> Array:
    """Pale pigments with darker rims that run a little and leave the paper white at the edge."""
    size, unit, variant = layers.alpha.shape[0], layers.unit, spec.detail_seed % 16
    blotches, wobble = clouds(size, variant, 6), clouds(size, (variant + 5) % 16, 8)
    soft = over(box(layers.scene, 2.4 * unit), layers.figure, layers.alpha)
    run = _run(size, variant)
    wet = box(gather(soft, run), 0.5 * unit)
    alpha = layers.alpha.reshape(-1).take(run)
    grey = luma(wet)
    pooled = np.clip(box(grey, 3 * unit) - grey, 0, 0.3) * 0.6
    edge_of_figure = np.clip(alpha - box(alpha, 2 * unit), 0, 1) * 0.5
    strength = (0.54 + 0.14 * alpha + 0.3 * blotches)[..., None]  # the place is painted with more water
    pigment = (1 - saturate(wet, 1.25)) * strength + (pooled + edge_of_figure)[..., None]
    x, y = grid(size)
    edge = np.clip((0.955 - np.maximum(np.abs(x), np.abs(y)) + (wobble - 0.5) * 0.16) * 7, 0, 1)
    halo = 1 - 0.45 * np.clip(rim(alpha[..., None], 2 * unit), 0, 1)
    paper = np.array([0.992, 0.985, 0.968], dtype=np.float32)
    return paper - pigment * edge[..., None] * halo


def oil_painting(layers: Layers, spec: Spec) -> Array:
    """Rich colours in visible strokes of a brush, broad behind and fine on the figure, under an old varnish."""
    size, unit, variant = layers.alpha.shape[0], layers.unit, spec.detail_seed % 8
    broad, fine = cells(size, variant, 7.0, 1.6), cells(size, variant, 4.0, 1.5)
    alpha, light = layers.alpha[..., 0], spec.pose.light
    shadow = np.maximum(0.3 * cast(alpha, light, unit), 0.5 * contact(alpha, light))[..., None]
    scene = box(layers.scene, 2.0 * unit) * (1 - shadow)
    scene = 0.35 * scene + 0.65 * gather(scene, broad.middle)
    scene = box(scene, 1.0 * unit) * (0.92 + 0.09 * broad.tone - 0.08 * broad.lean)
    figure = lit(layers.figure, relief(layers, spec), 0.6)
    dabbed = 0.6 * figure + 0.4 * gather(figure, fine.middle) * (1 + 0.07 * fine.tone)
    cover = 0.55 * layers.alpha + 0.45 * gather(layers.alpha, fine.middle)
    # Dabs take the figure's colour from inside it; outside it they would take the layer's black.
    dabbed = figure + (dabbed - figure) * (gather(layers.alpha, fine.middle) > 0.9)
    picture = saturate(over(scene, dabbed, np.minimum(cover, layers.alpha)), 1.18)
    picture = picture * picture * (1.5 - 0.5 * picture) * 0.3 + picture * 0.72  # deep shadows
    varnish = np.array([1.03, 0.985, 0.88], dtype=np.float32)
    return picture * varnish * (1 - 0.55 * vignette(size))


def noir(layers: Layers, spec: Spec) -> Array:
    """Hard black and white under the light of a blind."""
    size, unit, light = layers.alpha.shape[0], layers.unit, spec.pose.light
    alpha = layers.alpha[..., 0]
    x, y = grid(size)
    lean = 0.35 if light > 0 else -0.35
    slats = np.clip(np.sin((y + lean * x) * np.float32(np.pi * 2.4)) * 1.2 + 0.6, 0, 1)
    scene = luma(box(layers.scene, 2.0 * unit)) * (0.62 + 0.36 * slats)
    glow = relief(layers, spec)
    figure = luma(lit(layers.figure, glow)) * (0.88 + 0.14 * slats) + 0.03
    shadow = cast(alpha, light, unit)
    grey = over(scene * (1 - 0.6 * shadow), figure, alpha)
    grey = np.clip((grey - 0.05) * 1.1, 0, 1)
    contrast = grey * grey * (3 - 2 * grey)
    # A bright rim on the lit side lifts dark figures from a dark room.
    rim_light = np.clip(alpha - shift(alpha, 2 if light < 0 else -2, 1), 0, 1) * alpha
    grey = np.clip(contrast * 0.65 + grey * 0.35 + 0.34 * rim_light, 0, 1) * (1 - 0.6 * vignette(size)[..., 0])
    return np.repeat(grey[..., None], 3, axis=2)
