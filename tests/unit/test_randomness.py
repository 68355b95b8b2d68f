"""Counted randomness: a function of its four numbers and of nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.diffusion.randomness import Purpose, integer, normal, permutation, uniform

pytestmark = pytest.mark.unit

NUMBERS = st.integers(0, 2**63 - 1)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_the_same_four_numbers_give_the_same_draw(seed: int, step: int, sample: int) -> None:
    first = uniform(seed, step, sample, Purpose.NOISE, 7)
    uniform(seed + 1, 3, 4, Purpose.CROP, 5)  # a draw between must change nothing
    assert np.array_equal(first, uniform(seed, step, sample, Purpose.NOISE, 7))


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_each_of_the_four_numbers_matters(seed: int, step: int, sample: int) -> None:
    draws = [
        uniform(seed, step, sample, Purpose.NOISE)[0],
        uniform(seed + 1, step, sample, Purpose.NOISE)[0],
        uniform(seed, step + 1, sample, Purpose.NOISE)[0],
        uniform(seed, step, sample + 1, Purpose.NOISE)[0],
        uniform(seed, step, sample, Purpose.TIMESTEP)[0],
    ]
    assert len(set(draws)) == 5


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=6), st.integers(0, 5))
def test_noise_of_a_sample_does_not_depend_on_its_neighbours(samples: list[int], step: int) -> None:
    together = normal(1, step, samples, Purpose.NOISE, (4, 3, 3))
    alone = torch.cat([normal(1, step, [sample], Purpose.NOISE, (4, 3, 3)) for sample in samples])
    assert torch.equal(together, alone)


def test_a_longer_draw_begins_with_the_shorter() -> None:
    assert np.array_equal(uniform(5, 6, 7, Purpose.FLIP, 100)[:3], uniform(5, 6, 7, Purpose.FLIP, 3))


def test_draws_are_the_same_on_every_machine() -> None:
    # Written down once; a change here breaks every promise about reruns.
    assert uniform(1, 2, 3, Purpose.NOISE, 2).tolist() == [0.6732574623283613, 0.39781791073264405]
    frozen = [-0.9967628121376038, -0.2971685826778412, -0.4390610158443451]
    assert normal(1, 2, [3], Purpose.LATENT, (3,))[0].tolist() == pytest.approx(frozen, abs=1e-6)


def test_normals_are_standard() -> None:
    noise = normal(0, 0, range(8), Purpose.LATENT, (4, 64, 64)).double()
    assert abs(float(noise.mean())) < 0.01
    assert float(noise.var()) == pytest.approx(1, abs=0.02)
    assert float((noise**4).mean()) == pytest.approx(3, abs=0.1)


def test_an_odd_number_of_normals_is_possible() -> None:
    assert normal(0, 0, [1], Purpose.LATENT, (3,)).shape == (1, 3)
    assert normal(0, 0, [], Purpose.LATENT, (3,)).shape == (0, 3)


@given(NUMBERS, st.integers(1, 50))
def test_an_integer_stays_below_its_bound(seed: int, below: int) -> None:
    assert 0 <= integer(seed, 0, 0, Purpose.CAPTION, below) < below


@given(NUMBERS, st.integers(0, 100), st.integers(0, 60))
def test_a_permutation_holds_every_sample_once(seed: int, epoch: int, count: int) -> None:
    assert sorted(permutation(seed, epoch, count).tolist()) == list(range(count))
