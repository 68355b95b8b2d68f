"""The base's weights while others train in their place: small ones in memory, large ones in a file without a name.

Reads and writes: a temporary file of this process, gone with it. Does not: know what the tensors are.
"""

from __future__ import annotations

import logging
import tempfile
import weakref
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

IN_MEMORY_BYTES = 256 * 2**20
log = logging.getLogger(__name__)


def parked(tensors: Mapping[str, Tensor], in_memory_bytes: int = IN_MEMORY_BYTES) -> Mapping[str, Tensor]:
    """Copies on the CPU that training does not change.

    Above `in_memory_bytes` they lie in a file in the folder for temporary files (`TMPDIR`), each read when asked for:
    they are needed once, at the end, and at the size of Stable Diffusion 1.5 they would hold 3.4 GB until then. Where
    that folder has no room they stay in memory, and the log says so.
    """
    if sum(value.nbytes for value in tensors.values()) > in_memory_bytes:
        try:
            return TensorsInFile(tensors)
        except OSError as error:
            log.info("the base's weights stay in memory: no temporary file (%s)", error)
    return {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}


class TensorsInFile(Mapping[str, Tensor]):
    """Tensors written out one after another; reading one gives a fresh copy.

    Args:
        tensors: of any type and device.
    Raises: OSError: if they cannot be written.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._places: dict[str, tuple[int, torch.Size, torch.dtype]] = {}
        self._file = tempfile.TemporaryFile(prefix="imprint-base-")  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)
        for name, value in tensors.items():
            data = value.detach().cpu().contiguous()
            self._places[name] = (self._file.tell(), data.shape, data.dtype)
            self._file.write(data.reshape(-1).view(torch.uint8).numpy().data)
        self._file.flush()

    def __getitem__(self, name: str) -> Tensor:
        """A copy on the CPU."""
        start, shape, dtype = self._places[name]
        value = torch.empty(shape, dtype=dtype)
        self._file.seek(start)
        if self._file.readinto(value.reshape(-1).view(torch.uint8).numpy().data) != value.nbytes:
            raise OSError("the temporary file with the base's weights was cut short")
        return value

    def __iter__(self) -> Iterator[str]:
        """Names, in the order given."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many."""
        return len(self._places)
