"""The axes of a grid as steps: what each value is called, which fields it sets, how it rewrites the prompt.

Reads: a grid's recipe, a file of prompts. Writes: steps. Does not: make cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from imprint.errors import ConfigError
from imprint.jobs.grid.fields import NO_AXIS, ORDER, REPLACE, SIZE, axis_field, spoken, type_of
from imprint.jobs.grid.lines import Line, read_lines
from imprint.jobs.grid.prompts import JOINTS, Add, Reorder, Replace, Rewrite, combinations, matrix_parts, orders
from imprint.jobs.grid.recipe import Axis, GridRecipe
from imprint.jobs.grid.values import split_values, values_of
from imprint.jobs.recipe import CHOOSE_SEED

Seeds = Callable[[], int]
"""The next seed that was chosen for this grid, or is chosen now."""

FOLDERS = ("base", "run")
NO_FIELDS: Mapping[str, object] = {}


@dataclass(frozen=True)
class Step:
    """One place along an axis.

    Attributes:
        label: on the sheet.
        value: for the manifest, a JSON value.
        fields: of `GenerateRecipe` by path, and what they become.
        rewrite: what happens to the prompts.
        source: where it was read, for messages.
    """

    label: str = ""
    value: object = None
    fields: Mapping[str, object] = field(default_factory=lambda: NO_FIELDS)
    rewrite: Rewrite | None = None
    source: str = ""


@dataclass(frozen=True)
class Steps:
    """An axis: its name on the sheet and its places, one at least. An axis that nobody asked for has no name."""

    name: str = ""
    steps: tuple[Step, ...] = (Step(),)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class Axes:
    """The three axes, and the fields that the picture itself gets: a prompt matrix takes its options out of it."""

    x: Steps
    y: Steps
    z: Steps
    base: Mapping[str, object]


def axes_of(recipe: GridRecipe, seeds: Seeds) -> Axes:
    """The axes that a recipe means.

    Args:
        recipe: of the grid.
        seeds: chooses one for each -1.
    Raises: ConfigError, InputError: if a name, a value or a line is wrong.
    """
    x, y, z = (_axis(axis, name, seeds) for name, axis in (("x", recipe.x), ("y", recipe.y), ("z", recipe.z)))
    base: Mapping[str, object] = NO_FIELDS
    if recipe.matrix is not None:
        x, y, base = _matrix(recipe)
    if recipe.prompts is not None:
        lines = read_lines(recipe.prompts, NO_AXIS)
        y = Steps("prompt", tuple(_line_step(line, seeds) for line in lines))
    if recipe.generate.seed == CHOOSE_SEED:
        base = {**base, "seed": seeds()}
    return Axes(x, y, z, base)


def _axis(axis: Axis | None, name: str, seeds: Seeds) -> Steps:
    if axis is None:
        return Steps()
    where = f"{name}.values"
    path = axis_field(axis.field, f"{name}.field")
    if path == REPLACE:
        return Steps(spoken(path), _replacements(_texts(axis, where), where))
    if path == ORDER:
        parts = _texts(axis, where)
        steps = (Step(", ".join(order), list(order), rewrite=Reorder(order)) for order in orders(parts, where))
        return Steps(spoken(path), tuple(steps))
    if path == SIZE:
        return Steps(spoken(path), tuple(_size(value, where) for value in values_of(axis.values, str, where)))
    values = [_chosen(path, value, seeds) for value in values_of(axis.values, type_of(path), where)]
    named = zip(_labels(path, values), values, strict=True)
    return Steps(spoken(path), tuple(Step(label, value, {path: value}) for label, value in named))


def _texts(axis: Axis, where: str) -> list[str]:
    given = axis.values
    texts = split_values(given, where) if isinstance(given, str) else [str(value) for value in given]
    if not texts:
        raise ConfigError("an axis needs values", where=where, got=given)
    return texts


def _replacements(texts: list[str], where: str) -> tuple[Step, ...]:
    if not texts[0]:
        raise ConfigError("the first value is what is searched for; it cannot be empty", where=where, got=texts)
    return tuple(Step(text or "nothing", text, rewrite=Replace(texts[0], text)) for text in texts)


def _size(value: Any, where: str) -> Step:
    found = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*", str(value), re.ASCII)
    if found is None:
        raise ConfigError("a size is written width x height", where=where, got=value, allowed="512x768")
    width, height = int(found[1]), int(found[2])
    return Step(f"{width} x {height}", [width, height], {"width_px": width, "height_px": height})


def _matrix(recipe: GridRecipe) -> tuple[Steps, Steps, Mapping[str, object]]:
    """The options of a prompt matrix, the first half of them on x, the others on y."""
    assert recipe.matrix is not None
    matrix, path = recipe.matrix, "prompt" if recipe.matrix.side == "positive" else "negative_prompt"
    base, options = matrix_parts(getattr(recipe.generate, path), f"generate.{path}")
    half = (len(options) + 1) // 2

    def steps(some: tuple[str, ...], rank: int) -> Steps:
        if not some:
            return Steps()
        adds = [Add(chosen, JOINTS[matrix.joint], matrix.side, matrix.place, rank) for chosen in combinations(some)]
        named = ((" + ".join(add.options) or "none", add) for add in adds)
        return Steps("options", tuple(Step(label, list(add.options), rewrite=add) for label, add in named))

    last = matrix.place == "end"  # what is joined first stands nearest to the base
    return steps(options[:half], 0 if last else 1), steps(options[half:], 1 if last else 0), {path: base}


def _line_step(line: Line, seeds: Seeds) -> Step:
    fixed = {path: _chosen(path, value, seeds) for path, value in line.fields.items()}
    others = [f"{spoken(path)} {label_of(value)}" for path, value in fixed.items() if path != "prompt"]
    prompt = [str(fixed["prompt"])] if "prompt" in fixed else []
    return Step("\n".join([*prompt, ", ".join(others)]).strip(), line.text, fixed, source=f"line {line.number}")


def _chosen(path: str, value: Any, seeds: Seeds) -> Any:
    """A value, or for a seed of -1 the one that is chosen."""
    return seeds() if path.endswith("seed") and str(value).strip() == "-1" else value


def label_of(value: object) -> str:
    """A value as a sheet shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value) or "nothing"


def _labels(path: str, values: list[Any]) -> list[str]:
    """What the values are called; folders by their last part, where that tells them apart."""
    labels = [label_of(value) for value in values]
    names = [PurePath(label).name or label for label in labels]
    return names if path in FOLDERS and len(set(names)) == len(set(labels)) else labels
