"""Model families: all that differs between Stable Diffusion 1, 2 and XL.

Reads: model folders. Writes: model folders. Does not: train or sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.errors import ModelError
from imprint.families.detect import detect_family
from imprint.families.diffusers_folder import DiffusersFolder, read_diffusers_folder
from imprint.families.family import Family, LatentMoments, Layers, Part, PredictionKind, TextEncoding
from imprint.registry import Registry

if TYPE_CHECKING:
    import torch

__all__ = [
    "FAMILIES",
    "Family",
    "FamilyEntry",
    "LatentMoments",
    "Layers",
    "Part",
    "PredictionKind",
    "TextEncoding",
    "detect_family",
    "open_family",
    "read_diffusers_folder",
]


@dataclass(frozen=True)
class FamilyEntry:
    """A family, described as data; `open` imports its networks when called."""

    title: str
    text_width: int
    """Width of the text encoding of its full-size models."""
    reference_url: str
    open: Callable[[DiffusersFolder, torch.dtype | None, str], Family]


def _open_sd1(folder: DiffusersFolder, dtype: torch.dtype | None, device: str) -> Family:
    from imprint.families.sd1.model import StableDiffusion1

    return StableDiffusion1.from_folder(folder, dtype, device)


FAMILIES: Registry[FamilyEntry] = Registry("model family")
FAMILIES.add("sd1", FamilyEntry("Stable Diffusion 1.x", 768, "https://arxiv.org/abs/2112.10752", _open_sd1))

TITLES_TO_COME = {"sd2": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}


def open_family(folder: Path | str, dtype: torch.dtype | None = None, device: str = "cpu") -> Family:
    """Open a base model of any supported family; nothing in the folder can run code.

    Args:
        folder: a model in diffusers layout.
        dtype: of the U-Net and the text encoder; None is float32.
        device: "cpu", "cuda", "cuda:1", ...
    Returns: the family, frozen and in evaluation mode.
    Raises: ModelError: if the folder is no such model, incomplete, damaged or of another family.
    """
    opened = read_diffusers_folder(Path(folder))
    name = detect_family(opened)
    if name not in FAMILIES:
        raise ModelError(
            f"{TITLES_TO_COME.get(name, name)} is not supported yet",
            where=opened.path,
            allowed=", ".join(entry.title for entry in FAMILIES.items().values()),
        )
    return FAMILIES.get(name).open(opened, dtype, device)
