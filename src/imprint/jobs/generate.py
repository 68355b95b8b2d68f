"""Draw pictures with a base, or with what a run learnt on it.

Reads: a base, a run's result. Writes: picture files with their record inside. Does not: train.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.run_folder import RunFolder
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.base_names import NANO, base_name
from imprint.jobs.bases import open_base
from imprint.jobs.drawing import Learnt, applied, check_folder, save_numbered
from imprint.jobs.networks import open_shelf
from imprint.jobs.personalize import RESULT, load_recipe
from imprint.jobs.previews import previews
from imprint.jobs.progress import announce
from imprint.jobs.recipe import GenerateRecipe


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
    out = check_folder(recipe.out or (found.run.path / "pictures" if found.run else Path("pictures")))
    family = open_base(found.base, "fp32", recipe.device)
    with (
        applied(family, found.learnt) as adapters,
        family.compiled() if recipe.compile else nullcontext(),
        previews(family, out, recipe.preview, recipe.preview_every) as on_step,
    ):
        pictures = text_to_image(
            family, requests(recipe), adapters=adapters, batch=recipe.batch, shelf=open_shelf(recipe.networks),
            on_step=on_step,
        )
        tell = announce("pictures")
        paths: list[Path] = []
        for picture in pictures:
            paths.append(save_numbered(out, picture, base_name(found.base), recipe.format))
            tell(len(paths), recipe.count)
    return GenerateResult(tuple(paths))


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


def requests(recipe: GenerateRecipe) -> list[TextToImage]:
    """The pictures that a recipe asks for, in the order of their seeds."""
    shared = recipe.model_dump(include=set(TextToImage.model_fields) - {"seed", "variation_seed"})
    if recipe.variation_seed is not None and recipe.variation_strength:
        # Variations are of one picture, so here it is the other seed that counts on.
        seeds = [(recipe.seed, recipe.variation_seed + number) for number in range(recipe.count)]
    else:
        seeds = [(recipe.seed + number, recipe.variation_seed) for number in range(recipe.count)]
    return [TextToImage(**shared, seed=seed, variation_seed=variation) for seed, variation in seeds]
