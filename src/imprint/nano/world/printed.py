"""Flat colours and black lines: pop art, pixel art and stained glass.

Reads: layers and a `Spec`. Writes: a picture, (H, W, 3). Does not: draw.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from imprint.nano.world.filters import (
    REFERENCE_PX,
    Array,
    Layers,
    box,
    cells,
    grid,
    luma,
    over,
    rim,
    saturate,
    slopes,
    vignette,
)
from imprint.nano.world.lighting import relief
from imprint.nano.world.spec import Spec

PIXEL_GRID: Final = 32
HALFTONE_PX: Final = 18  # of a 128 px picture, along the slant; finer dots cost the autoencoder more than they show
SHADES: Final = 9  # of each colour; a palette of fewest colours would drop the irises
LEAD: Final = 0.1
SHARPER: Final = ImageFilter.UnsharpMask(radius=1, percent=70, threshold=0)  # keeps eyes readable in 2 x 2 squares


@lru_cache(maxsize=8)
def _halftone(size_px: int) -> Array:
    """Cones on a slanted grid: a threshold at v gives dots of growing size, (H, W)."""
    x, y = grid(size_px)
    turn = np.float32(np.pi * REFERENCE_PX / HALFTONE_PX / 2**0.5)
    return np.asarray(0.5 + 0.25 * (np.cos((x + y) * turn) + np.cos((x - y) * turn)), dtype=np.float32)


def _poster(picture: Array, levels: int) -> Array:
    """Few steps of brightness, the hue untouched: steps per channel would turn grey blue and brown red."""
    value = np.maximum(np.maximum(picture[..., :1], picture[..., 1:2]), picture[..., 2:])  # .max(axis=2) is slow
    return picture * (np.ceil(value * levels - 0.15) / levels / np.maximum(value, 0.02))


def pop_art(layers: Layers, spec: Spec) -> Array:
    """Few loud colours, a dotted background and a thick black contour."""
    size, unit = layers.alpha.shape[0], layers.unit
    scene = np.clip(saturate(box(layers.scene, 3.2 * unit), 2.0) * 1.1, 0, 1)
    flat = np.rint(scene * 2) / 2
    grey = luma(scene)[..., None]
    # Dots grow in the shade and stay away from the lights, as in printed comics.
    dots = np.clip((_halftone(size)[..., None] - 0.4 - 0.5 * grey) * 3 + 0.5, 0, 1)
    lifted = 0.46 + 0.54 * (0.55 * flat + 0.45 * scene)
    scene = lifted * (1 - 0.16 * dots)
    vivid = np.clip((saturate(layers.figure, 1.4) - 0.5) * 1.06 + 0.52, 0, 1)
    figure = _poster(vivid, 5)
    light = relief(layers, spec)
    figure = figure * np.where(light.shade < 0.84, np.float32(0.82), np.float32(1))
    figure = figure + (1 - figure) * np.clip((light.gloss - 0.24) * 6, 0, 0.5)
    picture = over(scene, figure, layers.alpha)
    ink = np.clip(rim(layers.alpha, 2.2 * unit) * 1.1, 0, 0.8)
    return picture * (1 - ink) + np.float32(0.1) * ink


def pixel_art(layers: Layers, spec: Spec) -> Array:
    """A 32 x 32 picture of few colours with a dark contour, in big square pixels."""
    size = layers.alpha.shape[0]
    shade = relief(layers, spec).shade
    figure = layers.figure * (1 + (np.clip(shade, 0.8, 1.15) - 1) * 0.8)
    picture = over(layers.scene, figure, layers.alpha)
    small = _shrink(saturate(picture, 1.35)).filter(SHARPER)
    alpha = np.asarray(_shrink(np.repeat(layers.alpha, 3, axis=2)), dtype=np.float32)[..., 0] / 255.0
    solid = alpha > 0.5
    near = np.zeros_like(solid)
    near[1:] |= solid[:-1]
    near[:-1] |= solid[1:]
    near[:, 1:] |= solid[:, :-1]
    near[:, :-1] |= solid[:, 1:]
    squares = np.array(small)
    squares[near & ~solid] = (squares[near & ~solid] * 0.35).astype(np.uint8)
    few = Image.fromarray((np.rint(squares * (SHADES / 255.0)) * (255.0 / SHADES)).astype(np.uint8))
    return np.asarray(few.resize((size, size), Image.Resampling.NEAREST), dtype=np.float32) / 255.0


def _shrink(picture: Array) -> Image.Image:
    image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    return image.resize((PIXEL_GRID, PIXEL_GRID), Image.Resampling.BOX)


def stained_glass(layers: Layers, spec: Spec) -> Array:
    """A church window: panes of glowing glass in lead, the figure a pane of its own."""
    size, unit = layers.alpha.shape[0], layers.unit
    panes = cells(size, spec.detail_seed % 8, 30.0, 1.0)
    scene = np.clip(saturate(box(layers.scene, 2.4 * unit), 1.7) * (0.92 + 0.2 * panes.tone) + 0.02, 0, 1)
    lead = np.clip((4.2 - panes.border) * 0.28, 0, 1) * (1 - layers.alpha)
    glass = np.clip(saturate(layers.figure, 1.3), 0, 1)
    pieces = cells(size, spec.detail_seed % 8, 17.0, 1.0)
    glass = glass * (0.3 + 0.7 * relief(layers, spec).shade + 0.08 * pieces.tone)
    dx, dy = slopes(luma(layers.figure) * layers.alpha[..., 0])
    seams = np.clip(np.hypot(dx, dy) * 0.9 - 0.12, 0, 0.4)[..., None] * layers.alpha
    picture = over(scene, glass, layers.alpha)
    dark = np.maximum(np.maximum(0.62 * lead, seams), np.clip(rim(layers.alpha, 2.2 * unit) * 1.1, 0, 0.76))
    glow = 1.1 - 0.5 * vignette(size)
    return picture * glow * (1 - dark) + np.float32(LEAD) * dark
