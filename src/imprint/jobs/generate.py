"""Draw pictures with a base, or with what a run learnt on it.

Reads: a base, a run's result. Writes: picture files with their record inside, with `best` a manifest. Does not: train.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from imprint.artifacts.picture import Picture
from imprint.artifacts.run_folder import RunFolder
from imprint.families import Family
from imprint.jobs.base_names import NANO, base_name
from imprint.jobs.bases import open_base
from imprint.jobs.best_of.appraisal import Appraiser
from imprint.jobs.best_of.choosing import choose_best
from imprint.jobs.best_of.keeping import BestResult, keep_best
from imprint.jobs.best_of.recipe import BestOf
from imprint.jobs.drawing import Learnt, applied, check_folder, save_numbered
from imprint.jobs.networks import open_shelf
from imprint.jobs.personalize import RESULT, load_recipe
from imprint.jobs.previews import previews
from imprint.jobs.progress import announce
from imprint.jobs.recipe import CHOOSE_SEED, SEED_RANGE, GenerateRecipe
from imprint.jobs.upscalers import upscaler_opener
from imprint.jobs.wishes import Wish, drawn, settled, wishes


@dataclass(frozen=True)
class GenerateResult:
    """The pictures' files, in the order of their seeds, and with `best` what they were chosen from, best first."""

    pictures: tuple[Path, ...]
    best: BestResult | None = None


def generate(recipe: GenerateRecipe) -> GenerateResult:
    """Draw `recipe.count` pictures; each is written as soon as it is done.

    With `recipe.best` more are drawn, and the best of them written when the last is done.

    Args:
        recipe: what to draw.
    Raises:
        PhotoError, PromptError: before anything is drawn, if a source cannot be read or a prompt not written out.
        InputError: if the run has no result, or with `best` no photos any more.
        ModelError: if the base is none, or not the one the result was trained on, or a check's model is missing.
        MissingExtraError: if a check or an upscaler needs a package that is not installed.
        OutputError: if a file stands in the way of the folder.
    """
    recipe = with_seed(recipe)
    found = sources(recipe)
    out = check_folder(recipe.out or (found.run.path / "pictures" if found.run else Path("pictures")))
    wanted = [] if recipe.best else wishes(recipe)  # what cannot be read is told before the base is opened
    family = open_base(found.base, recipe.precision, recipe.device)
    shelf, open_upscaler = open_shelf(recipe.networks), upscaler_opener(recipe.upscalers, recipe.device)
    with (
        applied(family, found.learnt) as adapters,
        family.compiled() if recipe.compile else nullcontext(),
        previews(family, out, recipe.preview, recipe.preview_every) as on_step,
    ):

        def draw(asked: Sequence[Wish]) -> Iterator[Picture]:
            return drawn(
                family, asked, adapters=adapters, batch=recipe.batch, on_step=on_step, shelf=shelf,
                open_upscaler=open_upscaler,
            )  # fmt: skip

        if recipe.best is not None:
            kept = _best(recipe, recipe.best, family, found, draw, out)
            return GenerateResult(tuple(one.file for one in kept.pictures if one.file is not None), kept)
        tell = announce("pictures")
        paths: list[Path] = []
        with family.drawing():  # around all pictures, so that weights are packed once
            for picture in draw(wanted):
                paths.append(save_numbered(out, picture, base_name(found.base), recipe.format))
                tell(len(paths), len(wanted))
    return GenerateResult(tuple(paths))


def with_seed(recipe: GenerateRecipe) -> GenerateRecipe:
    """The recipe, with a seed chosen where it asks for that."""
    if recipe.seed != CHOOSE_SEED:
        return recipe
    return recipe.model_copy(update={"seed": secrets.randbelow(SEED_RANGE)})


def _best(
    recipe: GenerateRecipe, best: BestOf, family: Family, found: Sources,
    draw: Callable[[Sequence[Wish]], Iterator[Picture]], out: Path,
) -> BestResult:
    """Draw more than are asked for, all with one prompt, and keep the best."""
    one, template = settled(recipe)
    appraiser = Appraiser.prepare(one, best, family, found.run)  # first: what it lacks is told before drawing

    def numbered(numbers: Sequence[int]) -> Iterator[Picture]:
        return draw([replace(wish, template=template) for wish in wishes(one, numbers=numbers)])

    with family.drawing():
        choice = choose_best(best, best.kept(recipe.count), numbered, appraiser.scores)
    return keep_best(recipe, best, choice, appraiser, out, base_name(found.base))


@dataclass(frozen=True)
class Sources:
    """What a recipe draws with.

    Attributes:
        base: by name or folder: the recipe's, or its run's.
        run: whose result is put on the base, if any.
        learnt: that result.
    """

    base: str
    run: RunFolder | None = None
    learnt: tuple[Learnt, ...] = ()


def sources(recipe: GenerateRecipe) -> Sources:
    """The base and the run that a recipe means.

    Raises: InputError: if the run is none.
    """
    if recipe.run is None:
        return Sources(recipe.base or NANO)
    run = RunFolder.open(recipe.run)
    trained = load_recipe(run)
    return Sources(recipe.base or trained.base, run, (Learnt(run.result / RESULT, trained.name, recipe.strength),))
