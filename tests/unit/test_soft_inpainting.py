"""Soft inpainting: its limits, the length of mixed vectors, the filters, and what stays the source's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from imprint.generation.masks import Mask, blurred_mask, laid_over
from imprint.generation.soft_inpainting import (
    MIDDLE,
    NEIGHBOUR_SIGMA,
    PEAKS,
    SoftInpainting,
    blended,
    cell_shares,
    overlay_mask,
    percentile_mean,
    step_mask,
)  # fmt: skip

pytestmark = pytest.mark.unit

PLAIN = SoftInpainting()
RAMP_11hw = torch.linspace(0, 1, 9).reshape(1, 1, 1, 9)
STRIDE = 8


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def disc(side: int = 96, radius: float = 30) -> Mask:
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    return blurred_mask((rows**2 + columns**2 < radius**2).astype(np.float32), 4)


def test_the_defaults_are_a1111s() -> None:
    assert list(PLAIN.model_dump().values()) == [1, 0.5, 4, 0, 0.5, 2]


@pytest.mark.parametrize("wrong", [{"power": -1}, {"detail_preservation": 0.5}, {"mask_influence": 1.1}, {"scale": 9}])
def test_settings_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SoftInpainting(**wrong)


def test_the_mask_of_a_step_is_the_formulas() -> None:
    found = step_mask(RAMP_11hw, 3.0, SoftInpainting(power=2, scale=0.25))
    torch.testing.assert_close(found, RAMP_11hw**2.25)


def test_at_high_noise_only_what_is_wholly_masked_is_drawn() -> None:
    assert step_mask(RAMP_11hw, 1e4, PLAIN).flatten().tolist() == [0] * 8 + [1]


def test_at_no_noise_all_that_is_masked_at_all_is_drawn() -> None:
    assert step_mask(RAMP_11hw, 0.0, PLAIN).flatten().tolist() == [0] + [1] * 8
    constant = SoftInpainting(power=0, scale=1)
    torch.testing.assert_close(step_mask(RAMP_11hw, 0.0, constant), RAMP_11hw)


@given(
    st.floats(0, 200), st.floats(0, 200), st.builds(SoftInpainting, power=st.floats(0, 8), scale=st.floats(0, 8))
)  # fmt: skip
def test_less_noise_draws_no_less(one: float, other: float, soft: SoftInpainting) -> None:
    low, high = (step_mask(RAMP_11hw, sigma, soft) for sigma in sorted((one, other)))
    assert bool((low >= high).all())
    assert bool(((low >= 0) & (low <= 1)).all())
    assert (float(high[..., 0]), float(high[..., -1])) == (0, 1)


def test_the_ends_of_a_blend_are_the_latents_themselves() -> None:
    init, denoised = noise(2, 4, 3, 5), noise(2, 4, 3, 5, seed=1)
    mask = (noise(1, 1, 3, 5, seed=2) > 0).float()
    expected = torch.where(mask.bool(), denoised, init)
    assert torch.equal(blended(init, denoised, mask, PLAIN), expected)


def test_a_preservation_of_one_keeps_lengths_between_linearly() -> None:
    init, denoised = torch.tensor([3.0, 0]).reshape(1, 2, 1, 1), torch.tensor([0, 1.0]).reshape(1, 2, 1, 1)
    half = torch.full((1, 1, 1, 1), 0.5)
    mixed = blended(init, denoised, half, SoftInpainting(detail_preservation=1)).flatten()
    torch.testing.assert_close(mixed, 2 * torch.tensor([3.0, 1.0]) / 10**0.5)


@given(
    st.lists(st.floats(-30, 30, width=32), min_size=8, max_size=8), st.floats(0.01, 0.99), st.floats(1, 32),
    st.sampled_from([1e-12, 1.0, 1e12]),
)  # fmt: skip
@settings(max_examples=200)
def test_a_blend_points_as_the_mixture_and_is_as_long_as_between(
    numbers: list[float], share: float, power: float, unit: float
) -> None:
    vectors = unit * np.array(numbers, np.float64).reshape(2, 4)
    init, denoised = (torch.tensor(vector, dtype=torch.float64).reshape(1, 4, 1, 1) for vector in vectors)
    mixed = (1 - share) * vectors[0] + share * vectors[1]
    soft, mask = SoftInpainting(detail_preservation=power), torch.full((1, 1, 1, 1), share, dtype=torch.float64)
    found = blended(init, denoised, mask, soft).flatten().numpy()
    lengths, own = np.linalg.norm(vectors, axis=1), np.linalg.norm(mixed)
    assert np.isfinite(found).all()
    if own > 1e-3 * unit:  # else both cancel
        powers = (lengths / lengths.max()) ** power
        wanted = lengths.max() * ((1 - share) * powers[0] + share * powers[1]) ** (1 / power)
        np.testing.assert_allclose(found, mixed / own * wanted, rtol=1e-6, atol=1e-9 * unit)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e15])
def test_nothing_becomes_nan(scale: float) -> None:
    init, half = scale * noise(1, 4, 2, 2), torch.full((1, 1, 2, 2), 0.5)
    for other in (init, -init, 0 * init):
        for power in (1.0, 32.0):
            mixed = blended(init, other, half, SoftInpainting(detail_preservation=power))
            assert bool(torch.isfinite(mixed).all())
    assert float(blended(0 * init, 0 * init, half, PLAIN).abs().max()) == 0


def naive_percentile_mean(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Of many samples of each neighbourhood's weighted distribution function, those between the percentiles."""
    out, shares = np.empty_like(values), np.linspace(low, high, 4001)
    shares = (shares[1:] + shares[:-1]) / 2
    for place in np.ndindex(*values.shape):
        steps = ((other, np.subtract(place, other)) for other in np.ndindex(*values.shape))
        near = [
            (values[other], np.exp(-(step**2).sum() / 2 / NEIGHBOUR_SIGMA**2))
            for other, step in steps
            if np.abs(step).max() <= 2
        ]
        level, weight = np.array(sorted(near)).T
        reached = np.cumsum(weight) / weight.sum()
        out[place] = level[np.searchsorted(reached, shares).clip(max=len(level) - 1)].mean()
    return out


