"""Six ways to look at a picture: composites figure and scene and turns both into photo, pencil, watercolour and so on.

Reads: two layers and a `Spec` (style, light, warmth, detail_seed). Writes: uint8 pixels. Does not: draw shapes.

Everything here works on float32 arrays at the final size, 0..1; lengths in pixels are for a side of 128 and scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from imprint.nano.world.canvas import Canvas
from imprint.nano.world.spec import Spec

Array = NDArray[np.floating[Any]]  # float32 at run time; numpy's stubs widen most expressions
REFERENCE_PX: Final = 128
PIXEL_GRID: Final = 32
# Every picture is seen through a slightly soft lens. Edges sharper than this cost a 48-fold autoencoder 3 dB and show
# nothing more: without it, a picture reduced to 32 px and enlarged again has 22.9 dB, with it 26.0 dB (250 pictures).
LENS_PX: Final = 0.7
PILLOW_GRID: Final = 12


@dataclass(frozen=True)
class _Layers:
    """Scene and figure at the final size.

    Attributes:
        scene: colour of the background, (H, W, 3).
        figure: colour of the figure, (H, W, 3).
        alpha: its coverage, (H, W, 1).
        unit: pixels of this picture per pixel of a 128 px one.
    """

    scene: Array
    figure: Array
    alpha: Array
    unit: float

    def composite(self) -> Array:
        """The figure over the scene."""
        return self.scene + (self.figure - self.scene) * self.alpha


def apply_style(scene: Canvas, figure: Canvas, spec: Spec) -> NDArray[np.uint8]:
    """The finished picture, uint8 (H, W, 3).

    Args:
        scene: opaque background.
        figure: transparent layer of the same size.
        spec: names the style and the light.
    """
    rgba = figure.rgba()
    # Slices of RGBA pixels are many times slower to calculate with than compact ones.
    colour, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3:])
    layers = _Layers(scene.rgb(), colour, alpha, scene.size_px / REFERENCE_PX)
    picture = Image.fromarray((np.clip(_STYLES[spec.style](layers, spec), 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(LENS_PX * layers.unit)))


# --- building blocks


def _box(image: Array, radius: float) -> Array:
    """A box blur of a (H, W) or (H, W, 3) array, run on bytes: 8 bits suffice and Pillow is fast."""
    blurred = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(radius))
    return np.asarray(blurred, dtype=np.float32) / 255.0


def _resize(image: Array, size_px: int, how: Image.Resampling) -> Array:
    """A (H, W) array at another size, in full precision."""
    return np.asarray(Image.fromarray(image).resize((size_px, size_px), how), dtype=np.float32)


def _slopes(image: Array) -> tuple[Array, Array]:
    """Central differences along x and y of a (H, W) array, zero at the border."""
    dx, dy = np.zeros_like(image), np.zeros_like(image)
    dx[:, 1:-1] = image[:, 2:] - image[:, :-2]
    dy[1:-1] = image[2:] - image[:-2]
    return dx, dy


def _shift(image: Array, right: int, down: int) -> Array:
    """A (H, W) array moved by whole pixels; what comes in is 0."""
    moved = np.zeros_like(image)
    h, w = image.shape
    ys, xs = slice(max(down, 0), h + min(down, 0)), slice(max(right, 0), w + min(right, 0))
    yf, xf = slice(max(-down, 0), h + min(-down, 0)), slice(max(-right, 0), w + min(-right, 0))
    moved[ys, xs] = image[yf, xf]
    return moved


@lru_cache(maxsize=8)
def _grid(size_px: int) -> tuple[Array, Array]:
    """x and y of the pixel middles, -1..1, as (1, W) and (H, 1)."""
    axis = ((np.arange(size_px, dtype=np.float32) + 0.5) / size_px * 2 - 1).astype(np.float32)
    return axis[None, :], axis[:, None]


@lru_cache(maxsize=8)
def _vignette(size_px: int) -> Array:
    """0 in the middle, 1 in the corners, (H, W, 1)."""
    x, y = _grid(size_px)
    return np.asarray(np.clip((x * x + y * y - 0.5) / 1.5, 0, 1), dtype=np.float32)[..., None]


@lru_cache(maxsize=64)
def _clouds(size_px: int, variant: int, cells: int) -> Array:
    """Smooth noise in 0..1, (H, W), `cells` bumps across; `variant` picks one of 16 fixed fields."""
    coarse = np.random.default_rng([0xC10, variant, cells]).random((cells + 1, cells + 1)).astype(np.float32)
    image = Image.fromarray(coarse).resize((size_px, size_px), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image, dtype=np.float32), 0, 1)


def _luma(picture: Array) -> Array:
    """Brightness (H, W) of a picture. Not `@`: BLAS rounds differently from one processor to the next."""
    return np.float32(0.3) * picture[..., 0] + np.float32(0.59) * picture[..., 1] + np.float32(0.11) * picture[..., 2]


def _saturate(picture: Array, gain: float) -> Array:
    grey = _luma(picture)[..., None]
    return grey + (picture - grey) * gain


def _rim(alpha: Array, radius: float) -> Array:
    """A band of about `radius` px outside the figure, (H, W, 1)."""
    flat = alpha[..., 0]
    grown = np.clip(_box(flat, radius) * (2 * radius + 1) * 0.9, 0, 1)
    return np.maximum(grown - flat, 0)[..., None]


# --- styles


def _photo(layers: _Layers, spec: Spec) -> Array:
    """Rounded by light, standing on a soft shadow before a slightly blurred background."""
    alpha, unit, light = layers.alpha[..., 0], layers.unit, spec.pose.light
    size = alpha.shape[0]
    scene = _box(layers.scene, 2.0 * unit)
    cast = _box(_shift(alpha, round(-7 * light * unit), round(3 * unit)), 4 * unit)
    shadow = np.maximum(0.36 * cast, 0.5 * _contact(alpha, spec.pose.light))
    scene = scene * (1 - shadow[..., None])
    lit = _relief(alpha, spec, unit)[..., None]
    # Light beyond the base colour goes towards white, shade multiplies: highlights keep their hue readable.
    figure = layers.figure * np.minimum(lit, 1) + (1 - layers.figure) * np.clip(lit - 1, 0, 0.45)
    picture = scene + (figure - scene) * layers.alpha
    x, _ = _grid(size)
    picture = picture * (1 + 0.1 * light * x[..., None]) * (1 - 0.42 * _vignette(size))
    warmth = spec.pose.warmth
    return picture * np.array([1 + 0.07 * warmth, 1.0, 1 - 0.09 * warmth], dtype=np.float32)


def _shading(alpha: Array, light: float, unit: float) -> Array:
    """Brightness factor of a pillow-shaped figure lit from one side and above, about 0.52..1.42.

    The broad roundness is computed on a coarse grid: without detail there, a wide blur at full size is a waste.
    """
    size = alpha.shape[0]
    coarse = np.pad(_resize(alpha, PILLOW_GRID, Image.Resampling.BILINEAR), 2, mode="edge")
    for _ in range(2):  # [1 2 1] along one axis, then along the other
        coarse = ((coarse[:-2] + 2 * coarse[1:-1] + coarse[2:]) / 4).T
    dx, dy = coarse[1:-1, 2:] - coarse[1:-1, :-2], coarse[2:, 1:-1] - coarse[:-2, 1:-1]
    broad = _resize(np.ascontiguousarray(0.75 * dy - light * dx), size, Image.Resampling.BICUBIC)
    tx, ty = _slopes(_box(_box(alpha, 2.2 * unit), 1.5 * unit))
    return np.clip(1.03 + 0.5 * broad + 0.5 * unit * (0.75 * ty - light * tx), 0.52, 1.42)


def _relief(alpha: Array, spec: Spec, unit: float) -> Array:
    """The shading of a figure; creatures are cartoons and stay flat."""
    return np.ones_like(alpha) if spec.kind == "creature" else _shading(alpha, spec.pose.light, unit)


def _contact(alpha: Array, light: float) -> Array:
    """A dark ellipse on the ground under the figure, 0..1; nothing when the figure leaves the picture below."""
    h, w = alpha.shape
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    if rows.size == 0 or rows[-1] >= h - 2:
        return np.zeros_like(alpha)
    bottom = int(rows[-1])
    columns = np.flatnonzero((alpha[bottom - h // 10 : bottom + 1] > 0.5).any(axis=0))
    middle, half = float(columns.mean()), max(4.0, 0.62 * float(np.ptp(columns)))
    x, y = _grid(w)
    dx = ((x + 1) * w / 2 - middle + light * half * 0.2) / half
    dy = ((y + 1) * h / 2 - bottom + 1) / (half * 0.24)
    return np.clip(1.25 - np.sqrt(dx * dx + dy * dy), 0, 1)


def _pencil(layers: _Layers, spec: Spec) -> Array:
    """Grey lines and light hatching on warm paper."""
    size, unit = layers.alpha.shape[0], layers.unit
    alpha = layers.alpha[..., 0]
    grey = _luma(layers.composite())
    # Graphite never gets as dark as the ink of noir.
    tone = (1 - grey) * (0.5 + 0.06 * alpha)
    x, y = _grid(size)
    hatch = 0.5 + 0.5 * np.sin((x + y) * np.float32(np.pi * REFERENCE_PX / 9))
    hatch2 = 0.5 + 0.5 * np.sin((x - y) * np.float32(np.pi * REFERENCE_PX / 10))
    tone = tone * (0.86 + 0.16 * hatch) + np.clip(tone - 0.33, 0, 1) * 0.16 * hatch2
    dx, dy = _slopes(grey)
    ax, ay = _slopes(alpha)
    line = np.hypot(dx, dy) * (1.05 + 0.2 * alpha) + 0.5 * np.hypot(ax, ay)
    line = np.clip(_box(np.clip(line * 1.5, 0, 1), 0.5 * unit) * 1.2, 0, 0.86)
    ink = 1 - (1 - tone) * (1 - line)
    ragged = (_clouds(size, spec.detail_seed % 16, 6) - 0.3) * 1.2
    margin = np.clip((1 - np.maximum(np.abs(x), np.abs(y))) * 12 + ragged, 0, 1)
    ink = ink * np.maximum(margin, alpha * 0.9)
    paper = np.array([0.965, 0.94, 0.885], dtype=np.float32)
    graphite = np.array([0.19, 0.19, 0.215], dtype=np.float32)
    return paper + (graphite - paper) * ink[..., None]


@lru_cache(maxsize=64)
def _run(size_px: int, variant: int) -> NDArray[np.intp]:
    """Where every pixel of a watercolour takes its paint from: flat indices (H, W), up to 2 px (of 128) away."""
    reach = 4 * size_px / REFERENCE_PX
    axis = np.arange(size_px)
    down, right = _clouds(size_px, (variant + 5) % 16, 8) - 0.5, _clouds(size_px, variant, 6) - 0.5
    y = np.clip(axis[:, None] + np.rint(down * reach).astype(np.intp), 0, size_px - 1)
    x = np.clip(axis[None, :] + np.rint(right * reach).astype(np.intp), 0, size_px - 1)
    return y * size_px + x


def _watercolour(layers: _Layers, spec: Spec) -> Array:
    """Pale pigments with darker rims that run a little and leave the paper white at the edge."""
    size, unit, variant = layers.alpha.shape[0], layers.unit, spec.detail_seed % 16
    blotches, wobble = _clouds(size, variant, 6), _clouds(size, (variant + 5) % 16, 8)
    scene = _box(layers.scene, 1.4 * unit)
    soft = scene + (layers.figure - scene) * layers.alpha
    run = _run(size, variant)
    wet = _box(soft.reshape(-1, 3).take(run, axis=0), 0.7 * unit)
    alpha = layers.alpha.reshape(-1).take(run)
    grey = _luma(wet)
    pooled = np.clip(_box(grey, 3 * unit) - grey, 0, 0.3) * 0.7
    rim = np.clip(alpha - _box(alpha, 2 * unit), 0, 1) * 0.5
    pigment = (1 - _saturate(wet, 1.25)) * (0.64 + 0.32 * blotches[..., None]) + (pooled + rim)[..., None]
    x, y = _grid(size)
    edge = np.clip((0.955 - np.maximum(np.abs(x), np.abs(y)) + (wobble - 0.5) * 0.16) * 9, 0, 1)
    halo = 1 - 0.55 * np.clip(_rim(alpha[..., None], 2 * unit), 0, 1)
    paper = np.array([0.992, 0.985, 0.968], dtype=np.float32)
    return paper - pigment * edge[..., None] * halo


def _noir(layers: _Layers, spec: Spec) -> Array:
    """Hard black and white under the light of a blind."""
    size, unit, light = layers.alpha.shape[0], layers.unit, spec.pose.light
    alpha = layers.alpha[..., 0]
    x, y = _grid(size)
    lean = 0.35 if light > 0 else -0.35
    slats = np.clip(np.sin((y + lean * x) * np.float32(np.pi * 3.2)) * 1.6 + 0.7, 0, 1)
    scene = _luma(_box(layers.scene, 0.6 * unit)) * (0.6 + 0.4 * slats)
    figure = _luma(layers.figure) * _relief(alpha, spec, unit) * (0.84 + 0.18 * slats) + 0.03
    shadow = _box(_shift(alpha, round(-8 * light * unit), round(2 * unit)), 3 * unit)
    grey = scene * (1 - 0.6 * shadow) * (1 - alpha) + figure * alpha
    grey = np.clip((grey - 0.05) * 1.12, 0, 1)
    contrast = grey * grey * (3 - 2 * grey)
    # A bright rim on the lit side lifts dark figures from a dark room.
    lit = np.clip(alpha - _shift(alpha, 2 if light < 0 else -2, 1), 0, 1) * alpha
    grey = np.clip(contrast * 0.8 + grey * 0.2 + 0.4 * lit, 0, 1) * (1 - 0.6 * _vignette(size)[..., 0])
    return np.repeat(grey[..., None], 3, axis=2)


@lru_cache(maxsize=8)
def _halftone(size_px: int) -> Array:
    """Cones on a slanted grid of about 13 px (of 128): a threshold at v gives dots of growing size, (H, W)."""
    x, y = _grid(size_px)
    turn = np.float32(np.pi * REFERENCE_PX / 13 / 2**0.5)
    return np.asarray(0.5 + 0.25 * (np.cos((x + y) * turn) + np.cos((x - y) * turn)), dtype=np.float32)


def _poster(picture: Array, levels: int) -> Array:
    """Few steps of brightness, the hue untouched: steps per channel would turn grey blue and brown red."""
    value = np.maximum(np.maximum(picture[..., :1], picture[..., 1:2]), picture[..., 2:])  # .max(axis=2) is slow
    return picture * (np.ceil(value * levels - 0.15) / levels / np.maximum(value, 0.02))


def _pop_art(layers: _Layers, spec: Spec) -> Array:
    """Few loud colours, a dotted background and a thick black contour."""
    size, unit = layers.alpha.shape[0], layers.unit
    scene = np.clip(_saturate(_box(layers.scene, 2.0 * unit), 2.0) * 1.1, 0, 1)
    flat = np.rint(scene * 2) / 2
    grey = _luma(scene)[..., None]
    # Dots grow in the shade and stay away from the lights, as in printed comics.
    dots = np.clip((_halftone(size)[..., None] - 0.45 - 0.5 * grey) * 6 + 0.5, 0, 1)
    lifted = 0.35 + 0.65 * flat
    scene = lifted + (lifted * 0.74 - lifted) * dots
    vivid = np.clip((_saturate(layers.figure, 1.45) - 0.5) * 1.1 + 0.52, 0, 1)
    figure = _poster(vivid, 5)
    shade = _relief(layers.alpha[..., 0], spec, unit)[..., None]
    figure = figure * np.where(shade < 0.86, np.float32(0.8), np.float32(1))
    picture = scene + (figure - scene) * layers.alpha
    ink = np.clip(_rim(layers.alpha, 2.2 * unit) * 1.6, 0, 1)
    return picture * (1 - ink) + np.float32(0.05) * ink


def _pixel_art(layers: _Layers, spec: Spec) -> Array:
    """A 32 x 32 picture of 20 colours with a dark contour, in big square pixels."""
    size = layers.alpha.shape[0]
    shade = _relief(layers.alpha[..., 0], spec, layers.unit)[..., None]
    lit = layers.figure * (1 + (np.clip(shade, 0.8, 1.15) - 1) * 0.8)
    picture = layers.scene + (lit - layers.scene) * layers.alpha
    small = _shrink(_saturate(picture, 1.2))
    alpha = np.asarray(_shrink(np.repeat(layers.alpha, 3, axis=2)), dtype=np.float32)[..., 0] / 255.0
    solid = alpha > 0.5
    near = np.zeros_like(solid)
    near[1:] |= solid[:-1]
    near[:-1] |= solid[1:]
    near[:, 1:] |= solid[:, :-1]
    near[:, :-1] |= solid[:, 1:]
    cells = np.array(small)
    cells[near & ~solid] = (cells[near & ~solid] * 0.35).astype(np.uint8)
    palette = Image.fromarray(cells).quantize(20, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return np.asarray(palette.resize((size, size), Image.Resampling.NEAREST), dtype=np.float32) / 255.0


def _shrink(picture: Array) -> Image.Image:
    image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    return image.resize((PIXEL_GRID, PIXEL_GRID), Image.Resampling.BOX)


_STYLES: Final[Mapping[str, Callable[[_Layers, Spec], Array]]] = MappingProxyType({
    "photo": _photo, "pencil": _pencil, "watercolour": _watercolour, "noir": _noir, "pop art": _pop_art,
    "pixel art": _pixel_art,
})
