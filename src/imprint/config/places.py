"""Where one is in a recipe: from a path such as `method.lora.rank` to the field of a model.

Reads: model classes. Writes: nothing. Does not: look at values.

A choice between models is told apart by their field `kind`. In a path the kind may be named (`method.lora.rank`) or
left out (`method.rank`); in a file it is the table's field `kind`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from imprint.config.base import Config

KIND = "kind"


@dataclass(frozen=True)
class Place:
    """One place in a recipe.

    Attributes:
        path: its segments, kinds included; empty for the whole recipe.
        annotation: the type that may stand there.
        field: the model's field, or None for a whole model or an item of a list.
        default: what stands there when nothing is said; `...` when there is nothing.
    """

    path: tuple[str, ...]
    annotation: Any
    field: FieldInfo | None = None
    default: Any = ...

    @property
    def dotted(self) -> str:
        """The path as a user writes it."""
        return ".".join(self.path)


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a type, without the wrapping of unions and annotations; None stands as `NoneType`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(member for part in get_args(annotation) for member in members(part))
    return (annotation,)


def constraints(annotation: Any) -> tuple[Any, ...]:
    """What stands beside the type in `Annotated`, in unions too (`Annotated[int, Ge(1)] | None`)."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extra = get_args(annotation)
        rules = (rule for part in extra for rule in (part.metadata if isinstance(part, FieldInfo) else (part,)))
        return (*constraints(inner), *rules)
    if origin in (Union, types.UnionType):
        return tuple(extra for part in get_args(annotation) for extra in constraints(part))
    return ()


def optional(annotation: Any) -> bool:
    """Whether None may stand here."""
    return type(None) in members(annotation)


def tables(annotation: Any) -> tuple[type[Config], ...]:
    """The models that may stand here."""
    return tuple(member for member in members(annotation) if isinstance(member, type) and issubclass(member, Config))


def kind_of(model: type[Config]) -> str | None:
    """The value of a model's field `kind`, or None when it has none."""
    field = model.model_fields.get(KIND)
    values = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    return str(values[0]) if values else None


def kinds(annotation: Any) -> Mapping[str, type[Config]]:
    """The models that may stand here by their `kind`."""
    return {kind: model for model in tables(annotation) if (kind := kind_of(model)) is not None}


def item_type(annotation: Any) -> Any | None:
    """The type of the items where a list or tuple may stand; of the values where a mapping may; else None."""
    for member in members(annotation):
        origin, inner = get_origin(member), get_args(member)
        if origin in (list, tuple, set, frozenset, Sequence) and inner:
            return inner[0]
        if origin in (dict, Mapping) and inner:
            return inner[1]
    return None


def is_mapping(annotation: Any) -> bool:
    """Whether a mapping of free names may stand here."""
    return any(get_origin(member) in (dict, Mapping) for member in members(annotation))


def descend(place: Place, segment: str) -> list[Place]:
    """The places one segment further: none, one, or one for each kind that has such a field."""
    choices = kinds(place.annotation)
    if segment in choices:
        return [Place((*place.path, segment), choices[segment], default=place.default)]
    found: list[Place] = []
    for model in tables(place.annotation):
        if segment in model.model_fields:
            kind = kind_of(model)
            named = len(choices) > 1 and segment != KIND and kind is not None
            path = (*place.path, kind, segment) if named and kind else (*place.path, segment)
            found.append(_field_place(path, model, place.default))
    if found:
        return found[:1] if segment == KIND else found
    items = item_type(place.annotation)
    if items is None or not (segment.isdigit() or is_mapping(place.annotation)):
        return []
    return [Place((*place.path, segment), items)]


def plain_name(name: str) -> str:
    """A name as it is compared with those of other programs: "CFG Scale" is `cfg_scale`, "Var. seed" `var_seed`."""
    return re.sub(r"[^a-z0-9.]+", "_", re.sub(r"\.(?=\W|$)", "", name.lower())).strip("_")


def find(model: type[Config], path: Sequence[str]) -> list[Place]:
    """Every place that a path may mean, in the order of the models; empty when there is none."""
    places = [Place((), model)]
    for segment in path:
        places = [further for place in places for further in descend(place, segment)]
    return places


def children(place: Place) -> Iterator[Place]:
    """What stands directly below: the kinds of a choice, or the fields of a table; for a list, below its first item."""
    items = item_type(place.annotation)
    if items is not None:
        yield from children(Place((*place.path, "0"), items))
        return
    choices = kinds(place.annotation)
    if len(choices) > 1:
        yield from (Place((*place.path, kind), model, default=place.default) for kind, model in choices.items())
        return
    for model in tables(place.annotation):
        yield from (_field_place((*place.path, name), model, place.default) for name in model.model_fields)


def every_place(model: type[Config]) -> Iterator[Place]:
    """Every place of a recipe, from the top down."""
    waiting = [Place((), model)]
    while waiting:
        place = waiting.pop(0)
        yield place
        waiting = [*children(place), *waiting]


def default_below(model: type[Config], name: str, default: Any) -> Any:
    """What a field has when nothing is said of it; `...` when it is required.

    Args:
        model: the field's.
        name: the field's.
        default: of the table around it: an instance of the model says more than the model does.
    """
    if isinstance(default, model):
        return getattr(default, name)
    field = model.model_fields[name]
    return ... if field.is_required() else field.get_default(call_default_factory=True, validated_data={})


def _field_place(path: tuple[str, ...], model: type[Config], default: Any) -> Place:
    field = model.model_fields[path[-1]]
    return Place(path, field.annotation, field, default_below(model, path[-1], default))
