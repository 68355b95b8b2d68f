"""The texts inside a PNG file, read without decoding a pixel.

Reads: PNG. Writes: nothing. Does not: know what the texts mean, or clean them.

A file from elsewhere is hostile: parts and texts are counted and capped, what is compressed is unpacked up to the cap
only, and a part whose checksum is wrong is passed over.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from imprint.errors import InputError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNK_LIMIT = 100_000  # a 4096 px PNG has about a thousand
TEXT_LIMIT_BYTES = 4 << 20  # ComfyUI's graphs are the longest that are met; a megabyte is rare


def chunks(file: BinaryIO, path: Path) -> Iterator[tuple[bytes, int]]:
    """(kind, length) of every chunk; between two items the reader must consume data and checksum.

    Raises: InputError: if the file ends before its last chunk, or has too many.
    """
    for _ in range(CHUNK_LIMIT):
        head = file.read(8)
        if len(head) < 8:
            raise InputError("this PNG file is cut off", where=path)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        yield kind, length
    raise InputError("this PNG file has too many parts", where=path, allowed=f"at most {CHUNK_LIMIT}")


def png_texts(file: BinaryIO, path: Path, wanted: Collection[str]) -> dict[str, str]:
    """Texts by keyword; of several with one keyword the first.

    Args:
        file: open at the first chunk, behind the signature.
        path: for messages.
        wanted: keywords; others are passed over.
    Raises: InputError: if the file is cut off before any of them, or has too many parts.
    """
    found: dict[str, str] = {}
    try:
        for kind, length in chunks(file, path):
            if kind not in _READERS or length > TEXT_LIMIT_BYTES:
                file.seek(length + 4, io.SEEK_CUR)
                continue
            data, checksum = file.read(length), file.read(4)
            key, _, rest = data.partition(b"\0")
            name = key.decode("latin-1")
            if name in wanted and name not in found and checksum == zlib.crc32(kind + data).to_bytes(4, "big"):
                text = _READERS[kind](rest)
                found.update({name: text} if text is not None else {})
    except InputError:
        if not found:
            raise
    return found


def _latin(data: bytes) -> str | None:
    return data.decode("latin-1")


def _compressed(data: bytes) -> str | None:
    """zTXt: a byte for the method (0 is the only one), then the text."""
    unpacked = unpacked_text(data[1:]) if data[:1] == b"\0" else None
    return None if unpacked is None else unpacked.decode("latin-1")


def _international(data: bytes) -> str | None:
    """iTXt: compressed or not, method, language, translated keyword, then UTF-8."""
    _language, zero, rest = data[2:].partition(b"\0")
    _translated, second_zero, text = rest.partition(b"\0")
    if len(data) < 2 or not zero or not second_zero:
        return None
    unpacked = unpacked_text(text) if data[0] else text
    return None if unpacked is None else unpacked.decode("utf-8", errors="replace")


def unpacked_text(data: bytes, wbits: int = zlib.MAX_WBITS) -> bytes | None:
    """What is packed with zlib (or gzip, `wbits` 31); None if it is damaged or larger than the cap."""
    unpacker = zlib.decompressobj(wbits)
    try:
        out = unpacker.decompress(data, TEXT_LIMIT_BYTES)
    except zlib.error:
        return None
    return out if unpacker.eof else None


_READERS = {b"tEXt": _latin, b"zTXt": _compressed, b"iTXt": _international}
