"""The folder of one run: where each of its files lies, and whether it may be begun or gone on with.

Reads: the folder. Writes: the folder itself, its lock. Does not: know what is in the files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.files import PARTIAL_SUFFIX
from imprint.errors import InputError, OutputError

GIB = 1 << 30


@dataclass(frozen=True)
class RunFolder:
    """Paths inside a run. Making one touches nothing; `create` and `open` do."""

    path: Path

    @property
    def recipe(self) -> Path:
        """What was asked for."""
        return self.path / "recipe.toml"

    @property
    def lock(self) -> Path:
        """What it was resolved to: seeds, versions, hashes of the base and the data."""
        return self.path / "run.lock.toml"

    @property
    def dataset(self) -> Path:
        """An imagefolder with `metadata.jsonl`."""
        return self.path / "dataset"

    @property
    def cache(self) -> Path:
        """Encodings; may be deleted at any time between runs."""
        return self.path / "cache"

    @property
    def checkpoints(self) -> Path:
        """One folder for each."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """One folder of pictures for each checkpoint."""
        return self.path / "samples"

    @property
    def events(self) -> Path:
        """The append-only log."""
        return self.path / "events.jsonl"

    @property
    def report(self) -> Path:
        """The page and its figures."""
        return self.path / "report"

    @property
    def page(self) -> Path:
        """The report to open in a browser."""
        return self.report / "index.html"

    @property
    def scorecard(self) -> Path:
        """Every checkpoint's scores, and which was chosen."""
        return self.report / "scorecard.json"

    @property
    def result(self) -> Path:
        """The chosen weights and their exports."""
        return self.path / "result"

    def checkpoint_dir(self, step: int) -> Path:
        """The folder of one checkpoint."""
        return self.checkpoints / f"step-{step:06d}"

    def samples_dir(self, step: int) -> Path:
        """The pictures drawn with one checkpoint."""
        return self.samples / f"step-{step:06d}"

    @classmethod
    def create(cls, path: Path, need_bytes: int = 0) -> RunFolder:
        """Make the folder of a new run, after checking that the run can end there.

        Args:
            path: must not exist, or be an empty folder.
            need_bytes: what the run will write at most.
        Raises: OutputError: if something stands there, the place cannot be written to or has too little room.
        """
        check_absent(path)
        check_room(path, need_bytes)
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path, suffix=PARTIAL_SUFFIX) as probe:
                probe.write(b"x")
        except OSError as error:
            hint = "choose another place with --out"
            raise OutputError("cannot write here", where=path, got=error.strerror, hint=hint) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of a run that was begun.

        Raises: InputError: if there is none.
        """
        run = cls(path)
        if not run.recipe.is_file():
            found = "there is no recipe.toml in it" if path.is_dir() else "there is no such folder"
            raise InputError(f"this is no run: {found}", where=path, hint="`imprint personalize` begins one")
        return run

    @contextmanager
    def hold(self) -> Generator[None]:
        """Keep other processes from working on the same run, for as long as this one lives.

        Raises: OutputError: if another process holds it.
        """
        held = self.path / ".held"
        with held.open("a+b") as file:
            if not _lock(file.fileno()):
                file.seek(0)
                holder = file.read().decode(errors="replace").strip()
                raise OutputError("another process is working on this run", where=self.path, got=f"process {holder}")
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
            yield


def check_absent(path: Path) -> None:
    """Refuse to write a run over anything.

    Raises: OutputError: if a file, a run or a folder with something in it stands there.
    """
    if RunFolder(path).recipe.exists():
        hint = f"`imprint resume {path}` goes on with it; --out names another place"
        raise OutputError("there is a run here already", where=path, hint=hint)
    if path.is_dir() and any(not entry.name.endswith(PARTIAL_SUFFIX) for entry in path.iterdir()):
        raise OutputError("this folder is not empty", where=path, hint="name a new folder with --out")
    if path.exists() and not path.is_dir():
        raise OutputError("a file stands where the run's folder should be", where=path, hint="name another with --out")


def check_room(path: Path, need_bytes: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        path: where it will be written; need not exist.
        need_bytes: how much.
    Raises: OutputError: with what is free and what is needed.
    """
    existing = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < need_bytes:
        got, allowed = f"{free / GIB:.2f} GiB free", f"at least {need_bytes / GIB:.2f} GiB free"
        raise OutputError("the disk has too little room", where=path, got=got, allowed=allowed, hint="use --out")


def _lock(descriptor: int) -> bool:
    """Lock a file for this process. A record lock: forked workers that outlive a killed run do not keep it."""
    try:
        import fcntl
    except ImportError:  # Windows has no record locks; there the check is left out
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
