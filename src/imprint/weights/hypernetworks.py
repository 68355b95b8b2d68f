"""Hypernetworks as A1111 stores them: a pair of small networks for each width of context.

Reads: pickles by way of `pickles`, safetensors made from them. Writes: nothing. Does not: put them on, or train.

Before keys and values are computed from a context c, it becomes c + mlp(c) · strength, by one MLP for keys, another for
values. Each MLP is a row of linears with an activation and, if so trained, a layer norm behind each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import functional

from imprint.errors import ModelError
from imprint.weights.network_content import NetworkContent, check_numbers, read_network

if TYPE_CHECKING:
    from imprint.families import Family

#: By A1111's names: its own and torch's in small letters. Those that need a setting or weights are not among them.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor] | None] = {
    "linear": None, "relu": functional.relu, "leakyrelu": functional.leaky_relu, "elu": functional.elu,
    "swish": functional.hardswish, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": functional.gelu,
    "silu": functional.silu, "mish": functional.mish, "selu": functional.selu, "celu": functional.celu,
    "relu6": functional.relu6, "hardswish": functional.hardswish, "hardsigmoid": functional.hardsigmoid,
    "hardtanh": functional.hardtanh, "softplus": functional.softplus, "softsign": functional.softsign,
    "logsigmoid": functional.logsigmoid, "tanhshrink": functional.tanhshrink, "hardshrink": functional.hardshrink,
    "softshrink": functional.softshrink,
}  # fmt: skip
LINEAR_NAME = re.compile(r"linear(?:\.(\d+)|([12]))\.(weight|bias)")  # linear1 and linear2 are the oldest files'
NORM_EPSILON = 1e-5  # torch's LayerNorm


@dataclass(frozen=True)
class Step:
    """One linear, and the layer norm behind it if there is one."""

    weight: Tensor
    bias: Tensor
    norm: tuple[Tensor, Tensor] | None = None

    def like(self, weight: Tensor) -> Step:
        """On the device and in the dtype of a base's weight."""
        norm = None if self.norm is None else (self.norm[0].to(weight), self.norm[1].to(weight))
        return Step(self.weight.to(weight), self.bias.to(weight), norm)


@dataclass(frozen=True)
class Mlp:
    """One of the small networks."""

    steps: tuple[Step, ...]
    activation: str
    activate_output: bool

    def like(self, weight: Tensor) -> Mlp:
        """On the device and in the dtype of a base's weight."""
        return Mlp(tuple(step.like(weight) for step in self.steps), self.activation, self.activate_output)

    def __call__(self, x: Tensor) -> Tensor:
        """What is added to a context (..., D), before any strength."""
        activation = ACTIVATIONS[self.activation]
        for number, step in enumerate(self.steps):
            x = functional.linear(x, step.weight, step.bias)
            if activation and (self.activate_output or number + 1 < len(self.steps)):
                x = activation(x)
            if step.norm:
                x = functional.layer_norm(x, x.shape[-1:], *step.norm, NORM_EPSILON)
        return x


@dataclass(frozen=True)
class LoadedHypernetwork:
    """A hypernetwork, of which at least one width occurs in the base."""

    name: str
    path: Path
    pairs: Mapping[int, tuple[Mlp, Mlp]]
    """(for keys, for values) by width of context."""
    remarks: tuple[str, ...] = ()


def read_hypernetwork(path: Path, family: Family) -> LoadedHypernetwork:
    """Read a hypernetwork for a base.

    Args:
        path: .pt, or what it was converted to.
        family: the base; it stays as it is.
    Raises: ModelError: if it is damaged or no hypernetwork, has an unknown activation, or fits no attention here.
    """
    return hypernetwork_of(read_network(path), family)


