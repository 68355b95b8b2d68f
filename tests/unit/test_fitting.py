"""Pictures at another size and shape."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.generation.fitting import ResizeMode, drawable, fitted, fitted_mask

pytestmark = pytest.mark.unit

HALVES = np.zeros((20, 40, 3), np.uint8)
HALVES[:, 20:] = 200


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [((513, 700), (512, 696)), ((517, 516), (520, 512)), ((5, 8), (8, 8)), ((64, 64), (64, 64)), ((1, 12), (8, 8))],
)
def test_a_size_is_rounded_to_the_nearest_that_can_be_drawn(asked: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert drawable(asked, 8) == drawn


@given(st.integers(1, 4096), st.integers(1, 64))
def test_no_size_that_can_be_drawn_is_nearer(side: int, stride: int) -> None:
    (found, _) = drawable((side, side), stride)
    assert found == min(range(stride, side + stride + 1, stride), key=lambda other: (abs(other - side), other))


def test_a_crop_keeps_the_middle_in_proportion() -> None:
    out = fitted(HALVES, (10, 10), "crop")
    assert out[5, 0, 0] < 10 and out[5, 9, 0] > 190
    assert np.array_equal(fitted(HALVES, (20, 20), "crop"), HALVES[:, 10:30])


def test_a_crop_of_a_long_strip_computes_the_middle_only(monkeypatch: pytest.MonkeyPatch) -> None:
    strip = np.linspace(0, 255, 40_000, dtype=np.uint8)[None, :, None].repeat(16, 0).repeat(3, 2)
    out = fitted(strip, (1024, 1024), "crop")  # whole, it would be 2,560,000 by 1024
    assert out.shape == (1024, 1024, 3) and set(np.unique(out)) <= {127, 128}
    whole = fitted(HALVES, (24, 30), "crop").astype(int)
    monkeypatch.setattr("imprint.generation.fitting.LARGEST_COVER", 0)
    assert np.abs(fitted(HALVES, (24, 30), "crop") - whole).max() <= 1


def test_a_fill_shows_all_and_continues_the_edges() -> None:
    out = fitted(HALVES, (40, 40), "fill")
    assert np.array_equal(out[10:30], HALVES)
    assert np.array_equal(out[0], HALVES[0]) and np.array_equal(out[39], HALVES[-1])


def test_a_stretch_gives_up_the_proportions() -> None:
    out = fitted(HALVES, (40, 40), "stretch")
    assert np.array_equal(out[0], out[39])


def test_a_mask_follows_its_picture_and_masks_nothing_beside_it() -> None:
    mask = np.ones((20, 40), np.float32)
    assert np.array_equal(fitted_mask(mask, (40, 40), "fill").sum(axis=1) > 0, [10 <= row < 30 for row in range(40)])
    assert float(fitted_mask(mask, (10, 10), "crop").min()) == 1


@settings(max_examples=60, deadline=None)
@given(*[st.integers(1, 70)] * 2, *[st.integers(1, 9)] * 2, st.sampled_from(get_args(ResizeMode)))
def test_any_picture_gets_the_size(width: int, height: int, wide: int, tall: int, mode: ResizeMode) -> None:
    out = fitted(np.zeros((height, width, 3), np.uint8), (8 * wide, 8 * tall), mode)
    assert out.shape == ((height, width, 3) if mode == "latent" else (8 * tall, 8 * wide, 3))
