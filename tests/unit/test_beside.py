"""Inpainting models, whose U-Net sees the mask and what is kept beside the latents."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint import StableDiffusionInpaintPipeline
from PIL import Image
from torch import Tensor

from imprint.errors import ModelError
from imprint.families.sd1 import StableDiffusion1
from imprint.generation.beside import beside_picture
from imprint.generation.canvas import ImageSettings, Source
from imprint.generation.image_to_image import ImageToImage, image_to_image
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.personalize import personalize
from imprint.jobs.recipe import PersonalizeRecipe
from make import write_tiny_base

pytestmark = pytest.mark.unit

PICTURE = np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8)
MASK = np.zeros((32, 32), np.uint8)
MASK[8:24, 8:32] = 255


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_base(tmp_path_factory.mktemp("inpainting") / "base", in_channels=9)


def shown_to(family: StableDiffusion1, draw: Any) -> Tensor:
    """What the first call of the network saw, of the first picture."""
    seen: list[Tensor] = []
    predict = family.predict

    def spy(x: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        seen.append(x)
        return predict(x, timestep, text)

    cast("Any", family).predict = spy
    draw()
    return seen[0][0]


def test_the_network_sees_latents_then_the_mask_then_what_is_kept(folder: Path) -> None:
    family = StableDiffusion1.open(folder)
    request = ImageToImage(prompt="", seed=1, steps=1, image=ImageSettings(strength=1, mask_blur_px=0))
    seen = shown_to(family, lambda: list(image_to_image(family, Source(PICTURE, MASK), [request])))
    grey = np.where(MASK[..., None] > 0, np.uint8(128), PICTURE)
    kept = family.encode_image(torch.tensor(grey.transpose(2, 0, 1)[None] / 127.5 - 1).float()).mean_Bchw[0]
    assert seen.shape == (9, 4, 4)
    assert torch.equal(seen[4], torch.tensor(MASK[4::8, 4::8] > 0).float())
    assert torch.allclose(seen[5:], kept, atol=1e-5)


def test_it_is_what_diffusers_shows_such_a_network(folder: Path) -> None:
    pipe = cast("Any", StableDiffusionInpaintPipeline).from_pretrained(folder, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    seen: list[Tensor] = []
    pipe.unet.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    # Its sample of the posterior is replaced by the mean, which needs no seed.
    pipe._encode_vae_image = lambda image, generator: (
        pipe.vae.encode(image).latent_dist.mean * pipe.vae.config.scaling_factor
    )  # fmt: skip
    pipe("", Image.fromarray(PICTURE), Image.fromarray(MASK), width=32, height=32, num_inference_steps=1)
    ours = beside_picture(StableDiffusion1.open(folder), PICTURE, MASK / np.float32(255), 1.0, [])
    assert ours is not None
    assert torch.equal(seen[0][0, 4], ours[0, 0])
    # Ours rounds what is grey to 128 of 255, a two hundred and fifty-fifth of the range above theirs.
    assert torch.allclose(seen[0][0, 5:], ours[0, 1:], atol=0.02)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_mask_weight_says_how_far_the_masked_part_is_hidden(folder: Path, weight: float) -> None:
    family = StableDiffusion1.open(folder)
    ours = beside_picture(family, PICTURE, MASK / np.float32(255), weight, [])
    hidden = beside_picture(family, PICTURE, MASK / np.float32(255), 1.0, [])
    assert ours is not None and hidden is not None
    assert not torch.equal(ours, hidden)


def test_outside_the_mask_every_byte_is_the_sources(folder: Path) -> None:
    family = StableDiffusion1.open(folder)
    request = ImageToImage(prompt="a dog", seed=1, steps=3, image=ImageSettings(strength=1, mask_blur_px=0))
    out = next(image_to_image(family, Source(PICTURE, MASK), [request])).pixels_HWC
    assert np.array_equal(out[MASK == 0], PICTURE[MASK == 0]) and (out != PICTURE)[MASK > 0].mean() > 0.9


def test_without_a_picture_it_draws_all_of_one(folder: Path) -> None:
    family = StableDiffusion1.open(folder)
    draw = functools.partial(text_to_image, family, [TextToImage(prompt="a dog", seed=1, steps=2)])
    seen = shown_to(family, lambda: list(draw()))
    assert seen.shape == (9, 4, 4) and bool((seen[4] == 1).all())


def test_it_is_refused_as_something_to_teach(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / f"{number}.png")
    recipe = PersonalizeRecipe(
        photos=tmp_path / "photos", name="zkz", class_word="dog", base=str(folder), out=tmp_path / "run"
    )
    with pytest.raises(ModelError, match="an inpainting model draws, but is not taught here"):
        personalize(recipe)
