"""What is in a network's file, whatever the file: tensors by path, plain values, the text of its header.

Reads: safetensors, pickles by way of `pickles`. Writes: nothing. Does not: know what the tensors are for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from imprint.artifacts.files import load_tensors, tensor_metadata
from imprint.errors import ModelError
from imprint.weights.pickles import ALL_SUFFIXES, as_safetensors

if TYPE_CHECKING:
    from torch import Tensor

KeyPath: TypeAlias = tuple[str | int, ...]
PICKLE_KEY = "imprint.pickle"  # of the header, as `pickle_child` writes it


@dataclass(frozen=True)
class NetworkContent:
    """An opened file."""

    path: Path
    """As the user named it."""
    tensors: Mapping[KeyPath, Tensor]
    """By the keys that lead to them; one key in safetensors, several in what was a nested pickle."""
    values: Mapping[KeyPath, object]
    """Text, numbers and lists of them, which only pickles have."""
    header: Mapping[str, str]
    """The text of a safetensors header. Hostile: never evaluate it."""

    def flat(self) -> dict[str, Tensor]:
        """Tensors by name, keys joined by dots; a `state_dict` around everything is left out.

        A kohya or diffusers LoRA that was pickled has the names of its safetensors form.
        """
        named = {path: ".".join(map(str, path)) for path in self.tensors}
        if all(path[:1] == ("state_dict",) and len(path) > 1 for path in named):
            named = {path: ".".join(map(str, path[1:])) for path in named}
        return {name: self.tensors[path] for path, name in named.items()}


def read_network(path: Path) -> NetworkContent:
    """Open a network's file; a pickle is converted first, in a process of its own.

    Args:
        path: .safetensors, .pt, .bin, .ckpt or .pth.
    Raises: ModelError: if it is missing, damaged, refused or of another kind.
    """
    suffix = path.suffix.lower()
    if suffix in ALL_SUFFIXES:
        return _converted(path, as_safetensors(path))
    if suffix != ".safetensors":
        allowed = ", ".join((".safetensors", *ALL_SUFFIXES))
        raise ModelError("a network has another kind of file", where=path, got=suffix, allowed=allowed)
    if not path.is_file():
        raise ModelError("there is no such file", where=path)
    header = tensor_metadata(path)
    if PICKLE_KEY in header:
        return _converted(path, path)
    tensors: dict[KeyPath, Tensor] = {(name,): tensor for name, tensor in load_tensors(path).items()}
    return NetworkContent(path, tensors, {}, header)


def _converted(path: Path, safetensors: Path) -> NetworkContent:
    """What a pickle held, with its nesting."""
    tensors = load_tensors(safetensors)
    told, values = nesting(tensor_metadata(safetensors)[PICKLE_KEY], path)
    if {name for _, name in told} != tensors.keys():
        raise ModelError("its header names other tensors than it holds", where=path)
    return NetworkContent(path, {keys: tensors[name] for keys, name in told}, dict(values), {})


def nesting(text: str, where: Path) -> tuple[list[tuple[KeyPath, str]], list[tuple[KeyPath, object]]]:
    """What the header of a converted pickle says: the keys that lead to each tensor's name, and to each plain value.

    Raises: ModelError: if it is damaged.
    """
    try:
        told = cast("dict[str, list[tuple[list[Any], Any]]]", json.loads(text))
        tensors = [(_keys(keys), str(name)) for keys, name in told["tensors"]]
        return tensors, [(_keys(keys), value) for keys, value in told["values"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError("the header of a converted pickle is damaged", where=where, got=str(error)) from error


def _keys(keys: list[Any]) -> KeyPath:
    if not all(isinstance(key, str | int) for key in keys):
        raise TypeError(f"keys {keys}")
    return tuple(keys)


def check_numbers(path: Path, name: str, tensor: Tensor) -> Tensor:
    """A tensor that is used is made of finite floating-point numbers.

    Raises: ModelError: naming it.
    """
    if not tensor.is_floating_point():
        raise ModelError(f"a tensor is of the wrong kind: {name}", where=path, got=str(tensor.dtype), allowed="float")
    if not bool(tensor.isfinite().all()):
        raise ModelError(
            "a tensor holds NaN or infinity", where=path, got=name, hint="its training went wrong; use another file"
        )
    return tensor
