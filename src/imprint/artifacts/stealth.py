"""Text hidden in the last bit of a picture's pixels, as Forge and NovelAI write it beside their texts.

Reads: pixels of PNG and WebP. Writes: nothing. Does not: write such text.

The bits are taken column by column. A signature of 15 characters tells whether they are those of alpha or of red,
green and blue, and whether the text is packed; 32 bits with the length in bits follow, then the text.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imprint.artifacts.image_file import decode_layers
from imprint.artifacts.png_texts import TEXT_LIMIT_BYTES, unpacked_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNATURES = {  # signature -> (channels, packed)
    "stealth_pnginfo": ("A", False), "stealth_pngcomp": ("A", True),
    "stealth_rgbinfo": ("RGB", False), "stealth_rgbcomp": ("RGB", True),
}  # fmt: skip
_SIGNATURE_BYTES, _LENGTH_BYTES = 15, 4
GZIP = 31  # of zlib's wbits


def stealth_text(data: bytes, where: Path) -> str | None:
    """The text hidden in a picture, or None.

    Args:
        data: the file's bytes.
        where: its path, for messages.
    Raises: PhotoError: if the picture cannot be decoded.
    """
    import numpy as np

    layers = decode_layers(data, where)
    for channels in ("A", "RGB"):
        if set(channels) <= set(layers.getbands()):
            # Column by column, and within a pixel channel by channel.
            planes = [np.asarray(layers.getchannel(name)).T for name in channels]
            text = _text((np.stack(planes, axis=-1).reshape(-1) & 1).astype(np.uint8), channels)
            if text is not None:
                return text
    return None


def _text(bits: NDArray[np.uint8], channels: str) -> str | None:
    head = _SIGNATURE_BYTES + _LENGTH_BYTES
    start = _bytes(bits, 0, head)
    wanted, packed = SIGNATURES.get(start[:_SIGNATURE_BYTES].decode("latin-1"), ("", False))
    size = int.from_bytes(start[_SIGNATURE_BYTES:], "big") // 8
    if wanted != channels or len(start) < head or size > min(TEXT_LIMIT_BYTES, len(bits) // 8 - head):
        return None
    data = _bytes(bits, head, size)
    plain = unpacked_text(data, GZIP) if packed else data
    return None if plain is None else plain.decode("utf-8", errors="replace")


def _bytes(bits: NDArray[np.uint8], start: int, size: int) -> bytes:
    import numpy as np

    return np.packbits(bits[8 * start : 8 * (start + size)]).tobytes()
