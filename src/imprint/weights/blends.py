"""Blends: several networks with their strengths under one name.

Reads: NAME.blend.toml beside the networks. Writes: nothing. Does not: merge files; its members are put on together.

    [[networks]]
    name = "ada"
    unet = 0.8

    [[networks]]
    name = "ink"
    text_encoder = 0.4
    unet = 0.5
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from imprint.config import load_config
from imprint.config.base import Config
from imprint.errors import ConfigError
from imprint.weights.applying import Strengths

if TYPE_CHECKING:
    from imprint.weights.shelf import FoundNetwork, Shelf

BLEND_SUFFIX = ".blend.toml"


class BlendMember(Config):
    """One network of a blend."""

    name: str = Field(min_length=1)
    """Its name, alias or hash."""

    text_encoder: float = 1.0
    """Its strength in the text encoder."""

    unet: float = 1.0
    """Its strength in the U-Net; the only one of a hypernetwork."""


class Blend(Config):
    """Several networks under one name."""

    networks: list[BlendMember] = Field(min_length=1, max_length=64)
    """In the order in which they are put on."""


def read_blend(path: Path) -> Blend:
    """Read a blend.

    Raises: ConfigError: naming every problem at once.
    """
    return load_config(Blend, path)


def members(
    shelf: Shelf, found: FoundNetwork, strengths: Strengths | None = None
) -> list[tuple[FoundNetwork, Strengths]]:
    """What a found network stands for: itself, or the networks of a blend, with their strengths multiplied.

    Args:
        shelf: where a blend's networks are looked up.
        found: on that shelf.
        strengths: wanted of it; 1 without.
    Raises: ConfigError: if the blend cannot be read, or holds another blend or an embedding; ModelError: if a network
        of it is not on the shelf.
    """
    wanted = strengths or Strengths()
    if found.file.kind != "blend":
        return [(found, wanted)]
    out: list[tuple[FoundNetwork, Strengths]] = []
    for member in read_blend(found.file.path).networks:
        inner = shelf.find(member.name)
        if inner.file.kind in ("blend", "embedding"):
            raise ConfigError(
                f"a blend holds LoRAs and hypernetworks, no {inner.file.kind}", where=found.file.path, got=member.name
            )
        both = Strengths(wanted.text_encoder * member.text_encoder, wanted.unet * member.unet)
        out.append((inner, both))
    return out
