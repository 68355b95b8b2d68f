"""One door for what can be put on a base, whatever it is. Reads: files. Writes: nothing. Does not: put it on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imprint.weights.hypernetworks import LoadedHypernetwork, hypernetwork_of
from imprint.weights.lora_reading import LoadedLora, lora_of
from imprint.weights.network_content import read_network

if TYPE_CHECKING:
    from imprint.families import Family


def open_network(path: Path, family: Family) -> LoadedLora | LoadedHypernetwork:
    """Read a LoRA or a hypernetwork, whichever a file is.

    Args:
        path: .safetensors, .pt, .bin or .ckpt.
        family: the base that it is for.
    Raises: ModelError: if it is neither, damaged, or does not fit the base.
    """
    content = read_network(path)
    if content.tensors and all(keys and isinstance(keys[0], int) for keys in content.tensors):
        return hypernetwork_of(content, family)
    return lora_of(content, family)
