"""What a method is: something that trains on a frozen base, can be taken off again, and can be stored.

Reads: nothing. Writes: nothing. Does not: know any one method, or a file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from imprint.config.base import Config
from imprint.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imprint.families import Family


@dataclass(frozen=True)
class MethodState:
    """What a method learnt: named tensors, and the text needed to put them on a base again."""

    kind: str
    """Registered id of the method."""
    tensors: Mapping[str, Tensor]
    """On the CPU, by "unet.NAME" and "text_encoder.NAME"."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """`config` (JSON of the method's configuration), `family`, `base_hash`."""


class Handle(Protocol):
    """A method on a base: from `inject` or `apply` until `eject`."""

    def parameters(self) -> list[nn.Parameter]:
        """Exactly what is trained, in a fixed order; empty when applied for generation."""
        ...

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """The same by name; these are the live tensors, and the names are those of `state()`."""
        ...

    def at_step(self, step: int) -> None:
        """Say which step comes next, before its forward pass: the method's random numbers are counted from it."""
        ...

    def state(self) -> MethodState:
        """A copy of what was learnt so far, on the CPU."""
        ...

    def load_state(self, state: MethodState) -> None:
        """Go on from a state of the same configuration.

        Raises: ModelError: if it is of another method, or its tensors have other names or shapes.
        """
        ...

    def eject(self) -> None:
        """Take the method off: the base computes what it did before, bit for bit. A second call does nothing."""
        ...


class Method(Protocol):
    """A configured method, not yet on a base."""

    @property
    def kind(self) -> str:
        """Registered id."""
        ...

    @property
    def config(self) -> Config:
        """Its configuration."""
        ...

    def inject(self, family: Family, seed: int) -> Handle:
        """Put the method on a frozen base, ready to train; its output is the base's until the first step.

        Args:
            family: changed in place until `eject`.
            seed: decides initial values and dropout.
        """
        ...

    def trained_numbers(self, family: Family) -> int:
        """How many numbers it would train on a base, which stays as it is."""
        ...

    def apply(self, family: Family, state: MethodState, strength: float) -> Handle:
        """Put something learnt on a base, to generate with.

        Args:
            family: changed in place until `eject`.
            state: of this configuration.
            strength: 0 is the base, 1 what was trained; beyond exaggerates.
        """
        ...


def state_metadata(method: Method, family: Family) -> dict[str, str]:
    """The text that goes with every state."""
    return {"config": method.config.model_dump_json(), "family": family.name, "base_hash": family.base_hash}


def copy_tensors(live: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Copies on the CPU that training does not change."""
    return {name: value.detach().to("cpu", copy=True) for name, value in live.items()}


def put_tensors(kind: str, live: Mapping[str, nn.Parameter], state: MethodState) -> None:
    """Write a state's tensors into the live ones.

    Raises: ModelError: if kind, names or shapes differ; nothing is written then.
    """
    if state.kind != kind:
        raise ModelError("these weights are of another method", got=state.kind, allowed=kind)
    if different := sorted(live.keys() ^ state.tensors.keys()):
        raise ModelError(
            f"these weights do not fit: {len(different)} tensor(s) on one side only",
            got=different[0],
            hint="use the base and the method settings that they were trained with",
        )
    for name, value in live.items():
        if value.shape != (given := state.tensors[name]).shape:
            raise ModelError(
                f"these weights do not fit: {name}",
                got=tuple(given.shape),
                allowed=str(tuple(value.shape)),
                hint="use the base that they were trained on",
            )
    for name, value in live.items():
        value.data.copy_(state.tensors[name])
