"""The benchmark's cells as means with their spread, as a table, and as a page.

Reads: cells. Writes: Markdown, JSON values. Does not: measure.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imprint.artifacts.files import write_text
from imprint.errors import InputError
from imprint.evaluation.identity import NO_IDENTITY
from imprint.jobs.benchmark.cells import Cell
from imprint.jobs.benchmark.protocol import VERSION
from imprint.jobs.benchmark.recipe import BenchmarkRecipe

#: Figure, heading with the better direction, digits.
COLUMNS = (
    ("subject_accuracy", "subject attributes ↑", 2), ("mark", "mark ↑", 2), ("identity", "identity ↑", 2),
    ("prompt_attributes", "prompt in new contexts ↑", 2), ("mark_in_contexts", "mark there ↑", 2),
    ("class_drift", "class drift ↓", 3), ("memorisation", "memorisation ↓", 2), ("diversity", "diversity", 2),
    ("seconds", "training, s", 0),
)  # fmt: skip
BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
NOT_MEASURED = "Not measured yet."


@dataclass(frozen=True)
class Summary:
    """One figure of one method.

    Attributes:
        mean: over all cells.
        over_subjects: sample standard deviation of the subjects' means over seeds; None for one subject.
        over_seeds: mean over subjects of the sample standard deviation over seeds; None for one seed.
        cells: how many were measured.
    """

    mean: float
    over_subjects: float | None
    over_seeds: float | None
    cells: int


def summarise(cells: Sequence[Cell], figure: str) -> Summary | None:
    """One figure over the cells of one method; None where no cell measured it."""
    by_subject: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        value = getattr(cell.figures, figure)
        if value is not None:
            by_subject[cell.subject].append(float(value))
    if not by_subject:
        return None
    means = [statistics.fmean(values) for values in by_subject.values()]
    around = [statistics.stdev(values) for values in by_subject.values() if len(values) > 1]
    return Summary(
        mean=statistics.fmean(means), over_subjects=statistics.stdev(means) if len(means) > 1 else None,
        over_seeds=statistics.fmean(around) if around else None, cells=sum(map(len, by_subject.values())),
    )  # fmt: skip


def by_method(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells of each method, in order of their first."""
    return _grouped(cells, "method")


def _grouped(cells: Sequence[Cell], key: str) -> dict[str, list[Cell]]:
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[getattr(cell, key)].append(cell)
    return dict(groups)


def table(cells: Sequence[Cell]) -> list[str]:
    """Methods against figures in Markdown: mean ± over subjects (over seeds)."""
    return _table(cells, "method")


def subject_table(cells: Sequence[Cell]) -> list[str]:
    """The subjects of one method against figures: mean over seeds ± deviation."""
    return _table(cells, "subject", of_one=True)


def _table(cells: Sequence[Cell], key: str, of_one: bool = False) -> list[str]:
    head = f"| {key} | {' | '.join(heading for _, heading, _ in COLUMNS)} |"
    rows = [
        f"| {name} | {' | '.join(_cell(summarise(own, figure), digits, of_one) for figure, _, digits in COLUMNS)} |"
        for name, own in _grouped(cells, key).items()
    ]
    return [head, "|---" * (len(COLUMNS) + 1) + "|", *rows]


def _cell(summary: Summary | None, digits: int, of_one: bool) -> str:
    if summary is None:
        return "–"
    text = f"{summary.mean:.{digits}f}"
    around = summary.over_seeds if of_one else summary.over_subjects
    if around is not None:
        text += f" ± {around:.{digits}f}"
    if not of_one and summary.over_seeds is not None:
        text += f" ({summary.over_seeds:.{digits}f})"
    return text


def result_json(recipe: BenchmarkRecipe, cells: Sequence[Cell], setting: Mapping[str, Any]) -> dict[str, Any]:
    """Everything as JSON values: setting, summaries, cells."""
    figures = [name for name in asdict(cells[0].figures) if name != "readable"] if cells else []
    summaries = {
        method: {figure: asdict(found) if (found := summarise(own, figure)) else None for figure in figures}
        for method, own in by_method(cells).items()
    }
    listed = [
        {"method": c.method, "subject": c.subject, "seed": c.seed, "figures": asdict(c.figures)} for c in cells
    ]  # fmt: skip
    return {
        "protocol": VERSION, "recipe": recipe.model_dump(mode="json"), "setting": dict(setting),
        "summary": summaries, "cells": listed,
    }  # fmt: skip


def block(recipe: BenchmarkRecipe, cells: Sequence[Cell], setting: Mapping[str, Any]) -> str:
    """The tables with what they were measured on: what stands between the marks of a page."""
    if not cells:
        return NOT_MEASURED
    known = any(cell.figures.identity is not None for cell in cells)
    about = ", ".join(f"{name} {value}" for name, value in setting.items())
    lines = [
        f"Protocol {VERSION}; {len(recipe.subjects)} subjects, seeds {', '.join(map(str, recipe.seeds))}; {about}. "
        "Mean ± deviation over subjects (mean deviation over seeds).",
        "", *table(cells), *([] if known else ["", f"Identity: {NO_IDENTITY}."]),
    ]  # fmt: skip
    for method, own in by_method(cells).items():
        lines += ["", f"**{method}**, mean over seeds ± deviation:", "", *subject_table(own)]
    return "\n".join(lines)


def page(recipe: BenchmarkRecipe, cells: Sequence[Cell], setting: Mapping[str, Any]) -> str:
    """The whole page: the tables, what the judge reads, and contact sheets of the first seed."""
    parts = ["# Benchmark of personalisation", block(recipe, cells, setting)]
    parts += ["## What the judge reads", _readable(cells)]
    for method, own in by_method(cells).items():
        if sheets := [cell for cell in own if cell.run is not None and cell.seed == recipe.seeds[0]]:
            parts += [f"## Drawn by {method}", *(_sheet(recipe, cell) for cell in sheets)]
    return "\n\n".join(parts) + "\n"


def _readable(cells: Sequence[Cell]) -> str:
    """The attributes behind "subject attributes": few where a mark keeps the judge from reading the rest."""
    named = {cell.subject: cell.figures.readable for cell in cells}
    about = "The subjects' own attributes that the judge reads on real pictures of them; the others say nothing."
    return "\n".join([about, "", *(f"- {name}: {', '.join(read) or 'none'}" for name, read in named.items())])


def _sheet(recipe: BenchmarkRecipe, cell: Cell) -> str:
    name = f"{cell.method}/{cell.subject}/seed-{cell.seed}.png"
    return f"{cell.subject}: photos, drawn, in new contexts\n\n![{cell.subject}]({name})"


def rewrite(path: Path, text: str) -> None:
    """Put a block between the marks of a page, in place of what stands there.

    Raises: InputError: if the page has no marks.
    """
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise InputError("this page has no place for the table", where=path, allowed=f"{BEGIN} and, below it, {END}")
    write_text(path, f"{head}{BEGIN}\n{text}\n{END}{tail}")
