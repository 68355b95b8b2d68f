"""The base class of every configuration model. Reads and writes nothing; `files` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen, closed to unknown fields; the docstring under a field is its only help text."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, protected_namespaces=(),
    )

    #: Names that users of other programs know, in small letters with `_` between words, and the fields that are meant.
    OTHER_NAMES: ClassVar[Mapping[str, str]] = {}
