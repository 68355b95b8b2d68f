"""Source pictures and masks from files: as they are seen, whatever they are stored in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imprint.artifacts.source_picture import pixels_hash, read_mask, read_source
from imprint.errors import PhotoError
from imprint.generation.masks import mask_from

pytestmark = pytest.mark.unit

LEVELS = np.zeros((24, 16), np.uint8)
LEVELS[2:8, 3:7] = 255


def stored(path: Path, image: Image.Image, orientation: int = 1, **options: Any) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, **options)
    return path


def seen(path: Path) -> np.ndarray[Any, Any]:
    """Where the mask of a file is drawn."""
    levels = read_mask(path)
    height, width = levels.shape[:2]
    return mask_from(levels, (width, height)) > 0.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_lies_as_its_picture_does(tmp_path: Path, orientation: int) -> None:
    source = stored(tmp_path / "source.png", Image.fromarray(LEVELS), orientation)
    mask = stored(tmp_path / "mask.jpg", Image.fromarray(LEVELS), orientation, quality=100)
    assert np.array_equal(seen(mask), read_source(source)[..., 0] > 127)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_mask_of_any_mode_is_drawn_where_it_is_white(tmp_path: Path, mode: str) -> None:
    path = stored(tmp_path / "mask.png", Image.fromarray(LEVELS).convert("RGB").convert(mode))
    assert np.array_equal(seen(path), LEVELS > 0)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_a_mask_of_sixteen_bits_keeps_its_greys(tmp_path: Path, suffix: str) -> None:
    grey = np.where(LEVELS > 0, 0xFFFF, 0x4000).astype(np.uint16)
    path = tmp_path / f"mask.{suffix}"
    Image.fromarray(grey).save(path)
    assert sorted(np.unique(read_mask(path))) == [0x40, 0xFF]


def test_a_mask_of_32_bits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.tiff"
    Image.fromarray((LEVELS / 255).astype(np.float32)).save(path)
    with pytest.raises(PhotoError, match="32 bits a channel"):
        read_mask(path)


def test_a_palette_with_a_clear_colour_is_drawn_where_it_is_opaque(tmp_path: Path) -> None:
    image = Image.fromarray((LEVELS > 0).astype(np.uint8)).convert("P")
    image.putpalette([10, 10, 10, 20, 20, 20])
    image.save(tmp_path / "mask.png", transparency=0)
    assert np.array_equal(seen(tmp_path / "mask.png"), LEVELS > 0)


def test_pixels_are_known_whatever_file_they_are_in(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8))
    for suffix in ("png", "bmp", "tiff"):
        image.save(tmp_path / f"one.{suffix}")
    assert len({pixels_hash(read_source(path)) for path in tmp_path.iterdir()}) == 1
