"""What was written is read again and compared, before anybody relies on it.

Reads: safetensors. Writes: nothing. Does not: repair.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.artifacts.files import load_tensors
from imprint.errors import OutputError

if TYPE_CHECKING:
    from torch import Tensor


def check_written(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Compare a safetensors file with what it should hold, bit for bit.

    Raises: OutputError: naming the first tensor that differs.
    """
    read = load_tensors(path)
    for name in sorted(read.keys() | tensors.keys()):
        if name not in read or name not in tensors or not same_bits(read[name], tensors[name]):
            raise OutputError(
                "the file was written, but reads back differently",
                where=path,
                got=name,
                hint="check the disk, and write it again",
            )


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape, type and bytes; not-a-number equals itself here."""
    import torch

    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    left, right = (value.detach().cpu().contiguous().flatten().view(torch.uint8) for value in (one, other))
    return torch.equal(left, right)
