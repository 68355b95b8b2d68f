"""Fine-tuning: the base's own weights train, all or a part of them.

Reads: a Family. Writes: its weights, until ejected. Does not: know file formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from imprint.families import Family
from imprint.methods.finetune.config import Finetune
from imprint.methods.finetune.parked import parked
from imprint.methods.method import MethodState, copy_tensors, put_tensors, state_metadata


@dataclass(frozen=True)
class FinetuneMethod:
    """Fine-tuning with one configuration."""

    config: Finetune
    kind: str = "finetune"

    def inject(self, family: Family, seed: int) -> FinetuneHandle:
        """Let the selected weights train. They start as the base's own, so the seed decides nothing here."""
        return FinetuneHandle(self, family, trains=True)

    def trained_numbers(self, family: Family) -> int:
        """How many there are in the selected weights; none is copied for that."""
        return sum(value.numel() for value in selected_parameters(family, self.config).values())

    def apply(self, family: Family, state: MethodState, strength: float) -> FinetuneHandle:
        """Put learnt weights in the base's place.

        Args:
            family: changed in place until `eject`.
            state: of this configuration.
            strength: 0 is the base, 1 the learnt weights, between and beyond on the line through both.
        Raises: ModelError: if the state does not fit.
        """
        handle = FinetuneHandle(self, family, trains=False)
        try:
            handle.load_state(state)
        except BaseException:
            handle.eject()
            raise
        handle.mix(strength)
        return handle


class FinetuneHandle:
    """Base weights that train, and a copy in memory or on disk to put back.

    Args:
        method: with its configuration.
        family: the base.
        trains: whether gradients are wanted.
    """

    def __init__(self, method: FinetuneMethod, family: Family, *, trains: bool) -> None:
        self._method, self._family, self._trains = method, family, trains
        self._live = selected_parameters(family, method.config)
        self._base: Mapping[str, Tensor] | None = parked(self._live)
        for value in self._live.values():
            value.requires_grad_(trains)

    def parameters(self) -> list[nn.Parameter]:
        """Exactly what is trained."""
        return list(self.named_parameters().values())

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """What is trained, by name."""
        return dict(self._live) if self._trains else {}

    def at_step(self, step: int) -> None:
        """Nothing in fine-tuning is random."""

    def state(self) -> MethodState:
        """A copy of the selected weights."""
        return MethodState(self._method.kind, copy_tensors(self._live), state_metadata(self._method, self._family))

    def load_state(self, state: MethodState) -> None:
        """Write a state's weights over the base's.

        Raises: ModelError: if it does not fit.
        """
        put_tensors(self._method.kind, self._live, state)

    def mix(self, strength: float) -> None:
        """Move the weights on the line from the base (0) through those loaded (1)."""
        if self._base is None or strength == 1:
            return
        for name, value in self._live.items():
            base = self._base[name].to(value.device)
            value.data.copy_(base + strength * (value.data - base))

    def eject(self) -> None:
        """Put the base's weights back."""
        if self._base is None:
            return
        for name, value in self._live.items():
            value.requires_grad_(False)
            value.grad = None
            value.data.copy_(self._base[name])
        self._base = None


def selected_parameters(family: Family, config: Finetune) -> dict[str, nn.Parameter]:
    """The parameters that a configuration trains, by "unet.NAME" and "text_encoder.NAME"."""
    modules = {"unet": set(family.module_names(config.layers))}
    if config.text_encoder:
        modules["text_encoder"] = set(family.text_module_names(config.layers))
    if config.token_table:
        tables = {name.rpartition(".")[0] for name in family.parameters("text_encoder") if "token_embedding." in name}
        modules["text_encoder"] = modules.get("text_encoder", set()) | tables
    return {
        f"{part}.{name}": value
        for part, wanted in modules.items()
        for name, value in family.parameters("unet" if part == "unet" else "text_encoder").items()
        if name.rpartition(".")[0] in wanted
    }
