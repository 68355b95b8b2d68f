"""Pictures from pictures on a tiny base: what is kept is kept bit for bit, every setting is seen to arrive."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from imprint.artifacts.picture import Picture
from imprint.errors import ConfigError, InputError
from imprint.generation import canvas as canvas_module
from imprint.generation.canvas import ImageSettings, Source, canvas_of
from imprint.generation.image_to_image import ImageToImage, image_to_image
from imprint.generation.samplers import SAMPLERS
from make import tiny_family

pytestmark = pytest.mark.unit

shared_family = functools.cache(tiny_family)


@functools.cache
def picture(width: int = 32, height: int = 32) -> np.ndarray[Any, Any]:
    """A source of noise and a slope, the same every time."""
    noise = np.random.default_rng(7).integers(0, 80, (height, width, 3))
    return (noise + np.linspace(0, 170, width)[None, :, None]).astype(np.uint8)


def mask(width: int = 32, height: int = 32) -> np.ndarray[Any, Any]:
    """A rectangle from a quarter to three quarters of either side."""
    out = np.zeros((height, width), np.uint8)
    out[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 255
    return out


def drawn(
    source: Source | None = None, batch: int | None = None, seeds: tuple[int, ...] = (1,), **changes: Any
) -> list[Picture]:
    """Pictures with a few settings changed: of the request, or of `image` where it has them."""
    image = {name: changes.pop(name) for name in list(changes) if name in ImageSettings.model_fields}
    fields = {"prompt": "a photo of a dog", "steps": 4, "image": {"strength": 0.6, **image}, **changes}
    requests = [ImageToImage(seed=seed, **fields) for seed in seeds]
    return list(image_to_image(shared_family(), source or Source(picture()), requests, batch=batch))


def pixels(*given: Any, **changes: Any) -> np.ndarray[Any, Any]:
    return drawn(*given, **changes)[0].pixels_HWC


MASKED = Source(picture(), mask())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([(32, 32), (33, 47), (64, 40)]), st.sampled_from([0.0, 0.4, 1.0]),
    st.sampled_from(["original", "fill", "noise", "nothing"]), st.booleans(), st.booleans(),
    st.sampled_from([*SAMPLERS.names()]), st.booleans(),
)  # fmt: skip
def test_outside_the_mask_every_byte_is_the_sources(
    size: tuple[int, int], strength: float, fill: str, only: bool, soft: bool, sampler: str, invert: bool
) -> None:
    source = Source(picture(*size), mask(*size))
    changes: dict[str, Any] = {"soft": {} if soft else None, "sampler": sampler, "invert_mask": invert}
    out = pixels(source, strength=strength, fill=fill, only_masked=only, mask_blur_px=0, steps=2, **changes)
    kept = (source.mask == 0) != invert
    assert out.shape == source.picture_HWC.shape
    assert np.array_equal(out[kept], source.picture_HWC[kept])


def test_inside_the_mask_it_is_drawn() -> None:
    assert (pixels(MASKED, mask_blur_px=0) != picture())[mask() == 255].mean() > 0.9


def test_a_soft_edge_reaches_two_and_a_half_times_as_far_and_no_further() -> None:
    source = Source(picture(96, 96), mask(96, 96))
    changed = (pixels(source, mask_blur_px=4) != source.picture_HWC).any(axis=2)
    assert not changed[: 24 - 10].any() and not changed[:, : 24 - 10].any() and changed[20:24, 40:56].any()


def test_at_strength_0_nothing_changes() -> None:
    assert np.array_equal(pixels(strength=0), picture())


def test_a_strength_of_no_step_at_all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert np.array_equal(pixels(strength=0.1, step_rule="diffusers"), picture())
    assert "less than one of 4 steps: nothing is drawn" in caplog.text


@pytest.mark.parametrize(("changes", "told"), [({}, True), ({"only_masked": True, "padding_px": 0}, False)])
def test_a_mask_too_small_to_be_drawn_is_told(
    changes: dict[str, Any], told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    speck = np.zeros((32, 32), np.uint8)
    speck[10:12, 10:12] = 255
    pixels(Source(picture(), speck), mask_blur_px=0, **changes)
    assert ("nothing new is drawn; image.only_masked" in caplog.text) == told


def test_a_little_strength_stays_nearer_to_the_source_than_much() -> None:
    away = [np.abs(pixels(strength=how).astype(float) - picture()).mean() for how in (0.2, 0.9)]
    assert away[0] < away[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": (2,)}, {"strength": 0.7}, {"step_rule": "a1111"}, {"step_rule": "diffusers"},
        {"noise_multiplier": 0.7}, {"extra_noise": 0.3}, {"prompt": "a cat"}, {"sampler": "euler_a"}, {"cfg_scale": 1},
        {"width_px": 40}, {"tiling": "both"}, {"resize": "stretch", "width_px": 48}, {"resize": "fill", "width_px": 48},
        {"resize": "latent", "width_px": 48}, {"steps": 5},
    ],
)  # fmt: skip
def test_every_setting_of_a_whole_picture_arrives(changes: dict[str, Any]) -> None:
    assert pixels(**changes).tobytes() != pixels().tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"fill": "fill"}, {"fill": "noise"}, {"fill": "nothing"}, {"mask_blur_px": 1}, {"invert_mask": True},
        {"soft": {}}, {"width_px": 40},
    ],
)  # fmt: skip
def test_every_setting_of_a_mask_arrives(changes: dict[str, Any]) -> None:
    assert pixels(MASKED, **changes).tobytes() != pixels(MASKED).tobytes()


def test_every_setting_of_a_region_arrives() -> None:
    source = Source(picture(96, 96), mask(96, 96))
    how: list[dict[str, Any]] = [{}, {"only_masked": True, "padding_px": 2}, {"only_masked": True, "padding_px": 8}]
    assert len({pixels(source, steps=2, **one).tobytes() for one in how}) == 3


@pytest.mark.parametrize("source", [Source(picture()), MASKED])
def test_a_picture_among_others_equals_the_picture_alone_bit_for_bit(source: Source) -> None:
    together = drawn(source, seeds=(1, 2, 3), sampler="euler_a")
    alone = [drawn(source, seeds=(seed,), sampler="euler_a")[0] for seed in (1, 2, 3)]
    assert [one.pixels_HWC.tobytes() for one in together] == [one.pixels_HWC.tobytes() for one in alone]


@pytest.mark.parametrize("source", [Source(picture()), MASKED])
def test_a_larger_batch_changes_nothing_but_the_last_bits(source: Source) -> None:
    seeds = (1, 2, 3, 4)
    for one, other in zip(drawn(source, seeds=seeds), drawn(source, seeds=seeds, batch=3), strict=True):
        assert np.abs(one.pixels_HWC.astype(int) - other.pixels_HWC.astype(int)).max() <= 1


def test_pictures_of_other_sizes_share_no_batch_though_they_are_drawn_alike() -> None:
    source = Source(picture(301, 77), mask(301, 77))
    how: dict[str, Any] = {"prompt": "a dog", "steps": 1, "sampler": "euler"}
    asked = [ImageToImage(seed=1, **how), ImageToImage(seed=2, width_px=128, height_px=32, **how)]
    made = list(image_to_image(shared_family(), source, asked, batch=2))
    assert [one.pixels_HWC.shape for one in made] == [(77, 301, 3), (32, 128, 3)]


def test_pictures_that_differ_in_seed_share_what_is_made_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    blurs: list[float] = []
    blur = canvas_module.blurred_mask
    monkeypatch.setattr(canvas_module, "blurred_mask", lambda given, by: blurs.append(by) or blur(given, by))
    drawn(MASKED, seeds=(1, 2, 3), steps=1)
    assert len(blurs) == 1


def test_colours_flow_over_the_mask_at_the_size_that_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []
    fill = canvas_module.filled
    monkeypatch.setattr(canvas_module, "filled", lambda part, mask: sizes.append(part.shape) or fill(part, mask))
    canvas = canvas_of(Source(picture(640, 640), mask(640, 640)), ImageSettings(), (None, None), shared_family())
    assert canvas.shown("fill").shape == (64, 64, 3) and sizes == [(64, 64, 3)]


def test_colours_flow_over_the_mask_where_latents_are_stretched() -> None:
    canvas = canvas_of(MASKED, ImageSettings(mask_blur_px=0, resize="latent"), (48, 32), shared_family())
    inside = mask() == 255
    assert not np.array_equal(canvas.shown("fill")[inside], picture()[inside])
    assert np.array_equal(canvas.shown("fill")[:4], picture()[:4])


def test_what_is_encoded_of_a_large_source_is_bounded() -> None:
    source = Source(picture(3200, 1600))
    canvas = canvas_of(source, ImageSettings(resize="latent"), (32, 32), shared_family())
    assert canvas.shown("original").shape == (48, 88, 3)


def test_a_side_that_follows_from_the_other_is_bounded_as_if_it_were_asked_for() -> None:
    request = ImageToImage(prompt="", seed=0, width_px=512)
    with pytest.raises(ConfigError, match=r"512 x 8192(.|\n)*4096"):
        image_to_image(shared_family(), Source(np.zeros((160, 10, 3), np.uint8)), [request])


@pytest.mark.parametrize("wrong", [mask() > 0, mask() / 255, np.zeros((32, 32, 1), np.uint8)])
def test_what_is_no_mask_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(InputError, match="this is no mask"):
        image_to_image(shared_family(), Source(picture(), wrong), [ImageToImage(prompt="", seed=0)])


@pytest.mark.parametrize(
    ("given_px", "asked_px", "size"),
    [
        ((33, 47), (None, None), (32, 48)),
        ((64, 32), (32, None), (32, 16)),
        ((64, 32), (None, 64), (128, 64)),
        ((64, 32), (40, 40), (40, 40)),
        ((3200, 1600), (None, None), (88, 48)),  # four times the area of 32 by 32, and no more
    ],
)
def test_the_result_of_a_whole_picture_has_the_size_asked_for_or_its_own(
    given_px: tuple[int, int], asked_px: tuple[int | None, int | None], size: tuple[int, int]
) -> None:
    out = pixels(Source(picture(*given_px)), width_px=asked_px[0], height_px=asked_px[1], steps=1)
    assert out.shape[1::-1] == size


def test_with_a_mask_the_result_has_the_sources_size_though_it_is_drawn_at_another() -> None:
    source = Source(picture(301, 77), mask(301, 77))
    made = drawn(source, steps=1)[0]
    assert made.pixels_HWC.shape == (77, 301, 3)
    assert (made.record.width_px, made.record.height_px) == (128, 32)  # four times the area of 32 by 32


def test_only_what_is_around_the_mask_is_drawn_at_the_size_asked_for() -> None:
    small = np.zeros((96, 96), np.uint8)
    small[40:48, 40:48] = 255
    canvas = canvas_of(
        Source(picture(96, 96), small), ImageSettings(only_masked=True, padding_px=4, mask_blur_px=0), (32, 32),
        shared_family(),
    )  # fmt: skip
    assert (canvas.region.left, canvas.region.top, canvas.region.width, canvas.region.height) == (36, 36, 16, 16)
    assert canvas.shown("original").shape == (32, 32, 3) and canvas.shown_mask().max() == 1


def test_an_empty_mask_draws_everything() -> None:
    empty = Source(picture(), np.zeros((32, 32), np.uint8))
    assert np.array_equal(pixels(empty), pixels())


def test_masks_may_have_colour_or_transparency() -> None:
    white = np.repeat(mask()[..., None], 3, axis=2)
    clear = np.dstack([np.zeros_like(white), mask()])
    expected = pixels(MASKED)
    assert np.array_equal(pixels(Source(picture(), white)), expected)
    assert np.array_equal(pixels(Source(picture(), clear)), expected)


@pytest.mark.parametrize(
    ("given", "asked", "drawn"),
    [((40_000, 1), (None, None), (4096, 8)), ((1, 9000), (None, None), (8, 4096))],
)
def test_a_strip_is_drawn_no_longer_than_a_side_may_be(given: Any, asked: Any, drawn: Any) -> None:
    strip = Source(np.zeros((given[1], given[0], 3), np.uint8))
    assert canvas_of(strip, ImageSettings(), asked, shared_family()).drawn_px == drawn


def test_a_mask_of_another_size_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="another size than the picture"):
        image_to_image(shared_family(), Source(picture(), mask(40, 32)), [ImageToImage(prompt="", seed=0)])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(InputError, match="no picture to begin with"):
        image_to_image(shared_family(), Source(wrong), [ImageToImage(prompt="", seed=0)])


def test_a_strength_too_small_for_exact_steps_is_refused_at_once() -> None:
    request = ImageToImage(prompt="", seed=0, steps=500, image=ImageSettings(strength=1e-4))
    with pytest.raises(ConfigError, match="so small a strength"):
        image_to_image(shared_family(), Source(picture()), [request])


@pytest.mark.parametrize("wrong", [{"strength": 1.1}, {"strength": math.nan}, {"fill": "red"}, {"mask_blur_px": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ImageSettings(**wrong)


@pytest.mark.parametrize(
    ("rule", "strength", "steps", "calls"),
    [
        ("a1111", 0.5, 20, 11), ("a1111", 0, 20, 1), ("exact", 0.3, 20, 20), ("diffusers", 0.5, 20, 10),
        ("comfy", 0.5, 20, 20),
    ],
)  # fmt: skip
def test_as_many_calls_are_made_as_the_rule_says(rule: str, strength: float, steps: int, calls: int) -> None:
    seen: list[int] = []
    how = ImageSettings.model_validate({"strength": strength, "step_rule": rule})
    request = ImageToImage(prompt="", seed=0, steps=steps, sampler="euler", image=how)
    list(
        image_to_image(
            shared_family(), Source(picture()), [request], on_step=lambda step: seen.append(step.sampler.index)
        )
    )
    assert seen == list(range(calls))


def test_edits_run_over_the_calls_that_are_made() -> None:
    plain = pixels(prompt="a cat", step_rule="diffusers", steps=10, strength=0.4)
    edited = pixels(prompt="a [cat:dog:0.5]", step_rule="diffusers", steps=10, strength=0.4)
    assert edited.tobytes() != plain.tobytes()
    quirk = {"compat": "a1111", "sampler": "euler", "step_rule": "diffusers", "steps": 10, "strength": 0.4}
    assert np.array_equal(pixels(prompt="a [cat:dog:0.5]", **quirk), pixels(prompt="a cat", **quirk))
