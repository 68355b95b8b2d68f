"""Upscalers by the names that recipes, clients and people use.

Reads: folders of models. Writes: nothing. Does not: upscale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint.errors import UnknownNameError
from imprint.generation.latent_upscaling import LATENT_UPSCALERS
from imprint.refine.upscalers.contract import Upscaler
from imprint.refine.upscalers.finding import find_upscaler_file
from imprint.refine.upscalers.model_files import open_upscaling_model
from imprint.refine.upscalers.models import ModelUpscaler
from imprint.refine.upscalers.resampling import bicubic, lanczos, nearest
from imprint.registry import Registry


@dataclass(frozen=True)
class UpscalerEntry:
    """An upscaler that is always there.

    Attributes:
        name: as written in recipes and records.
        title: as shown to people and known from A1111.
        about: what it does to the picture.
        upscale: the upscaler.
    """

    name: str
    title: str
    about: str
    upscale: Upscaler


UPSCALERS: Registry[UpscalerEntry] = Registry("upscaler")


def _add(entry: UpscalerEntry, *aliases: str) -> None:
    UPSCALERS.add(entry.name, entry, aliases=(entry.title, *aliases))


# "None" is A1111's for no upscaler of its own; it then resamples as here.
_add(UpscalerEntry("lanczos", "Lanczos", "even and sharp, with faint rims at hard edges", lanczos), "None")
_add(UpscalerEntry("bicubic", "Bicubic", "even, a little softer than lanczos", bicubic))
_add(UpscalerEntry("nearest", "Nearest", "repeats pixels; for pixel art", nearest))


def open_upscaler(name: str, folders: Sequence[Path] = (), device: str = "cpu") -> Upscaler:
    """The upscaler of a name: a registered one, or the model of a file.

    Args:
        name: of an entry or an alias, capitals ignored; or of a model in one of the folders, as `find_upscaler_file`.
        folders: of models; all below them counts.
        device: where a model runs.
    Raises:
        UnknownNameError: if there is neither, naming the nearest.
        ModelError: if a folder does not exist, several models have the name, or the model cannot be used.
        MissingExtraError: if it is a model and spandrel is not installed.
    """
    if key := UPSCALERS.find(name):
        return UPSCALERS.get(key).upscale
    if LATENT_UPSCALERS.find(name):
        raise UnknownNameError(
            "this upscaler works on latents, in a second pass only", got=name, allowed=", ".join(UPSCALERS.names())
        )
    file = find_upscaler_file(name, folders, UPSCALERS.names())
    return ModelUpscaler(open_upscaling_model(file.path, device), file.path, device)
