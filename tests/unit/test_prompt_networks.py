"""Networks named in prompts: found, put on for their steps, recorded, and gone afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from imprint.artifacts.picture import Picture
from imprint.errors import ModelError
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.again import AgainRecipe, again
from imprint.jobs.generate import generate
from imprint.jobs.recipe import GenerateRecipe
from imprint.weights import Shelf, Strengths, attach, open_network, save_embedding
from make import tiny_base, tiny_family
from make_networks import write_lora

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf with two LoRAs and an embedding."""
    monkeypatch.setenv("IMPRINT_CACHE", str(tmp_path / "cache"))
    shelf = tmp_path / "networks"
    shelf.mkdir()
    for seed, name in enumerate(("ink", "ada")):
        write_lora(shelf / f"{name}.safetensors", tiny_family(), "kohya", seed=seed)
    save_embedding(shelf / "zkz.safetensors", torch.randn(2, 16, generator=torch.Generator().manual_seed(1)))
    return shelf


def draw(prompt: str, shelf: Shelf | None, family: Family | None = None, **fields: Any) -> Picture:
    request = TextToImage(**{"prompt": prompt, "seed": 1, "steps": 4, **fields})
    return next(text_to_image(family or tiny_family(), [request], shelf=shelf))


def pixels(*given: Any, **fields: Any) -> bytes:
    return draw(*given, **fields).pixels_HWC.tobytes()


def test_a_named_network_draws_what_it_draws_when_attached(folder: Path) -> None:
    shelf, family = Shelf([folder]), tiny_family()
    ink = open_network(folder / "ink.safetensors", family)
    with attach(family, [ink], {0: Strengths(0.5, 0.8)}):
        wanted = pixels("a dog", None, family)
    assert pixels("a dog <lora:ink:0.5:0.8>", shelf) == wanted != pixels("a dog", shelf)


def test_afterwards_the_base_draws_as_before(folder: Path) -> None:
    shelf, family = Shelf([folder]), tiny_family()
    before = pixels("a dog", shelf, family)
    draw("a dog <lora:ink:2> <lora:ada:1>", shelf, family)
    assert pixels("a dog", shelf, family) == before


def test_a_network_in_an_edit_is_on_for_its_steps_only(folder: Path) -> None:
    shelf = Shelf([folder])
    edited = pixels("a dog[ <lora:ink:1>:2]", shelf)
    assert len({edited, pixels("a dog", shelf), pixels("a dog <lora:ink:1>", shelf)}) == 3
    assert pixels("a dog[ <lora:ink:1>:4]", shelf) == pixels("a dog", shelf)
    quirk = {"compat": "a1111"}
    assert pixels("a dog[ <lora:ink:1>:2]", shelf, **quirk) == pixels("a dog <lora:ink:1>", shelf, **quirk)


def test_the_same_network_twice_counts_twice(folder: Path) -> None:
    shelf = Shelf([folder])
    twice, once = draw("a dog <lora:ink:0.5> <lora:ink:0.5>", shelf), draw("a dog <lora:ink:1>", shelf)
    difference = twice.pixels_HWC.astype(int) - once.pixels_HWC.astype(int)
    assert abs(difference).max() <= 1


def test_pictures_of_a_batch_keep_their_own_networks(folder: Path) -> None:
    shelf = Shelf([folder])
    prompts = ["a dog", "a dog <lora:ink:1>", "a dog <lora:ada:1>", "a dog"]
    requests = [TextToImage(prompt=prompt, seed=1, steps=3) for prompt in prompts]
    together = [one.pixels_HWC.tobytes() for one in text_to_image(tiny_family(), requests, batch=4, shelf=shelf)]
    assert together == [pixels(prompt, shelf, steps=3) for prompt in prompts]


def test_an_embedding_is_read_under_its_name_and_recorded(folder: Path) -> None:
    shelf = Shelf([folder])
    picture = draw("a zkz dog", shelf)
    assert picture.pixels_HWC.tobytes() != pixels("a zkz dog", None)
    assert [(one.kind, one.name) for one in picture.record.networks] == [("embedding", "zkz")]
    assert draw("a dog", shelf).record.networks == ()


def test_an_embedding_of_several_words_is_found_whatever_the_space_between(folder: Path) -> None:
    save_embedding(folder / "my face.safetensors", torch.randn(1, 16, generator=torch.Generator().manual_seed(2)))
    shelf = Shelf([folder])
    assert [one.name for one in draw("a dog,  my   Face", shelf).record.networks] == ["my face"]
    assert pixels("a dog,  my   Face", shelf) == pixels("a dog, my face", shelf)


def test_what_is_not_there_is_left_out_and_the_nearest_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert pixels("a dog <lora:imk:1>", Shelf([folder])) == pixels("a dog", None)
    assert "imk of the prompt is left out" in caplog.text and "ink" in caplog.text


def test_a_picture_with_networks_is_drawn_again_from_its_file(folder: Path, tmp_path: Path) -> None:
    asked = {"prompt": "a zkz dog <lora:ink:0.7>", "base": str(tiny_base()), "networks": (folder,), "steps": 3}
    picture = generate(GenerateRecipe(**asked, out=tmp_path / "out")).pictures[0]
    how = {"picture": picture, "base": str(tiny_base()), "out": tmp_path / "again"}
    assert again(AgainRecipe(**how, networks=(folder,))).same_pixels
    write_lora(folder / "ink.safetensors", tiny_family(), "kohya", seed=9)
    with pytest.raises(ModelError, match=r"another file of that name(.|\n)*SHA-256"):
        again(AgainRecipe(**how, networks=(folder,)))
