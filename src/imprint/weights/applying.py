"""Any number of networks on a base at once, beside its weights: taken off, nothing of them is left.

Reads: LoadedLora, LoadedHypernetwork. Writes: hooks on a Family's modules, until detached. Does not: change a weight,
read files or know prompts.

A LoRA adds to a module's output, a hypernetwork to what keys and values are computed from. No weight is ever written,
so there is no rounding to undo, and a strength of 0 runs the base alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast

import torch

from imprint.errors import ConfigError
from imprint.weights.deltas import Delta
from imprint.weights.hypernetworks import LoadedHypernetwork, Mlp
from imprint.weights.lora_reading import LoadedLora
from imprint.weights.module_names import AdaptedPart, Target

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle

    from imprint.families import Family

LoadedNetwork: TypeAlias = LoadedLora | LoadedHypernetwork


class _Numbers(Protocol):
    """What a network holds for one module."""

    def like(self: _N, weight: Tensor) -> _N:
        """On the device and in the dtype of a base's weight."""
        ...


_N = TypeVar("_N", bound=_Numbers)


class _Fitted(Generic[_N]):
    """A network's numbers as a base's weight is now; cast once more if its precision is raised (generation.precision).

    Args:
        numbers: as in the file, from which they are always cast.
        weight: the base's live parameter.
    """

    def __init__(self, numbers: _N, weight: Tensor) -> None:
        self._numbers, self._weight = numbers, weight
        self._ready, self._cast_to = numbers.like(weight), (weight.dtype, weight.device)

    def now(self) -> _N:
        """In the weight's present dtype, on its device."""
        if self._cast_to != (self._weight.dtype, self._weight.device):
            self._ready = self._numbers.like(self._weight)
            self._cast_to = self._weight.dtype, self._weight.device
        return self._ready


@dataclass(frozen=True)
class Strengths:
    """How much of a network is added; 0 nothing, 1 what was trained, beyond exaggerates, below subtracts."""

    text_encoder: float = 1.0
    unet: float = 1.0
    """The only one that a hypernetwork has."""

    def of(self, part: AdaptedPart) -> float:
        """The one for a part of the base."""
        return self.unet if part == "unet" else self.text_encoder


def attach(
    family: Family, networks: Sequence[LoadedNetwork], strengths: Mapping[int, Strengths] | None = None
) -> AppliedNetworks:
    """Put networks on a base, in order; the same one twice counts twice.

    Hypernetworks change the context one after the other in their order, whatever LoRAs stand between them.

    Args:
        family: the base; hooks are put on its modules until `detach`. It may carry others already. A method that was
            applied or injected must be on it before, and taken off after. Move it to its device before.
        networks: read for this base.
        strengths: by position in `networks`; 1 for those left out.
    Returns: use it in a `with` block, or call `detach`.
    Raises: ConfigError: as `AppliedNetworks.set_strengths`.
    """
    applied = AppliedNetworks(family, networks)
    try:
        applied.set_strengths(strengths or {})
    except BaseException:
        applied.detach()
        raise
    return applied


class AppliedNetworks:
    """Networks on a base, from `attach` until `detach`."""

    def __init__(self, family: Family, networks: Sequence[LoadedNetwork]) -> None:
        self._strengths = [Strengths()] * len(networks)
        self._hooks: list[RemovableHandle] = []
        try:
            self._add_loras(family, networks)
            self._add_hypernetworks(family, networks)
        except BaseException:
            self.detach()
            raise

    @property
    def strengths(self) -> tuple[Strengths, ...]:
        """As they are now, in the order of the networks."""
        return tuple(self._strengths)

    def set_strengths(self, strengths: Mapping[int, Strengths]) -> None:
        """Change strengths; nothing is computed, so it may be called before every step.

        Args:
            strengths: by position in the networks; those left out stay as they are.
        Raises: ConfigError: for a position that does not exist, or a strength that is no finite number; nothing is
            changed then.
        """
        for index, given in strengths.items():
            if not 0 <= index < len(self._strengths):
                count = len(self._strengths)
                raise ConfigError("there is no such network", where="strengths", got=index, allowed=f"0..{count - 1}")
            if not (math.isfinite(given.text_encoder) and math.isfinite(given.unet)):
                raise ConfigError("a strength must be a finite number", where=f"strengths[{index}]", got=given)
        for index, given in strengths.items():
            self._strengths[index] = given

    def detach(self) -> None:
        """Take them off: the base computes what it did before, bit for bit. A second call does nothing."""
        while self._hooks:
            self._hooks.pop().remove()

    def __enter__(self) -> AppliedNetworks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.detach()

    def _add_loras(self, family: Family, networks: Sequence[LoadedNetwork]) -> None:
        by_target: dict[Target, list[tuple[int, float, Delta]]] = {}
        for index, network in enumerate(networks):
            for layer in network.layers if isinstance(network, LoadedLora) else ():
                by_target.setdefault(layer.target, []).append((index, layer.scale, layer.delta))
        for target, found in by_target.items():
            module = _innermost(_module(family, target))
            weight = cast("Tensor", module.weight)
            deltas = [(index, scale, _Fitted(delta, weight)) for index, scale, delta in found]
            self._hooks.append(module.register_forward_hook(self._adder(target.part, deltas)))

    def _adder(self, part: AdaptedPart, deltas: Sequence[tuple[int, float, _Fitted[Delta]]]) -> Any:
        strengths = self._strengths

        def add(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
            for index, scale, delta in deltas:
                strength = strengths[index].of(part)
                if strength:  # 0 leaves the very same tensor: x + 0 · d is not x where d is infinite, or x is -0
                    output = output + delta.now()(module, given[0].to(output.dtype)) * (strength * scale)
            return output

        return add

    def _add_hypernetworks(self, family: Family, networks: Sequence[LoadedNetwork]) -> None:
        pairs = [(index, net.pairs) for index, net in enumerate(networks) if isinstance(net, LoadedHypernetwork)]
        weights, ready = family.parameters("unet"), dict[tuple[int, int, int], _Fitted[Mlp]]()
        for name in family.module_names("attention"):
            if not pairs or not name.endswith((".to_k", ".to_v")):
                continue
            weight, half = weights[f"{name}.weight"], int(name.endswith(".to_v"))
            width = weight.shape[1]
            found: list[tuple[int, _Fitted[Mlp]]] = []
            for index, by_width in pairs:
                if width in by_width:
                    key = (index, width, half)
                    ready[key] = ready.get(key) or _Fitted(by_width[width][half], weight)
                    found.append((index, ready[key]))
            if found:
                module = _module(family, Target("unet", name))
                self._hooks.append(module.register_forward_pre_hook(self._changer(found)))

    def _changer(self, mlps: Sequence[tuple[int, _Fitted[Mlp]]]) -> Any:
        strengths = self._strengths

        def change(_module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            context, *rest = given
            for index, mlp in mlps:
                if strength := strengths[index].unet:
                    context = context + mlp.now()(context) * strength
            return (context, *rest)

        return change


def _module(family: Family, target: Target) -> nn.Module:
    """The module of a base that a target names."""
    network = family.unet if target.part == "unet" else family.text_encoder
    try:
        return network.get_submodule(target.module)
    except AttributeError:
        return network.get_submodule(f"text_model.{target.module}")  # transformers before 5.0


def _innermost(module: nn.Module) -> nn.Module:
    """The base's own module where a method has wrapped it."""
    unwrap = getattr(module, "get_base_layer", None)
    return cast("torch.nn.Module", unwrap()) if callable(unwrap) else module
