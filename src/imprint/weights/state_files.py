"""A MethodState as one safetensors file, its text in the header.

Reads: safetensors. Writes: safetensors. Does not: know any one method.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.artifacts.files import load_tensors, save_tensors, tensor_metadata
from imprint.artifacts.readback import check_written
from imprint.errors import ModelError, NumericsError, OutputError
from imprint.methods import MethodState

if TYPE_CHECKING:
    from torch import Tensor

HEADER_PREFIX = "imprint."  # so that our text never collides with that of other tools
FORMAT = "1"  # of the file; raised when an older Imprint could not read it


def save_state(path: Path, state: MethodState) -> None:
    """Write what a method learnt, read it back and compare.

    Raises: NumericsError: if it holds NaN or infinity; OutputError: if it cannot be written.
    """
    check_finite(state.tensors, path)
    try:
        save_tensors(path, state.tensors, header_of(state))
    except OSError as error:
        raise OutputError("the weights cannot be written", where=path, got=str(error)) from error
    check_written(path, state.tensors)


def load_state(path: Path) -> MethodState:
    """Read what `save_state` wrote.

    Raises: ModelError: if the file is missing, damaged, from a newer Imprint or not ours.
    """
    header = tensor_metadata(path)
    own = {key.removeprefix(HEADER_PREFIX): text for key, text in header.items() if key.startswith(HEADER_PREFIX)}
    kind, version = own.pop("kind", None), own.pop("format", None)
    if kind is None:
        raise ModelError(
            "these are no weights saved by Imprint: their header names no method",
            where=path,
            hint="give the file that a run left in its result folder",
        )
    if version != FORMAT:
        raise ModelError("this file needs another version of Imprint", where=path, got=version, allowed=FORMAT)
    return MethodState(kind, load_tensors(path), own)


def header_of(state: MethodState) -> dict[str, str]:
    """The text that goes into the header of a state's file and of its exports."""
    own = {"kind": state.kind, "format": FORMAT, **state.metadata}
    return {"format": "pt"} | {HEADER_PREFIX + key: text for key, text in own.items()}


def check_finite(tensors: Mapping[str, Tensor], where: Path) -> None:
    """Refuse weights that hold NaN or infinity.

    Raises: NumericsError: naming the first tensor.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise NumericsError(
                "weights hold NaN or infinity and are not written",
                where=where,
                got=name,
                hint="use an earlier checkpoint, or a smaller learning rate",
            )
