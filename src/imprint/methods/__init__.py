"""What can be trained: every method behind one protocol.

Reads: a Family. Writes: MethodState. Does not: run a training loop, or know file formats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from pydantic import Field, ValidationError

from imprint.config.base import Config
from imprint.errors import ModelError
from imprint.methods.finetune.config import Finetune
from imprint.methods.lora.config import Lora
from imprint.methods.method import Handle, Method, MethodState
from imprint.registry import Registry

if TYPE_CHECKING:
    from imprint.families import Family

__all__ = [
    "METHODS",
    "Finetune",
    "Handle",
    "Lora",
    "Method",
    "MethodConfig",
    "MethodEntry",
    "MethodState",
    "apply",
    "build_method",
    "method_of",
]

MethodConfig: TypeAlias = Annotated[Finetune | Lora, Field(discriminator="kind")]


@dataclass(frozen=True)
class MethodEntry:
    """A method, described as data; `build` imports what it needs when called."""

    config: type[Config]
    build: Callable[[Any], Method]
    trains: str
    exports: str
    families: tuple[str, ...]
    supports_ema: bool
    reference_url: str


def _finetune(config: Finetune) -> Method:
    from imprint.methods.finetune.method import FinetuneMethod

    return FinetuneMethod(config)


def _lora(config: Lora) -> Method:
    from imprint.methods.lora.method import LoraMethod

    return LoraMethod(config)


METHODS: Registry[MethodEntry] = Registry("method")
METHODS.add(
    "finetune",
    MethodEntry(
        Finetune, _finetune, trains="the base's own weights", exports="a complete model folder",
        families=("sd1",), supports_ema=True, reference_url="https://arxiv.org/abs/2208.12242",
    ),
)  # fmt: skip
METHODS.add(
    "lora",
    MethodEntry(
        Lora, _lora, trains="small matrices beside frozen weights", exports="one small safetensors file",
        families=("sd1",), supports_ema=True, reference_url="https://arxiv.org/abs/2106.09685",
    ),
)  # fmt: skip


def build_method(config: Finetune | Lora) -> Method:
    """The method that a configuration describes."""
    return METHODS.get(config.kind).build(config)


def method_of(state: MethodState) -> Method:
    """The method that made a state, configured as it was then.

    Raises: UnknownNameError: for an unknown kind; ModelError: if its stored configuration is damaged.
    """
    entry = METHODS.get(state.kind)
    try:
        config = entry.config.model_validate_json(state.metadata.get("config", "{}"))
    except ValidationError as error:
        raise ModelError("the stored settings of these weights cannot be read", got=str(error)) from error
    return entry.build(cast("Any", config))


def apply(family: Family, state: MethodState, strength: float = 1.0) -> Handle:
    """Put something learnt on a base, to generate with; call `eject` on what comes back when done.

    Args:
        family: changed in place until then.
        state: what was learnt.
        strength: 0 is the base exactly, 1 what was trained.
    Raises: ModelError: if the state is for another family, or does not fit the base.
    """
    made_for = state.metadata.get("family", family.name)
    if made_for != family.name:
        raise ModelError("these weights are for another model family", got=made_for, allowed=family.name)
    return method_of(state).apply(family, state, strength)
