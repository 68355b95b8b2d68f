"""What a network adds to the output of one linear or convolution, beside the untouched weight.

Reads: tensors. Writes: nothing. Does not: change the module that it stands beside.

Shapes: R rank, I inputs, O outputs, kh kw kernel; linears lack the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from torch.nn.functional import conv2d, linear

from imprint.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


@dataclass(frozen=True)
class LowRank:
    """up · (mid ·) down, as in LoRA and LoCon."""

    down: Tensor
    """(R, I) or (R, I, kh, kw); with `mid` (R, I, 1, 1)."""
    up: Tensor
    """(O, R) or (O, R, 1, 1)."""
    mid: Tensor | None = None
    """(R, R, kh, kw): LoCon's Tucker form; the kernel is in it alone."""

    def like(self, weight: Tensor) -> LowRank:
        """On the device and in the dtype of a base's weight."""
        mid = None if self.mid is None else self.mid.to(weight)
        return LowRank(self.down.to(weight), self.up.to(weight), mid)

    def __call__(self, module: nn.Module, x: Tensor) -> Tensor:
        """What is added to `module(x)`, before any strength."""
        if self.down.ndim == 2:
            return linear(linear(x, self.down), self.up)
        if self.mid is None:
            return conv2d(_moved(module, x, self.down), self.up)
        return conv2d(_moved(module, conv2d(x, self.down), self.mid), self.up)


@dataclass(frozen=True)
class Full:
    """A difference of the whole weight, as LoHa and LoKr give one."""

    weight: Tensor
    """(O, I) or (O, I, kh, kw)."""

    def like(self, weight: Tensor) -> Full:
        """On the device and in the dtype of a base's weight."""
        return Full(self.weight.to(weight))

    def __call__(self, module: nn.Module, x: Tensor) -> Tensor:
        """What is added to `module(x)`, before any strength."""
        return linear(x, self.weight) if self.weight.ndim == 2 else _moved(module, x, self.weight)


Delta: TypeAlias = LowRank | Full


def _moved(module: nn.Module, x: Tensor, kernel: Tensor) -> Tensor:
    """A kernel moved over the input as the module's own: stride, padding and what lies beyond the edge."""
    # Not torch's conv2d with the module's numbers: a picture that tiles (generation.tiling) replaces this method.
    return cast("Any", module)._conv_forward(x, kernel, None)


def fitted(delta: Delta, weight: Tensor, where: Path, key: str) -> Delta:
    """A delta in the layout of the weight that it is for: 1x1 convolutions and linears may stand for each other.

    Args:
        delta: as it was in the file.
        weight: the base's.
        where: the file, for messages.
        key: the first of its keys, for messages.
    Raises: ModelError: if it does not fit.
    """
    if isinstance(delta, Full):
        if delta.weight.shape == weight.shape:
            return delta
        got = tuple(delta.weight.shape)
    else:
        delta = _as_dimensions(delta, weight.ndim)
        got = _product_shape(delta, where, key)
        if got == tuple(weight.shape):
            return delta
    raise ModelError(
        f"this network does not fit this base: {key}", where=where, got=got, allowed=str(tuple(weight.shape)),
        hint="it was made for another model; use it with the base, or the family of bases, that it was trained on",
    )


def _as_dimensions(delta: LowRank, ndim: int) -> LowRank:
    """Matrices for a linear, 4-D for a convolution, wherever no number changes by it."""
    if ndim == 2 and delta.mid is None:
        pair = (delta.down, delta.up)
        if all(value.ndim == 4 and value.shape[2:] == (1, 1) for value in pair):
            return LowRank(*(value.flatten(1) for value in pair))
    if ndim == 4:
        down, up = (value[..., None, None] if value.ndim == 2 else value for value in (delta.down, delta.up))
        return replace(delta, down=down, up=up)
    return delta


def _product_shape(delta: LowRank, where: Path, key: str) -> tuple[int, ...]:
    """The shape of the weight that the factors make together.

    Raises: ModelError: if they make none.
    """
    down, up, mid = tuple(delta.down.shape), tuple(delta.up.shape), delta.mid
    fit = len(down) == len(up) and len(down) in (2, 4) and up[1] == down[0] and up[2:] in ((), (1, 1))
    if mid is not None:
        fit = fit and mid.ndim == 4 and tuple(mid.shape[:2]) == (down[0], down[0]) and down[2:] == (1, 1)
    if not fit:
        shapes = [list(value.shape) for value in (delta.down, mid, delta.up) if value is not None]
        raise ModelError(f"the matrices of this network do not fit each other: {key}", where=where, got=shapes)
    return (up[0], *down[1:]) if mid is None else (up[0], down[1], *mid.shape[2:])
