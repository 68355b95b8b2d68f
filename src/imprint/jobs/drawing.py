"""What surrounds every picture that a job draws: weights put on a base, names for files, the infotext.

Reads: weights of runs. Writes: picture files. Does not: sample.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imprint.artifacts.files import sha256_file
from imprint.artifacts.picture import AdapterRecord, Picture, save_picture
from imprint.artifacts.picture_file import SUFFIXES, Jpeg, Png, Webp
from imprint.errors import OutputError
from imprint.families import Family
from imprint.generation.record import infotext_of
from imprint.jobs.exported import exported_hash
from imprint.methods import apply
from imprint.weights import load_state


@dataclass(frozen=True)
class Learnt:
    """Weights of a run, to be put on a base.

    Attributes:
        path: of the file.
        name: what the user calls it.
        strength: 1 is as trained, 0 is the base.
    """

    path: Path
    name: str
    strength: float


@contextmanager
def applied(family: Family, several: Sequence[Learnt]) -> Generator[tuple[AdapterRecord, ...]]:
    """Put weights on a base for as long as the context lasts. Yields: their records, in the same order.

    Raises: ModelError: if a file cannot be read or does not fit the base.
    """
    with ExitStack() as stack:
        records: list[AdapterRecord] = []
        for one in several:
            state = load_state(one.path)
            stack.callback(apply(family, state, one.strength).eject)
            records.append(
                AdapterRecord(
                    name=one.name, kind=state.kind, strength=one.strength, sha256=sha256_file(one.path),
                    short_hash=exported_hash(one.path) if state.kind == "lora" else "",
                )
            )
        yield tuple(records)


def check_folder(out: Path) -> Path:
    """The folder of pictures, which may be there or not.

    Raises: OutputError: if a file stands in its place.
    """
    if out.exists() and not out.is_dir():
        raise OutputError("a file stands where the folder of the pictures should be", where=out, hint="use --out")
    return out


def save_numbered(folder: Path, picture: Picture, base: str, form: Png | Jpeg | Webp) -> Path:
    """Write a picture under the next free number, with its record and the infotext inside.

    Args:
        folder: made if missing.
        picture: with its record.
        base: what the base is called, for the record.
        form: the kind of file.
    Returns: the file.
    """
    path = free_path(folder, picture.record.seed, SUFFIXES[form.kind])
    save_drawn(path, picture, base, form)
    return path


def save_drawn(path: Path, picture: Picture, base: str, form: Png | Jpeg | Webp) -> None:
    """Write a picture with its record and the infotext inside.

    Args and errors: as `save_numbered` and `save_picture`.
    """
    named = replace(picture, record=picture.record.model_copy(update={"base_name": base}))
    save_picture(path, named, infotext_of(named.record), form)


def free_path(folder: Path, seed: int, suffix: str = ".png") -> Path:
    """A file name that is not taken: a number that rises, then the seed."""
    taken = [int(path.name[:5]) for path in folder.glob("[0-9][0-9][0-9][0-9][0-9]-*.*")]
    return folder / f"{max(taken, default=-1) + 1:05d}-{seed}{suffix}"
