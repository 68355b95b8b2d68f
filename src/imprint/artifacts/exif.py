"""Text inside JPEG and WebP files: one EXIF block with the infotext and our own record.

Reads: JPEG and WebP headers, EXIF blocks. Writes: EXIF blocks. Does not: decode pixels.

- The infotext is the tag UserComment: "UNICODE" and UTF-16, where A1111, Forge and Civitai look for it.
- Our record is the tag MakerNote, which the standard sets apart for whatever the maker of a file wants to keep. Viewers
  show a description or a comment to people, and many sites rewrite XMP; a maker note is shown by none and is kept by
  what keeps EXIF at all. It begins with a name and a checksum, as neither JPEG nor EXIF have one.

A file from elsewhere is hostile: every offset is checked, nothing is followed twice, sizes are capped.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

EXIF_IFD, MAKER_NOTE, USER_COMMENT = 0x8769, 0x927C, 0x9286
_BYTE, _ASCII, _LONG, _UNDEFINED = 1, 2, 4, 7
PREFIX = b"Exif\0\0"
UNICODE = b"UNICODE\0"
MAKER = b"imprint\0"
JPEG_LIMIT_BYTES = 65_533  # of a segment's data: its length is 16 bits and counts itself
BLOCK_LIMIT_BYTES = 4 << 20
PART_LIMIT = 10_000
ENTRY_LIMIT = 1_000


@dataclass(frozen=True)
class ExifTexts:
    """The texts of an EXIF block.

    Attributes:
        user_comment: decoded, or "".
        own: the bytes of our record, or None.
        own_damaged: there is one, and its checksum is wrong.
    """

    user_comment: str = ""
    own: bytes | None = None
    own_damaged: bool = False


def exif_block(user_comment: str, own: bytes) -> bytes:
    """An EXIF block with both texts, beginning with "Exif".

    Big-endian throughout: the standard leaves the byte order of UTF-16 open, readers take either that of the block or
    always this one.

    Args:
        user_comment: any text; lone surrogates become question marks.
        own: our record in UTF-8.
    """
    comment = UNICODE + user_comment.encode("utf-16-be", errors="replace")
    note = MAKER + zlib.crc32(own).to_bytes(4, "big") + own
    values = [(MAKER_NOTE, note), (USER_COMMENT, comment)] if user_comment else [(MAKER_NOTE, note)]
    start = 8 + _ifd_size(1)  # the first directory holds only where the second is
    at = start + _ifd_size(len(values))
    entries: list[bytes] = []
    for tag, value in values:
        entries.append(struct.pack(">HHII", tag, _UNDEFINED, len(value), at))
        at += len(value)
    pointer = struct.pack(">HHII", EXIF_IFD, _LONG, 1, start)
    data = b"".join(value for _, value in values)
    return PREFIX + b"MM\0*" + struct.pack(">I", 8) + _ifd([pointer]) + _ifd(entries) + data


def _ifd_size(entries: int) -> int:
    return 2 + 12 * entries + 4


def _ifd(entries: list[bytes]) -> bytes:
    return struct.pack(">H", len(entries)) + b"".join(entries) + struct.pack(">I", 0)


def read_exif(block: bytes) -> ExifTexts:
    """The texts of an EXIF block, with or without "Exif" before it; whatever is broken counts as absent."""
    tiff = block.removeprefix(PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return ExifTexts()
    first = _entries(tiff, struct.unpack_from(f"{order}I", tiff, 4)[0], order)
    pointer = first.get(EXIF_IFD, b"")
    below = _entries(tiff, struct.unpack(f"{order}I", pointer)[0], order) if len(pointer) == 4 else {}
    comment = _comment(below.get(USER_COMMENT) or first.get(USER_COMMENT, b""), order)
    note = below.get(MAKER_NOTE, b"")
    if not note.startswith(MAKER):
        return ExifTexts(comment)
    checksum, own = note[len(MAKER) : len(MAKER) + 4], note[len(MAKER) + 4 :]
    damaged = checksum != zlib.crc32(own).to_bytes(4, "big")
    return ExifTexts(comment, None if damaged else own, damaged)


def _entries(tiff: bytes, at: int, order: str) -> dict[int, bytes]:
    """The values of one directory that are text, bytes or one pointer, by tag."""
    if at + 2 > len(tiff):
        return {}
    count = struct.unpack_from(f"{order}H", tiff, at)[0]
    found: dict[int, bytes] = {}
    for place in range(at + 2, at + 2 + 12 * min(count, ENTRY_LIMIT), 12):
        if place + 12 > len(tiff):
            break
        tag, kind, length, offset = struct.unpack_from(f"{order}HHII", tiff, place)
        if kind == _LONG and length == 1:
            found.setdefault(tag, tiff[place + 8 : place + 12])
        elif kind in (_BYTE, _ASCII, _UNDEFINED):
            start = place + 8 if length <= 4 else offset
            found.setdefault(tag, tiff[start : start + length])
    return found


def _comment(value: bytes, order: str) -> str:
    """A UserComment as text: eight bytes name the character code."""
    code, data = value[:8], value[8:]
    if code == UNICODE:
        return data.decode(_utf16(data, order), errors="replace").removeprefix("\ufeff").rstrip("\0")
    if code in (b"ASCII\0\0\0", bytes(8)):
        return data.decode("utf-8", errors="replace").rstrip("\0 ")
    return ""


def _utf16(data: bytes, order: str) -> str:
    """Which byte order: by its mark, else that in which more characters are Latin; in doubt that of the block."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16-le" if data[0] == 0xFF else "utf-16-be"
    zeros_first, zeros_second = data[0::2].count(0), data[1::2].count(0)
    if zeros_first == zeros_second:
        return "utf-16-le" if order == "<" else "utf-16-be"
    return "utf-16-be" if zeros_first > zeros_second else "utf-16-le"


def find_exif(file: BinaryIO) -> tuple[str, bytes] | None:
    """The EXIF block of a JPEG or WebP file.

    Args:
        file: open at its first byte.
    Returns: ("JPEG" or "WEBP", the block, empty when there is none), or None for another kind of file.
    """
    head = file.read(12)
    if head[:3] == b"\xff\xd8\xff":
        file.seek(2)
        return "JPEG", _jpeg_exif(file)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP", _webp_exif(file)
    return None


def _jpeg_exif(file: BinaryIO) -> bytes:
    for _ in range(PART_LIMIT):
        mark = file.read(2)
        while mark == b"\xff\xff":  # fill bytes
            mark = b"\xff" + file.read(1)
        if len(mark) < 2 or mark[0] != 0xFF or mark[1] in (0xDA, 0xD9):  # cut off, broken, pixels, end
            return b""
        if mark[1] == 0x01 or 0xD0 <= mark[1] <= 0xD8:  # without a length
            continue
        length = int.from_bytes(file.read(2), "big") - 2
        if length < 0:
            return b""
        data = file.read(length)
        if mark[1] == 0xE1 and data.startswith(PREFIX):
            return data
    return b""


def _webp_exif(file: BinaryIO) -> bytes:
    for _ in range(PART_LIMIT):
        head = file.read(8)
        if len(head) < 8:
            return b""
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF" and length <= BLOCK_LIMIT_BYTES:
            return file.read(length)
        file.seek(length + length % 2, 1)
    return b""
