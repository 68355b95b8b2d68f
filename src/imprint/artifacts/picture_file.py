"""The kinds of file that a picture may be written as, and its bytes in each.

Reads: pixels and texts. Writes: bytes. Does not: know what the texts mean.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from imprint.artifacts.exif import JPEG_LIMIT_BYTES, exif_block
from imprint.config.base import Config
from imprint.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECORD_KEY = "imprint"  # of the PNG text that holds our record
INFOTEXT_KEY = "parameters"  # the same for the infotext, as A1111 has it

JPEG_PROMPTS_BYTES = 60_000  # in ASCII JSON; the rest of the record is at most a few thousand


class Png(Config):
    """PNG: every pixel exactly as it was drawn."""

    kind: Literal["png"] = "png"


class Jpeg(Config):
    """JPEG: small and read everywhere; the pixels change a little, the record does not."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = Field(default=95, ge=1, le=100)
    """Of the compression; colours are never halved in resolution."""


class Webp(Config):
    """WebP: smaller than JPEG."""

    kind: Literal["webp"] = "webp"
    quality: int = Field(default=95, ge=1, le=100)
    """Of the compression; without loss, how hard it tries."""
    lossless: bool = False
    """Keep every pixel exactly as it was drawn."""


PictureFormat: TypeAlias = Annotated[Png | Jpeg | Webp, Field(discriminator="kind")]
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_BY_SUFFIX: dict[str, Png | Jpeg | Webp] = {".png": Png(), ".jpg": Jpeg(), ".jpeg": Jpeg(), ".webp": Webp()}


def format_of(path: Path) -> Png | Jpeg | Webp:
    """The kind of file that a name stands for, with its defaults; PNG for a name that says nothing."""
    return _BY_SUFFIX.get(path.suffix.lower(), _BY_SUFFIX[".png"])


def encoded(pixels_HWC: NDArray[np.uint8], form: Png | Jpeg | Webp, record_json: str, infotext: str = "") -> bytes:
    """A picture as a file's bytes with its texts inside; the same values give the same bytes.

    Args:
        pixels_HWC: RGB, shape (H, W, 3).
        form: the kind of file.
        record_json: our record in ASCII.
        infotext: the same for other tools; "" leaves it out. In a JPEG it gives way where both do not fit.
    Raises: OutputError: if the record alone does not fit into a JPEG.
    """
    if isinstance(form, Png):
        return _png(pixels_HWC, record_json, infotext)
    own = record_json.encode()
    block = exif_block(infotext, own)
    if isinstance(form, Webp):
        return _pillow(pixels_HWC, "WEBP", exif=block, quality=form.quality, lossless=form.lossless, method=4)
    if len(block) > JPEG_LIMIT_BYTES:
        block = exif_block("", own)
    if len(block) > JPEG_LIMIT_BYTES:
        raise OutputError(
            "the record is too long for a JPEG file", got=f"{len(own)} bytes", allowed="64 KB", hint="use png or webp"
        )
    return _pillow(pixels_HWC, "JPEG", exif=block, quality=form.quality, subsampling=0)


def _png(pixels_HWC: NDArray[np.uint8], record_json: str, infotext: str) -> bytes:
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    if infotext:
        text.add_text(INFOTEXT_KEY, infotext)  # tEXt, or iTXt where Latin-1 is not enough: as A1111 does
    text.add_text(RECORD_KEY, record_json)
    return _pillow(pixels_HWC, "PNG", pnginfo=text)


def _pillow(pixels_HWC: NDArray[np.uint8], form: str, **options: object) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels_HWC).save(buffer, format=form, **options)
    return buffer.getvalue()
