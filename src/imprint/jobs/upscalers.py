"""The upscalers that a user has. Reads: folders, the environment, models. Writes: nothing. Does not: upscale."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from imprint.artifacts.files import sha256_file
from imprint.generation.hires import OpenedUpscaler, OpenUpscaler
from imprint.generation.latent_upscaling import LATENT_UPSCALERS
from imprint.jobs.search_paths import paths_in
from imprint.refine.upscalers import UPSCALERS, ModelUpscaler, find_upscaler_file, open_upscaler

DEFAULT_FOLDER = "upscalers"


def upscaler_folders(folders: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Where models of upscalers are looked for.

    Args:
        folders: those that were asked for; without, those of `IMPRINT_UPSCALERS`, else `upscalers/` where there is one.
    """
    if named := tuple(folders) or paths_in("IMPRINT_UPSCALERS"):
        return named
    return (Path(DEFAULT_FOLDER),) if Path(DEFAULT_FOLDER).is_dir() else ()


def upscaler_file(name: str, folders: Sequence[Path] = ()) -> Path | None:
    """The file of the model that a name means; None where no model is needed.

    Args:
        name: of any upscaler.
        folders: as `upscaler_folders`.
    Raises: UnknownNameError: if there is none. ModelError: if a folder does not exist, or several have that name.
    """
    if LATENT_UPSCALERS.find(name) or UPSCALERS.find(name):
        return None
    return find_upscaler_file(name, upscaler_folders(folders), UPSCALERS.names()).path


def upscaler_opener(folders: Sequence[Path] = (), device: str = "cpu") -> OpenUpscaler:
    """Opens upscalers for second passes, each once.

    Args:
        folders: as `upscaler_folders`.
        device: where models run.
    """

    @functools.cache
    def opened(name: str) -> OpenedUpscaler:
        upscale = open_upscaler(name, upscaler_folders(folders), device)
        digest = sha256_file(upscale.path) if isinstance(upscale, ModelUpscaler) else ""
        return OpenedUpscaler(upscale, digest)

    return opened
