"""The second pass on a tiny base: its size, its own settings, what it begins from."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imprint.errors import ConfigError, UnknownNameError
from imprint.generation.hires import Hires, OpenedUpscaler
from imprint.generation.listening import GenerationStep
from imprint.generation.text_to_image import TextToImage, text_to_image
from make import tiny_family

pytestmark = pytest.mark.unit

shared_family = functools.cache(tiny_family)


def lanczos(name: str) -> OpenedUpscaler:
    """An upscaler of pixels, by any name but one."""
    if name == "gone":
        raise UnknownNameError("there is no such upscaler", got=name)
    return OpenedUpscaler(
        lambda picture, size: np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)), "ab" * 32
    )


def asked(hires: dict[str, Any] | None, **changes: Any) -> TextToImage:
    return TextToImage(
        **{"prompt": "a dog", "seed": 1, "steps": 3, "sampler": "euler", **changes},
        hires=None if hires is None else Hires(**hires),
    )


def drawn(*requests: TextToImage, **options: Any) -> list[np.ndarray[Any, Any]]:
    return [one.pixels_HWC for one in text_to_image(shared_family(), requests, open_upscaler=lanczos, **options)]


@pytest.mark.parametrize(
    ("hires", "size"),
    [
        ({}, (64, 64)), ({"scale": 1.5}, (48, 48)), ({"width_px": 48}, (48, 48)), ({"height_px": 40}, (40, 40)),
        ({"width_px": 64, "height_px": 40}, (64, 40)),
        ({"upscaler": "lanczos", "width_px": 64, "height_px": 40}, (64, 40)),
    ],
)  # fmt: skip
def test_the_picture_has_the_size_of_the_second_pass(hires: dict[str, Any], size: tuple[int, int]) -> None:
    assert drawn(asked(hires))[0].shape[1::-1] == size


@pytest.mark.parametrize(
    "change",
    [
        {"strength": 0.9}, {"steps": 5}, {"upscaler": "latent_nearest"}, {"upscaler": "lanczos"}, {"sampler": "heun"},
        {"schedule": "karras"}, {"cfg_scale": 9.0}, {"prompt": "a cat"}, {"negative_prompt": "blur"},
    ],
)  # fmt: skip
def test_every_setting_of_the_second_pass_arrives(change: dict[str, Any]) -> None:
    assert drawn(asked(change))[0].tobytes() != drawn(asked({}))[0].tobytes()


def test_what_is_left_out_is_as_in_the_first_pass() -> None:
    told = {"steps": 3, "sampler": "euler", "schedule": "uniform", "cfg_scale": 5.0, "prompt": "a dog"}
    assert np.array_equal(drawn(asked(told))[0], drawn(asked({}))[0])


def test_all_steps_are_made_whatever_the_strength() -> None:
    seen: list[GenerationStep] = []
    drawn(asked({"strength": 0.3, "steps": 5}), on_step=seen.append)
    assert [step.sampler.index for step in seen] == [0, 1, 2, 0, 1, 2, 3, 4]


def test_at_strength_0_the_first_picture_is_only_made_larger() -> None:
    small, large = drawn(asked(None))[0], drawn(asked({"strength": 0, "upscaler": "lanczos"}))[0]
    back = np.asarray(Image.fromarray(large).resize((32, 32), Image.Resampling.BOX)).astype(float)
    other = drawn(asked(None, seed=2))[0]
    # A round trip through a random autoencoder is far from exact, but knows its picture from another.
    assert np.corrcoef(back.ravel(), small.ravel())[0, 1] > np.corrcoef(back.ravel(), other.ravel())[0, 1]


def test_a_picture_with_a_second_pass_does_not_depend_on_its_neighbours() -> None:
    requests = [asked({}), asked(None), asked({"scale": 1.5}), asked({}, seed=2)]
    alone = [drawn(one)[0].tobytes() for one in requests]
    assert [one.tobytes() for one in drawn(*requests)] == alone


def test_edits_run_on_into_the_second_pass_and_end_there() -> None:
    # Behind the first pass a fraction above 1 counts in the second.
    edited, plain = asked({}, prompt="a [cat:dog:1.5]"), asked({}, prompt="a cat")
    first_only = [drawn(asked(None, prompt=one.prompt))[0].tobytes() for one in (edited, plain)]
    assert first_only[0] == first_only[1]
    assert drawn(edited)[0].tobytes() != drawn(plain)[0].tobytes()


def test_options_of_a_sampler_do_not_reach_another_one() -> None:
    assert drawn(asked({"sampler": "dpmpp_2m"}, sampler="euler_a", eta=0.5))[0].shape == (64, 64, 3)


def test_an_upscaler_that_is_not_there_is_told_before_anything_is_drawn() -> None:
    with pytest.raises(UnknownNameError):
        text_to_image(shared_family(), [asked({"upscaler": "gone"})], open_upscaler=lanczos)


def test_without_upscalers_of_pixels_those_of_latents_are_named() -> None:
    with pytest.raises(ConfigError, match="latent_nearest"):
        text_to_image(shared_family(), [asked({"upscaler": "lanczos"})])
