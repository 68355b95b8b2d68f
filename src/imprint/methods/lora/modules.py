"""peft's LoRA layers: put on, filled with counted random numbers, taken off.

Reads: modules. Writes: modules. Does not: know families or files.

Shapes: R rank, I inputs, O outputs; convolutions add their kernel.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora.layer import LoraLayer
from torch import Tensor, nn

from imprint.diffusion.randomness import Purpose, uniform


class AdaptedLayer(Protocol):
    """The part of peft's LoraLayer that is used here, with types."""

    r: dict[str, int]
    scaling: dict[str, float]
    lora_A: nn.ModuleDict
    lora_B: nn.ModuleDict
    lora_dropout: nn.ModuleDict
    _active_adapter: str | list[str]

    @property
    def active_adapters(self) -> list[str]:
        """Those that run."""
        ...

    def get_base_layer(self) -> nn.Module:
        """The wrapped module."""
        ...

    def delete_adapter(self, adapter_name: str) -> None:
        """Forget one adapter."""
        ...


class TrainingDropout(nn.Module):
    """Dropout wherever gradients are recorded, and only there.

    Previews drawn in the middle of training (under `no_grad`) thus never see it, and nobody has to switch modes.

    Args:
        chance: of hiding a value, 0..1.
    """

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance

    def forward(self, x: Tensor) -> Tensor:
        """`x` with some values hidden and the others scaled up, or `x` itself."""
        return nn.functional.dropout(x, self.chance, training=torch.is_grad_enabled())


def put_on(
    network: nn.Module, names: Sequence[str], adapter: str, *, rank: int, alpha: float, dropout: float
) -> dict[str, AdaptedLayer]:
    """Wrap modules in LoRA layers whose matrices are all zero, in float32.

    Args:
        network: changed in place.
        names: of the modules in it, as they were before any wrapping.
        adapter: name among the network's adapters, not in use.
        rank: inner width.
        alpha: scale is alpha / rank.
        dropout: chance of hiding an input value.
    Returns: the layers by name. They take no gradients yet.
    """
    active = list(dict.fromkeys(name for layer in adapted_layers(network) for name in layer.active_adapters))
    flags = [(value, value.requires_grad) for value in network.parameters()]
    config = LoraConfig(r=rank, lora_alpha=cast("int", alpha), target_modules=list(names), init_lora_weights=False)
    generator = torch.get_rng_state()
    inject_adapter_in_model(config, network, adapter_name=adapter)
    torch.set_rng_state(generator)  # peft drew initial values, which are replaced; nobody else's numbers may move
    del network.peft_config  # peft's own note, which would make it warn about a second adapter
    for value, flag in flags:
        value.requires_grad_(flag)  # peft freezes all that is not this adapter
    layers = {name: cast("AdaptedLayer", network.get_submodule(name)) for name in names}
    for layer in layers.values():
        for matrix in matrices(layer, adapter).values():
            matrix.data = matrix.data.float().zero_()
            matrix.requires_grad_(False)
        if dropout:
            layer.lora_dropout[adapter] = TrainingDropout(dropout)
    for layer in adapted_layers(network):
        activate(layer, [name for name in (*active, adapter) if name in layer.r])
    return layers


def take_off(network: nn.Module, names: Sequence[str], adapter: str) -> None:
    """Undo `put_on`; a module without adapters left is unwrapped, so the very same base module runs again."""
    for name in names:
        layer = cast("AdaptedLayer", network.get_submodule(name))
        if len(layer.r) == 1:
            network.set_submodule(name, layer.get_base_layer())
        else:
            activate(layer, [other for other in layer.active_adapters if other != adapter])
            layer.delete_adapter(adapter)


def adapted_layers(network: nn.Module) -> list[AdaptedLayer]:
    """All LoRA layers in a network."""
    return [cast("AdaptedLayer", module) for module in network.modules() if isinstance(module, LoraLayer)]


def matrices(layer: AdaptedLayer, adapter: str) -> dict[str, nn.Parameter]:
    """The two matrices of one adapter: A of shape (R, I, ...) and B of shape (O, R, ...)."""
    pair = {"lora_A.weight": layer.lora_A[adapter], "lora_B.weight": layer.lora_B[adapter]}
    return {name: cast("nn.Parameter", module.weight) for name, module in pair.items()}


def fill_first(name: str, matrix: Tensor, seed: int) -> None:
    """Give an A its initial values: uniform within ±1/sqrt(inputs), as peft's Kaiming initialisation.

    Args:
        name: the module's, so that a matrix does not depend on what else trains.
        matrix: written in place.
        seed: of the run.
    Source: Kaiming uniform with a = sqrt(5), as in LoRA's reference implementation (arXiv:2106.09685).
    """
    sample = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    numbers: Any = uniform(seed, 0, sample, Purpose.INIT, matrix.numel())
    bound = 1 / math.sqrt(math.prod(matrix.shape[1:]))
    matrix.copy_(torch.as_tensor((2 * numbers - 1) * bound).reshape(matrix.shape))


def set_scale(layers: Iterable[AdaptedLayer], adapter: str, scale: float) -> None:
    """Let an adapter be added `scale` times; 0 leaves the base exactly."""
    for layer in layers:
        layer.scaling[adapter] = scale


def activate(layer: AdaptedLayer, adapters: Sequence[str]) -> None:
    """Choose a layer's adapters without touching what takes gradients, which peft's own setter does."""
    layer._active_adapter = list(adapters)  # pyright: ignore[reportPrivateUsage] - there is no public way


def free_adapter_name(network: nn.Module) -> str:
    """A name that no adapter of a network has."""
    taken = {name for layer in adapted_layers(network) for name in layer.r}
    return next(name for number in range(len(taken) + 1) if (name := f"imprint_{number}") not in taken)
