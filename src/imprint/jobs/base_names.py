"""Base models by name or folder. Reads: model folders. Writes: nothing. Does not: open one, or load torch."""

from __future__ import annotations

from pathlib import Path

from imprint.families import read_diffusers_folder
from imprint.nano import base_folder as nano_folder

NANO = "nano"


def base_path(base: str) -> Path:
    """The folder of a base: the shipped one for "nano", else the path itself."""
    return nano_folder() if base == NANO else Path(base)


def base_name(base: str) -> str:
    """What a base is called in records: "nano", or the name of its folder."""
    return NANO if base == NANO else Path(base).resolve().name


def base_hash(base: str) -> str:
    """SHA-256 over everything that decides what a base draws; seconds for a full-size one.

    Raises: ModelError: if it is no model folder, or a part is missing.
    """
    return read_diffusers_folder(base_path(base)).base_hash()
