"""Pickles become safetensors, once, in a process of their own; this one never opens any.

Reads: .pt, .bin, .ckpt and .pth files. Writes: safetensors in the user's cache, by the hash of the pickle. Does not:
unpickle; that is `pickle_child`, which is started for it and has nothing to lose.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import cast

from imprint.artifacts.cache import cache_folder
from imprint.artifacts.files import PARTIAL_SUFFIX, load_tensors, open_regular, sha256_file, write_json
from imprint.errors import ModelError
from imprint.weights import pickle_child

PICKLE_SUFFIXES = (".pt", ".bin", ".ckpt")  # of networks
ALL_SUFFIXES = (*PICKLE_SUFFIXES, ".pth")  # and of upscaling models, which no folder of networks is searched for
CONVERTED_FILE, MANIFEST_FILE = "weights.safetensors", "manifest.json"
FORMAT = 1  # of what is in the cache; raised when it changes
MIB = 1 << 20
ANSWER_BYTES = 65536
STALE_S = 86400  # far more than any process is given
HINT = (
    "ask whoever made it for a .safetensors file; if you trust it, convert it in a throwaway machine with "
    "`safetensors.torch.save_file(torch.load(FILE, weights_only=False), OUT)`"
)


@dataclass(frozen=True)
class PickleLimits:
    """What the process that opens a pickle may use."""

    wall_s: float = 300
    """Seconds until it is killed."""
    cpu_s: int = 240
    """Seconds of computing."""
    file_bytes: int = 16 << 30
    """Largest file that is opened at all."""
    memory_bytes: int = 256 * MIB
    """Memory besides four times the file's size."""


def as_safetensors(path: Path, limits: PickleLimits | None = None) -> Path:
    """A pickle's tensors and plain values as safetensors.

    The first time, a separate process reads it: no network, an empty environment, limited memory and time, torch's
    `weights_only`. What is in it runs nothing. Later calls find the result by the file's hash, and check it by its own.

    Args:
        path: .pt, .bin, .ckpt or .pth; an ordinary file.
        limits: of the process; the defaults suit checkpoints of any Stable Diffusion.
    Returns: a file in the cache. Do not change it; `network_content.read_network` reads the values too.
    Raises: ModelError: if it is refused, saying what was found in it, or damaged, or takes too much.
    """
    limits = limits or PickleLimits()
    with _opened(path, limits.file_bytes) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if kept := converted(digest):
            return kept
        _convert(file, path, digest, limits)
    if kept := converted(digest):
        return kept
    raise ModelError("the converted file was changed while it was written", where=converted_folder(digest))


def converted(sha256: str) -> Path | None:
    """What a pickle of this hash was turned into before; None if it never was, or the result was changed since."""
    place = converted_folder(sha256)
    try:
        manifest = json.loads((place / MANIFEST_FILE).read_text(encoding="utf-8"))
        whole = manifest == {"format": FORMAT, "source": sha256, "sha256": sha256_file(place / CONVERTED_FILE)}
    except (OSError, ValueError):
        return None
    return place / CONVERTED_FILE if whole else None


def converted_folder(sha256: str) -> Path:
    """Where what a pickle of this hash is turned into is kept."""
    return cache_folder("pickles") / sha256


def _opened(path: Path, limit_bytes: int) -> BufferedReader:
    """An ordinary file, opened without waiting for anybody and without following a link."""
    if path.suffix.lower() not in ALL_SUFFIXES:
        raise ModelError("this is no pickle by its name", where=path, allowed=", ".join(ALL_SUFFIXES))
    try:
        return open_regular(path, limit_bytes, ModelError, links=False)
    except (OSError, ValueError) as error:
        link = "this is a symbolic link" if path.is_symlink() else "this file cannot be opened"
        raise ModelError(link, where=path, got=str(error), hint="give the file itself") from error


