"""A grid as a whole: plan, checks, cells, sheets.

Reads: a recipe, what an earlier call left in its folder. Writes: the folder. Does not: draw by itself.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imprint import __version__
from imprint.artifacts.files import sha256_file, sweep_partials, write_text
from imprint.artifacts.run_folder import RunFolder
from imprint.config import dump_toml
from imprint.errors import OutputError
from imprint.jobs.grid.axes import Steps
from imprint.jobs.grid.drawing import Draughtsman, Outcome
from imprint.jobs.grid.manifest import CELLS, Kept, Manifest
from imprint.jobs.grid.plan import Plan, plan_grid
from imprint.jobs.grid.recipe import GridRecipe
from imprint.jobs.grid.sheet import check_sheets, write_sheets
from imprint.jobs.templates import PromptWriter
from imprint.jobs.wishes import open_source, wishes
from imprint.training.stopping import stop_on_signals

log = logging.getLogger(__name__)

RECIPE = "grid.toml"


@dataclass(frozen=True)
class GridCell:
    """What became of one cell.

    Attributes:
        place: column, row and sheet, from 0.
        values: of the axes, by their letter.
        file: the picture, or None if it failed.
        error: why it failed, or "".
    """

    place: tuple[int, int, int]
    values: Mapping[str, object]
    file: Path | None = None
    error: str = ""


@dataclass(frozen=True)
class GridResult:
    """A finished grid.

    Attributes:
        folder: of everything below.
        sheets: one file, or one for each value of z.
        cells: in the order of the sheet.
        manifest: a JSON line for each cell.
    """

    folder: Path
    sheets: tuple[Path, ...]
    cells: tuple[GridCell, ...]
    manifest: Path

    @property
    def failed(self) -> tuple[GridCell, ...]:
        """The cells without a picture."""
        return tuple(cell for cell in self.cells if cell.file is None)


def grid(recipe: GridRecipe) -> GridResult:
    """Draw every cell of a grid that is not there yet, then its sheets.

    Args:
        recipe: what.
    Returns: files and failures; a cell that fails is blank on the sheet and does not end the grid.
    Raises:
        ConfigError: before anything is drawn, if axes, values or the size of grid or sheet are wrong.
        InputError: if the file of prompts is.
        PromptError: the same, if a prompt's styles, variants or wildcards cannot be written out.
        OutputError: if the folder cannot be written to, or another process is at work in it.
        Interrupted: after SIGINT or SIGTERM; the same call goes on.
    """
    folder = recipe.out
    if folder.exists() and not folder.is_dir():
        raise OutputError("a file stands where the folder of the grid should be", where=folder, hint="use --out")
    manifest = Manifest(folder)
    plan = plan_grid(recipe, manifest.next_seed)
    check_sheets(plan, recipe)
    writer, opened = PromptWriter(), functools.cache(open_source)
    wanted = {cell.place: wishes(cell.recipe, writer, opened=opened)[0] for cell in plan.cells}
    folder.mkdir(parents=True, exist_ok=True)
    with RunFolder(folder).hold(), stop_on_signals() as stop:
        sweep_partials(folder / CELLS)
        _begin(recipe, plan, manifest)
        outcomes = Draughtsman(plan, wanted, manifest, recipe.generate.batch or 1, stop).draw()
        sheets = write_sheets(plan, recipe, {place: _file(outcome) for place, outcome in outcomes.items()})
        for sheet in sheets:
            manifest.add("sheet", file=sheet.relative_to(folder).as_posix(), sha256=sha256_file(sheet))
    cells = tuple(_cell(plan.values(cell), cell.place, outcomes[cell.place]) for cell in plan.cells)
    return GridResult(folder, tuple(sheets), cells, manifest.path)


def _begin(recipe: GridRecipe, plan: Plan, manifest: Manifest) -> None:
    """Write what this call is asked for, before the first cell."""
    manifest.write_seeds()
    write_text(recipe.out / RECIPE, dump_toml(recipe, header=f"imprint grid, version {__version__}"))
    x, y, z = (_said(axis) for axis in (plan.axes.x, plan.axes.y, plan.axes.z))
    manifest.add("grid", imprint=__version__, cells=len(plan.cells), x=x, y=y, z=z)


def _said(axis: Steps) -> dict[str, object] | None:
    return {"name": axis.name, "labels": [step.label for step in axis.steps]} if axis.name else None


def _file(outcome: Outcome) -> Path | None:
    return outcome.file if isinstance(outcome, Kept) else None


def _cell(values: Mapping[str, object], place: tuple[int, int, int], outcome: Outcome) -> GridCell:
    if isinstance(outcome, Kept):
        return GridCell(place, values, outcome.file)
    return GridCell(place, values, error=outcome)
