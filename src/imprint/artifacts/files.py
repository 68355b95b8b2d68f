"""Bytes on disk that survive a power cut: atomic files and folders, hashes, tensors without pickle.

Reads and writes: files. Does not: know what they mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from imprint.errors import ImprintError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

PARTIAL_SUFFIX = ".partial"  # a name that ends so was never finished; it is swept away, never read


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: Path, limit_bytes: int, error: type[ImprintError], *, links: bool = True) -> BufferedReader:
    """Open a regular file from outside; never waits on a pipe and never reads a device.

    Args:
        path: of the file.
        limit_bytes: larger ones are refused.
        error: what to raise then.
        links: whether a symbolic link is followed.
    Raises:
        OSError: if it cannot be opened.
        ValueError: if its name has a NUL.
        ImprintError: of the kind `error`, if it is no regular file or too large.
    """
    # Without O_NONBLOCK, opening a FIFO waits for a writer that never comes.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | (0 if links else getattr(os, "O_NOFOLLOW", 0)))
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size <= limit_bytes:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise error("not a regular file but a folder, pipe, socket or device", where=path)
    raise error(f"the file is larger than {limit_bytes >> 20} MB", where=path, got=status.st_size)


def sha256_json(value: object) -> str:
    """Hex SHA-256 of a JSON value in canonical form (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file in one instant: after a crash it holds all the old bytes or all the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """`write_bytes` of indented JSON."""
    write_text(path, json_text(value))


def json_text(value: object) -> str:
    """Indented JSON as `write_json` writes it."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_folder(target: Path) -> Generator[Path]:
    """Fill a folder that appears under its name only when complete.

    Yields: a temporary folder beside the target. On success every file in it is synced and it takes the
        target's name; on an exception it is removed.
    Raises: FileExistsError: if the target exists.
    """
    if target.exists():
        raise FileExistsError(target)
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in sorted(partial.rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            else:
                sync_folder(path)
        sync_folder(partial)
        partial.replace(target)
        sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def sweep_partials(folder: Path) -> list[Path]:
    """Remove what a killed process left unfinished directly inside a folder. Returns: what was removed."""
    left = sorted(folder.glob("*" + PARTIAL_SUFFIX)) if folder.is_dir() else []
    for path in left:
        _remove(path)
    return left


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors as safetensors, atomically; equal tensors and metadata give equal bytes.

    The file is written tensor by tensor: a large model needs no second copy of itself in memory.

    Raises: OSError: if it cannot be written.
    """
    import safetensors.torch
    from safetensors import SafetensorError

    room = path.with_name(path.name + PARTIAL_SUFFIX)  # a folder: the library leaves files of random names when killed
    _remove(room)
    room.mkdir(parents=True)
    partial = room / path.name
    ordered = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    write = cast("Any", safetensors.torch).save_file  # its stubs leave the dictionary open
    try:
        write(ordered, partial, dict(metadata) if metadata else None)
        partial.chmod(room.stat().st_mode & 0o666)  # as any new file's: the library's are for their owner alone
        with partial.open("r+b") as file:
            if metadata:
                _order_header(file)
            os.fsync(file.fileno())
        partial.replace(path)
    except SafetensorError as error:
        found = re.search(r"os error (\d+)", str(error))  # the library says so in its text only
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)
    sync_folder(path.parent)


def _order_header(file: BinaryIO) -> None:
    """Rewrite a safetensors header in sorted order and in its own length: the library orders metadata at random."""
    size = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(size))
    metadata = dict(sorted(header.pop("__metadata__").items()))
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":"), ensure_ascii=False).encode()
    if len(text) <= size:  # else it was escaped otherwise than here; valid as it stands
        file.seek(8)
        file.write(text.ljust(size))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read every tensor of a safetensors file (memory-mapped; no code can run).

    Raises: ModelError: if the file is missing, truncated or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with cast("Any", safe_open)(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise ModelError("this is no readable safetensors file", where=path, got=str(error)) from error


def tensor_metadata(path: Path) -> dict[str, str]:
    """The text metadata of a safetensors file. Hostile text: never evaluate it.

    Raises: ModelError: as `load_tensors`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with cast("Any", safe_open)(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelError("this is no readable safetensors file", where=path, got=str(error)) from error


def folder_hash(folder: Path, pattern: str = "**/*.safetensors") -> str:
    """One hash for the weights in a folder: SHA-256 over the sorted relative names and file hashes."""
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return sha256_json([[path.relative_to(folder).as_posix(), sha256_file(path)] for path in files])
