"""Draw pictures with a base, or with what a run learnt on it.

Reads: a base, a run's result. Writes: PNG files with their record inside. Does not: train.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.files import sha256_file
from imprint.artifacts.picture import AdapterRecord, save_picture
from imprint.artifacts.run_folder import RunFolder
from imprint.errors import OutputError
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.bases import NANO, open_base
from imprint.jobs.personalize import RESULT, load_recipe
from imprint.jobs.progress import announce
from imprint.jobs.recipe import GenerateRecipe
from imprint.methods import apply
from imprint.weights import load_state


@dataclass(frozen=True)
class GenerateResult:
    """The pictures' files, in the order of their seeds."""

    pictures: tuple[Path, ...]


def generate(recipe: GenerateRecipe) -> GenerateResult:
    """Draw `recipe.count` pictures; each is written as soon as it is done.

    Args:
        recipe: what to draw.
    Raises:
        InputError: if the run has no result.
        ModelError: if the base is none, or not the one the result was trained on.
        OutputError: if a file stands in the way of the folder.
    """
    found = sources(recipe)
    out = recipe.out or (found.run.path / "pictures" if found.run else Path("pictures"))
    if out.exists() and not out.is_dir():
        raise OutputError("a file stands where the folder of the pictures should be", where=out, hint="use --out")
    family = open_base(found.base, "fp32", recipe.device)
    with applied(recipe, found, family) as adapters:
        pictures = text_to_image(family, requests(recipe), adapters=adapters, batch=recipe.batch)
        tell = announce("pictures")
        paths: list[Path] = []
        for picture in pictures:
            paths.append(free_path(out, picture.record.seed))
            save_picture(paths[-1], picture)
            tell(len(paths), recipe.count)
    return GenerateResult(tuple(paths))


@dataclass(frozen=True)
class Sources:
    """What a recipe draws with.

    Attributes:
        base: by name or folder: the recipe's, or its run's.
        run: whose result is put on the base, if any.
        name: of the run's subject.
    """

    base: str
    run: RunFolder | None = None
    name: str = ""

    @property
    def result(self) -> Path | None:
        """The weights that the run learnt."""
        return self.run.result / RESULT if self.run else None


def sources(recipe: GenerateRecipe) -> Sources:
    """The base and the run that a recipe means.

    Raises: InputError: if the run is none.
    """
    if recipe.run is None:
        return Sources(recipe.base or NANO)
    run = RunFolder.open(recipe.run)
    trained = load_recipe(run)
    return Sources(recipe.base or trained.base, run, trained.name)


@contextmanager
def applied(recipe: GenerateRecipe, found: Sources, family: Family) -> Generator[tuple[AdapterRecord, ...]]:
    """Put what a run learnt on its base for as long as the context lasts.

    Yields: what is on the base, for the record.
    Raises: InputError, ModelError: if the run has no result, or one for another base.
    """
    if found.result is None:
        yield ()
        return
    state = load_state(found.result)
    record = AdapterRecord(
        name=found.name, kind=state.kind, strength=recipe.strength, sha256=sha256_file(found.result)
    )
    handle = apply(family, state, recipe.strength)
    try:
        yield (record,)
    finally:
        handle.eject()


def requests(recipe: GenerateRecipe) -> list[TextToImage]:
    """The pictures that a recipe asks for, in the order of their seeds."""
    return [
        TextToImage(
            prompt=recipe.prompt, negative_prompt=recipe.negative_prompt, steps=recipe.steps,
            cfg_scale=recipe.cfg_scale, sampler=recipe.sampler, seed=recipe.seed + number,
            width_px=recipe.width_px, height_px=recipe.height_px,
        )
        for number in range(recipe.count)
    ]


def free_path(folder: Path, seed: int) -> Path:
    """A file name that is not taken: a number that rises, then the seed."""
    taken = [int(path.name[:5]) for path in folder.glob("[0-9][0-9][0-9][0-9][0-9]-*.png")]
    return folder / f"{max(taken, default=-1) + 1:05d}-{seed}.png"
