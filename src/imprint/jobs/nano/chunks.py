"""Pictures made once and kept: arrays in files that are there whole or not at all.

Reads and writes: .npy files. Does not: know what is in the pictures.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imprint.artifacts.files import write_bytes

Pictures = NDArray[np.uint8]  # (N, H, W, 3)


def kept(path: Path, make: Callable[[], Pictures]) -> Pictures:
    """The pictures in a file, memory-mapped; made and written first if it is not there."""
    if not path.exists():
        buffer = io.BytesIO()
        np.save(buffer, make())
        write_bytes(path, buffer.getvalue())
    return np.load(path, mmap_mode="r")
