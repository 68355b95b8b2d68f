"""The networks that a user has. Reads: folders, the environment. Writes: nothing. Does not: open tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint.jobs.search_paths import paths_in
from imprint.weights.shelf import NetworkFile, Shelf

DEFAULT_FOLDER = "networks"


@dataclass(frozen=True)
class NetworkList:
    """What is on the shelf."""

    folders: tuple[Path, ...]
    networks: tuple[NetworkFile, ...]


def network_folders(folder: Path | None = None) -> tuple[Path, ...]:
    """Where networks are looked for: the given folder, else those of `IMPRINT_NETWORKS`, else `networks/`."""
    if folder is not None:
        return (folder,)
    return paths_in("IMPRINT_NETWORKS") or (Path(DEFAULT_FOLDER),)


def open_shelf(folders: Sequence[Path] = ()) -> Shelf | None:
    """The networks that prompts may name; None where no folder was named and there is no `networks/`.

    Args:
        folders: where they are; without, as `network_folders`.
    Raises: ModelError: if a folder that was named does not exist.
    """
    places = tuple(folders) or network_folders()
    if places == (Path(DEFAULT_FOLDER),) and not places[0].is_dir():
        return None
    return Shelf(places)


def list_networks(folder: Path | None = None) -> NetworkList:
    """Scan a folder, or those that are looked in without one.

    Raises: ModelError: if it does not exist.
    """
    shelf = Shelf(network_folders(folder))
    return NetworkList(shelf.folders, shelf.files)
