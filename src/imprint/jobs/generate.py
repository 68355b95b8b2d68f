"""Draw pictures with a base, or with what a run learnt on it.

Reads: a base, a run's result. Writes: picture files with their record inside, with `best` a manifest. Does not: train.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.picture import AdapterRecord, Picture
from imprint.artifacts.run_folder import RunFolder
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.base_names import NANO, base_name
from imprint.jobs.bases import open_base
from imprint.jobs.best_of.appraisal import Appraiser
from imprint.jobs.best_of.choosing import choose_best
from imprint.jobs.best_of.keeping import BestResult, keep_best
from imprint.jobs.best_of.recipe import BestOf
from imprint.jobs.drawing import Learnt, applied, check_folder, save_numbered
from imprint.jobs.networks import open_shelf
from imprint.jobs.personalize import RESULT, load_recipe
from imprint.jobs.progress import announce
from imprint.jobs.recipe import GenerateRecipe


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
        InputError: if the run has no result, or with `best` no photos any more.
        ModelError: if the base is none, or not the one the result was trained on, or a check's model is missing.
        MissingExtraError: if a check needs a package that is not installed.
        OutputError: if a file stands in the way of the folder.
    """
    found = sources(recipe)
    out = check_folder(recipe.out or (found.run.path / "pictures" if found.run else Path("pictures")))
    family = open_base(found.base, "fp32", recipe.device)
    with applied(family, found.learnt) as adapters:
        if recipe.best is not None:
            return _generate_best(recipe, recipe.best, family, found, adapters, out)
        pictures = text_to_image(
            family, requests(recipe), adapters=adapters, batch=recipe.batch, shelf=open_shelf(recipe.networks)
        )
        tell = announce("pictures")
        paths: list[Path] = []
        for picture in pictures:
            paths.append(save_numbered(out, picture, base_name(found.base), recipe.format))
            tell(len(paths), recipe.count)
    return GenerateResult(tuple(paths))


def _generate_best(
    recipe: GenerateRecipe, best: BestOf, family: Family, found: Sources, adapters: Sequence[AdapterRecord], out: Path
) -> GenerateResult:
    """Draw more than are asked for, and keep the best."""
    appraiser = Appraiser.prepare(recipe, best, family, found.run)  # first: what it lacks is told before drawing
    shelf = open_shelf(recipe.networks)

    def draw(numbers: Sequence[int]) -> Iterator[Picture]:
        return text_to_image(family, requests(recipe, numbers), adapters=adapters, batch=recipe.batch, shelf=shelf)

    choice = choose_best(best, best.kept(recipe.count), draw, appraiser.scores)
    kept = keep_best(recipe, best, choice, appraiser, out, base_name(found.base))
    return GenerateResult(tuple(one.file for one in kept.pictures if one.file is not None), kept)


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


def requests(recipe: GenerateRecipe, numbers: Iterable[int] | None = None) -> list[TextToImage]:
    """The pictures that a recipe asks for, in the order of their seeds.

    Args:
        recipe: what to draw.
        numbers: which of them, the first seed's is 0; left out, `recipe.count` from there.
    """
    wanted = range(recipe.count) if numbers is None else numbers
    shared = recipe.model_dump(include=set(TextToImage.model_fields) - {"seed", "variation_seed"})
    if recipe.variation_seed is not None and recipe.variation_strength:
        # Variations are of one picture, so here it is the other seed that counts on.
        seeds = [(recipe.seed, recipe.variation_seed + number) for number in wanted]
    else:
        seeds = [(recipe.seed + number, recipe.variation_seed) for number in wanted]
    return [TextToImage(**shared, seed=seed, variation_seed=variation) for seed, variation in seeds]