@pytest.mark.parametrize("part", [PEAKS, MIDDLE, (0.0, 1.0)])
def test_the_percentile_filter_is_numpys(part: tuple[float, float]) -> None:
    values = np.random.default_rng(1).exponential(size=(6, 7))
    found = percentile_mean(torch.tensor(values, dtype=torch.float32)[None, None], *part)[0, 0].numpy()
    np.testing.assert_allclose(found, naive_percentile_mean(values, *part), rtol=2e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (4, 4)])
def test_a_filter_leaves_what_is_alike_alone(shape: tuple[int, int]) -> None:
    flat = torch.full((1, 1, *shape), 0.7)
    torch.testing.assert_close(percentile_mean(flat, *PEAKS), flat)


def test_cells_are_not_rounded() -> None:
    mask = np.zeros((16, 8), np.float32)
    mask[4:8] = 0.5
    assert cell_shares(mask, STRIDE).flatten().tolist() == [0.25, 0]


def drawn_inside(mask: Mask, size: float = 1.0) -> tuple[Tensor, Tensor]:
    """A source's latent and one that differs from it in the left half."""
    init = noise(1, 4, mask.shape[0] // STRIDE, mask.shape[1] // STRIDE)
    change = torch.zeros_like(init)
    change[..., : init.shape[-1] // 2] = size
    return init, init + change


def test_what_changed_lies_over_what_did_not() -> None:
    mask = np.ones((96, 96), np.float32)
    overlay = overlay_mask(mask, *drawn_inside(mask), PLAIN, STRIDE)
    assert overlay.shape == mask.shape
    assert overlay.dtype == np.float32
    assert overlay[:, :16].min() > 0.95  # twice four channels of 1: a distance of 2, four times the threshold
    assert overlay[:, -8:].max() == 0  # the filters reach two cells beyond the change and more, the blur 10 px
    assert (np.diff(overlay, axis=1) <= 1e-6).all()  # falling from the one to the other, without a jump
    assert np.abs(np.diff(overlay, axis=1)).max() < 0.2


@pytest.mark.parametrize("soft", [PLAIN, SoftInpainting(difference_threshold=0), SoftInpainting(mask_influence=1)])
def test_outside_the_mask_the_result_is_the_source(soft: SoftInpainting) -> None:
    mask, generator = disc(), np.random.default_rng(1)
    init = noise(1, 4, 12, 12)
    overlay = overlay_mask(mask, init, init + 5 * noise(1, 4, 12, 12, seed=1), soft, STRIDE)
    source, drawn = (generator.integers(0, 256, (96, 96, 3), dtype=np.uint8) for _ in range(2))
    result = laid_over(source, drawn, overlay, gain=1)
    assert overlay[mask == 0].max() == 0
    assert (result[mask == 0] == source[mask == 0]).all()
    assert (result != source).any(axis=2)[mask > 0.9].mean() > 0.9
    assert (overlay <= 2 * mask).all()


def test_where_nothing_changed_all_is_the_source() -> None:
    mask = np.ones((32, 32), np.float32)
    init = noise(1, 4, 4, 4)
    for soft in (PLAIN, SoftInpainting(difference_threshold=0), SoftInpainting(mask_influence=1)):
        assert overlay_mask(mask, init, init.clone(), soft, STRIDE).max() == 0


def test_the_threshold_is_the_change_that_is_half_drawn() -> None:
    mask, threshold = np.ones((64, 64), np.float32), 1.5
    init = noise(1, 4, 8, 8)
    final = init + threshold / 2  # of four channels: a distance of the threshold
    overlay = overlay_mask(mask, init, final, SoftInpainting(difference_threshold=threshold), STRIDE)
    np.testing.assert_allclose(overlay, 0.5, atol=1e-4)


def test_influence_lets_a_mask_speak_for_smaller_changes() -> None:
    mask = np.ones((64, 64), np.float32)
    latents = drawn_inside(mask, 0.1)
    overlays = [overlay_mask(mask, *latents, SoftInpainting(mask_influence=i), STRIDE) for i in (0, 0.5, 1)]
    means = [float(overlay[:, :16].mean()) for overlay in overlays]
    assert means == sorted(means)
    assert (means[0], means[2]) == (pytest.approx(0.03, abs=0.03), pytest.approx(1, abs=0.03))


def test_latents_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="32 x 40 px"):
        overlay_mask(np.ones((32, 40), np.float32), noise(1, 4, 4, 4), noise(1, 4, 4, 4), PLAIN, STRIDE)
