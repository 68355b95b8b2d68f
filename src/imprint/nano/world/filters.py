"""What every style is made of: the layers of a picture, blurs, noise and cells, all on float32 arrays.

Reads: arrays. Writes: arrays. Does not: know a style or a figure.

Values are 0..1 at the final size; lengths in pixels are for a side of 128 and scale.
"""

# H W pixels
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from imprint.nano.world.canvas import Form

Array = NDArray[np.floating[Any]]  # float32 at run time; numpy's stubs widen most expressions
REFERENCE_PX: Final = 128


@dataclass(frozen=True)
class Layers:
    """Scene and figure at the final size.

    Attributes:
        scene: colour of the background, (H, W, 3).
        figure: colour of the figure, (H, W, 3).
        alpha: its coverage, (H, W, 1).
        forms: where the figure bulges, back to front.
        unit: pixels of this picture per pixel of a 128 px one.
    """

    scene: Array
    figure: Array
    alpha: Array
    forms: tuple[Form, ...]
    unit: float

    def composite(self) -> Array:
        """The figure over the scene."""
        return over(self.scene, self.figure, self.alpha)


def over(scene: Array, figure: Array, alpha: Array) -> Array:
    """One picture over another by its coverage."""
    return scene + (figure - scene) * alpha


def in_bytes(image: Array) -> Image.Image:
    """A (H, W) or (H, W, 3) array in 8 bits, which Pillow filters fast."""
    return Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))


def box(image: Array, radius: float) -> Array:
    """A box blur of a (H, W) or (H, W, 3) array, run on bytes: 8 bits suffice and Pillow is fast."""
    return np.asarray(in_bytes(image).filter(ImageFilter.BoxBlur(radius)), dtype=np.float32) / 255.0


def softened(picture: Image.Image, radius: float) -> Image.Image:
    """Two box blurs, which are nearly round: one alone would make squares of small lights."""
    blur = ImageFilter.BoxBlur(radius)
    return picture.filter(blur).filter(blur)


def defocus(image: Array, radius: float) -> Array:
    """`softened` for a (H, W) or (H, W, 3) array."""
    return np.asarray(softened(in_bytes(image), radius), dtype=np.float32) / 255.0


def resize(image: Array, size_px: int, how: Image.Resampling) -> Array:
    """A (H, W) array at another size, in full precision."""
    return np.asarray(Image.fromarray(image).resize((size_px, size_px), how), dtype=np.float32)


def slopes(image: Array) -> tuple[Array, Array]:
    """Central differences along x and y of a (H, W) array, zero at the border."""
    dx, dy = np.zeros_like(image), np.zeros_like(image)
    dx[:, 1:-1] = image[:, 2:] - image[:, :-2]
    dy[1:-1] = image[2:] - image[:-2]
    return dx, dy


def shift(image: Array, right: int, down: int) -> Array:
    """A (H, W) array moved by whole pixels; what comes in is 0."""
    moved = np.zeros_like(image)
    h, w = image.shape
    ys, xs = slice(max(down, 0), h + min(down, 0)), slice(max(right, 0), w + min(right, 0))
    yf, xf = slice(max(-down, 0), h + min(-down, 0)), slice(max(-right, 0), w + min(-right, 0))
    moved[ys, xs] = image[yf, xf]
    return moved


@lru_cache(maxsize=8)
def grid(size_px: int) -> tuple[Array, Array]:
    """x and y of the pixel middles, -1..1, as (1, W) and (H, 1)."""
    axis = ((np.arange(size_px, dtype=np.float32) + 0.5) / size_px * 2 - 1).astype(np.float32)
    return axis[None, :], axis[:, None]


@lru_cache(maxsize=8)
def vignette(size_px: int) -> Array:
    """0 in the middle, 1 in the corners, (H, W, 1)."""
    x, y = grid(size_px)
    return np.asarray(np.clip((x * x + y * y - 0.5) / 1.5, 0, 1), dtype=np.float32)[..., None]


