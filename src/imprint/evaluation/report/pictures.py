"""Pictures inside the page: decoded behind the allow-list, reduced, stripped of metadata, as data: URIs.

Reads: picture files. Writes: data: URIs. Does not: trust a file: whatever cannot be read becomes None.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from imprint.artifacts.image_file import decode_image, read_regular
from imprint.errors import PhotoError

QUALITY = 90  # with full colour resolution; 6 kB for 128 px, where PNG takes 25


@dataclass(frozen=True)
class Embedded:
    """A picture as it stands in the page. `uri` is safe as it is: a fixed prefix and base64."""

    uri: Markup
    width: int
    height: int


def embed(path: Path, longest_px: int) -> Embedded | None:
    """Read a picture and reduce it to at most `longest_px` on its longer side.

    Returns: the picture without its metadata (place, camera), upright; None if it cannot be read.
    """
    try:
        picture = decode_image(read_regular(path), path)
    except PhotoError:
        return None
    picture.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    uri = Markup("data:image/jpeg;base64,") + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Embedded(uri, picture.width, picture.height)
