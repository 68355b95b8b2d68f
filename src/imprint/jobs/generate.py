"""Draw pictures with a base, or with what a run learnt on it.

Reads: a base, a run's result. Writes: picture files with their record inside. Does not: train.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.run_folder import RunFolder
from imprint.jobs.base_names import NANO, base_name
from imprint.jobs.bases import open_base
from imprint.jobs.drawing import Learnt, applied, check_folder, save_numbered
from imprint.jobs.networks import open_shelf
from imprint.jobs.personalize import RESULT, load_recipe
from imprint.jobs.progress import announce
from imprint.jobs.recipe import GenerateRecipe
from imprint.jobs.upscalers import upscaler_opener
from imprint.jobs.wishes import drawn, wishes


@dataclass(frozen=True)
class GenerateResult:
    """The pictures' files, in the order of their seeds."""

    pictures: tuple[Path, ...]


def generate(recipe: GenerateRecipe) -> GenerateResult:
    """Draw `recipe.count` pictures; each is written as soon as it is done.

    Args:
        recipe: what to draw.
    Raises:
        PromptError: before anything is drawn, if styles, variants or wildcards cannot be written out.
        InputError: if the run has no result.
        ModelError: if the base is none, or not the one the result was trained on.
        OutputError: if a file stands in the way of the folder.
    """
    found = sources(recipe)
    out = check_folder(recipe.out or (found.run.path / "pictures" if found.run else Path("pictures")))
    wanted = wishes(recipe)  # a source that cannot be read is told before the base is opened
    family = open_base(found.base, "fp32", recipe.device)
    with applied(family, found.learnt) as adapters:
        pictures = drawn(
            family, wanted, adapters=adapters, batch=recipe.batch, shelf=open_shelf(recipe.networks),
            open_upscaler=upscaler_opener(recipe.upscalers, recipe.device),
        )
        tell = announce("pictures")
        paths: list[Path] = []
        for wish, picture in zip(wanted, pictures, strict=True):
            paths.append(save_numbered(out, picture, base_name(found.base), recipe.format, wish.template))
            tell(len(paths), len(wanted))
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
