"""Upscaling by a network: tiles without seams, as many passes as needed, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.errors import InputError, ModelError, NumericsError
from imprint.refine.upscalers import ModelUpscaler, models
from imprint.refine.upscalers.resampling import lanczos
from imprint.refine.upscalers.tiles import MARGINS_PX, TILE_PX, margin_px, ramps, reach_px, starts, tiled
from make_upscalers import Descriptor, Pixels, convolutional, noisy, repeating

pytestmark = pytest.mark.unit

PATH = Path("models/4x.pth")


def upscaler(model: Any) -> ModelUpscaler:
    return ModelUpscaler(model, PATH)


def whole(model: Descriptor, picture: Pixels) -> Pixels:
    """A picture that the network sees at once."""
    image = torch.tensor(picture).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        out = model(image)[0]
    return np.rint(out.permute(1, 2, 0).numpy().clip(0, 1) * 255).astype(np.uint8)


@given(st.integers(1, 3000), st.sampled_from([(64, 1), (64, 32), (192, 32), (256, 7)]), st.sampled_from([1, 2, 3, 4]))
def test_tiles_cover_a_side_and_their_weights_are_one(length: int, tile: tuple[int, int], scale: int) -> None:
    tile_px, unit = tile
    begins, total = starts(length, tile_px, unit=unit), np.zeros(length * scale)
    for number, begin in enumerate(begins):
        weight = ramps(begins, number, length, tile_px, scale)
        total[begin * scale : begin * scale + len(weight)] += weight
    assert begins[0] == 0 and not any(begin % unit for begin in begins)
    assert np.allclose(total, 1, atol=1e-6)


@given(st.integers(193, 3000), st.sampled_from(MARGINS_PX), st.sampled_from([1, 7, 16, 64]))
def test_near_its_edge_inside_the_picture_a_tile_counts_nothing(length: int, unseen: int, unit: int) -> None:
    begins = starts(length, TILE_PX, unseen, unit)
    for number in range(len(begins)):
        weight = ramps(begins, number, length, TILE_PX, 1)
        assert number == 0 or not weight[:unseen].any()
        assert number == len(begins) - 1 or not weight[-unseen:].any()


@pytest.mark.parametrize(("height", "width"), [(200, 250), (250, 200), (30, 700), (700, 1), (64, 64), (300, 300)])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_tiles_of_what_needs_no_surroundings_are_the_whole(height: int, width: int, scale: int) -> None:
    picture, model = noisy(height, width), repeating(scale)
    out = tiled(upscaler(model)._run, picture, scale, 64)
    assert np.array_equal(out, picture.repeat(scale, 0).repeat(scale, 1))
    assert all(side <= 64 for size in model.seen for side in size)


@pytest.mark.parametrize(
    ("model", "reach"),
    [(repeating(), 0), (convolutional(2, 3), 2), (convolutional(4, 5), 8), (convolutional(5, 7), 15)],
)
def test_how_far_a_network_sees_is_measured(model: Descriptor, reach: int) -> None:
    assert reach_px(upscaler(model)._run, model.scale) == reach
    assert margin_px(upscaler(model)._run, model.scale) == max(reach, MARGINS_PX[0])


# It sees 2, 8 and 24 pixels far; the heights are those of two tiles that share no more than they have to.
@pytest.mark.parametrize(("layers", "kernel", "height"), [(2, 3, 352), (4, 5, 352), (8, 7, 326)])
def test_tiles_of_a_network_are_the_whole_if_it_sees_no_further_than_their_margins(
    layers: int, kernel: int, height: int
) -> None:
    model, picture = convolutional(layers, kernel), noisy(height, 100)
    expected, out = whole(model, picture), upscaler(model)(picture, (200, 2 * height))
    assert len(set(expected.flat)) > 200
    # Only what stands half-way between two levels may fall to the other side.
    assert np.abs(out.astype(int) - expected).max() <= 1 and (out != expected).mean() < 1e-4


def test_tiles_of_a_network_that_sees_farther_have_no_seam() -> None:
    model, picture = convolutional(layers=16, kernel=7), noisy(320, 100)  # it sees 48 pixels far
    difference = np.abs(upscaler(model)(picture, (200, 640)).astype(int) - whole(model, picture))
    # Over five seeds of network and picture: one level at most, 0.13 to 0.18 in the worst row of pixels.
    assert difference.max() <= 1
    assert difference.mean(axis=(1, 2)).max() < 0.25


def test_the_windows_of_a_network_lie_alike_in_every_tile() -> None:
    def windows(image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(image, 16).repeat_interleave(16, 2).repeat_interleave(16, 3)

    model, picture = Descriptor(windows, scale=1), noisy(208, 368)
    out = upscaler(model)(picture, (369, 1))
    assert len(model.seen) == 2 + 6
    assert np.array_equal(out, lanczos(whole(model, picture), (369, 1)))


def test_what_a_network_gives_beyond_black_and_white_is_cut_off() -> None:
    picture = np.array([[[0, 128, 255]]], np.uint8)
    out = upscaler(Descriptor(lambda image: 3 * image - 1, scale=1))(picture, (1, 2))
    assert out[:, 0].tolist() == [[0, 129, 255]] * 2


def test_a_picture_that_is_only_looked_at_backwards_is_as_any_other() -> None:
    picture = noisy(210, 30)
    picture.flags.writeable = False
    out = upscaler(repeating(2))(picture[::-1, ::-1], (60, 420))
    assert np.array_equal(out, picture[::-1, ::-1].repeat(2, 0).repeat(2, 1))


def test_a_network_is_measured_once_and_only_where_tiles_meet() -> None:
    model = repeating(2)
    upscale = upscaler(model)
    upscale(noisy(192, 192), (384, 384))
    assert model.seen == [(192, 192)]
    upscale(noisy(193, 10), (20, 386))
    upscale(noisy(193, 10), (20, 386))
    assert model.seen[1:] == [(96, 96), (64, 96), *[(10, 192), (10, 161)] * 2]


@pytest.mark.parametrize(
    ("given", "asked", "scale", "passes"),
    [
        ((10, 10), (20, 20), 2, 1),
        ((10, 10), (21, 20), 2, 2),
        ((10, 10), (80, 80), 2, 3),
        ((10, 10), (200, 200), 2, 3),  # Lanczos does the rest
        ((1, 1), (64, 64), 4, 3),
        ((10, 10), (10, 10), 4, 0),
        ((10, 10), (5, 9), 4, 0),
        ((10, 20), (15, 10), 4, 1),  # one side larger, one smaller
        ((10, 10), (30, 30), 1, 1),  # a network that restores
        ((10, 10), (10, 10), 1, 0),
    ],
)
def test_the_network_runs_until_the_picture_is_large_enough(
    given: tuple[int, int], asked: tuple[int, int], scale: int, passes: int
) -> None:
    model, picture = repeating(scale), noisy(given[1], given[0])
    out = upscaler(model)(picture, asked)
    grown = picture.repeat(scale**passes, 0).repeat(scale**passes, 1)
    assert len(model.seen) == passes
    assert np.array_equal(out, lanczos(grown, asked))


def test_passes_end_where_memory_would(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(models, "MAX_PIXELS", 40 * 40)
    model = repeating(2)
    assert upscaler(model)(noisy(20, 20), (100, 90)).shape == (90, 100, 3)
    assert len(model.seen) == 1 and "Lanczos does the rest" in caplog.text


def test_a_network_that_makes_tiles_itself_sees_the_whole_picture() -> None:
    model = repeating(2, tiling=SimpleNamespace(name="INTERNAL"))
    upscaler(model)(noisy(300, 210), (420, 600))
    assert model.seen == [(210, 300)]


@pytest.mark.parametrize(
    ("minimum", "multiple_of", "side"),
    [(0, 1, 192), (0, 7, 196), (256, 16, 256), (250, 64, 256), (0, 48, 192), (0, 160, 320)],
)
def test_tiles_have_a_size_that_the_network_takes(minimum: int, multiple_of: int, side: int) -> None:
    model = repeating(1, minimum=minimum, multiple_of=multiple_of)
    picture = noisy(side + (64 if multiple_of in (1, 16) else multiple_of), side)
    assert np.array_equal(upscaler(model)(picture, (side + 1, 9)), lanczos(picture, (side + 1, 9)))
    assert set(model.seen[2:]) == {(side, side)}  # behind the measurement


@settings(max_examples=20)
@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.tuples(st.integers(1, 90), st.integers(1, 90)))
def test_any_size_comes_out_exactly(given: tuple[int, int], asked: tuple[int, int]) -> None:
    picture = noisy(*given)
    first, second = (upscaler(repeating(3))(picture, asked) for _ in range(2))
    assert first.shape == (asked[1], asked[0], 3) and np.array_equal(first, second)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"input_channels": 1, "output_channels": 1}, "not for RGB pictures"),
        ({"output_channels": 4}, "3 channels in, 4 out"),
        ({"purpose": "FaceSR"}, "does not upscale"),
        ({"purpose": "Inpainting"}, "does not upscale"),
        ({"scale": 0}, "makes pictures smaller"),
    ],
)
def test_a_model_for_other_work_is_refused_with_its_file(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        upscaler(Descriptor(lambda image: image, **said))
    assert caught.value.where == str(PATH)


def broken(image: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("size mismatch")


@pytest.mark.parametrize(
    ("network", "error", "told"),
    [
        (lambda image: image, ModelError, "another shape than it says"),
        (lambda image: image.repeat(1, 1, 2, 2) / 0, NumericsError, "NaN or infinity"),
        (broken, ModelError, r"fails on a picture of 9 by 8 \(got 'size mismatch'\)"),
    ],
)
def test_a_network_that_fails_is_named(network: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        upscaler(Descriptor(network))(noisy(8, 9), (18, 16))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4)])
def test_grey_and_transparent_pictures_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="RGB picture"):
        upscaler(repeating())(np.zeros(shape, np.uint8), (16, 16))
