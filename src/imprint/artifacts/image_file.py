"""Picture files from outside, which may be damaged, hostile or no pictures at all, made into plain upright RGB.

Reads: image files. Writes: nothing. Does not: crop, resize, or keep metadata: GPS, EXIF, profiles, comments end here.

Only the decoders named in `FORMATS` ever see a byte, whatever a file is called. The size is taken from the header, and
a bomb is refused before its pixels exist.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from imprint.artifacts.files import open_regular
from imprint.artifacts.picture import clean_text
from imprint.errors import PhotoError

if TYPE_CHECKING:
    from PIL import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # an MPO file is a JPEG with more of them behind it
MAX_PIXELS: Final = 64_000_000  # above any camera's usual output; decoding so much takes at most 0.9 GB
MAX_WEBP_PIXELS: Final = 36_000_000  # libwebp and Pillow together hold five copies: at 64 megapixels more than 1 GB
MAX_FILE_BYTES: Final = 256 << 20  # a 64-megapixel PNG of noise has 192 MB

# What a decoder may raise on damaged files: Pillow promises nothing. A bug of ours inside the same `try` would be
# reported as a damaged photo, so it holds only calls into Pillow and the conversions below.
DECODER_ERRORS: Final = (
    OSError, ValueError, TypeError, SyntaxError, LookupError, ArithmeticError, AttributeError, AssertionError,
    RuntimeError, EOFError, MemoryError, struct.error, zlib.error,
)  # fmt: skip

# The EXIF orientation and the transposition that undoes it, as in Pillow's ImageOps (which also rewrites the EXIF
# block, and fails where that is broken).
_UPRIGHT: Final = MappingProxyType({
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
})  # fmt: skip
_ORIENTATION_TAG: Final = 0x0112

# First bytes of a file -> what it is. Only for the wording of a refusal.
_LOOKS_LIKE: Final = (
    (b"%!PS", "PostScript (EPS)"), (b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"), (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"), (b"SIMPLE  =", "a FITS picture"), (b"\xd7\xcd\xc6\x9a", "a WMF drawing"),
    (b"PK\x03\x04", "a ZIP archive or an office document"), (b"\x1f\x8b", "a gzip archive"), (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"\x7fELF", "a program"), (b"MZ", "a program"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"), (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"), (b"#?RADIANCE", "an HDR picture"),
)  # fmt: skip
_ALLOWED_MAGIC: Final = (
    (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"BM", "BMP"), (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"), (b"RIFF", "WEBP"),
)  # fmt: skip
_ISO_BRANDS: Final = MappingProxyType({
    b"avif": "an AVIF picture", b"avis": "an AVIF picture", b"heic": "a HEIC picture", b"heix": "a HEIC picture",
    b"mif1": "a HEIC picture", b"msf1": "a HEIC picture", b"qt  ": "a video",
})  # fmt: skip


def read_regular(path: Path, limit_bytes: int = MAX_FILE_BYTES) -> bytes:
    """All bytes of a regular file; never waits on a pipe and never reads a device.

    Raises: PhotoError: with the reason in words, if it is no regular file, too large or unreadable.
    """
    try:
        with open_regular(path, limit_bytes, PhotoError) as file:
            return file.read(limit_bytes)
    except (OSError, ValueError) as error:
        raise PhotoError(_unreadable(error), where=path) from error


def check_header(data: bytes, where: Path) -> None:
    """Make sure that the bytes begin like a picture of an allowed kind and size, without decoding it.

    Raises: PhotoError: with the reason in words.
    """
    with _opened(data, where, 1):
        pass


def decode_image(data: bytes, where: Path, min_side_px: int = 1) -> Image.Image:
    """Decode one picture: upright, 8 bits, on white where it was transparent, without any metadata.

    Of an animation the first frame is taken.

    Args:
        data: the file's bytes.
        where: its path, for messages.
        min_side_px: shorter sides are refused, in pixels.
    Returns: a PIL image in mode RGB.
    Raises: PhotoError: with the reason in words, if it is foreign, damaged, cut off, too large or too small.
    """
    with _opened(data, where, min_side_px) as image:
        image.load()
        rgb = _as_rgb(_upright(image), where)
        rgb.info.clear()
        return rgb


def decode_layers(data: bytes, where: Path) -> Image.Image:
    """Decode one picture as it is stored: not turned, its transparency kept, its bits untouched.

    Raises: PhotoError: as `decode_image`.
    """
    with _opened(data, where, 1) as image:
        image.load()
        return image.convert("RGBA") if image.mode == "P" else image.copy()


def decode_mask(data: bytes, where: Path) -> Image.Image:
    """Decode one picture: upright, 8 bits, its transparency kept.

    Returns: a PIL image in mode RGB, or RGBA where it has transparency.
    Raises: PhotoError: as `decode_image`.
    """
    with _opened(data, where, 1) as image:
        image.load()
        upright = _upright(image)
        deep = upright.mode.startswith(("I", "F"))
        return upright.convert("RGBA") if upright.has_transparency_data and not deep else _as_rgb(upright, where)


@contextmanager
def _opened(data: bytes, where: Path, min_side_px: int) -> Generator[Image.Image]:
    """The picture after its header was checked; whatever a decoder raises comes out as a `PhotoError`."""
    from PIL import Image

    if not data:
        raise PhotoError("the file is empty (0 bytes)", where=where)
    try:
        with _strict_and_quiet(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, where, min_side_px)
            yield image
    except Image.UnidentifiedImageError as error:
        raise PhotoError(_foreign(data), where=where) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"more than {MAX_PIXELS // 10**6} megapixels", where=where) from error
    except DECODER_ERRORS as error:
        # "\ufffd" stands for what could steer a terminal: the message may quote the file's bytes.
        words = " ".join(clean_text(str(error)).split())[:120] or type(error).__name__
        raise PhotoError(f"the picture is damaged or cut off ({words})", where=where) from error


@contextmanager
def _strict_and_quiet() -> Generator[None]:
    """Decode strictly even where another library told Pillow to accept truncated files, and keep it from warning."""
    from PIL import ImageFile

    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _check_size(image: Image.Image, where: Path, min_side_px: int) -> None:
    width, height = image.size
    limit = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
    if width * height > limit:
        raise PhotoError(f"{width} by {height} pixels are more than {limit // 10**6} megapixels", where=where)
    if min(width, height) < min_side_px:
        raise PhotoError(f"{width} by {height} pixels: a side is shorter than {min_side_px}", where=where)


def _upright(image: Image.Image) -> Image.Image:
    from PIL import Image

    try:
        method = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except DECODER_ERRORS:  # a broken EXIF block says nothing about the pixels
        return image
    return image.transpose(Image.Transpose[method]) if method else image


def _as_rgb(image: Image.Image, where: Path) -> Image.Image:
    import numpy as np
    from PIL import Image

    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 and turns a 16-bit photo white.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise PhotoError("32 bits a channel (HDR or measurement data); save it with 8 or 16 bits", where=where)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGB", layer.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return image.convert("RGB")


def _unreadable(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist, or vanished while it was read"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"the file cannot be read ({reason.lower()})"


def _foreign(data: bytes) -> str:
    """Why bytes that no allowed decoder knows are refused, saying what they look like."""
    accepted = f"not one of {', '.join(FORMATS)}"
    for magic, name in _ALLOWED_MAGIC:
        if data.startswith(magic):
            return f"it begins like {name}, but its header is damaged or cut off"
    if data[4:8] == b"ftyp":
        return f"{accepted}: it is {_ISO_BRANDS.get(data[8:12], 'a video')}; export it as JPEG or PNG"
    for magic, name in _LOOKS_LIKE:
        if data.startswith(magic):
            return f"{accepted}: it is {name}"
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return f"{accepted}: it is a web page (HTML)"
    if head.startswith((b"<?xml", b"<svg")):
        return f"{accepted}: it is an SVG or XML document"
    if head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        return f"{accepted}: it is text"
    return accepted
