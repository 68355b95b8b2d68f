"""What goes to stdout: results for people, or as JSON for programs. Nothing else in the package prints.

Reads: results of jobs. Writes: stdout. Does not: show progress or errors.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from imprint.artifacts.picture import clean_text

if TYPE_CHECKING:
    from rich.console import RenderableType


def as_json(value: Any) -> Any:
    """A result as JSON values: models and dataclasses become objects, paths text, NaN null."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [as_json(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def print_json(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(as_json(value), indent=1, ensure_ascii=False))  # noqa: T201


def print_lines(*lines: object) -> None:
    """Plain lines; what came out of a file cannot steer the terminal."""
    for line in lines:
        print(clean_text(str(line)))  # noqa: T201


def print_table(*tables: RenderableType) -> None:
    """Tables and what stands between them, as wide as they need where stdout is no terminal."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    for table in tables:
        console.print(table)


def print_fields(fields: Mapping[str, Any]) -> None:
    """`name: value`, one a line, empty ones left out; a table's fields stand below its name."""
    print_lines(*_field_lines(fields, ""))


def _field_lines(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    shown = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
    width = max((len(name) for name, value in shown.items() if not isinstance(value, Mapping)), default=0)
    for name, value in shown.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}"
            yield from _field_lines(cast("Mapping[str, Any]", value), indent + "  ")
        else:
            yield f"{indent}{name:<{width}}  {_word(value)}"


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | Path) else json.dumps(as_json(value), ensure_ascii=False)
