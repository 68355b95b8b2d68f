"""The counted Brownian path: one path, whoever asks for what of it."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from imprint.diffusion.brownian import DEPTH, BrownianPath

pytestmark = pytest.mark.unit

LEVEL = st.floats(1e-3, 5e3)


def step(path: BrownianPath, a: float, b: float) -> Tensor:
    """The increment itself, in time log2 of sigma."""
    return path.between(a, b) * math.sqrt(abs(math.log2(a / b)))


@settings(max_examples=40, deadline=None)
@given(st.lists(LEVEL, min_size=3, max_size=3, unique=True))
def test_increments_that_meet_add_up(levels: list[float]) -> None:
    path = BrownianPath(3, (4,))
    a, b, c = sorted(levels, reverse=True)
    torch.testing.assert_close(step(path, a, b) + step(path, b, c), step(path, a, c), rtol=0, atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(LEVEL, min_size=2, max_size=2, unique=True), st.lists(LEVEL, max_size=60))
def test_what_was_asked_before_changes_nothing(levels: list[float], before: list[float]) -> None:
    asked, fresh = BrownianPath(3, (4,)), BrownianPath(3, (4,))
    for level in before:
        asked.between(level, level / 3)
    assert torch.equal(asked.between(*levels), fresh.between(*levels))


def test_increments_are_independent_standard_normals() -> None:
    path, levels = BrownianPath(5, (20_000,)), [14.6 * (0.03 / 14.6) ** (step / 9) for step in range(10)]
    drawn = torch.stack([path.between(a, b) for a, b in itertools.pairwise(levels)])
    correlation = torch.corrcoef(drawn)
    assert float(drawn.mean().abs()) < 0.01
    torch.testing.assert_close(drawn.std(dim=1), torch.ones(9), rtol=0, atol=0.02)
    assert float((correlation - torch.eye(9)).abs().max()) < 0.03


@pytest.mark.parametrize("place", [0.0, 0.25, 0.5, 0.9])
def test_increments_between_neighbouring_leaves_are_standard_normals_too(place: float) -> None:
    path, leaf = BrownianPath(6, (20_000,)), 2.0**-DEPTH
    drawn = path.between(2 ** ((3 + place) * leaf), 2 ** ((4 + 0.6 * place) * leaf))
    assert float(drawn.std()) == pytest.approx(1, abs=0.02)


def test_paths_of_different_seeds_are_independent() -> None:
    one, other = (BrownianPath(seed, (20_000,)).between(3.0, 1.0) for seed in (1, 2))
    assert float(torch.corrcoef(torch.stack([one, other]))[0, 1].abs()) < 0.03
    assert not torch.equal(one, other)
