"""Pictures cut to squares of one size.

Reads: pixels. Writes: PNG bytes. Does not: look for faces, or keep metadata.
"""

from __future__ import annotations

import io

from PIL import Image


def square(image: Image.Image, size_px: int) -> Image.Image:
    """The largest centred square of a picture, resized by Lanczos's filter to (size_px, size_px)."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if image.size == (size_px, size_px):
        return image
    return image.resize((size_px, size_px), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def bare_png(image: Image.Image) -> bytes:
    """PNG with nothing in it but the pixels; equal pixels give equal bytes."""
    bare = image.convert("RGB")  # a copy, whose metadata can go
    bare.info.clear()
    buffer = io.BytesIO()
    bare.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
