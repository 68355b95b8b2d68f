"""The benchmark as a whole: every cell in order, each made once, then the tables.

Reads: a recipe, what an earlier call left in its folder. Writes: the folder. Does not: train or measure by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path

import torch

from imprint.artifacts.files import sha256_file, write_json, write_text
from imprint.errors import ConfigError
from imprint.evaluation import ImageJudge, open_judge
from imprint.families import Family
from imprint.jobs.bases import open_base
from imprint.jobs.benchmark import cells, protocol, summary
from imprint.jobs.benchmark.cells import Cell
from imprint.jobs.benchmark.exam import CellFigures, Exam
from imprint.jobs.benchmark.recipe import BenchmarkRecipe, cell_folder, label, run_recipe
from imprint.jobs.examination import through_autoencoder
from imprint.jobs.progress import announce

log = logging.getLogger(__name__)

BASE, RENDERS = "base alone", "renders"  # the floor and the ceiling of every figure; no method is called so


@dataclass(frozen=True)
class BenchmarkResult:
    """Every cell, and where the page, the JSON and the table are."""

    cells: tuple[Cell, ...]
    table: tuple[str, ...]
    page: Path
    json: Path


def benchmark(recipe: BenchmarkRecipe, docs: Path | None = None) -> BenchmarkResult:
    """Measure methods on subjects over seeds, or what is left of it.

    Args:
        recipe: what.
        docs: a page whose table between marks is written anew as well.
    Raises:
        ConfigError: if a method is neither a name nor a file.
        OutputError: if the folder holds cells that were measured in another way.
        Interrupted: after SIGINT or SIGTERM; the same command goes on.
    """
    _check(recipe)
    family = open_base(recipe.base)
    found: list[Cell] = []
    tell, total = announce("benchmark"), len(recipe.subjects) * len(recipe.seeds) * (2 + len(recipe.methods))
    for subject in recipe.subjects:
        for cell in _Station(recipe, family, subject).all():
            found.append(cell)
            tell(len(found), total)
    order = [RENDERS, BASE, *(label(method) for method in recipe.methods)]
    found.sort(key=lambda cell: order.index(cell.method))
    setting = {"base": family.base_hash[:12], "steps": recipe.steps, "CFG": guidance_words(recipe),
               "threads": torch.get_num_threads()}  # fmt: skip
    page = recipe.out / "benchmark.md"
    write_text(page, summary.page(recipe, found, setting))
    write_json(page.with_suffix(".json"), summary.result_json(recipe, found, setting))
    if docs is not None:
        summary.rewrite(docs, summary.block(recipe, found, setting))
    return BenchmarkResult(tuple(found), tuple(summary.table(found)), page, page.with_suffix(".json"))


def guidance_words(recipe: BenchmarkRecipe) -> str:
    """How the pictures are guided: "4", or "3 from 30% to 80% of the steps, rescaled by 0.7"."""
    guided = f"{recipe.cfg_scale:g}"
    if (recipe.cfg_start, recipe.cfg_end) != (0, 1):
        guided += f" from {recipe.cfg_start:.0%} to {recipe.cfg_end:.0%} of the steps"
    return f"{guided}, rescaled by {recipe.cfg_rescale:g}" if recipe.cfg_rescale else guided


def _check(recipe: BenchmarkRecipe) -> None:
    """Find out about a wrong method before the first hour, not after it."""
    labels = [label(method) for method in recipe.methods]
    if len({*labels, BASE, RENDERS}) != len(labels) + 2:
        raise ConfigError("two methods have the same name", where="methods", got=", ".join(labels))
    for method in recipe.methods:
        run_recipe(recipe, method, recipe.subjects[0], recipe.seeds[0], recipe.out)


@dataclass(frozen=True)
class _Station:
    """The cells of one subject. The examination is prepared when the first cell needs it."""

    recipe: BenchmarkRecipe
    family: Family
    subject: str

    @cached_property
    def judge(self) -> ImageJudge:
        return open_judge(self.recipe.judge)

    @cached_property
    def exam(self) -> Exam:
        log.info("preparing the examination of %s", self.subject)
        return Exam.prepare(
            self.subject, self.judge, self.recipe, lambda shown: through_autoencoder(self.family, shown),
        )  # fmt: skip

    @cached_property
    def photos(self) -> Path:
        return protocol.write_photos(self.subject, self.recipe.photos, self.recipe.out / "photos" / self.subject)

    @cached_property
    def photo_hashes(self) -> list[str]:
        return [sha256_file(path) for path in sorted(self.photos.glob("*.png"))]

    def all(self) -> Iterator[Cell]:
        """Floor and ceiling first: a method's drift is measured against the base at the same seed."""
        base = {seed: self.reference(BASE, seed) for seed in self.recipe.seeds}
        yield from base.values()
        yield from (self.reference(RENDERS, seed) for seed in self.recipe.seeds)
        for method, seed in product(self.recipe.methods, self.recipe.seeds):
            yield self.cell(method, seed, base[seed].figures.class_accuracy)

    def reference(self, name: str, seed: int) -> Cell:
        """What the untouched base draws without the subject's name, or renders of the subject itself."""
        path = cell_folder(self.recipe, name, self.subject, seed).with_suffix(".json")
        key = cells.cell_key(self.recipe, self.family.base_hash, self.photo_hashes, None)
        figures = cells.kept_figures(path, key)
        if figures is None:
            figures = self._measure_reference(name, seed)
            cells.keep_figures(path, key, Cell(name, self.subject, seed, figures))
        return Cell(name, self.subject, seed, figures)

    def _measure_reference(self, name: str, seed: int) -> CellFigures:
        if name == RENDERS:
            return self.exam(self.exam.real_pictures(seed), seed)
        asks = self.exam.asks(seed, named=False)
        figures = self.exam(cells.draw(self.family, asks, self.recipe, f"base, {self.subject}, seed {seed}"), seed)
        return replace(figures, class_drift=None if figures.class_accuracy is None else 0.0)

    def cell(self, method: str, seed: int, base_class_accuracy: float | None) -> Cell:
        """One run of a method, measured."""
        wanted = run_recipe(self.recipe, method, self.subject, seed, self.photos)
        folder = cell_folder(self.recipe, method, self.subject, seed)
        path, name = folder.with_suffix(".json"), label(method)
        key = cells.cell_key(self.recipe, self.family.base_hash, self.photo_hashes, wanted)
        figures = cells.kept_figures(path, key)
        if figures is None:
            what = f"{name}, {self.subject}, seed {seed}"
            log.info("%s", what)
            run = cells.finished_run(wanted)
            pictures = cells.draw_run(self.family, run, self.exam, seed, what)
            measured = self.exam(pictures, seed, base_class_accuracy)
            figures = replace(measured, seconds=cells.training_seconds(run))
            cells.write_sheet(folder.with_suffix(".png"), self.exam, pictures)
            cells.keep_figures(path, key, Cell(name, self.subject, seed, figures))
            if not self.recipe.keep_checkpoints:
                cells.tidy(run)
        return Cell(name, self.subject, seed, figures, folder)
