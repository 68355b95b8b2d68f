"""What an axis may be called: any field of `GenerateRecipe`, or a name that users of other programs know.

Reads: the model of the recipe. Writes: paths of fields. Does not: know values.
"""

from __future__ import annotations

from typing import Any

from imprint.config.places import every_place, find, item_type, optional, plain_name, tables
from imprint.errors import ConfigError
from imprint.jobs.recipe import GenerateRecipe
from imprint.registry import nearest

REPLACE, ORDER, SIZE = "prompt_replace", "prompt_order", "size"
#: They decide where, how fast, how visibly and what is kept, not what is drawn.
NO_AXIS = ("out", "count", "batch", "device", "max_combinations", "best", "preview", "preview_every", "compile")

#: Names of the same in A1111 and Forge, in small letters with `_` between words.
ALIASES = {
    **GenerateRecipe.OTHER_NAMES, "prompt_s_r": REPLACE, "prompt_search_replace": REPLACE, "s_r": REPLACE,
    "prompt_sr": REPLACE, "dimensions": SIZE,
}  # fmt: skip


def field_named(name: str) -> str | None:
    """The path of the field of `GenerateRecipe` that is called so, or None."""
    for path in (name.strip(), plain_name(name)):
        if path and find(GenerateRecipe, path.split(".")):
            return path
    return None


def axis_field(name: str, where: str) -> str:
    """What an axis of that name changes: a path of `GenerateRecipe`, or `REPLACE`, `ORDER` or `SIZE`.

    Raises: ConfigError: if there is no such thing, with the nearest; or if it cannot be an axis.
    """
    asked = plain_name(name)
    known = ALIASES.get(asked, asked)
    if known in (REPLACE, ORDER, SIZE):
        return known
    path = field_named(name) or field_named(known)
    if path is None:
        candidates = [place.dotted for place in every_place(GenerateRecipe) if place.path]
        candidates = [one for one in candidates if one.partition(".")[0] not in NO_AXIS]
        candidates += [REPLACE, ORDER, SIZE, *ALIASES]
        near = nearest(asked, candidates)
        hint = f"did you mean `{ALIASES.get(near, near)}`?" if near else "`imprint explain --recipe generate` lists all"
        raise ConfigError("there is no such field to vary", where=where, got=name, hint=hint)
    if path.partition(".")[0] in NO_AXIS:
        raise ConfigError("this field does not change a picture", where=where, got=name)
    if tables(type_of(path)):
        raise ConfigError("this is a table; an axis is one of its fields", where=where, got=name)
    if item_type(type_of(path)) is not None:
        raise ConfigError("this field is a list; an axis is a single value", where=where, got=name)
    return path


def type_of(path: str) -> Any:
    """The type of a field."""
    return find(GenerateRecipe, path.split("."))[0].annotation


def typed(path: str, text: str) -> object:
    """One value of a field from text: None for the word `none` where the field may be off, else the text itself."""
    return None if text == "none" and optional(type_of(path)) else text


def spoken(path: str) -> str:
    """A field as a sheet calls it: `width_px` is "width"."""
    words = {REPLACE: "prompt", ORDER: "order in the prompt"}
    return words.get(path, path.removesuffix("_px").replace("_", " ").replace(".", " "))
