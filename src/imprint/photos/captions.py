"""Captions that lie beside photos as text files of the same name ("ada.jpg", "ada.txt").

Reads: text files. Writes: nothing. Does not: invent captions; `dataset` has the templates.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from imprint.artifacts.image_file import read_regular
from imprint.artifacts.picture import clean_text

CAPTION_LIMIT_BYTES = 4096  # 77 tokens are read by the text encoder; this is ten times as much text
SUFFIX = ".txt"
FILE_LIMIT_BYTES = 64 << 20


def is_text(path: Path) -> bool:
    """Whether the name is that of a text file."""
    return path.suffix.lower() == SUFFIX


def captions_of(texts: Iterable[Path], pictures: Iterable[Path]) -> dict[Path, Path]:
    """Which text file belongs to which picture: "ada.txt" or "ada.jpg.txt" to "ada.jpg". Returns: picture -> text."""
    by_key = {_key(text.with_suffix("").name): text for text in texts}
    found = {picture: by_key.get(_key(picture.name)) or by_key.get(_key(picture.stem)) for picture in pictures}
    return {picture: text for picture, text in found.items() if text is not None}


def read_caption(path: Path) -> tuple[str, bool]:
    """A caption from a file. Returns: the cleaned text, and whether it was cut at the limit.

    Raises: PhotoError: if it is no regular file or unreadable.
    """
    data = read_regular(path, FILE_LIMIT_BYTES)
    text = data[:CAPTION_LIMIT_BYTES].decode("utf-8-sig", errors="replace")
    return clean_caption(text), len(data) > CAPTION_LIMIT_BYTES


def clean_caption(text: str) -> str:
    """One line of text without control characters; what is no character at all is left out."""
    return " ".join(clean_text(text).replace("\ufffd", " ").split())


def _key(name: str) -> str:
    # The same name may be composed (NFC) in one file and decomposed (NFD) in the other after a copy from a Mac.
    return unicodedata.normalize("NFC", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")).casefold()
