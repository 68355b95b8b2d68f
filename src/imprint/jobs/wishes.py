"""Pictures as a job wishes for them: requests, with the picture that some begin with.

Reads: recipes, picture files. Writes: pictures (in memory). Does not: open models, or save.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imprint.artifacts.picture import AdapterRecord, Picture
from imprint.artifacts.source_picture import read_mask, read_source
from imprint.families import Family
from imprint.generation.canvas import Source
from imprint.generation.hires import OpenUpscaler
from imprint.generation.image_to_image import ImageToImage, image_to_image
from imprint.generation.listening import GenerationStep, OnGenerationStep
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.recipe import GenerateRecipe
from imprint.weights.shelf import Shelf


@dataclass(frozen=True)
class Wish:
    """One picture: a `TextToImage`, or an `ImageToImage` with its source."""

    request: TextToImage | ImageToImage
    source: Source | None = None


def open_source(picture: Path, mask: Path | None = None) -> Source:
    """A source picture, upright and without transparency, and its mask.

    Raises: PhotoError: if one is missing, damaged or no picture.
    """
    if mask is None:
        return Source(read_source(picture), None, picture.name)
    return Source(read_source(picture), read_mask(mask), picture.name, mask.name)


def wishes(recipe: GenerateRecipe) -> list[Wish]:
    """The pictures that a recipe asks for, in the order of their seeds.

    Raises: PhotoError: if the source or the mask cannot be read.
    """
    source = open_source(recipe.source, recipe.mask) if recipe.source else None
    if recipe.variation_seed is not None and recipe.variation_strength:
        # Variations are of one picture, so here it is the other seed that counts on.
        seeds = [(recipe.seed, recipe.variation_seed + number) for number in range(recipe.count)]
    else:
        seeds = [(recipe.seed + number, recipe.variation_seed) for number in range(recipe.count)]
    kind = ImageToImage if source else TextToImage
    shared: dict[str, Any] = recipe.model_dump(include=set(kind.model_fields) - {"seed", "variation_seed"})
    return [Wish(kind(**shared, seed=seed, variation_seed=other), source) for seed, other in seeds]


def drawn(
    family: Family, wanted: Sequence[Wish], *, adapters: Sequence[AdapterRecord] = (), batch: int | None = None,
    on_step: OnGenerationStep | None = None, shelf: Shelf | None = None, open_upscaler: OpenUpscaler | None = None,
) -> Iterator[Picture]:
    """Draw pictures in their order, each as soon as it is done.

    Args and errors: as `text_to_image` and `image_to_image`.
    """
    done = 0
    for _, group in itertools.groupby(wanted, lambda wish: (type(wish.request), id(wish.source))):
        some = list(group)
        tell = _counted(on_step, done, len(wanted))
        source = some[0].source
        if source is None:
            asked = [wish.request for wish in some if isinstance(wish.request, TextToImage)]
            yield from text_to_image(
                family, asked, adapters=adapters, on_step=tell, batch=batch, shelf=shelf, open_upscaler=open_upscaler
            )
        else:
            begun = [wish.request for wish in some if isinstance(wish.request, ImageToImage)]
            yield from image_to_image(
                family, source, begun, adapters=adapters, on_step=tell, batch=batch, shelf=shelf
            )
        done += len(some)


def _counted(on_step: OnGenerationStep | None, done: int, pictures: int) -> OnGenerationStep | None:
    """A listener that counts over all groups."""
    if on_step is None:
        return None
    return lambda step: on_step(GenerationStep(done + step.pictures_done, pictures, step.batch, step.sampler))
