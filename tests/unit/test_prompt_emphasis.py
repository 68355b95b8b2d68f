"""What a word's weight does to what the network reads."""

from __future__ import annotations

from typing import NoReturn, get_args

import pytest
import torch
from torch import Tensor

from imprint.prompts.emphasis import EmphasisMode, weighted

pytestmark = pytest.mark.unit

STATES = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)) + 0.5
EMPTY = torch.randn(5, 3, generator=torch.Generator().manual_seed(2))
WEIGHTS = torch.tensor([[1.0, 1.5, 1.0, 1.0, 1.0], [1.0, 1.0, 0.5, 1.0, 1.0]])


def never(_seen_BN: Tensor) -> NoReturn:
    raise AssertionError("nothing is hidden here")


def of(way: EmphasisMode, weights: Tensor = WEIGHTS) -> Tensor:
    return weighted(STATES, weights, way, EMPTY, never)


@pytest.mark.parametrize("way", get_args(EmphasisMode))
def test_weights_of_one_change_nothing(way: EmphasisMode) -> None:
    assert of(way, torch.ones(2, 5)) is STATES


def test_original_keeps_the_mean_of_all_and_the_proportions_of_the_weights() -> None:
    out = of("original")
    assert float(out.mean()) == pytest.approx(float(STATES.mean()), abs=1e-6)
    gain = out / STATES
    torch.testing.assert_close(gain[0, 1] / gain[0, 0], torch.full((3,), 1.5))


@pytest.mark.parametrize("way", ["original", "original_per_sample"])
def test_a_mean_of_nearly_nothing_is_not_kept(way: EmphasisMode) -> None:
    balanced = torch.cat([STATES, -STATES], dim=-1)
    weights = torch.tensor([[1.0, 1.5, 1.0, 1.0, 1.0]] * 2)
    out = weighted(balanced, weights, way, EMPTY, never)
    torch.testing.assert_close(out, balanced * weights[..., None])


def test_per_sample_no_window_depends_on_another() -> None:
    alone = weighted(STATES[:1], WEIGHTS[:1], "original_per_sample", EMPTY, never)
    torch.testing.assert_close(of("original_per_sample")[:1], alone, rtol=0, atol=0)
    assert not torch.allclose(of("original")[:1], alone)


def test_without_the_norm_only_weighted_words_change() -> None:
    torch.testing.assert_close(of("no_norm")[0, 1], STATES[0, 1] * 1.5)
    assert torch.equal(of("no_norm")[0, 2:], STATES[0, 2:])


def test_comfy_moves_away_from_the_empty_prompt() -> None:
    torch.testing.assert_close(of("comfy")[0, 1], EMPTY[1] + 1.5 * (STATES[0, 1] - EMPTY[1]))
    torch.testing.assert_close(of("comfy")[1, 2], EMPTY[2] + 0.5 * (STATES[1, 2] - EMPTY[2]))


def test_compel_blends_a_lessened_word_with_a_text_without_it() -> None:
    asked: list[Tensor] = []

    def hidden(seen_BN: Tensor) -> Tensor:
        asked.append(seen_BN)
        return torch.zeros_like(STATES)

    out = weighted(STATES, WEIGHTS, "compel", EMPTY, hidden)
    assert [seen.tolist() for seen in asked] == [[[1] * 5, [1, 1, 0, 1, 1]]]
    torch.testing.assert_close(out[1], STATES[1] / 2)  # tan(pi / 4) = 1: as much of the one as of the other
    torch.testing.assert_close(out[0, 0], STATES[0, 0])
    torch.testing.assert_close(out[0, 1], EMPTY[1] + 1.5 * (STATES[0, 1] - EMPTY[1]))


def test_compel_at_weight_zero_is_the_text_without_the_word() -> None:
    other = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(3))
    weights = torch.ones(2, 5)
    weights[:, 2] = 0
    torch.testing.assert_close(weighted(STATES, weights, "compel", EMPTY, lambda _: other), other, rtol=1e-3, atol=1e-3)
