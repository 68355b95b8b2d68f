"""Draw pictures with a base, or with what a run learnt on it.

Reads: a base, a run's result. Writes: PNG files with their record inside. Does not: train.
"""

from __future__ import annotations

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
from imprint.methods import Handle, apply
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
    run = RunFolder.open(recipe.run) if recipe.run else None
    trained = load_recipe(run) if run else None
    base = recipe.base or (trained.base if trained else NANO)
    out = recipe.out or (run.path / "pictures" if run else Path("pictures"))
    if out.exists() and not out.is_dir():
        raise OutputError("a file stands where the folder of the pictures should be", where=out, hint="use --out")
    family = open_base(base, "fp32", recipe.device)
    adapters, handle = _apply(recipe, run, trained.name if trained else "", family)
    try:
        pictures = text_to_image(family, _requests(recipe), adapters=adapters, batch=recipe.batch)
        tell = announce("pictures")
        paths: list[Path] = []
        for picture in pictures:
            paths.append(free_path(out, picture.record.seed))
            save_picture(paths[-1], picture)
            tell(len(paths), recipe.count)
    finally:
        if handle:
            handle.eject()
    return GenerateResult(tuple(paths))


def _apply(
    recipe: GenerateRecipe, run: RunFolder | None, name: str, family: Family,
) -> tuple[tuple[AdapterRecord, ...], Handle | None]:
    if run is None:
        return (), None
    path = run.result / RESULT
    state = load_state(path)
    record = AdapterRecord(name=name, kind=state.kind, strength=recipe.strength, sha256=sha256_file(path))
    return (record,), apply(family, state, recipe.strength)


def _requests(recipe: GenerateRecipe) -> list[TextToImage]:
    shared = recipe.model_dump(include=set(TextToImage.model_fields) - {"seed", "variation_seed"})
    if recipe.variation_seed is not None and recipe.variation_strength:
        # Variations are of one picture, so here it is the other seed that counts on.
        seeds = [(recipe.seed, recipe.variation_seed + number) for number in range(recipe.count)]
    else:
        seeds = [(recipe.seed + number, recipe.variation_seed) for number in range(recipe.count)]
    return [TextToImage(**shared, seed=seed, variation_seed=variation) for seed, variation in seeds]


def free_path(folder: Path, seed: int) -> Path:
    """A file name that is not taken: a number that rises, then the seed."""
    taken = [int(path.name[:5]) for path in folder.glob("[0-9][0-9][0-9][0-9][0-9]-*.png")]
    return folder / f"{max(taken, default=-1) + 1:05d}-{seed}.png"
