"""What stands on the sheets of a grid: which pictures side by side, under which labels and headings.

Reads: a plan, the sizes of pictures. Writes: pages. Does not: place or paint them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import PurePath

from imprint.jobs.bases import NANO
from imprint.jobs.grid.axes import Steps, label_of
from imprint.jobs.grid.fields import NO_AXIS, spoken
from imprint.jobs.grid.layout import Band, Page, Row, Shown
from imprint.jobs.grid.plan import Cell, Plan
from imprint.jobs.grid.recipe import GridRecipe

Place = tuple[int, int, int]
Size = tuple[int, int]
NOTED = ("base", "run", "sampler", "steps", "cfg_scale", "seed")  # told below the pictures where they share it


def pages_of(plan: Plan, recipe: GridRecipe, sizes: Mapping[Place, Size], side_px: float) -> list[Page]:
    """One page, or one for each value of z.

    Args:
        plan: of the grid.
        recipe: how the sheet looks.
        sizes: of the cells' pictures, in pixels or any other unit.
        side_px: of the longest side of the largest picture as it is drawn.
    """
    longest = max(max(size) for size in sizes.values())
    shown = [
        Shown(number, _scaled(sizes[cell.place], side_px / longest)) for number, cell in enumerate(plan.cells)
    ]
    flows = recipe.sheet.columns if _flows(plan, recipe) else 0
    piles = [_bands(plan, z, shown, flows) for z in range(len(plan.axes.z))]
    piles = [list(itertools.chain(*piles))] if recipe.sheet.z == "stacked" else piles
    x, y = (_joined(plan), "") if flows else (plan.axes.x.name, plan.axes.y.name)
    title, note = _title(plan, recipe), _note(plan, recipe)
    return [Page(tuple(bands), title, note, x, y) for bands in piles]


def _scaled(size: Size, factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _flows(plan: Plan, recipe: GridRecipe) -> bool:
    """Whether one long axis is broken into rows like a text."""
    x, y = len(plan.axes.x), len(plan.axes.y)
    return min(x, y) == 1 and max(x, y) > recipe.sheet.columns


def _joined(plan: Plan) -> str:
    return (plan.axes.x if len(plan.axes.x) > 1 else plan.axes.y).name


def _bands(plan: Plan, z: int, shown: list[Shown], columns: int) -> list[Band]:
    """The pictures of one value of z; in rows of so many columns where that is not 0."""
    x, y, deep = plan.axes.x, plan.axes.y, plan.axes.z
    heading = f"{deep.name}: {deep.steps[z].label}" if deep.name else ""
    here = shown[z * len(x) * len(y) : (z + 1) * len(x) * len(y)]
    if columns:
        labels = _labels(x if len(x) > 1 else y)
        starts = range(0, len(here), columns)
        return [
            Band(labels[at : at + columns], (Row("", tuple(here[at : at + columns])),), "" if at else heading)
            for at in starts
        ]
    rows = (Row(label, tuple(here[n * len(x) : (n + 1) * len(x)])) for n, label in enumerate(_labels(y)))
    return [Band(_labels(x), tuple(rows), heading)]


def _labels(axis: Steps) -> tuple[str, ...]:
    return tuple(step.label for step in axis.steps)


def _title(plan: Plan, recipe: GridRecipe) -> str:
    """What the recipe says, or the prompt that axes do not replace as a whole."""
    if recipe.sheet.title is not None:
        return recipe.sheet.title
    axes = (plan.axes.x, plan.axes.y, plan.axes.z)
    if any("prompt" in step.fields for axis in axes for step in axis.steps):
        return ""
    return str(plan.axes.base.get("prompt", recipe.generate.prompt))


def _note(plan: Plan, recipe: GridRecipe) -> str:
    """The settings that every cell shares: the usual ones, and those that the recipe sets."""
    silent = {"prompt", "base", "run", *NO_AXIS}
    names = dict.fromkeys((*NOTED, *type(recipe.generate).model_fields))
    asked = recipe.generate.model_fields_set
    told = [name for name in names if name in NOTED or (name in asked and name not in silent)]
    said = (_said(name, plan.cells) for name in told)
    return " · ".join(text for text in said if text)


def _said(name: str, cells: tuple[Cell, ...]) -> str:
    values = {label_of(value) for cell in cells if (value := getattr(cell.recipe, name)) not in (None, "")}
    if name == "base" and not values and not any(cell.recipe.run for cell in cells):
        return NANO
    if len(values) != 1 or any(getattr(cell.recipe, name) in (None, "") for cell in cells):
        return ""
    (value,) = values
    return PurePath(value).name if name in ("base", "run") else f"{spoken(name)} {value}"
