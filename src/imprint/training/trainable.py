"""What the loop can train, as two protocols: something with a loss, and a source of batches.

Reads: nothing. Writes: nothing. Does not: know methods, families or files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

B_contra = TypeVar("B_contra", contravariant=True)
B_co = TypeVar("B_co", covariant=True)


@dataclass(frozen=True)
class Loss:
    """A loss and what it is made of.

    Attributes:
        total: the scalar that is differentiated.
        parts: scalars for the log, by name; detached.
    """

    total: Tensor
    parts: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share one learning rate.

    Attributes:
        name: for logs and optimiser state ("unet", "text_encoder").
        parameters: by a name that is stable across processes.
        learning_rate: peak rate, before the schedule, > 0.
    """

    name: str
    parameters: Mapping[str, nn.Parameter]
    learning_rate: float


class Trainable(Protocol[B_contra]):
    """Something with parameters and a loss."""

    def groups(self) -> Sequence[ParameterGroup]:
        """Everything that is trained, and nothing else."""
        ...

    def loss(self, batch: B_contra, step: int) -> Loss:
        """The loss of one batch. All randomness comes from the batch or is counted from `step`."""
        ...


class BatchSource(Protocol[B_co]):
    """Batches as a pure function of the step: the whole loader state of a run is one integer."""

    def batch(self, step: int) -> B_co:
        """The batch of a step (from 0); the same whenever and wherever it is asked."""
        ...


AnyTrainable = Trainable[Any]
AnySource = BatchSource[Any]


def named_parameters(groups: Sequence[ParameterGroup]) -> dict[str, nn.Parameter]:
    """All parameters by `group/name`, in a stable order."""
    return {f"{group.name}/{name}": p for group in groups for name, p in sorted(group.parameters.items())}
