"""Previews: what they show, when, and that they leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from imprint.errors import ConfigError
from imprint.families import open_family
from imprint.generation import preview as module
from imprint.generation.canvas import Source
from imprint.generation.image_to_image import ImageToImage, image_to_image
from imprint.generation.listening import GenerationStep
from imprint.generation.preview import LivePreview, latent_colours
from imprint.generation.samplers import SamplerStep
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs import previews as file_module
from imprint.jobs.generate import generate
from imprint.jobs.previews import previews
from imprint.jobs.recipe import GenerateRecipe
from imprint.nano import base_folder
from make import photo, tiny_base, tiny_family

pytestmark = pytest.mark.unit

Shown = list[tuple[int, list[NDArray[np.uint8]]]]


def step_of(index: int, steps: int = 10, batch: int = 1) -> SamplerStep:
    return SamplerStep(index, steps, 1.0, torch.zeros(batch, 4, 4, 4))


def shown_at(steps: int, **options: Any) -> list[int]:
    shown: list[int] = []
    preview = LivePreview(tiny_family(), lambda step, pictures: shown.append(step.index), **options)
    for index in range(steps):
        preview(step_of(index, steps))
    return shown


def test_a_preview_of_the_embedded_base_looks_like_its_picture() -> None:
    family, last = open_family(base_folder()), list[torch.Tensor]()
    request = TextToImage(prompt="a photo of a dog in the snow", seed=3, steps=12)
    picture = next(text_to_image(family, [request], on_step=lambda step: last.append(step.sampler.denoised_Bchw)))
    small = picture.pixels_HWC.reshape(16, 8, 16, 8, 3).mean(axis=(1, 3))
    preview = latent_colours(family).pictures(last[-1])[0]
    # Measured over six prompts at 25 steps: 0.94 in the mean, 0.88 at least.
    assert np.corrcoef(small.ravel(), preview.ravel())[0, 1] > 0.8


def test_full_previews_are_what_the_autoencoder_decodes() -> None:
    family, shown = tiny_family(), list[NDArray[np.uint8]]()
    preview = LivePreview(family, lambda step, pictures: shown.extend(pictures), kind="full")
    latent = torch.linspace(-1, 1, 64).reshape(1, 4, 4, 4)
    preview(SamplerStep(0, 5, 1.0, latent))
    expected = (family.decode(latent)[0].permute(1, 2, 0) + 1) * 127.5
    assert np.abs(shown[0] - expected.numpy()).max() <= 0.51


def test_previews_come_every_so_many_steps_but_for_the_last() -> None:
    assert shown_at(9, every=3) == [2, 5]
    assert shown_at(3) == [0, 1]
    assert shown_at(1) == []


def test_previews_keep_a_distance_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.4, 1.1, 1.5, 2.2])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    assert shown_at(6, every_s=1.0) == [0, 2, 4]


@pytest.mark.parametrize("options", [{"every": 0}, {"every_s": -1.0}, {"every_s": float("nan")}])
def test_senseless_distances_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="every"):
        shown_at(1, **options)


def shown_sizes(kind: Any, draw: Any) -> list[tuple[int, ...]]:
    """The sizes of the previews of some pictures, which are the same with and without."""
    shown: list[tuple[int, ...]] = []
    preview = LivePreview(tiny_family(), lambda step, pictures: shown.append(pictures[0].shape), kind, every=1)
    (watched,), (alone,) = (list(draw(on_step)) for on_step in (lambda step: preview(step.sampler), None))
    assert np.array_equal(watched.pixels_HWC, alone.pixels_HWC)
    return shown


@pytest.mark.parametrize(("kind", "side"), [("fast", 4), ("full", 32)])
def test_both_passes_are_shown_each_at_its_size(kind: str, side: int) -> None:
    request = TextToImage.model_validate({"prompt": "a dog", "seed": 1, "steps": 3, "hires": {"scale": 2, "steps": 2}})
    shown = shown_sizes(kind, lambda on_step: text_to_image(tiny_family(), [request], on_step=on_step))
    assert shown == [(side, side, 3)] * 2 + [(2 * side, 2 * side, 3)]


def test_a_picture_from_a_picture_is_shown() -> None:
    source = Source(np.asarray(photo(1, (48, 32))))
    request = ImageToImage(prompt="a dog", seed=1, steps=4)
    shown = shown_sizes("fast", lambda on_step: image_to_image(tiny_family(), source, [request], on_step=on_step))
    assert shown == [(4, 6, 3)] * 3


def test_every_picture_of_a_batch_is_shown() -> None:
    shown: list[int] = []
    LivePreview(tiny_family(), lambda step, pictures: shown.append(len(pictures)))(step_of(0, batch=3))
    assert shown == [3]


def test_colours_are_fitted_once_for_an_autoencoder_and_always_the_same() -> None:
    first = latent_colours(tiny_family())
    assert latent_colours(tiny_family()) is first
    other = tiny_family()
    next(other.vae.parameters()).data.mul_(2)
    assert latent_colours(other) is not first
    module._fitted.clear()
    assert torch.equal(latent_colours(tiny_family()).weight_c3, first.weight_c3)


def test_a_network_that_fails_shows_a_picture_and_no_error() -> None:
    pictures = latent_colours(tiny_family()).pictures(torch.full((1, 4, 2, 2), float("nan")))
    assert pictures[0].shape == (2, 2, 3)


def test_a_picture_is_the_same_with_previews(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"prompt": "a dog", "base": str(tiny_base()), "steps": 4}
    plain = generate(GenerateRecipe(**fields, out=tmp_path / "plain")).pictures[0]
    recipe = GenerateRecipe(**fields, out=tmp_path / "shown", preview="fast", preview_every=1)
    shown = generate(recipe).pictures[0]
    assert shown.read_bytes() == plain.read_bytes()
    assert [path.name for path in shown.parent.iterdir()] == [shown.name]


@pytest.mark.parametrize("kind", ["fast", "full"])
def test_the_file_is_there_while_a_picture_appears(tmp_path: Path, kind: Any) -> None:
    sizes: list[tuple[int, int]] = []
    with previews(tiny_family(), tmp_path / "new", kind, 2) as on_step:
        assert on_step
        for index in range(4):
            on_step(GenerationStep(0, 2, 2, step_of(index, 5, batch=2)))
            found = tmp_path / "new" / file_module.FILE
            if found.exists():
                with Image.open(found) as image:
                    sizes.append(image.size)
    assert sizes == [(64, 32)] * 3
    assert list((tmp_path / "new").iterdir()) == []


def test_a_preview_that_cannot_be_written_stops_no_drawing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    with previews(tiny_family(), tmp_path / "file", "fast", 1) as on_step:
        assert on_step
        for index in range(3):
            on_step(GenerationStep(0, 1, 1, step_of(index)))
    assert sum("no more previews" in record.message for record in caplog.records) == 1


def test_compile_reaches_the_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    from imprint.families.sd1 import StableDiffusion1

    asked: list[str] = []
    monkeypatch.setattr(StableDiffusion1, "compiled", lambda self: (asked.append("compiled"), nullcontext())[1])
    for wanted in (False, True):
        generate(GenerateRecipe(prompt="a dog", base=str(tiny_base()), steps=1, out=tmp_path, compile=wanted))
    assert asked == ["compiled"]
