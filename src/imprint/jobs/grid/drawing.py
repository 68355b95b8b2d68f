"""The cells of a grid are drawn here: each once, in the order that changes models seldom, each written as it is ready.

Reads: a plan, bases, results of runs. Writes: pictures and the manifest. Does not: make the sheet.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imprint.artifacts.files import folder_hash, sha256_file, sha256_json
from imprint.artifacts.image_file import read_regular
from imprint.artifacts.picture import AdapterRecord, Precision
from imprint.artifacts.picture_file import SUFFIXES
from imprint.errors import ImprintError, Interrupted, ModelError, OutputError
from imprint.families import Family
from imprint.generation.fitting import with_drawable_sizes
from imprint.generation.networks import embeddings_named
from imprint.jobs.base_names import base_name
from imprint.jobs.bases import base_path, open_base
from imprint.jobs.drawing import applied, save_drawn
from imprint.jobs.generate import Sources, sources
from imprint.jobs.grid.manifest import CELLS, Kept, Manifest
from imprint.jobs.grid.pages import Place
from imprint.jobs.grid.plan import Cell, Plan, drawing_order
from imprint.jobs.networks import open_shelf
from imprint.jobs.progress import announce
from imprint.jobs.recipe import GenerateRecipe
from imprint.jobs.upscalers import upscaler_file, upscaler_opener
from imprint.jobs.wishes import Wish, drawn
from imprint.training.stopping import StopRequest
from imprint.weights.shelf import Shelf

log = logging.getLogger(__name__)

MODEL_FILES = ("safetensors", "json", "txt")  # weights, configurations, the tokenizer's words
#: Base, run, networks and upscalers count by what is in them, prompts as they were written out; the rest changes no
#: pixel.
WITHOUT_EFFECT = {
    "out", "device", "batch", "base", "run", "networks", "prompt", "negative_prompt", "styles", "styles_files",
    "wildcards", "dynamic", "max_combinations", "upscalers", "preview", "preview_every", "compile",
}  # fmt: skip
#: What may befall one cell and need not end the grid; torch says RuntimeError for all that a network cannot do,
#: memory that does not suffice among it.
FAILURES = (ImprintError, RuntimeError)
Outcome = Kept | str
"""A picture, or why there is none."""


@dataclass(frozen=True)
class _Wanted:
    """A cell with its picture, and the key of that."""

    cell: Cell
    wish: Wish
    key: str


class Draughtsman:
    """Draws the cells of one plan.

    Args:
        plan: what.
        wishes: the picture of each cell, by its place.
        manifest: of the folder, in which cells of an earlier call may be.
        batch: pictures at a time.
        stop: looked at after every sampler step.
    """

    def __init__(
        self, plan: Plan, wishes: Mapping[Place, Wish], manifest: Manifest, batch: int, stop: StopRequest
    ) -> None:
        self.plan, self.manifest, self.batch, self.stop = plan, manifest, batch, stop
        self._wishes = wishes
        self.outcomes: dict[Place, Outcome] = {}
        self._tell = announce("cells")
        self._hashes: dict[Path, str] = {}
        self._open: tuple[tuple[str, Precision, str], Family] | None = None
        self._shelf = functools.cache(open_shelf)  # by folders: scanned once, not for every cell
        self._upscalers = functools.cache(upscaler_opener)

    def draw(self) -> dict[Place, Outcome]:
        """Draw what is not there. Returns: what became of every cell, by its place.

        Raises: OutputError: if a picture cannot be written. Interrupted: if somebody asked to stop.
        """
        for _, group in itertools.groupby(drawing_order(self.plan.cells), _models):
            self._group(list(group))
        return self.outcomes

    def _group(self, cells: Sequence[Cell]) -> None:
        """Cells with the same base in the same precision, run and strength."""
        recipe = cells[0].recipe
        try:
            found = sources(recipe)
            wanted = self._wanted(cells, found)
            if not wanted:
                return
            self.stop_if_asked()
            family = self._family(found.base, recipe)
            wanted = _drawable(wanted, family)
            with applied(family, found.learnt) as adapters, family.drawing():
                while wanted:
                    chunk, wanted = wanted[: self.batch], wanted[self.batch :]
                    self._chunk(family, found.base, adapters, chunk)
        except (Interrupted, OutputError):
            raise
        except FAILURES as error:
            for cell in (cell for cell in cells if cell.place not in self.outcomes):
                self._failed(cell, error)

    def _wanted(self, cells: Sequence[Cell], found: Sources) -> list[_Wanted]:
        """The cells that are to be drawn; those that are there are noted."""
        weights = [self._hash(path) for path in (base_path(found.base), *(one.path for one in found.learnt))]
        shelf = self._shelf(cells[0].recipe.networks)
        wanted: list[_Wanted] = []
        for cell in cells:
            wish = self._wishes[cell.place]
            networks = _named(shelf, wish) if shelf else []
            begun = [self._hash_of_picture(path) for path in (cell.recipe.source, cell.recipe.mask) if path]
            enlarged = [self._hash(path) for path in _upscaling_files(cell.recipe)]
            key = cell_key(cell.recipe, wish, [*weights, *networks, *begun, *enlarged])
            kept = self.manifest.kept(key)
            if kept is None:
                wanted.append(_Wanted(cell, wish, key))
            else:
                self._done(cell, kept)
        return wanted

    def _chunk(
        self, family: Family, base: str, adapters: tuple[AdapterRecord, ...], wanted: Sequence[_Wanted],
    ) -> None:
        """Draw some cells together; where that fails, those that are left one by one."""
        asked = list({one.key: one for one in wanted if self.manifest.kept(one.key) is None}.values())
        left = list(asked)
        try:
            for kept in self._pictures(family, base, adapters, asked):
                one = left.pop(0)
                self.manifest.keep(one.key, one.cell.place, self.plan.values(one.cell), kept)
        except (Interrupted, OutputError):
            raise
        except FAILURES as error:
            if len(asked) == 1:
                for one in wanted:
                    self._failed(one.cell, error, one.key)
            else:
                for key in [one.key for one in left]:
                    self._chunk(family, base, adapters, [one for one in wanted if one.key == key])
        for one in wanted:
            kept = self.manifest.kept(one.key)
            if kept is not None and one.cell.place not in self.outcomes:
                self._done(one.cell, kept)

    def _pictures(
        self, family: Family, base: str, adapters: tuple[AdapterRecord, ...], asked: Sequence[_Wanted],
    ) -> Iterator[Kept]:
        """Each cell's picture, written."""
        begun = time.monotonic()
        pictures = drawn(
            family, [one.wish for one in asked], adapters=adapters, batch=self.batch,
            on_step=lambda _: self.stop_if_asked(),
            shelf=self._shelf(asked[0].cell.recipe.networks) if asked else None,
            open_upscaler=self._upscalers(*_upscaling(asked[0].cell.recipe)) if asked else None,
        )
        for one, picture in zip(asked, pictures, strict=True):
            path = self.manifest.folder / CELLS / file_name(one.cell, one.key)
            save_drawn(path, picture, base_name(base), one.cell.recipe.format)
            yield Kept(path, sha256_file(path), (time.monotonic() - begun) / len(asked))

    def stop_if_asked(self) -> None:
        """Raises: Interrupted: if somebody asked to stop."""
        if self.stop:
            done = f"{len(self.outcomes)} of {len(self.plan.cells)} cells are there"
            hint = f"{done}; the same command goes on from here"
            raise Interrupted(f"stopped by {self.stop.signal_name} while drawing a grid", hint=hint)

    def _family(self, base: str, recipe: GenerateRecipe) -> Family:
        """The base, opened once while cells need it; the one before is let go first."""
        wanted = (base, recipe.precision, recipe.device)
        if self._open is None or self._open[0] != wanted:
            self._open = None
            self._open = (wanted, open_base(*wanted))
        return self._open[1]

    def _hash(self, path: Path) -> str:
        if path not in self._hashes:
            self._hashes[path] = sha256_file(path) if path.is_file() else _model_hash(path)
        return self._hashes[path]

    def _hash_of_picture(self, path: Path) -> str:
        if path not in self._hashes:
            self._hashes[path] = hashlib.sha256(read_regular(path)).hexdigest()
        return self._hashes[path]

    def _done(self, cell: Cell, kept: Kept) -> None:
        self.outcomes[cell.place] = kept
        self._tell(len(self.outcomes), len(self.plan.cells))

    def _failed(self, cell: Cell, error: Exception, key: str = "") -> None:
        text = str(error) or type(error).__name__
        values = self.plan.values(cell)
        self.manifest.add("failed", place=cell.place, values=values, error=text, key=key)
        log.warning("no picture for %s: %s", values, text.splitlines()[0])
        self.outcomes[cell.place] = text
        self._tell(len(self.outcomes), len(self.plan.cells))