@lru_cache(maxsize=64)
def clouds(size_px: int, variant: int, cells: int) -> Array:
    """Smooth noise in 0..1, (H, W), `cells` bumps across; `variant` picks one of 16 fixed fields."""
    coarse = np.random.default_rng([0xC10, variant, cells]).random((cells + 1, cells + 1)).astype(np.float32)
    image = Image.fromarray(coarse).resize((size_px, size_px), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image, dtype=np.float32), 0, 1)


def luma(picture: Array) -> Array:
    """Brightness (H, W) of a picture. Not `@`: BLAS rounds differently from one processor to the next."""
    return np.float32(0.3) * picture[..., 0] + np.float32(0.59) * picture[..., 1] + np.float32(0.11) * picture[..., 2]


def saturate(picture: Array, gain: float) -> Array:
    """Colours further from grey (gain above 1) or nearer to it."""
    grey = luma(picture)[..., None]
    return grey + (picture - grey) * gain


def rim(alpha: Array, radius: float) -> Array:
    """A band of about `radius` px outside the figure, (H, W, 1)."""
    flat = alpha[..., 0]
    grown = np.clip(box(flat, radius) * (2 * radius + 1) * 0.9, 0, 1)
    return np.maximum(grown - flat, 0)[..., None]


def gather(picture: Array, at: NDArray[np.intp]) -> Array:
    """Every pixel takes the colour that flat index `at` (H, W) points to."""
    return picture.reshape(-1, picture.shape[-1]).take(at, axis=0)


@dataclass(frozen=True)
class Cells:
    """A picture cut into cells: strokes of a brush or panes of glass.

    Attributes:
        middle: flat index of the pixel in the middle of each pixel's cell, (H, W).
        tone: one random number in -1..1 per cell, (H, W, 1).
        lean: how far a pixel lies on its cell's upper left (-1) or lower right (1) side, (H, W, 1).
        border: distance to the border of the cell in pixels of a 128 px picture, (H, W, 1).
    """

    middle: NDArray[np.intp]
    tone: Array
    lean: Array
    border: Array


@lru_cache(maxsize=64)
def cells(size_px: int, variant: int, cell_px: float, stretch: float) -> Cells:
    """Voronoi cells of a jittered grid, each stretched along a direction of its own.

    Args:
        size_px: side of the picture.
        variant: which of the fixed patterns.
        cell_px: size of a cell in pixels of a 128 px picture.
        stretch: 1 for panes of glass, up to 1.6 for strokes.
    """
    rng, count = np.random.default_rng([0xCE1, variant, round(cell_px * 10)]), int(REFERENCE_PX / cell_px) + 4
    place = (rng.uniform(0.1, 0.9, (2, count, count)) + np.indices((count, count)) - 1.5) * cell_px
    angle, tone = rng.normal(-0.7, 0.5, (count, count)), rng.uniform(-1, 1, (count, count))
    axis = (np.arange(size_px) + 0.5) * REFERENCE_PX / size_px
    y, x = axis[:, None], axis[None, :]
    home = np.floor(axis / cell_px + 1.5).astype(np.intp)
    best, second = np.full((2, size_px, size_px), np.inf)
    row, column = np.zeros((2, size_px, size_px), dtype=np.intp)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i = np.clip(home + down, 0, count - 1)[:, None]
            j = np.clip(home + right, 0, count - 1)[None, :]
            dy, dx, turn = y - place[0, i, j], x - place[1, i, j], angle[i, j]
            along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
            far = np.hypot(along / stretch, across * stretch)
            second = np.minimum(second, np.maximum(best, far))
            nearer = far < best
            best = np.where(nearer, far, best)
            row, column = np.where(nearer, i, row), np.where(nearer, j, column)
    cy, cx = place[0, row, column], place[1, row, column]
    scale = size_px / REFERENCE_PX
    at = np.clip((np.stack((cy, cx)) * scale).astype(np.intp), 0, size_px - 1)
    lean = np.clip((y - cy + x - cx) / cell_px, -1, 1)
    return Cells(
        at[0] * size_px + at[1], tone[row, column][..., None].astype(np.float32),
        lean[..., None].astype(np.float32), (second - best)[..., None].astype(np.float32),
    )
