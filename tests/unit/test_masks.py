"""Masks: what is outside one is never touched, and what is inside is found, filled and put back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.artifacts.box import Box
from imprint.errors import InputError
from imprint.generation.masks import (
    Mask,
    blurred_mask,
    filled,
    gaussian_kernel,
    laid_over,
    latent_mask,
    mask_from,
    region_around,
)  # fmt: skip

pytestmark = pytest.mark.unit

RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)


def square(top: int, left: int, side: int, shape: tuple[int, int] = (40, 56)) -> Mask:
    mask = np.zeros(shape, np.float32)
    mask[top : top + side, left : left + side] = 1
    return mask


def test_a_grey_mask_is_its_levels() -> None:
    levels = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(mask_from(levels, (3, 1)), [[0, 0.2, 1]], rtol=1e-6)


def test_transparency_decides_where_it_varies() -> None:
    rgba = np.full((2, 2, 4), 255, np.uint8)
    assert mask_from(rgba, (2, 2)).tolist() == [[1, 1], [1, 1]]
    rgba[0, 0, 3], rgba[0, 1, 3] = 128, 129
    assert mask_from(rgba, (2, 2)).tolist() == [[0, 1], [1, 1]]


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"3 x 1(.|\n)*allowed: 56 x 40"):
        mask_from(np.zeros((1, 3), np.uint8), (56, 40))


@pytest.mark.parametrize(("sigma_px", "length"), [(4.0, 21), (1.0, 7), (0.1, 1)])
def test_a_blur_is_as_long_as_a1111s(sigma_px: float, length: int) -> None:
    kernel = gaussian_kernel(sigma_px)
    assert len(kernel) == length
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)


def test_a_blur_reaches_no_further_than_its_kernel() -> None:
    soft = blurred_mask(square(18, 26, 4), 2.0)
    reach = len(gaussian_kernel(2.0)) // 2
    outside = np.ones_like(soft, dtype=bool)
    outside[18 - reach : 22 + reach, 26 - reach : 30 + reach] = False
    assert float(soft[outside].max()) == 0
    assert float(soft.max()) > 0.4


def test_no_blur_is_the_mask_itself() -> None:
    mask = square(3, 5, 9)
    assert np.array_equal(blurred_mask(mask, 0), mask)


def test_the_region_is_the_mask_with_padding_grown_to_the_shape() -> None:
    assert region_around(square(10, 20, 8), 4, 1.0) == Box(16, 6, 32, 22)
    assert region_around(square(10, 20, 8), 4, 2.0) == Box(8, 6, 40, 22)


def test_a_region_at_the_edge_is_moved_inside() -> None:
    assert region_around(square(0, 0, 8), 0, 2.0) == Box(0, 0, 16, 8)
    assert region_around(square(0, 48, 8), 0, 2.0) == Box(40, 0, 56, 8)


def test_nothing_masked_has_no_region() -> None:
    assert region_around(np.zeros((4, 4), np.float32), 8, 1.0) is None


@given(st.integers(0, 39), st.integers(0, 55), st.integers(1, 30), st.integers(0, 50), st.floats(0.2, 5))
def test_a_region_lies_inside_and_covers_the_mask(top: int, left: int, side: int, padding: int, aspect: float) -> None:
    mask = square(top, left, side)
    box = region_around(mask, padding, aspect)
    assert box is not None
    assert 0 <= box.left < box.right <= 56 and 0 <= box.top < box.bottom <= 40
    assert float(np.asarray(box.of(mask)).sum()) == float(mask.sum())


def test_filling_takes_colours_from_around_and_none_from_under_the_mask() -> None:
    picture = np.full((40, 56, 3), (10, 200, 90), np.uint8)
    mask = square(10, 20, 12)
    picture[mask > 0] = 255
    out = filled(picture, mask)
    assert int(np.abs(out.astype(int) - np.array([10, 200, 90])).max()) <= 1


def test_filling_keeps_what_is_not_masked() -> None:
    mask = square(10, 20, 12)
    assert np.array_equal(filled(PICTURE, mask)[mask == 0], PICTURE[mask == 0])


def test_filling_a_picture_that_is_all_masked_is_possible() -> None:
    assert filled(PICTURE, np.ones((40, 56), np.float32)).shape == PICTURE.shape


def test_a_cell_is_drawn_from_half_of_its_pixels_on() -> None:
    mask = np.zeros((16, 16), np.float32)
    mask[:4, :8] = 1
    mask[:3, 8:] = 1
    assert torch.equal(latent_mask(mask, 8), torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]))


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.floats(0, 6))
def test_outside_the_mask_the_source_stays_bit_for_bit(seed: int, sigma_px: float) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 256, PICTURE.shape, dtype=np.uint8)
    mask = blurred_mask(square(int(rng.integers(0, 40)), int(rng.integers(0, 56)), 9), sigma_px)
    out = laid_over(PICTURE, drawn, mask)
    assert np.array_equal(out[mask == 0], PICTURE[mask == 0])
    assert np.array_equal(out[mask >= 0.5], drawn[mask >= 0.5])
