"""Draw pictures with a base, or with what a run learnt on it.

Reads: a base, a run's result. Writes: picture files with their record inside. Does not: train.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.picture_file import JPEG_PROMPTS_BYTES, Jpeg
from imprint.artifacts.run_folder import RunFolder
from imprint.config import load_config
from imprint.errors import ConfigError, PromptError
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.base_names import NANO, base_name
from imprint.jobs.bases import open_base
from imprint.jobs.drawing import Learnt, applied, check_folder, save_numbered
from imprint.jobs.networks import open_shelf
from imprint.jobs.personalize import RESULT, load_recipe
from imprint.jobs.progress import announce
from imprint.jobs.recipe import PICTURES_LIMIT, GenerateRecipe
from imprint.jobs.templates import PromptWriter, Written, mode_of
from imprint.prompts import Expanded

EXPLAIN = "imprint explain --recipe generate"


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
    wanted = wishes(recipe)
    family = open_base(found.base, "fp32", recipe.device)
    with applied(family, found.learnt) as adapters:
        pictures = text_to_image(
            family, [wish.request for wish in wanted], adapters=adapters, batch=recipe.batch,
            shelf=open_shelf(recipe.networks),
        )  # fmt: skip
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


@dataclass(frozen=True)
class Wish:
    """One picture that is asked for.

    Attributes:
        request: with its prompts written out.
        template: what its record says of how they were written, as `Written`.
    """

    request: TextToImage
    template: Mapping[str, object]


def wishes(recipe: GenerateRecipe, writer: PromptWriter | None = None) -> list[Wish]:
    """The pictures that a recipe asks for, in the order of their seeds.

    Args:
        recipe: what to draw.
        writer: of prompts, where several recipes share files.
    Raises:
        PromptError: if a prompt cannot be written out.
        ConfigError: if there are too many, or the last has no seed any more.
    """
    writer, every = writer or PromptWriter(), list[Expanded]()
    if mode_of(recipe) == "all":
        every = writer.every(recipe)
    number = recipe.count * max(1, len(every))
    if number > PICTURES_LIMIT:
        raise ConfigError("these are too many pictures", where="count", got=number, allowed=f"{PICTURES_LIMIT}")
    seeds = _seeds(recipe, number)
    texts = (
        writer.combination(recipe, every[place % len(every)], seed) if every else writer.one(recipe, seed)
        for place, (seed, _) in enumerate(seeds)
    )
    return [_wish(recipe, text, *pair) for text, pair in zip(texts, seeds, strict=True)]


def _seeds(recipe: GenerateRecipe, number: int) -> list[tuple[int, int | None]]:
    """(seed, variation seed) of each picture."""
    if recipe.variation_seed is not None and recipe.variation_strength:
        # Variations are of one picture, so here it is the other seed that counts on.
        return [(recipe.seed, recipe.variation_seed + place) for place in range(number)]
    return [(recipe.seed + place, recipe.variation_seed) for place in range(number)]


def _wish(recipe: GenerateRecipe, text: Written, seed: int, variation_seed: int | None) -> Wish:
    own = {
        "prompt": text.prompt, "negative_prompt": text.negative_prompt, "seed": seed, "variation_seed": variation_seed,
    }  # fmt: skip
    shared = recipe.model_dump(include=set(TextToImage.model_fields) - own.keys())
    if isinstance(recipe.format, Jpeg):
        said = json.dumps([text.prompt, text.negative_prompt, dict(text.template)])
        if len(said) > JPEG_PROMPTS_BYTES:
            raise PromptError(
                "a JPEG has no room for so long prompts, and what they were made of, in its record", where="prompt",
                got=len(said), allowed=f"{JPEG_PROMPTS_BYTES} bytes", hint="use png or webp",
            )  # fmt: skip
    return Wish(load_config(TextToImage, values=shared | own, explain=EXPLAIN), text.template)
