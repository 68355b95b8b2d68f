"""Recipes as files: TOML and `path=value` settings in, TOML out.

Reads: TOML. Writes: text. Does not: know what a recipe is for.

Rules: a setting wins over the file. A table may leave out `kind` where the default has one. Choosing another kind
starts its table afresh, and a kind alone (`format=webp`) is a table of that kind. The word `none` switches an optional
field off (TOML has no null).
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pydantic import ValidationError

from imprint.config.base import Config
from imprint.config.places import (
    KIND,
    Place,
    default_below,
    descend,
    is_mapping,
    item_type,
    kind_of,
    kinds,
    members,
    optional,
    tables,
)
from imprint.config.problems import Problem, config_error, problems_of
from imprint.errors import ConfigError

C = TypeVar("C", bound=Config)
Table = dict[str, Any]
NONE = "none"


def load_config(
    model: type[C], file: Path | None = None, sets: Sequence[str] = (), values: Mapping[str, object] | None = None,
    *, beneath: Mapping[str, object] | None = None, explain: str = "imprint explain",
) -> C:
    """Build a recipe from a file, settings and values, the later winning over the earlier.

    Args:
        model: of the recipe.
        file: TOML, or None to begin with the defaults.
        sets: `path=value` each; the value as TOML writes it, anything else is text.
        values: of top fields, from a verb's arguments; None stands for "not given".
        beneath: a table that all of them are laid over, instead of the defaults; no file then.
        explain: the command that describes this recipe's fields, for the hint.
    Raises: ConfigError: naming every problem at once.
    """
    table = read_toml(file) if file else copy.deepcopy(dict(beneath or {}))
    where = file or "configuration"
    broken = [problem for text in _kinds_first(sets) if (problem := _set(model, table, text))]
    if broken:
        raise config_error(broken, "--set", explain)
    table.update({name: value for name, value in (values or {}).items() if value is not None})
    try:
        return model.model_validate(_completed(model, table, ...))
    except ValidationError as error:
        raise config_error(problems_of(error, model), where, explain) from error


def changed(
    config: C, values: Mapping[str, object], *, where: object = "configuration", explain: str = "imprint explain",
) -> C:
    """A recipe with some of its fields changed, checked as a whole.

    Args:
        config: stays as it is.
        values: by path as `--set` takes it; None switches an optional field off.
        where: what the values come from, for messages.
        explain: the command that describes this recipe's fields, for the hint.
    Raises: ConfigError: naming every problem at once.
    """
    model = type(config)
    table = _plain(config)
    broken = [problem for path, value in values.items() if (problem := _put(model, table, path, lambda _, v=value: v))]
    if broken:
        raise config_error(broken, where, explain)
    try:
        return model.model_validate(_completed(model, table, ...))
    except ValidationError as error:
        raise config_error(problems_of(error, model), where, explain) from error


def read_toml(file: Path) -> Table:
    """Read a TOML file.

    Raises: ConfigError: if it cannot be read or is no TOML; with the line.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is no TOML: {error}", where=file) from error
    except UnicodeDecodeError as error:
        raise ConfigError("this is no text in UTF-8", where=file) from error
    except OSError as error:
        raise ConfigError("the file cannot be read", where=file, got=error.strerror) from error


def dump_toml(config: Config, header: str = "") -> str:
    """A recipe as TOML, such that `load_config` gives an equal one.

    Args:
        config: the recipe.
        header: comment lines to begin with, without `#`.
    """
    import tomlkit

    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    return comment + tomlkit.dumps(_plain(config))  # pyright: ignore[reportUnknownMemberType] - loosely typed there


def _kinds_first(sets: Sequence[str]) -> list[str]:
    """Settings with those of a `kind` in front: they decide which fields the others may name."""
    return sorted(sets, key=lambda text: text.partition("=")[0].rpartition(".")[2] != KIND)


def _set(model: type[Config], table: Table, text: str) -> Problem | None:
    """Put one `path=value` into the table. Returns: what is wrong with it as a setting, if anything."""
    path, equals, raw = text.partition("=")
    if not equals or not all(path.strip().split(".")):
        return Problem("", "a setting is written path=value, as in method.lora.rank=8", repr(text))
    return _put(model, table, path, lambda places: _value(raw, [place.annotation for place in places]))


