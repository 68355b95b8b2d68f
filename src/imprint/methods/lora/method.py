"""LoRA: two small matrices train beside frozen weights.

Reads: a Family. Writes: its modules, until ejected. Does not: know file formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from imprint.diffusion.randomness import Purpose, integer
from imprint.families import Family
from imprint.methods.lora import modules as lora
from imprint.methods.lora.config import Lora
from imprint.methods.method import MethodState, copy_tensors, put_tensors, state_metadata


@dataclass(frozen=True)
class LoraMethod:
    """LoRA with one configuration."""

    config: Lora
    kind: str = "lora"

    def inject(self, family: Family, seed: int) -> LoraHandle:
        """Put untrained matrices on a base: A random, B zero, so that the output is the base's."""
        handle = LoraHandle(self, family, dropout=self.config.dropout)
        handle.start_training(seed)
        return handle

    def trained_numbers(self, family: Family) -> int:
        """How many there are in the matrices, which are put on the base and taken off again."""
        handle = self.inject(family, seed=0)
        try:
            return sum(value.numel() for value in handle.parameters())
        finally:
            handle.eject()

    def apply(self, family: Family, state: MethodState, strength: float) -> LoraHandle:
        """Put learnt matrices on a base.

        Args:
            family: changed in place until `eject`.
            state: of this configuration.
            strength: multiplies alpha / rank; 0 is the base.
        Raises: ModelError: if the state does not fit.
        """
        handle = LoraHandle(self, family, dropout=0)
        try:
            handle.load_state(state)
        except BaseException:
            handle.eject()
            raise
        handle.set_strength(strength)
        return handle


class LoraHandle:
    """LoRA layers on a base.

    Args:
        method: with its configuration.
        family: the base.
        dropout: chance of hiding an input value, 0 for generation.
    """

    def __init__(self, method: LoraMethod, family: Family, *, dropout: float) -> None:
        config = method.config
        self._method, self._family = method, family
        self._networks = {"unet": family.unet}
        names = {"unet": targets(family, config)}
        if config.text_encoder:
            self._networks["text_encoder"] = family.text_encoder
            names["text_encoder"] = family.text_module_names("attention")
        self._adapters = {part: lora.free_adapter_name(network) for part, network in self._networks.items()}
        self._layers = {
            part: lora.put_on(
                network, names[part], self._adapters[part],
                rank=config.rank, alpha=config.alpha, dropout=dropout,
            )
            for part, network in self._networks.items()
        }  # fmt: skip
        self._live = {
            f"{part}.{name}.{kind}": matrix
            for part, layers in self._layers.items()
            for name, layer in layers.items()
            for kind, matrix in lora.matrices(layer, self._adapters[part]).items()
        }
        self._seed: int | None = None
        self._ejected = False

    def start_training(self, seed: int) -> None:
        """Draw the initial values and let the matrices take gradients; the seed decides those and dropout."""
        self._seed = seed
        with torch.no_grad():
            for name, matrix in self._live.items():
                if name.endswith("lora_A.weight"):
                    lora.fill_first(name, matrix, seed)
        for matrix in self._live.values():
            matrix.requires_grad_(True)

    def parameters(self) -> list[nn.Parameter]:
        """Exactly what is trained."""
        return list(self.named_parameters().values())

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """What is trained, by name."""
        return dict(self._live) if self._seed is not None else {}

    def at_step(self, step: int) -> None:
        """Seed dropout from the step alone, so that a resumed run hides the same values."""
        if self._seed is not None and self._method.config.dropout:
            cast("Any", torch).manual_seed(integer(self._seed, step, 0, Purpose.DROPOUT, 1 << 53))

    def state(self) -> MethodState:
        """A copy of the matrices."""
        return MethodState(self._method.kind, copy_tensors(self._live), state_metadata(self._method, self._family))

    def load_state(self, state: MethodState) -> None:
        """Write a state's matrices into these.

        Raises: ModelError: if it does not fit.
        """
        put_tensors(self._method.kind, self._live, state)

    def set_strength(self, strength: float) -> None:
        """Add what was learnt `strength` times its trained size."""
        scale = strength * self._method.config.alpha / self._method.config.rank
        for part, layers in self._layers.items():
            lora.set_scale(layers.values(), self._adapters[part], scale)

    def eject(self) -> None:
        """Unwrap the base's modules, which were never changed."""
        if self._ejected:
            return
        for part, network in self._networks.items():
            lora.take_off(network, list(self._layers[part]), self._adapters[part])
        self._ejected = True


def targets(family: Family, config: Lora) -> list[str]:
    """The U-Net modules that a configuration puts matrices on."""
    weights = family.parameters("unet")
    # A matrix pair factors a weight of two dimensions and more; norms have one.
    return [name for name in family.module_names(config.layers) if weights[f"{name}.weight"].ndim > 1]
