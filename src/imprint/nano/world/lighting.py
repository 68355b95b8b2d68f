"""The studio light: how a figure of rounded vinyl catches it, and the shadows it throws.

Reads: layers and a `Spec`. Writes: brightness and gloss per pixel. Does not: choose a style.

A figure is flat paint. Its relief is guessed from its outline (a pillow with rounded edges) and told by its forms
(heads, trunks and balls, which are half ellipsoids); one key light from above and one faint rim light fall on that.
"""

# H W pixels
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from imprint.nano.world.canvas import Form
from imprint.nano.world.filters import Array, Layers, box, defocus, grid, resize, shift, slopes
from imprint.nano.world.spec import Spec

PILLOW_GRID = 12
SLOPE_LIMIT = 0.94  # of a normal's sideways part; beyond it a rim would be as dark as a hole


@dataclass(frozen=True)
class Relief:
    """Light on a figure.

    Attributes:
        shade: brightness against the flat paint, about 0.5..1.2, (H, W, 1).
        gloss: share of white light reflected on top, 0..0.5, (H, W, 1).
    """

    shade: Array
    gloss: Array


def relief(layers: Layers, spec: Spec) -> Relief:
    """Light the figure; creatures are cartoons and stay flat."""
    alpha = layers.alpha[..., 0]
    if spec.kind == "creature":
        return Relief(np.ones_like(layers.alpha), np.zeros_like(layers.alpha))
    nx, ny = _pillow(alpha, layers.unit)
    shadow = np.ones_like(alpha)
    lx, ly, lz = _direction(spec.pose.light)
    for form in layers.forms:
        nx, ny, shadow = _bulge(form, nx, ny, shadow, lx)
    steep = np.minimum(nx * nx + ny * ny, np.float32(SLOPE_LIMIT))
    nz = np.sqrt(1 - steep)
    towards = nx * np.float32(lx) + ny * np.float32(ly) + nz * np.float32(lz)
    shade = np.clip(1.08 + 0.66 * (towards - 0.7), 0.5, 1.25) * shadow
    # The rim light stands opposite the key light, behind the figure.
    behind = np.clip(-nx * np.float32(math.copysign(1.0, lx)), 0, 1) * steep
    hx, hy, hz = _unit(lx, ly, lz + 1)
    glint = np.clip(nx * np.float32(hx) + ny * np.float32(hy) + nz * np.float32(hz), 0, 1)
    for _ in range(5):  # to the 32nd power
        glint = glint * glint
    gloss = 0.3 * glint + 0.3 * np.maximum(behind - 0.25, 0)
    return Relief(shade[..., None], gloss[..., None])


def lit(figure: Array, light: Relief, gloss: float = 1.0) -> Array:
    """A figure's paint under that light: shade multiplies, light beyond the paint goes towards white."""
    bright = np.clip(light.shade - 1, 0, 0.4) + gloss * light.gloss
    return figure * np.minimum(light.shade, 1) + (1 - figure) * bright


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def _direction(light: float) -> tuple[float, float, float]:
    """Where the key light comes from: never quite from the front, always from above."""
    return _unit(0.25 * math.copysign(1.0, light) + 0.6 * light, -0.62, 0.85)


def _pillow(alpha: Array, unit: float) -> tuple[Array, Array]:
    """The sideways parts of the normals of a pillow with the figure's outline, (H, W) each.

    The broad roundness is computed on a coarse grid: without detail there, a wide blur at full size is a waste.
    """
    size = alpha.shape[0]
    coarse = np.pad(resize(alpha, PILLOW_GRID, Image.Resampling.BILINEAR), 2, mode="edge")
    for _ in range(2):  # [1 2 1] along one axis, then along the other
        coarse = ((coarse[:-2] + 2 * coarse[1:-1] + coarse[2:]) / 4).T
    dx, dy = coarse[1:-1, 2:] - coarse[1:-1, :-2], coarse[2:, 1:-1] - coarse[:-2, 1:-1]
    broad_x = resize(np.ascontiguousarray(dx), size, Image.Resampling.BICUBIC)
    broad_y = resize(np.ascontiguousarray(dy), size, Image.Resampling.BICUBIC)
    tx, ty = slopes(defocus(alpha, 1.85 * unit))
    edge = np.float32(1.1 * unit)
    return -0.75 * broad_x - edge * tx, -0.75 * broad_y - edge * ty


def _bulge(form: Form, nx: Array, ny: Array, shadow: Array, lx: float) -> tuple[Array, Array, Array]:
    """Put one ellipsoid on the relief: its normals inside, its soft shadow on what lies behind it."""
    size = nx.shape[0]
    x, y = grid(size)
    cos, sin = math.cos(form.angle), math.sin(form.angle)
    dx, dy = (x + 1) * np.float32(0.5) - np.float32(form.x), (y + 1) * np.float32(0.5) - np.float32(form.y)
    u = (dx * np.float32(cos) + dy * np.float32(sin)) * np.float32(1 / form.rx)
    v = (dy * np.float32(cos) - dx * np.float32(sin)) * np.float32(1 / form.ry)
    radius = np.sqrt(u * u + v * v)
    inside = np.clip((np.float32(1.06) - radius) * 9, 0, 1)
    flatter = inside * np.float32(0.86)
    nx = nx * (1 - inside) + flatter * (u * np.float32(cos) - v * np.float32(sin))
    ny = ny * (1 - inside) + flatter * (u * np.float32(sin) + v * np.float32(cos))
    away = u + np.float32(0.22 * math.copysign(1.0, lx) * abs(lx) ** 0.5)
    cast = np.clip((np.float32(1.22) - np.sqrt(away * away + (v - np.float32(0.16)) ** 2)) * np.float32(3.2), 0, 1)
    shadow = shadow * (1 - np.float32(0.34) * cast) * (1 - inside) + inside
    return nx, ny, shadow


def contact(alpha: Array, light: float) -> Array:
    """A dark ellipse on the ground under the figure, 0..1; nothing when the figure leaves the picture below."""
    h, w = alpha.shape
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    if rows.size == 0 or rows[-1] >= h - 2:
        return np.zeros_like(alpha)
    bottom = int(rows[-1])
    columns = np.flatnonzero((alpha[bottom - h // 10 : bottom + 1] > 0.5).any(axis=0))
    middle, half = float(columns.mean()), max(4.0, 0.66 * float(np.ptp(columns)))
    x, y = grid(w)
    dx = ((x + 1) * w / 2 - middle + light * half * 0.25) / half
    dy = ((y + 1) * h / 2 - bottom + 1) / (half * 0.26)
    return np.clip(1.25 - np.sqrt(dx * dx + dy * dy), 0, 1)


def cast(alpha: Array, light: float, unit: float) -> Array:
    """The figure's soft shadow on what stands behind it, 0..1."""
    return box(shift(alpha, round(-7 * light * unit), round(3 * unit)), 5 * unit)
