"""Latents at another size, and which size a second pass has."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imprint.errors import ConfigError, UnknownNameError
from imprint.generation.latent_upscaling import (
    LATENT_UPSCALERS,
    HiresTarget,
    hires_target,
    latent_upscaler,
    upscale_latent,
)

pytestmark = pytest.mark.unit

A1111 = (
    "Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)", "Latent (nearest)",
    "Latent (nearest-exact)",
)  # fmt: skip
ROW = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2).expand(1, 1, 2, 2)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def test_the_names_that_clients_send_are_known() -> None:
    assert tuple(latent_upscaler(title).title for title in A1111) == A1111
    assert latent_upscaler("latent (BICUBIC)").name == "latent_bicubic"
    assert LATENT_UPSCALERS.get("latent (nearest)").title == "Latent (nearest)"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `latent_bicubic`"):
        latent_upscaler("latent_bicubik")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("latent", [0, 0.25, 0.75, 1]),  # by hand: centres at -1/4, 1/4, 3/4, 5/4
        ("latent_antialiased", [0, 0.25, 0.75, 1]),
        ("latent_nearest", [0, 0, 1, 1]),
        ("latent_nearest_exact", [0, 0, 1, 1]),
        # Keys' kernel at distances 1/4, 3/4, 5/4, 7/4: with a = -0.75 and the edge going on; antialiased with a = -0.5
        # over the cells that there are.
        ("latent_bicubic", [-27 / 256, 67 / 256 - 9 / 256, 1 - 58 / 256, 1 + 27 / 256]),
        ("latent_bicubic_antialiased", [-9 / 102, 29 / 140, 111 / 140, 111 / 102]),
    ],
)
def test_an_edge_is_enlarged_as_the_kernel_says(name: str, row: list[float]) -> None:
    enlarged = latent_upscaler(name).upscale(ROW, (2, 4))[0, 0, 0]
    assert enlarged.tolist() == pytest.approx(row, abs=1e-5)


def test_the_two_kinds_of_nearest_differ_at_uneven_scales() -> None:
    line = torch.arange(3.0).reshape(1, 1, 1, 3)
    names = "latent_nearest", "latent_nearest_exact"
    nearest, exact = (latent_upscaler(name).upscale(line, (1, 5)) for name in names)
    assert nearest.flatten().tolist() == [0, 0, 1, 1, 2]
    assert exact.flatten().tolist() == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("name", LATENT_UPSCALERS.names())
@pytest.mark.parametrize("size", [(24, 20), (7, 31), (1, 1), (5, 200)])
def test_a_picture_does_not_depend_on_its_batch(name: str, size: tuple[int, int]) -> None:
    latent = noise(5, 4, 16, 12)
    upscale = latent_upscaler(name).upscale
    assert torch.equal(upscale(latent, size), torch.cat([upscale(one[None], size) for one in latent]))
    laid_out = latent.to(memory_format=torch.channels_last)
    assert torch.equal(upscale(latent, size), upscale(laid_out, size))


@pytest.mark.parametrize("name", LATENT_UPSCALERS.names())
def test_half_precision_is_computed_in_single(name: str) -> None:
    latent = noise(1, 4, 9, 9).half()
    upscale = latent_upscaler(name).upscale
    assert torch.equal(upscale(latent, (16, 13)), upscale(latent.float(), (16, 13)).half())
    assert upscale(latent.double(), (16, 13)).dtype == torch.float64
    assert torch.equal(latent, noise(1, 4, 9, 9).half())


@pytest.mark.parametrize(
    ("scale", "width", "height", "expected"),
    [
        (2.0, 0, 0, HiresTarget((1024, 1536), (1024, 1536))),
        (1.5, 0, 0, HiresTarget((768, 1152), (768, 1152))),
        (1.3, 0, 0, HiresTarget((664, 992), (664, 992))),  # 665.6 by 998.4
        (0.5, 0, 0, HiresTarget((256, 384), (256, 384))),
        (2.0, 1000, 0, HiresTarget((1000, 1496), (1000, 1496))),  # 1000 by 1500
        (2.0, 0, 1000, HiresTarget((664, 1000), (664, 1000))),  # 666 by 1000
        (2.0, 1024, 1536, HiresTarget((1024, 1536), (1024, 1536))),
        (2.0, 1024, 1024, HiresTarget((1024, 1024), (1024, 1536), (0, 256))),  # the widths meet
        (2.0, 800, 1800, HiresTarget((800, 1800), (1200, 1800), (200, 0))),  # the heights meet
        (2.0, 1027, 1021, HiresTarget((1024, 1016), (1024, 1536), (0, 256))),  # 260 of 8: rounded down to a cell
        (math.nan, 64, 0, HiresTarget((64, 96), (64, 96))),  # a scale that is not used
    ],
)
def test_the_size_of_a_second_pass(scale: float, width: int, height: int, expected: HiresTarget) -> None:
    assert hires_target((512, 768), scale, width, height, 8) == expected


def test_floating_point_takes_no_cell_away() -> None:
    assert 1.1 * 720 != 792 and hires_target((720, 400), 1.1, 0, 0, 8).size_px == (792, 440)
    assert hires_target((1000, 1000), 1.001, 0, 0, 1).size_px == (1001, 1001)


@pytest.mark.parametrize(
    ("scale", "width", "height"), [(0, 0, 0), (-1, 0, 0), (math.nan, 0, 0), (2, -1, 0), (2, 9, -9)]
)
def test_a_size_that_is_none_is_refused(scale: float, width: int, height: int) -> None:
    with pytest.raises(ConfigError):
        hires_target((512, 512), scale, width, height, 8)


@given(*(st.integers(1, 3000) for _ in range(4)), st.sampled_from([1, 8, 16]))
def test_what_is_enlarged_covers_what_is_drawn(width: int, height: int, wide: int, high: int, stride: int) -> None:
    target = hires_target((width, height), 2, wide, high, stride)
    for side in (0, 1):
        spare = target.inner_px[side] - target.size_px[side]
        assert 0 <= target.crop_px[side] <= spare
        assert abs(spare - 2 * target.crop_px[side]) <= stride  # in the middle, to a cell
        assert target.size_px[side] % stride == target.inner_px[side] % stride == target.crop_px[side] % stride == 0
    assert 0 in (a - b for a, b in zip(target.inner_px, target.size_px, strict=True))


def test_latents_are_enlarged_and_cut_in_the_middle() -> None:
    latent = noise(2, 4, 8, 6)
    target = hires_target((48, 64), 2, 96, 96, 8)
    whole = latent_upscaler("latent").upscale(latent, (16, 12))
    cut = upscale_latent(latent, target, latent_upscaler("latent").upscale, 8)
    assert torch.equal(cut, whole[:, :, 2:14])
