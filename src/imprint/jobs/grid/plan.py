"""The cells of a grid: what each draws, and in which order they are drawn.

Reads: a grid's recipe. Writes: cells. Does not: draw.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imprint.artifacts.files import sha256_json
from imprint.config import changed
from imprint.errors import ConfigError, PromptError
from imprint.jobs.grid.axes import Axes, Seeds, Step, axes_of
from imprint.jobs.grid.prompts import Add, Prompts, Replace
from imprint.jobs.grid.recipe import GridRecipe
from imprint.jobs.recipe import GenerateRecipe

#: What takes time to change, the costliest first: a base is opened, a run's result is read and put on it. Grids change
#: these as seldom as they can, whichever axis they lie on.
COSTLY = ("device", "base", "precision", "run", "strength")
MOST_SHOWN = 12  # problems in one message
EXPLAIN = "imprint explain --recipe generate"


@dataclass(frozen=True)
class Cell:
    """One picture of a grid: where it lies on the sheet, and what draws it."""

    x: int
    y: int
    z: int
    recipe: GenerateRecipe

    @property
    def place(self) -> tuple[int, int, int]:
        """Column, row and sheet, from 0."""
        return self.x, self.y, self.z


@dataclass(frozen=True)
class Plan:
    """A grid's axes, and its cells in the order of the sheet: row by row, sheet by sheet."""

    axes: Axes
    cells: tuple[Cell, ...]

    def values(self, cell: Cell) -> dict[str, object]:
        """The value of every axis for a cell, by the axis' letter."""
        axes = {"x": (self.axes.x, cell.x), "y": (self.axes.y, cell.y), "z": (self.axes.z, cell.z)}
        return {letter: axis.steps[at].value for letter, (axis, at) in axes.items() if axis.name}


def plan_grid(recipe: GridRecipe, seeds: Seeds) -> Plan:
    """Every cell of a grid, checked.

    Args:
        recipe: of the grid.
        seeds: chooses one for each -1.
    Raises:
        ConfigError: if an axis, a value or a combination of values is wrong, or the grid too large.
        InputError: if a line of the file of prompts is.
    """
    axes = axes_of(recipe, seeds)
    count = len(axes.x) * len(axes.y) * len(axes.z)
    if count > recipe.max_cells:
        got = f"{len(axes.x)} x {len(axes.y)} x {len(axes.z)} = {count}"
        allowed, hint = f"{recipe.max_cells} at most", "take fewer values, or set max_cells"
        raise ConfigError("the grid has too many cells", where="grid", got=got, allowed=allowed, hint=hint)
    _check_apart(axes)
    base = changed(recipe.generate, axes.base, where="generate", explain=EXPLAIN)
    _check_replacements(axes, base)
    cells, problems = list[Cell](), dict[str, None]()
    for z, y, x in itertools.product(*(range(len(axis)) for axis in (axes.z, axes.y, axes.x))):
        try:
            cells.append(Cell(x, y, z, _composed(base, (axes.x.steps[x], axes.y.steps[y], axes.z.steps[z]))))
        except ConfigError as error:
            problems |= dict.fromkeys(error.what.splitlines()[1:])
    if problems:
        lines = [f"{len(problems)} problem(s)", *list(problems)[:MOST_SHOWN]]
        raise ConfigError("\n".join(lines), where="the cells of the grid", hint=f"`{EXPLAIN}` lists every field")
    if recipe.vary_seeds:
        cells = [_reseeded(cell, number) for number, cell in enumerate(cells)]
    return Plan(axes, tuple(cells))


def drawing_order(cells: Iterable[Cell]) -> list[Cell]:
    """Cells so that what is costly changes seldom, and those that can share a batch are neighbours.

    Each base is met once in each precision; below it each run, then each strength. Otherwise the order of the sheet.
    """
    waiting = list(cells)
    ranks: list[dict[object, int]] = [{} for _ in range(len(COSTLY) + 1)]

    def rank(cell: Cell) -> tuple[int, ...]:
        return tuple(seen.setdefault(key, len(seen)) for seen, key in zip(ranks, _costs(cell.recipe), strict=True))

    return sorted(waiting, key=rank)


