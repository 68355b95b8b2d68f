"""Pictures as a job wishes for them: requests, with the picture that some begin with.

Reads: recipes, picture files. Writes: pictures (in memory). Does not: open models, or save.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imprint.artifacts.picture import AdapterRecord, Picture, PictureRecord
from imprint.artifacts.picture_file import JPEG_PROMPTS_BYTES, Jpeg
from imprint.artifacts.source_picture import read_mask, read_source
from imprint.config import load_config
from imprint.errors import ConfigError, PromptError
from imprint.families import Family
from imprint.generation.canvas import Source
from imprint.generation.hires import OpenUpscaler
from imprint.generation.image_to_image import ImageToImage, image_to_image
from imprint.generation.listening import GenerationStep, OnGenerationStep
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.recipe import PICTURES_LIMIT, GenerateRecipe
from imprint.jobs.templates import PromptWriter, Written, mode_of
from imprint.prompts import Expanded
from imprint.weights.shelf import Shelf

EXPLAIN = "imprint explain --recipe generate"


@dataclass(frozen=True)
class Wish:
    """One picture that is asked for.

    Attributes:
        request: with its prompts written out.
        source: what an `ImageToImage` begins with.
        template: what its record says of how the prompts were written, as `Written`.
    """

    request: TextToImage | ImageToImage
    source: Source | None = None
    template: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def passes(self) -> list[tuple[str, str]]:
        """Prompt and negative prompt, and those that a second pass has of its own, "" where it has none."""
        hires = self.request.hires if isinstance(self.request, TextToImage) else None
        again = [(hires.prompt or "", hires.negative_prompt or "")] if hires else []
        return [(self.request.prompt, self.request.negative_prompt), *again]


def open_source(picture: Path, mask: Path | None = None) -> Source:
    """A source picture, upright and without transparency, and its mask.

    Raises: PhotoError: if one is missing, damaged or no picture.
    """
    if mask is None:
        return Source(read_source(picture), None, picture.name)
    return Source(read_source(picture), read_mask(mask), picture.name, mask.name)


def settled(recipe: GenerateRecipe) -> tuple[GenerateRecipe, Mapping[str, object]]:
    """A recipe with its prompts written out once, by its own seed, for pictures that are compared with each other.

    Returns: the recipe, and what records are to say of how the prompts were written.
    Raises: PromptError: if one cannot be written out.
    """
    text = PromptWriter().one(recipe, recipe.seed)
    changes = {
        "prompt": text.prompt, "negative_prompt": text.negative_prompt, "hires": text.hires, "styles": (),
        "dynamic": "off",
    }  # fmt: skip
    return recipe.model_copy(update=changes), text.template


def wishes(
    recipe: GenerateRecipe, writer: PromptWriter | None = None, numbers: Sequence[int] | None = None,
    opened: Callable[[Path, Path | None], Source] = open_source,
) -> list[Wish]:
    """The pictures that a recipe asks for, in the order of their seeds.

    Args:
        recipe: what to draw.
        writer: of prompts, where several recipes share files.
        numbers: which of them, the first seed's is 0; left out, as many as it asks for.
        opened: opens source and mask; several recipes that share them share their pixels, and their batches, if it
            opens them once.
    Raises:
        PhotoError: if the source or the mask cannot be read.
        PromptError: if a prompt cannot be written out.
        ConfigError: if there are too many, or the last has no seed any more.
    """
    source = opened(recipe.source, recipe.mask) if recipe.source else None
    writer, every = writer or PromptWriter(), list[Expanded]()
    if mode_of(recipe) == "all":
        every = writer.every(recipe)
    number = recipe.count * max(1, len(every))
    if number > PICTURES_LIMIT:
        raise ConfigError("these are too many pictures", where="count", got=number, allowed=f"{PICTURES_LIMIT}")
    seeds = _seeds(recipe, range(number) if numbers is None else numbers)
    texts = (
        writer.combination(recipe, every[place % len(every)], seed) if every else writer.one(recipe, seed)
        for place, (seed, _) in enumerate(seeds)
    )
    return [_wish(recipe, source, text, *pair) for text, pair in zip(texts, seeds, strict=True)]


def _seeds(recipe: GenerateRecipe, numbers: Sequence[int]) -> list[tuple[int, int | None]]:
    """(seed, variation seed) of each picture."""
    if recipe.variation_seed is not None and recipe.variation_strength:
        # Variations are of one picture, so here it is the other seed that counts on.
        return [(recipe.seed, recipe.variation_seed + number) for number in numbers]
    return [(recipe.seed + number, recipe.variation_seed) for number in numbers]


def _wish(
    recipe: GenerateRecipe, source: Source | None, text: Written, seed: int, variation_seed: int | None
) -> Wish:
    own = {
        "prompt": text.prompt, "negative_prompt": text.negative_prompt, "seed": seed, "variation_seed": variation_seed,
    }  # fmt: skip
    kind = ImageToImage if source else TextToImage
    shared: dict[str, Any] = recipe.model_dump(include=set(kind.model_fields) - own.keys())
    if text.hires is not None:
        shared["hires"] = text.hires.model_dump()
    wish = Wish(load_config(kind, values=shared | own, explain=EXPLAIN), source, text.template)
    if isinstance(recipe.format, Jpeg):
        said = json.dumps([wish.passes, dict(text.template)])
        if len(said) > JPEG_PROMPTS_BYTES:
            raise PromptError(
                "a JPEG has no room for so long prompts, and what they were made of, in its record", where="prompt",
                got=len(said), allowed=f"{JPEG_PROMPTS_BYTES} bytes", hint="use png or webp",
            )  # fmt: skip
    return wish


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
            pictures = text_to_image(
                family, asked, adapters=adapters, on_step=tell, batch=batch, shelf=shelf, open_upscaler=open_upscaler
            )
        else:
            begun = [wish.request for wish in some if isinstance(wish.request, ImageToImage)]
            pictures = image_to_image(
                family, source, begun, adapters=adapters, on_step=tell, batch=batch, shelf=shelf
            )
        yield from (_said(wish, picture) for wish, picture in zip(some, pictures, strict=True))
        done += len(some)


def _said(wish: Wish, picture: Picture) -> Picture:
    """The picture with how its prompts were written in its record."""
    if not wish.template:
        return picture
    record = PictureRecord.model_validate(picture.record.model_dump() | dict(wish.template))
    return Picture(picture.pixels_HWC, record)


def _counted(on_step: OnGenerationStep | None, done: int, pictures: int) -> OnGenerationStep | None:
    """A listener that counts over all groups."""
    if on_step is None:
        return None
    return lambda step: on_step(GenerationStep(done + step.pictures_done, pictures, step.batch, step.sampler))