def _convert(file: BufferedReader, path: Path, digest: str, limits: PickleLimits) -> None:
    """Have it read, check what came out, and put it into the cache."""
    before, place = os.fstat(file.fileno()), converted_folder(digest)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place.parent)
        # In the cache itself, which has room for large files where a temporary folder may be in memory.
        with tempfile.TemporaryDirectory(prefix=digest[:12], suffix=PARTIAL_SUFFIX, dir=place.parent) as room:
            _run_child(file, path, Path(room), before.st_size, limits)
            (kept := Path(room) / "kept").mkdir()
            written = (Path(room) / CONVERTED_FILE).replace(kept / CONVERTED_FILE)
            load_tensors(written)
            after = os.fstat(file.fileno())
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise ModelError("the file was changed while it was read", where=path)
            write_json(kept / MANIFEST_FILE, {"format": FORMAT, "source": digest, "sha256": sha256_file(written)})
            shutil.rmtree(place, ignore_errors=True)
            kept.replace(place)
    except OSError as error:
        if converted(digest) is None:  # else another process was faster
            raise ModelError("the converted file cannot be kept", where=place, got=str(error)) from error


def _sweep(folder: Path) -> None:
    """Remove what a process that was killed left behind, once nobody can be at work on it any more."""
    for left in folder.glob("*" + PARTIAL_SUFFIX):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left)


def _run_child(file: BufferedReader, path: Path, room: Path, size: int, limits: PickleLimits) -> None:
    """Start the process, wait, and read its answer.

    Raises: ModelError: with what it said, or how it ended.
    """
    torch = importlib.util.find_spec("torch")
    orders = {
        "output": CONVERTED_FILE, "output_bytes": 2 * size + 16 * MIB, "cpu_s": limits.cpu_s,
        "memory_bytes": 4 * size + limits.memory_bytes,
        "sys_path": [str(Path(torch.origin).parents[1])] if torch and torch.origin else [],
    }  # fmt: skip
    command = [sys.executable, "-I", "-B", str(Path(pickle_child.__file__)), json.dumps(orders)]
    file.seek(0)
    # Into files, not pipes: what it says cannot fill this process's memory.
    with (room / "stdout").open("wb") as out, (room / "stderr").open("wb") as err:
        try:
            child = subprocess.Popen(
                command, stdin=file, stdout=out, stderr=err, cwd=room, env=_environment(room), start_new_session=True,
            )
        except OSError as error:
            what = "the process that would read this pickle cannot be started"
            raise ModelError(what, where=path, got=str(error)) from error
        try:
            code = child.wait(timeout=limits.wall_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _kill(child)
    _check_answer(path, room, code, limits)


def _environment(room: Path) -> dict[str, str]:
    kept = {"SYSTEMROOT": root} if (root := os.environ.get("SYSTEMROOT")) else {}  # Windows starts nothing without it
    return {"HOME": str(room), "TMPDIR": str(room), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", **kept}


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End it and whatever it may have started, if it has not ended by itself."""
    if child.poll() is None:
        if os.name == "posix":
            os.killpg(child.pid, signal.SIGKILL)
        child.kill()
        child.wait()


def _check_answer(path: Path, room: Path, code: int | None, limits: PickleLimits) -> None:
    if code is None:
        raise ModelError(f"it was not read within {limits.wall_s:g} s", where=path, hint=HINT)
    answer = _answer(room / "stdout") if code == 0 else {}
    if "refused" in answer:
        raise ModelError(
            f"this pickle is not opened: {answer['refused']}", where=path, got=answer.get("got"),
            allowed="tensors in dictionaries, and plain values", hint=HINT,
        )  # fmt: skip
    written = room / CONVERTED_FILE
    if answer.get("written") != CONVERTED_FILE or written.is_symlink() or not written.is_file():
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ModelError(
            "this pickle is not opened: the process that read it was ended by its limits or by an error",
            where=path, got=f"{how}: {_last_line(room / 'stderr')}", hint=HINT,
        )  # fmt: skip


def _answer(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(ANSWER_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(ANSWER_BYTES).decode("utf-8", "replace").strip()
    return text.splitlines()[-1][:200] if text else "nothing said"
