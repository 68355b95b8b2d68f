"""Wishes of several kinds drawn in one call: their order, and what a listener is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imprint.generation.canvas import Source
from imprint.generation.image_to_image import ImageToImage
from imprint.generation.listening import GenerationStep
from imprint.generation.text_to_image import TextToImage
from imprint.jobs.wishes import Wish, drawn
from make import photo, tiny_family

pytestmark = pytest.mark.unit

SOURCES = [Source(np.asarray(photo(number, (32, 32)))) for number in range(2)]


def from_text(seed: int) -> Wish:
    return Wish(TextToImage(prompt="a dog", seed=seed, steps=1))


def from_picture(seed: int, source: int = 0) -> Wish:
    return Wish(ImageToImage(prompt="a dog", seed=seed, steps=1), SOURCES[source])


MIXED = [
    *(from_text(seed) for seed in (0, 1, 2)), from_picture(3), from_picture(4), from_picture(5, 1), from_text(6),
]  # fmt: skip


def test_a_listener_counts_over_pictures_of_all_kinds() -> None:
    told: list[tuple[int, int, int]] = []

    def on_step(step: GenerationStep) -> None:
        told.append((step.pictures_done, step.pictures, step.batch))

    pictures = list(drawn(tiny_family(), MIXED, batch=2, on_step=on_step))
    assert [picture.record.seed for picture in pictures] == list(range(7))
    assert told == [(0, 7, 2), (2, 7, 1), (3, 7, 2), (5, 7, 1), (6, 7, 1)]


def test_every_wish_is_drawn_as_it_is_alone() -> None:
    family = tiny_family()
    together = list(drawn(family, MIXED))
    for wish, picture in zip(MIXED, together, strict=True):
        (alone,) = drawn(family, [wish])
        assert np.array_equal(alone.pixels_HWC, picture.pixels_HWC) and alone.record == picture.record


def test_how_prompts_were_written_is_in_the_record() -> None:
    template: dict[str, Any] = {"prompt_template": "a {dog|cat}", "styles": ("plain",)}
    (picture,) = drawn(tiny_family(), [Wish(from_text(1).request, template=template)])
    assert (picture.record.prompt_template, picture.record.styles) == ("a {dog|cat}", ("plain",))