def _put(model: type[Config], table: Table, path: str, read: Callable[[list[Place]], Any]) -> Problem | None:
    """Put a value into the table, where `read` makes it for the places that the path may mean."""
    *parents, name = path.strip().split(".")
    place, at = Place((), model), cast("Table | list[Any]", table)
    for depth, segment in enumerate(parents):
        further = descend(place, segment)
        if segment in kinds(place.annotation) and isinstance(at, dict):
            _choose(at, segment)
        else:
            deeper = _child(at, segment, further)
            if deeper is None:
                return Problem(".".join(parents[: depth + 1]), "there is no such item in the list")
            at = deeper
        place = further[0] if further else Place((), object)
    if isinstance(at, list):
        return Problem(path, "an item of a list is set as a whole, by the list's own name")
    there = descend(place, name)
    value = read(there)
    if name == KIND:
        _choose(at, str(value).strip())
    elif isinstance(value, str) and any(_names_kind(value, one.annotation) for one in there):
        below = _child(at, name, ())
        assert isinstance(below, dict)  # a choice between tables is no list
        _choose(below, value)
    else:
        at[name] = value
    return None


def _names_kind(value: str, annotation: Any) -> bool:
    """Whether a text stands for a table of that kind."""
    return len(kinds(annotation)) > 1 and not (value == NONE and optional(annotation))


def _choose(table: Table, kind: str) -> None:
    """Name a table's kind. Fields of another kind go."""
    if table.get(KIND, kind) != kind:
        table.clear()
    table[KIND] = kind


def _child(at: Table | list[Any], segment: str, places: Sequence[Place]) -> Table | list[Any] | None:
    """The table or list below, made where there is none yet; None when a list has no such item."""
    if isinstance(at, list):
        known = segment.isdigit() and int(segment) < len(at) and isinstance(at[int(segment)], dict)
        return at[int(segment)] if known else None
    if not isinstance(at.get(segment), dict | list):
        at[segment] = _default_list(places[0]) if places and _is_list(places[0].annotation) else {}
    return at[segment]


def _is_list(annotation: Any) -> bool:
    return item_type(annotation) is not None and not is_mapping(annotation)


def _default_list(place: Place) -> list[Any]:
    """The items that stand in a list by default, as tables."""
    standing: Any = place.default
    items = cast("Sequence[Any]", standing) if isinstance(standing, list | tuple) else ()
    return [_plain(item) if isinstance(item, Config) else item for item in items]


def _value(raw: str, annotations: Sequence[Any]) -> Any:
    """A setting's value: as TOML reads it, or as it stands where the field takes text."""
    try:
        parsed = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError:
        return raw
    value = parsed["value"]
    if len(parsed) > 1 or isinstance(value, str):
        return raw if len(parsed) > 1 else value
    types = {member for annotation in annotations for member in members(annotation)}
    words = {word for member in types for word in get_args(member) if isinstance(word, str)}
    return raw if (types & {str, Path} and type(value) not in types) or raw in words else value


def _completed(annotation: Any, value: Any, default: Any) -> Any:
    """A raw value with what the rules at the top of this file add: the default's kind and fields, `none`."""
    if value == NONE and optional(annotation):
        return None
    if isinstance(value, str) and _names_kind(value, annotation):
        value = {KIND: value}
    if isinstance(value, list):
        inner = item_type(annotation)
        return [_completed(inner, item, ...) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    table = dict(cast(Table, value))
    if isinstance(default, Config):
        kind = kind_of(type(default))
        if kind is not None and len(kinds(annotation)) > 1:
            table.setdefault(KIND, kind)
        if table.get(KIND, kind) == kind:
            table = {name: getattr(default, name) for name in default.model_fields_set} | table
    model = _model(annotation, table)
    if model is None:
        return table
    for name, field in model.model_fields.items():
        if name in table:
            table[name] = _completed(field.annotation, table[name], default_below(model, name, default))
    return table


def _model(annotation: Any, table: Table) -> type[Config] | None:
    """The model that a table is meant for, or None when it does not say."""
    models = tables(annotation)
    kind = table.get(KIND)
    chosen = kinds(annotation).get(kind) if isinstance(kind, str) else None
    return chosen or (models[0] if len(models) == 1 else None)


def _plain(config: Config) -> Table:
    """A model as TOML's own types; tables last, as TOML wants them."""
    leaves: Table = {}
    below: Table = {}
    dumped: Table = json.loads(config.model_dump_json())
    for name in type(config).model_fields:
        value = getattr(config, name)
        if value is None:
            if default_below(type(config), name, ...) is not None:
                leaves[name] = NONE
        elif isinstance(value, Config):
            below[name] = _plain(value)
        elif isinstance(value, list | tuple) and any(isinstance(item, Config) for item in cast("list[Any]", value)):
            below[name] = [_plain(item) for item in cast("list[Config]", value)]
        else:
            leaves[name] = dumped[name]
    return leaves | below