def hypernetwork_of(content: NetworkContent, family: Family) -> LoadedHypernetwork:
    """`read_hypernetwork` for a file that was opened already."""
    path, found = content.path, dict[int, dict[int, dict[str, Tensor]]]()
    for keys, tensor in content.tensors.items():
        match keys:
            case (int(width), (0 | 1) as half, str(name)):
                found.setdefault(width, {}).setdefault(half, {})[name] = check_numbers(path, str(keys), tensor)
            case _:
                raise ModelError("this is no hypernetwork", where=path, got=keys, allowed="(width, 0 or 1, name)")
    settings = _Settings(content)
    pairs = {width: (_mlp(path, width, 0, halves, settings), _mlp(path, width, 1, halves, settings))
             for width, halves in found.items()}  # fmt: skip
    widths = context_widths(family)
    if not widths & pairs.keys():
        raise ModelError(
            "this hypernetwork fits no attention of this base", where=path, got=sorted(pairs),
            allowed=", ".join(map(str, sorted(widths))), hint="use it with the family that it was trained on",
        )  # fmt: skip
    idle = sorted(pairs.keys() - widths)
    remarks = (f"its widths {', '.join(map(str, idle))} do not occur in this base",) if idle else ()
    return LoadedHypernetwork(path.stem, path, pairs, remarks)


def context_widths(family: Family) -> set[int]:
    """The widths of what the U-Net's attentions read."""
    weights = family.parameters("unet")
    names = (name for name in family.module_names("attention") if name.endswith((".to_k", ".to_v")))
    return {weights[f"{name}.weight"].shape[1] for name in names}


class _Settings:
    """What a file says about its networks; old files say nothing."""

    def __init__(self, content: NetworkContent) -> None:
        values = content.values
        self.structure = values.get(("layer_structure",))
        self.activation = str(values.get(("activation_func",)) or "linear").lower()
        self.activate_output = bool(values.get(("activate_output",), True))
        if self.activation not in ACTIVATIONS:
            raise ModelError(
                "this hypernetwork has an activation that is not supported", where=content.path, got=self.activation,
                allowed=", ".join(ACTIVATIONS),
            )  # fmt: skip


def _mlp(path: Path, width: int, half: int, halves: Mapping[int, Mapping[str, Tensor]], settings: _Settings) -> Mlp:
    """One MLP, its tensors in the order of their numbers: matrices are linears, vectors layer norms."""
    rows: dict[int, dict[str, Tensor]] = {}
    for name, tensor in halves.get(half, {}).items():
        found = LINEAR_NAME.fullmatch(name)
        if found is None:
            raise ModelError("a tensor of a hypernetwork has an unknown name", where=path, got=(width, half, name))
        number = int(found[1]) if found[1] else int(found[2]) - 1
        rows.setdefault(number, {})[found[3]] = tensor
    steps: list[Step] = []
    for number in sorted(rows):
        weight, bias = rows[number].get("weight"), rows[number].get("bias")
        if weight is None or bias is None:
            raise ModelError("a matrix has lost its partner", where=path, got=(width, half, f"linear.{number}"))
        if weight.ndim == 1 and steps:
            steps[-1] = Step(steps[-1].weight, steps[-1].bias, (weight, bias))
        else:
            steps.append(Step(weight, bias))
    _check_shapes(path, width, steps, settings.structure)
    return Mlp(tuple(steps), settings.activation, settings.activate_output)


def _check_shapes(path: Path, width: int, steps: list[Step], structure: object) -> None:
    """The steps fit each other, begin and end at the width, and are those of the declared structure.

    Raises: ModelError: naming the first that does not.
    """
    at, sizes = width, [width]
    for number, step in enumerate(steps):
        vectors = [step.bias, *(step.norm or ())]
        outputs = step.weight.shape[0]
        if step.weight.ndim != 2 or step.weight.shape[1] != at or any(v.shape != (outputs,) for v in vectors):
            got = [list(value.shape) for value in (step.weight, *vectors)]
            what = f"layer {number} of the network for width {width} has the wrong shape"
            raise ModelError(what, where=path, got=got, allowed=f"{at} inputs, as many of everything as outputs")
        at = outputs
        sizes.append(at)
    said = [int(width * float(size)) for size in cast("list[float]", structure)] if _numbers(structure) else sizes
    if not steps or at != width or said != sizes:
        raise ModelError(
            f"the network for width {width} has another structure than it should", where=path, got=sizes,
            allowed=f"{width} to {width}" + (f", as layer_structure {structure} says" if structure else ""),
        )  # fmt: skip


def _numbers(structure: object) -> bool:
    values = cast("list[object]", structure) if isinstance(structure, list) else []
    return bool(values) and all(isinstance(value, int | float) for value in values)
