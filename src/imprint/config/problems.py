"""What is wrong with a recipe, said so that it can be mended: path, value, rule, nearest name.

Reads: pydantic's errors. Writes: sentences. Does not: stop at the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from imprint.config.base import Config
from imprint.config.places import KIND, Place, children, descend, every_place, kinds, plain_name, tables
from imprint.errors import ConfigError, shortened
from imprint.registry import nearest


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a recipe.

    Attributes:
        path: where, as `imprint explain` and `--set` take it; "" for the recipe as a whole.
        message: what is wrong and what is allowed.
        got: the value in Python's notation, or "" where showing it would not help.
    """

    path: str
    message: str
    got: str = ""

    def __str__(self) -> str:
        head = " = ".join(part for part in (self.path, self.got) if part)
        return f"{head}: {self.message}" if head else self.message


def problems_of(error: ValidationError, model: type[Config]) -> list[Problem]:
    """Every problem that pydantic found, in its order; alternatives for one value are joined into one problem.

    Args:
        error: from validating `model`.
        model: of the whole recipe, for the paths and the nearest names.
    """
    found: dict[str, Problem] = {}
    for detail in error.errors(include_url=False):
        problem = _problem(detail, model)
        earlier = found.get(problem.path)
        if earlier is None:
            found[problem.path] = problem
        elif problem.message not in earlier.message:
            message = f"{earlier.message}, or {problem.message.removeprefix('input should be ')}"
            found[problem.path] = Problem(problem.path, message, earlier.got)
    return list(found.values())


def config_error(problems: Sequence[Problem], where: object, explain: str) -> ConfigError:
    """One error that lists every problem, with the command that explains the table of the first.

    Args:
        problems: at least one.
        where: the file, or what stands for it.
        explain: the command, without a path.
    """
    parent = problems[0].path.rpartition(".")[0]
    lines = [f"{len(problems)} problem(s)", *(f"  {problem}" for problem in problems)]
    return ConfigError("\n".join(lines), where=where, hint=f"`{f'{explain} {parent}'.strip()}` lists every field")


def _problem(detail: ErrorDetails, model: type[Config]) -> Problem:
    place = _place(detail, model)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(_join(place, str(detail["loc"][-1])), unknown_field(place, str(detail["loc"][-1]), model))
    if kind == "missing":
        return Problem(place.dotted, "required, and not given")
    if kind == "union_tag_not_found":
        return Problem(_join(place, KIND), f"required, and not given; one of {', '.join(kinds(place.annotation))}")
    if kind == "union_tag_invalid":
        tag, allowed = str(context.get("tag")), list(kinds(place.annotation))
        return Problem(_join(place, KIND), f"should be one of {', '.join(allowed)}{_near(tag, allowed)}", repr(tag))
    if kind in ("model_type", "model_attributes_type", "dict_type") and (fields := _fields_below(place)):
        return Problem(place.dotted, f"this is a table; set its fields, as in {fields[0]}", _shown(detail["input"]))
    if kind == "string_unicode":
        return Problem(place.dotted, "this is no valid UTF-8; write the text anew", _shown(detail["input"]))
    message = "; ".join(line.strip() for line in str(detail["msg"]).splitlines())
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:] if message[:2] != message[:2].upper() else message
    value: Any = detail["input"]
    if kind == "literal_error":
        message += _near(str(value), [str(allowed) for allowed in get_args(place.annotation)])
    return Problem(place.dotted, message, "" if isinstance(value, dict | Config) else _shown(value))


def unknown_field(place: Place, name: str, model: type[Config]) -> str:
    """Why a name is no field of a table, with the nearest that is: in the table itself, or anywhere in the recipe."""
    here = [field for table in tables(place.annotation) for field in table.model_fields]
    near = model.OTHER_NAMES.get(plain_name(name)) or nearest(name, here)
    if near is None:
        near = next((other.dotted for other in every_place(model) if other.path[-1:] == (name,)), None)
    if near is not None:
        return f"unknown field; did you mean `{near}`?"
    return f"unknown field; here can stand {', '.join(here)}" if here else "unknown field"


def _fields_below(place: Place) -> list[str]:
    """Fields of a table by their paths, `kind` left out."""
    return [below.dotted for below in children(place) if below.path[-1] != KIND]


def _place(detail: ErrorDetails, model: type[Config]) -> Place:
    """The deepest place that an error's location names; pydantic's own steps (`int`, `function-after`) are left out."""
    place = Place((), model)
    last = len(detail["loc"]) - (detail["type"] == "extra_forbidden")
    for segment in detail["loc"][:last]:
        further = descend(place, str(segment))
        if further:
            place = further[0]
    return place


def _join(place: Place, name: str) -> str:
    return f"{place.dotted}.{name}" if place.path else name


def _near(name: str, allowed: list[str]) -> str:
    near = nearest(name, allowed)
    return f"; did you mean `{near}`?" if near else ""


def _shown(value: object) -> str:
    return shortened(str(value) if isinstance(value, PurePath) else value)
