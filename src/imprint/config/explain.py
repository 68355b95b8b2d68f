"""Help for any field of a recipe, from its type, its bounds and the docstring under it.

Reads: model classes. Writes: text. Does not: repeat what a field's docstring says.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin

import annotated_types as at

from imprint.config.base import Config
from imprint.config.places import (
    Place,
    children,
    constraints,
    every_place,
    find,
    is_mapping,
    item_type,
    kind_of,
    kinds,
    members,
    optional,
    plain_name,
    tables,
)
from imprint.errors import ConfigError
from imprint.registry import nearest

WIDTH = 100
_WORDS = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "path"}


@dataclass(frozen=True)
class FieldHelp:
    """One place of a recipe, described.

    Attributes:
        path: as `--set` takes it.
        type: in words ("integer", "one of lora, finetune").
        bounds: "1 to 512", or "".
        default: in TOML's notation, "required", or "" for a table.
        help: the docstring under the field, or of the table.
    """

    path: str
    type: str
    bounds: str
    default: str
    help: str

    @property
    def facts(self) -> str:
        """Type, bounds and default in one line."""
        said = ", ".join(part for part in (self.type, self.bounds) if part)
        if self.default == "required":
            return f"{said}; required"
        return f"{said}; default {self.default}" if self.default else said


def describe(model: type[Config], path: str = "") -> list[FieldHelp]:
    """The place at a path, then what stands directly below it.

    Args:
        model: of the whole recipe.
        path: `method.lora.rank`; "" for the recipe itself. A kind left out means every kind.
    Raises: ConfigError: if there is no such place; with the nearest.
    """
    places = find(model, path.split(".") if path else [])
    if not places:
        names = [place.dotted for place in every_place(model) if place.path]
        near = model.OTHER_NAMES.get(plain_name(path)) or nearest(path, names)
        near = near or nearest(path.rpartition(".")[2], names)
        hint = f"did you mean `{near}`?" if near else "`imprint explain` lists every field"
        raise ConfigError("there is no such field", got=path, hint=hint)
    return [_help(shown) for place in places for shown in (place, *children(place))]


def explain(model: type[Config], path: str = "") -> str:
    """`describe` as text for a terminal, at most 100 columns wide."""
    first, *rest = described = describe(model, path)
    if not path:
        head = [*textwrap.wrap(first.help, WIDTH), ""] if first.help else []
        return "\n".join([*head, *_lines(rest, indent="")])
    if len(described) == 1:
        return "\n".join(_lines(described, indent=""))
    below = [item for item in rest if item.path.startswith(first.path + ".")]
    others = [item for item in rest if item not in below]
    return "\n".join([*_lines([first], ""), "", *_lines(below, "  "), *_lines(others, "")]).rstrip()


def _lines(items: Sequence[FieldHelp], indent: str) -> list[str]:
    lines: list[str] = []
    for item in items:
        lines.append(f"{indent}{item.path}  ({item.facts})")
        lines += textwrap.wrap(item.help, WIDTH, initial_indent=indent + "    ", subsequent_indent=indent + "    ")
    return lines


def _help(place: Place) -> FieldHelp:
    field = place.field
    text = (field.description if field else None) or _docstring(place.annotation)
    bounds = _bounds((*(field.metadata if field else ()), *constraints(place.annotation)))
    return FieldHelp(place.dotted, _type(place.annotation), bounds, _default(place), " ".join(text.split()))


def _docstring(annotation: Any) -> str:
    """The docstring of the one table that may stand here, "" for a choice of several."""
    models = tables(annotation)
    return inspect.cleandoc(models[0].__doc__ or "") if len(models) == 1 else ""


def _type(annotation: Any) -> str:
    choices = kinds(annotation)
    if len(choices) > 1:
        return f"one of {', '.join(choices)}" + (" or none" if optional(annotation) else "")
    words = [_word(member) for member in members(annotation) if member is not type(None)]
    return " or ".join([*dict.fromkeys(words), *(["none"] if optional(annotation) else [])])


def _word(member: Any) -> str:
    items = item_type(member)
    if items is not None:
        return f"{'table of named' if is_mapping(member) else 'list of'} {_type(items)}"
    if get_origin(member) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(member))
    for model in tables(member):
        kind = kind_of(model)
        return f'table, kind = "{kind}"' if kind else "table"
    return _WORDS.get(member) or str(getattr(member, "__name__", member))


def _bounds(metadata: Sequence[Any]) -> str:
    """Bounds in words. Inclusive ones on both sides become a range."""
    low = next((rule.ge for rule in metadata if isinstance(rule, at.Ge)), None)
    high = next((rule.le for rule in metadata if isinstance(rule, at.Le)), None)
    words = [f"{low} to {high}"] if low is not None and high is not None else []
    if not words:
        words = [f">= {low}"] if low is not None else [f"<= {high}"] if high is not None else []
    words += [f"> {rule.gt}" for rule in metadata if isinstance(rule, at.Gt)]
    words += [f"< {rule.lt}" for rule in metadata if isinstance(rule, at.Lt)]
    words += [f"a multiple of {rule.multiple_of}" for rule in metadata if isinstance(rule, at.MultipleOf)]
    words += [f"at least {rule.min_length} long" for rule in metadata if isinstance(rule, at.MinLen)]
    return ", ".join(words)


def _default(place: Place) -> str:
    if place.field is None:
        return ""
    value = place.default
    if value is ...:
        return "required"
    if isinstance(value, Config):
        kind = kind_of(type(value))
        return kind if kind and len(kinds(place.annotation)) > 1 else ""
    return _toml(value)


def _toml(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in cast("list[object]", value)) + "]"
    return str(value)
