"""The base class of every configuration model. Reads and writes nothing; `files` does."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen, closed to unknown fields; the docstring under a field is its only help text."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, protected_namespaces=(),
    )
