"""Pictures whose edges continue on their other side, so that copies of one lie beside each other without a seam.

Reads: nothing. Writes: how a family's convolutions pad, until the block ends. Does not: draw.

Of a U-Net and an autoencoder only the convolutions know where a picture ends: attention and norms have no notion of
place, and nearest upsampling looks at one cell. With all of them wrapping, a network commutes with rolling its input.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from imprint.families import Family

TilingAxes: TypeAlias = Literal["both", "x", "y"]
_Moved: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]
_HOOK = "_conv_forward"  # how a convolution moves a kernel, its own or a network's (weights.deltas), over its input


@contextmanager
def tiled(family: Family, axes: TilingAxes | None) -> Generator[None]:
    """Let every convolution of a base wrap around instead of seeing zeros beyond the edge.

    Networks put on by hooks (`imprint.weights.attach`) wrap along, whenever they are attached; a method
    (`imprint.methods.apply`) must be on the base before, and be taken off after. Of nested blocks the inner decides.
    Wherever a side has as many cells as the U-Net halves it evenly, the edge is like any other place; at other sizes
    its grid of coarse cells is uneven, as it is without tiling.

    Args:
        family: its U-Net and autoencoder are changed until the block ends, and then are what they were.
        axes: left and right edges meet ("x"), top and bottom ones ("y"), or both; None changes nothing.
    """
    if axes is None:
        yield
        return
    changed: list[tuple[nn.Conv2d, _Moved | None]] = []
    try:
        for network in (family.unet, family.vae):
            for convolution, moved in _wrapping(network, axes):
                changed.append((convolution, vars(convolution).get(_HOOK)))
                setattr(convolution, _HOOK, moved)
        yield
    finally:
        for convolution, before in reversed(changed):
            if before is None:
                delattr(convolution, _HOOK)  # of the instance; that of its class shows again
            else:
                setattr(convolution, _HOOK, before)


def _wrapping(network: nn.Module, axes: TilingAxes) -> Iterator[tuple[nn.Conv2d, _Moved]]:
    """The convolutions of a network that need what lies beyond an edge, each with how it wraps."""
    from diffusers.models.downsampling import Downsample2D

    padded_before = {
        id(inner) for module in network.modules() if isinstance(module, Downsample2D) and module.padding == 0
        for inner in module.modules()
    }  # fmt: skip
    for module in network.modules():
        if not isinstance(module, nn.Conv2d) or set(module.kernel_size) == {1}:
            continue
        yield module, _after_zeros(module, axes) if id(module) in padded_before else _with_padding(module, axes)


def _with_padding(convolution: nn.Conv2d, axes: TilingAxes) -> _Moved:
    """For a convolution that pads by itself: on the chosen axes beforehand with the other side, else as before."""
    assert isinstance(convolution.padding, tuple), "diffusers gives numbers"
    rows, columns = convolution.padding
    wrap_rows, wrap_columns = (rows if axes != "x" else 0), (columns if axes != "y" else 0)
    left = rows - wrap_rows, columns - wrap_columns

    def moved(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        around = functional.pad(x, (wrap_columns, wrap_columns, wrap_rows, wrap_rows), mode="circular")
        how = convolution
        return functional.conv2d(around, kernel, bias, how.stride, left, how.dilation, how.groups)

    return moved


def _after_zeros(convolution: nn.Conv2d, axes: TilingAxes) -> _Moved:
    """For one of stride 2 whose caller has put a row and a column of zeros at the end (an autoencoder's encoder)."""

    def moved(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        if axes != "y":
            x = functional.pad(x[..., :-1], (0, 1, 0, 0), mode="circular")
        if axes != "x":
            x = functional.pad(x[..., :-1, :], (0, 0, 0, 1), mode="circular")
        how = convolution
        return functional.conv2d(x, kernel, bias, how.stride, 0, how.dilation, how.groups)

    return moved
