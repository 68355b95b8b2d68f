"""Checkpoints that a power cut cannot break and a flipped bit cannot pass.

Reads and writes: `checkpoints/step-NNNNNN/` with weights, averaged weights, optimiser, state and a SHA-256 manifest.
Does not: know what the tensors mean. No pickle anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from imprint.artifacts.files import (
    atomic_folder,
    json_text,
    load_tensors,
    save_tensors,
    sha256_file,
    sweep_partials,
    write_json,
)
from imprint.errors import CheckpointError, ModelError, OutputError

FORMAT = 1
WEIGHTS, EMA, OPTIMISER = "weights.safetensors", "ema.safetensors", "optimiser.safetensors"
STATE, MANIFEST, PRUNED = "state.json", "manifest.json", "pruned.json"
_NAME = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the rest of a run depends on.

    Attributes:
        step: optimiser steps done.
        weights: trained tensors by name.
        optimiser: the optimiser's memory by name; empty in a pruned checkpoint.
        ema: averaged weights by name; empty without EMA.
        state: JSON values (seed, hashes, losses so far).
    """

    step: int
    weights: Mapping[str, Tensor]
    optimiser: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    ema: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    state: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Damage:
    """What is wrong with one checkpoint on disk."""

    folder: Path
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.folder.name}: {'; '.join(self.problems)}"


class CheckpointStore:
    """The checkpoints of one run.

    Args:
        folder: holds `step-NNNNNN/` folders.
        keep_resumable: how many of the newest keep their optimiser; older ones keep their weights for scoring.
    """

    def __init__(self, folder: Path, keep_resumable: int = 2) -> None:
        self.folder = folder
        self.keep_resumable = keep_resumable

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.folder / f"step-{step:06d}"

    def steps(self) -> list[int]:
        """Steps with a finished checkpoint, ascending; damaged ones included."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self.folder.iterdir() if path.is_dir())
        return sorted(int(match[1]) for match in found if match)

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, read it back, and only then prune older optimisers.

        Raises: OutputError: if it cannot be written; CheckpointError: if what was written does not read back. Older
            checkpoints are then untouched.
        """
        target = self.path(checkpoint.step)
        try:
            return self._save(checkpoint, target)
        except OSError as error:
            raise OutputError(
                "the checkpoint cannot be written", where=target, got=error.strerror or str(error),
                hint="earlier checkpoints are whole: make room, then `imprint resume RUN` goes on from there",
            ) from error

    def _save(self, checkpoint: Checkpoint, target: Path) -> Path:
        sweep_partials(self.folder)
        if target.exists():
            if not self.problems(checkpoint.step):
                return target  # a resumed run came to a step that was saved before the crash
            target.replace(target.with_name(target.name + ".damaged.partial"))
        with atomic_folder(target) as partial:
            self._write(partial, checkpoint)
        problems = self.problems(checkpoint.step)
        if problems:
            raise CheckpointError(f"the checkpoint does not read back: {'; '.join(problems)}", where=target)
        self.prune()
        return target

    def _write(self, folder: Path, checkpoint: Checkpoint) -> None:
        for name, tensors in ((WEIGHTS, checkpoint.weights), (EMA, checkpoint.ema), (OPTIMISER, checkpoint.optimiser)):
            if tensors:
                save_tensors(folder / name, tensors)
        write_json(folder / STATE, {"format": FORMAT, "step": checkpoint.step, **checkpoint.state})
        files = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
        write_json(folder / MANIFEST, {"format": FORMAT, "step": checkpoint.step, "sha256": files})

    def prune(self) -> None:
        """Drop the optimiser from all but the newest `keep_resumable` checkpoints; weights stay.

        The note that it was dropped on purpose is written first, so a crash in between is not taken for damage.
        """
        for step in self.steps()[: -self.keep_resumable]:
            optimiser = self.path(step) / OPTIMISER
            if optimiser.exists():
                write_json(self.path(step) / PRUNED, [OPTIMISER])
                optimiser.unlink()

    def problems(self, step: int) -> tuple[str, ...]:
        """Everything wrong with a checkpoint on disk, each file named; empty when it is whole."""
        folder = self.path(step)
        try:
            wanted = _manifest(folder, step)
        except CheckpointError as error:
            return (error.what,)
        pruned = {OPTIMISER} if self.pruned(step) else set[str]()
        present = {path.name for path in folder.iterdir()} - {MANIFEST, PRUNED, PRUNED + ".partial"}
        problems = [f"{name} is missing" for name in sorted(set(wanted) - present - pruned)]
        if (folder / PRUNED).exists() and not pruned:
            problems.append(f"{PRUNED} is damaged")
        problems += [f"{name} does not belong here" for name in sorted(present - set(wanted))]
        for name in sorted(set(wanted) & present):
            try:
                if sha256_file(folder / name) != wanted[name]:
                    problems.append(f"{name} is damaged (its SHA-256 differs from the manifest)")
            except OSError as error:
                problems.append(f"{name} cannot be read ({error.strerror})")
        return tuple(problems)

    def pruned(self, step: int) -> bool:
        """Whether the checkpoint's optimiser was dropped on purpose, or is about to be."""
        try:
            return json.loads((self.path(step) / PRUNED).read_bytes()) == [OPTIMISER]
        except (OSError, ValueError):
            return False

    def load(self, step: int) -> Checkpoint:
        """Read one checkpoint after checking every byte of it.

        Raises: CheckpointError: naming each file that is missing, damaged or foreign.
        """
        problems = self.problems(step)
        if problems:
            raise CheckpointError(f"this checkpoint is damaged: {'; '.join(problems)}", where=self.path(step))
        folder = self.path(step)
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        tensors = {
            name: load_tensors(folder / name) if (folder / name).exists() else {} for name in (WEIGHTS, EMA, OPTIMISER)
        }
        return Checkpoint(step, tensors[WEIGHTS], tensors[OPTIMISER], tensors[EMA], state)

    def latest(self) -> tuple[Checkpoint | None, list[Damage]]:
        """The newest whole checkpoint that can be resumed from, and the damaged ones that were passed over."""
        damaged: list[Damage] = []
        for step in reversed(self.steps()):
            problems = self.problems(step)
            if not problems and self.pruned(step):
                continue
            if not problems:
                try:
                    return self.load(step), damaged
                except ModelError as error:
                    problems = (error.what,)
            damaged.append(Damage(self.path(step), problems))
        return None, damaged


def _manifest(folder: Path, step: int) -> dict[str, str]:
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = json.loads(data)
        files = cast("dict[str, Any]", manifest["sha256"])
        whole = manifest["format"] == FORMAT and manifest["step"] == step and STATE in files and WEIGHTS in files
        if whole and data == json_text(manifest).encode():  # its own bytes have no other check
            return {name: str(value) for name, value in files.items()}
    except FileNotFoundError:
        raise CheckpointError(f"{MANIFEST} is missing", where=folder) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise CheckpointError(f"{MANIFEST} is damaged", where=folder)