def _upscaling(recipe: GenerateRecipe) -> tuple[tuple[Path, ...], str]:
    return recipe.upscalers, recipe.device


def _upscaling_files(recipe: GenerateRecipe) -> list[Path]:
    """The model that a second pass enlarges with. One that is not there is told when its cell is drawn."""
    if recipe.hires is None:
        return []
    try:
        file = upscaler_file(recipe.hires.upscaler, recipe.upscalers)
    except ModelError:
        return []
    return [file] if file else []


def _drawable(wanted: Sequence[_Wanted], family: Family) -> list[_Wanted]:
    """The same at sizes that the base can draw, which is said once for all of them."""
    requests = with_drawable_sizes([one.wish.request for one in wanted], family.latent_stride)
    return [replace(one, wish=replace(one.wish, request=new)) for one, new in zip(wanted, requests, strict=True)]


def cell_key(recipe: GenerateRecipe, wish: Wish, weights: Sequence[str]) -> str:
    """The hash of all that decides a picture: its settings, its prompts, and what is in the files it needs.

    Args:
        recipe: of the picture.
        wish: with its prompts written out.
        weights: hashes of the base, of what is put on it, of the pictures that it begins with and of what enlarges it.
    """
    settings = recipe.model_dump(mode="json", exclude=WITHOUT_EFFECT)
    prompts = [*itertools.chain(*wish.passes), dict(wish.template)]
    return sha256_json({"recipe": settings, "prompts": prompts, "weights": list(weights)})


def _named(shelf: Shelf, wish: Wish) -> list[str]:
    """What of a shelf counts for a picture: all of it where a prompt has tags, else the embeddings that they name."""
    tags = any("<" in prompt for prompt, _ in wish.passes)
    files = shelf.files if tags else embeddings_named(shelf, *itertools.chain(*wish.passes))
    return [f"{file.spelling} {file.sha256}" for file in files]


def file_name(cell: Cell, key: str) -> str:
    """Where a cell lay when it was drawn, and what it is: grids that grow keep their pictures."""
    return f"z{cell.z:02d}-y{cell.y:03d}-x{cell.x:03d}-{key[:12]}{SUFFIXES[cell.recipe.format.kind]}"


def _model_hash(folder: Path) -> str:
    """Of all in a model's folder that decides pictures: the same weights with another schedule draw others."""
    return sha256_json([folder_hash(folder, f"**/*.{kind}") for kind in MODEL_FILES])


def _models(cell: Cell) -> tuple[object, ...]:
    recipe = cell.recipe
    return recipe.device, recipe.precision, recipe.base, recipe.run, recipe.strength, recipe.networks
