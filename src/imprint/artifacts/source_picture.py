"""Pictures that others begin with, their masks, and how both are known again.

Reads: picture files. Writes: nothing. Does not: load torch, resize, or know what is done with them.

A picture is known by its pixels, not by its file: saved again without loss, it is the same.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imprint.artifacts.image_file import decode_image, decode_mask, read_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_source(path: Path) -> NDArray[np.uint8]:
    """A picture, upright and without transparency, uint8 (H, W, 3).

    Raises: PhotoError: if it is missing, damaged or no picture.
    """
    return np.asarray(decode_image(read_regular(path), path))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """A mask, upright as its picture is, with its transparency if it has any, uint8 (H, W, 3 or 4).

    Raises: PhotoError: as `read_source`.
    """
    return np.asarray(decode_mask(read_regular(path), path))


def pixels_hash(picture: NDArray[np.uint8]) -> str:
    """SHA-256 of a picture's size and levels."""
    size = "x".join(str(side) for side in picture.shape)
    return hashlib.sha256(size.encode() + b"\0" + np.ascontiguousarray(picture).tobytes()).hexdigest()


def pixels_md5(picture: NDArray[np.uint8]) -> str:
    """MD5 of a picture's levels alone: A1111's "Init image hash"."""
    return hashlib.md5(np.ascontiguousarray(picture).tobytes(), usedforsecurity=False).hexdigest()
