"""What a method learnt, in the files that other tools open; each is read back and compared.

Reads: MethodState, Family. Writes: files and folders. Does not: convert between formats.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from imprint.artifacts.files import save_tensors
from imprint.artifacts.readback import check_written
from imprint.errors import ModelError, OutputError
from imprint.families import Family
from imprint.families.diffusers_folder import INDEX_FILE
from imprint.methods import Lora, MethodState, method_of
from imprint.registry import Registry
from imprint.weights.lora_files import LORA_FILE, diffusers_lora, diffusers_lora_header
from imprint.weights.state_files import check_finite, header_of

if TYPE_CHECKING:
    import torch

MODEL_FOLDER = "model"


@dataclass(frozen=True)
class ExportJob:
    """One export to do."""

    state: MethodState
    family: Family
    folder: Path
    dtype: torch.dtype | None
    """On disk; None keeps that of the state and the base."""


Exporter: TypeAlias = Callable[[ExportJob], list[Path]]


def export_lora(job: ExportJob) -> list[Path]:
    """`pytorch_lora_weights.safetensors`, for diffusers' `load_lora_weights`."""
    config = cast("Lora", method_of(job.state).config)
    tensors = diffusers_lora(job.state, config, job.dtype)
    path = job.folder / LORA_FILE
    save_tensors(path, tensors, header_of(job.state) | diffusers_lora_header(config))
    check_written(path, tensors)
    return [path]


def export_finetune(job: ExportJob) -> list[Path]:
    """A complete model folder in diffusers layout; an export of before is replaced once the new one is whole."""
    made_on = job.state.metadata.get("base_hash", job.family.base_hash)
    if made_on != job.family.base_hash:
        raise ModelError(
            "these weights were trained on another base, and hold only what training changed",
            got=made_on[:12],
            allowed=job.family.base_hash[:12],
            hint="open the base named in the run's run.lock.toml",
        )
    target, fresh = job.folder / MODEL_FOLDER, job.folder / f"{MODEL_FOLDER}.new"
    if target.exists() and not (target / INDEX_FILE).is_file():
        raise OutputError("something else has this name", where=target, hint="move it away")
    shutil.rmtree(fresh, ignore_errors=True)
    job.folder.mkdir(parents=True, exist_ok=True)
    job.family.save(fresh, dtype=job.dtype, replaced=job.state.tensors, metadata=header_of(job.state))
    if target.exists():
        shutil.rmtree(target)
    fresh.replace(target)
    return [target]


EXPORTERS: Registry[Exporter] = Registry("export")
EXPORTERS.add("lora", export_lora)
EXPORTERS.add("finetune", export_finetune)


def export_method(state: MethodState, family: Family, folder: Path, *, dtype: torch.dtype | None = None) -> list[Path]:
    """Write what a method learnt in the form that other tools open, and check it.

    Args:
        state: what was learnt.
        family: the base it was learnt on; a method may be injected in it.
        folder: gets the files; made if missing.
        dtype: on disk; None keeps that of the state and the base.
    Returns: the files or folders written.
    Raises: NumericsError: if the weights hold NaN; ModelError: if they are for another base; OutputError: if they
        cannot be written or read back differently.
    """
    check_finite(state.tensors, folder)
    try:
        return EXPORTERS.get(state.kind)(ExportJob(state, family, folder, dtype))
    except OSError as error:
        raise OutputError("the export cannot be written", where=folder, got=str(error)) from error
