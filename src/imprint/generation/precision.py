"""Number formats that networks compute in, and a stage whose numbers overflowed, computed again in a higher one.

Reads: nothing. Writes: the dtype of a family's networks, until the block ends. Does not: draw, or know what a stage is.

float16 ends at 65504, which activations of some models and of strong networks pass; what follows is NaN.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from imprint.errors import NumericsError

if TYPE_CHECKING:
    from imprint.artifacts.picture import Precision
    from imprint.families import Family
    from imprint.families.family import Part

T = TypeVar("T")
log = logging.getLogger(__name__)

#: By the names that recipes and records have for them.
PRECISIONS: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NETWORKS: tuple[Part, ...] = ("unet", "text_encoder", "vae")
# bfloat16 has float32's range and is no help to float16, whose digits it lacks.
HIGHER = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.float32: torch.float64}
HINT = "use a lower cfg_scale, or networks of lower strength; if every prompt does this, the base's file is damaged"


def precision_of(family: Family) -> str:
    """What a family's U-Net and text encoder compute in, by its name in records."""
    names = {dtype: name for name, dtype in PRECISIONS.items()}
    return names.get(family.dtype, _name(family.dtype))


def higher_precision(dtype: torch.dtype, device: torch.device) -> torch.dtype | None:
    """The next dtype that holds more, or None: behind float64, and behind float32 on Apple's GPUs."""
    wanted = HIGHER.get(dtype)
    return None if wanted is torch.float64 and device.type == "mps" else wanted


@contextmanager
def raised(family: Family, parts: Sequence[Part] = NETWORKS) -> Generator[torch.dtype]:
    """Let a base compute in higher precision: half to float32, float32 (its autoencoder always) to float64.

    What lies on it computes along: a method's matrices, and networks on hooks, whose numbers are taken from their files
    again. Values stay as the base's own dtype rounded them. Afterwards the same parameters and buffers hold the very
    same memory; in between both copies exist. No method may be put on, trained or taken off inside.

    Args:
        family: changed until the block ends.
        parts: which networks.
    Yields: the dtype of the first of them, as `family.dtype` for the U-Net.
    Raises: NumericsError: if there is no higher precision for any of them.
    """
    found = [_dtype(family, part) for part in parts]
    wanted = [higher_precision(dtype, family.device) for dtype in found]
    if not any(wanted):
        raise NumericsError("there is no higher precision", got=", ".join(map(_name, found)))
    before: list[tuple[Tensor, Tensor]] = []
    try:
        for part, dtype in zip(parts, wanted, strict=True):
            for tensor in _tensors(_network(family, part)):
                if dtype and tensor.is_floating_point() and tensor.itemsize < dtype.itemsize:
                    before.append((tensor, tensor.data))
                    tensor.data = tensor.data.to(dtype)
        yield _dtype(family, parts[0])
    finally:
        for tensor, data in before:
            tensor.data = data


def with_retry(
    family: Family, stage: str, compute: Callable[[], T], finite: Callable[[T], bool], notes: list[str],
    *, parts: Sequence[Part] = NETWORKS,
) -> T:
    """The result of a stage; where it is not finite, of the same stage in higher precision.

    Args:
        family: what the stage computes with.
        stage: its name, for the note and for messages.
        compute: the stage from its beginning, called once or twice: what it reads must be the same both times. If it
            raises NumericsError, as an adaptive sampler does, that counts as a result that is not finite.
        finite: whether a result has neither NaN nor infinity.
        notes: gets one line if the second attempt was needed and went well.
        parts: the networks that the stage calls, first the one whose precision is told.
    Raises: NumericsError: if there is no higher precision, no memory for it, or no result there either.
    """
    result = _attempted(compute, finite)
    if not isinstance(result, NumericsError):
        return result
    low = _dtype(family, parts[0])
    high = higher_precision(low, family.device)
    if high is None:
        raise NumericsError(result.what, where=stage, got=_name(low), hint=HINT) from result
    log.warning("%s: %s in %s; it is computed again in %s", stage, result.what, _name(low), _name(high))
    both = f"{_name(low)}, then {_name(high)}"
    try:
        with raised(family, parts):
            again = _attempted(compute, finite)
    except torch.OutOfMemoryError as error:
        what = f"{result.what}, and there is no memory for higher precision"
        raise NumericsError(what, where=stage, got=both, hint=f"draw a smaller picture, or {HINT}") from error
    if isinstance(again, NumericsError):
        raise NumericsError(again.what, where=stage, got=both, hint=HINT) from again
    notes.append(f"{stage}: {result.what} in {_name(low)}, again in {_name(high)}")
    return again


def _attempted(compute: Callable[[], T], finite: Callable[[T], bool]) -> T | NumericsError:
    """A result, or what was wrong with it."""
    try:
        result = compute()
    except NumericsError as error:
        return error
    return result if finite(result) else NumericsError("NaN")


def _network(family: Family, part: Part) -> nn.Module:
    return {"unet": family.unet, "text_encoder": family.text_encoder, "vae": family.vae}[part]


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    """Each once: the base's own and those of a method on it."""
    return chain(network.parameters(), network.buffers())


def _dtype(family: Family, part: Part) -> torch.dtype:
    """Of a base's own weights, whatever lies on them."""
    return next(iter(family.parameters(part).values())).dtype


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
