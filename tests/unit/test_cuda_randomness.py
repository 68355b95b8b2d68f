"""The imitation of a GPU's noise, against figures that A1111 prints and against the layout of PyTorch's kernel."""

import math

import pytest
import torch

from imprint.diffusion.cuda_randomness import BLOCK, cuda_normal, grid_threads

pytestmark = pytest.mark.unit


def words(key: int, counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Philox 4x32-10 for one counter, as figure 2 of SC11 draws it."""
    a, b, c, d = counter
    for number in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        keys = [((key >> shift) + number * weyl) % 2**32 for shift, weyl in ((0, 0x9E3779B9), (32, 0xBB67AE85))]
        a, b, c, d = right >> 32 ^ b ^ keys[0], right % 2**32, left >> 32 ^ d ^ keys[1], left % 2**32
    return a, b, c, d


def normals(four: tuple[int, int, int, int]) -> list[float]:
    """Sine and cosine of the first pair, then of the second."""
    found: list[float] = []
    for u, v in (four[:2], four[2:]):
        radius, angle = math.sqrt(-2 * math.log((u + 0.5) / 2**32)), 2 * math.pi * (v + 0.5) / 2**32
        found += [radius * math.sin(angle), radius * math.cos(angle)]
    return found


def test_the_first_numbers_of_seed_0_are_those_of_a1111() -> None:
    expected = [
        [-0.92466, -0.42534, -2.64385, 0.14518], [-0.12087, -0.57973, -0.62285, -0.32839],
        [-1.07454, -0.36314, -1.67105, 2.26551],
    ]  # fmt: skip
    torch.testing.assert_close(cuda_normal(0, 0, (3, 4)), torch.tensor(expected), rtol=0, atol=1e-4)


def test_the_next_draw_goes_on() -> None:
    expected = torch.tensor([[0.18083, -0.55226], [0.92381, -0.73497]])
    torch.testing.assert_close(cuda_normal(0, 1, (2, 2)), expected, rtol=0, atol=1e-4)


def test_a_card_has_as_many_threads_as_its_generation_runs() -> None:
    assert grid_threads(46) == 70_656  # RTX 4070
    assert grid_threads(60) == 92_160  # RTX 4070 Ti
    assert grid_threads(108, 2048) == 221_184  # A100


def test_pictures_that_fit_a_card_do_not_depend_on_it() -> None:
    assert torch.equal(cuda_normal(5, 2, (4, 16, 16), threads=1024), cuda_normal(5, 2, (4, 16, 16)))


def test_beyond_the_card_a_thread_makes_its_next_numbers() -> None:
    capped, free = cuda_normal(5, 0, (8 * BLOCK,), threads=BLOCK), cuda_normal(5, 0, (BLOCK,))
    assert torch.equal(capped[:BLOCK], free)
    four = normals(words(5, (0, 0, 7, 0)))
    assert capped[7 :: BLOCK][:4].tolist() == pytest.approx(four, abs=1e-6)
    assert torch.equal(capped[4 * BLOCK : 5 * BLOCK], cuda_normal(5, 1, (BLOCK,)))  # the counter's next value


def test_a_second_large_draw_starts_after_the_counters_of_the_first() -> None:
    assert torch.equal(cuda_normal(5, 1, (8 * BLOCK,), threads=BLOCK)[:BLOCK], cuda_normal(5, 2, (BLOCK,)))


def test_the_upper_half_of_a_seed_counts() -> None:
    assert not torch.equal(cuda_normal(1, 0, (4,)), cuda_normal(1 + (1 << 32), 0, (4,)))


def test_numbers_are_standard_normal() -> None:
    drawn = cuda_normal(9, 0, (100_000,), threads=1024)
    assert float(drawn.mean()) == pytest.approx(0, abs=0.01)
    assert float(drawn.std()) == pytest.approx(1, abs=0.01)


def test_no_numbers_are_no_numbers() -> None:
    assert cuda_normal(0, 0, (0, 4)).shape == (0, 4)