def _costs(recipe: GenerateRecipe) -> list[object]:
    # Sharing a batch needs equal settings but for prompts and seed.
    rest = recipe.model_dump(mode="json", exclude={"prompt", "negative_prompt", "seed", "out", *COSTLY})
    return [*(getattr(recipe, name) for name in COSTLY), sha256_json(rest)]


def _composed(base: GenerateRecipe, steps: Sequence[Step]) -> GenerateRecipe:
    """The picture with what every step sets and rewrites.

    Raises: ConfigError: with a line for each problem, as the configuration writes it.
    """
    fields = {path: value for step in steps for path, value in step.fields.items()}
    try:
        recipe = changed(base, fields) if fields else base
        if recipe.dynamic == "all":
            raise ConfigError("1 problem(s)\n  dynamic = 'all': a cell is one picture; random draws one")
        prompts = Prompts(recipe.prompt, recipe.negative_prompt)
        for rewrite in sorted((step.rewrite for step in steps if step.rewrite), key=lambda rewrite: rewrite.rank):
            prompts = rewrite(prompts)
        if prompts == Prompts(recipe.prompt, recipe.negative_prompt):
            return recipe
        return changed(recipe, {"prompt": prompts.positive, "negative_prompt": prompts.negative})
    except PromptError as error:
        raise ConfigError(f"1 problem(s)\n  {error}") from error
    except ConfigError as error:
        source = "".join(f"{step.source}: " for step in steps if step.source)
        first, *rest = error.what.splitlines()
        raise ConfigError("\n".join([first, *(f"  {source}{line.strip()}" for line in rest)])) from error


def _check_apart(axes: Axes) -> None:
    """No two axes may set the same field: one of them would do nothing."""
    named = {"x": axes.x, "y": axes.y, "z": axes.z}
    setters = {letter: {path: step for step in axis.steps for path in step.fields} for letter, axis in named.items()}
    for (one, first), (other, second) in itertools.combinations(setters.items(), 2):
        for path in sorted(first.keys() & second.keys()):
            sources = "".join(f" ({step.source})" for step in (first[path], second[path]) if step.source)
            raise ConfigError(f"{one} and {other} both set this field{sources}", where=path)


def _check_replacements(axes: Axes, base: GenerateRecipe) -> None:
    """What is searched for must stand in a prompt somewhere, or a whole axis would do nothing."""
    for letter, axis in (("x", axes.x), ("y", axes.y), ("z", axes.z)):
        first = axis.steps[0].rewrite
        if isinstance(first, Replace) and not any(first.occurs(prompts) for prompts in _prompts(axes, base)):
            hint = "the first value is searched for in prompt and negative_prompt, letter by letter"
            raise ConfigError(
                "this does not occur in any prompt of the grid", where=f"{letter}.values", got=first.search, hint=hint
            )


def _prompts(axes: Axes, base: GenerateRecipe) -> Iterator[Prompts]:
    """Prompts as they may be before anything is replaced: that of the picture, and with each step by itself."""
    plain = Prompts(base.prompt, base.negative_prompt)
    yield plain
    for step in (step for axis in (axes.x, axes.y, axes.z) for step in axis.steps):
        said = Prompts(
            str(step.fields.get("prompt", plain.positive)), str(step.fields.get("negative_prompt", plain.negative))
        )
        yield step.rewrite(said) if isinstance(step.rewrite, Add) else said


def _reseeded(cell: Cell, number: int) -> Cell:
    seed = changed(cell.recipe, {"seed": cell.recipe.seed + number}, where="vary_seeds", explain=EXPLAIN)
    return Cell(cell.x, cell.y, cell.z, seed)
