"""What is known of a phrase, from features alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.evaluation.concepts import (
    Ends,
    Looked,
    agreement,
    class_distance,
    jackknife,
    knowledge,
)
from imprint.evaluation.judges import Features

pytestmark = pytest.mark.unit

WIDTH, SEEDS = 64, 8


def unit(rows_ND: Features) -> Features:
    return rows_ND / np.linalg.norm(rows_ND, axis=-1, keepdims=True)


def axis(number: int) -> Features:
    return np.eye(WIDTH)[number]


def pictures(pull: float, number: int, wobble: int = 0) -> Features:
    """The same scattered pictures for all, pulled towards one axis."""
    scattered = np.random.default_rng(5).normal(size=(SEEDS, WIDTH))
    noise = np.random.default_rng(100 + wobble).normal(size=(SEEDS, WIDTH))
    return unit(unit(scattered) + 0.2 * unit(noise) + pull * axis(number))


def ends() -> Ends:
    return Ends([pictures(0, 0, n) for n in range(3)], [Looked(pictures(1.5, n, n), axis(n)) for n in (1, 2, 3)])


def test_a_word_like_the_known_ones_is_known() -> None:
    found = knowledge(Looked(pictures(1.5, 9, 9), axis(9)), ends())
    assert found.verdict == "known"
    assert [each.value for each in (found.agreement, found.effect, found.prompt)] == pytest.approx([1, 1, 1], abs=0.15)


def test_a_word_that_draws_what_fillers_draw_is_unknown() -> None:
    found = knowledge(Looked(pictures(0, 9, 9), axis(9)), ends())
    assert found.verdict == "unknown"
    assert [each.value for each in (found.agreement, found.effect, found.prompt)] == pytest.approx([0, 0, 0], abs=0.1)


def test_a_word_that_draws_what_it_does_not_say_is_something_else() -> None:
    found = knowledge(Looked(pictures(1.5, 9, 9), axis(10)), ends())
    assert found.verdict == "something else"
    assert found.effect.value > 0.8 and found.prompt.value < 0.2


def test_where_the_judge_cannot_read_the_known_words_nothing_is_said() -> None:
    deaf = Ends(ends().fillers, [Looked(pictures(1.5, n, n), axis(40 + n)) for n in (1, 2, 3)])
    assert not deaf.tell_apart and ends().tell_apart
    assert knowledge(Looked(pictures(1.5, 9, 9), axis(9)), deaf).verdict == "unsure"


def test_a_score_within_its_error_of_the_bar_is_unsure() -> None:
    half = np.concatenate([pictures(1.5, 9)[:3], pictures(0, 9)[3:]])  # seeds that differ: a large error
    found = knowledge(Looked(half, axis(9)), ends())
    assert abs(found.prompt.value - 0.3) < found.prompt.error
    assert found.verdict == "unsure"


@pytest.mark.parametrize("seeds", [2, 5])
def test_too_few_or_unequal_seeds_are_refused(seeds: int) -> None:
    with pytest.raises(ValueError, match="equal seeds"):
        knowledge(Looked(pictures(1, 9)[:seeds], axis(9)), ends())


def test_class_distance_is_between_nothing_and_ordinary_words() -> None:
    plain, ordinary = pictures(2, 1), [pictures(2, 2), pictures(2, 3)]
    assert class_distance(plain, plain, ordinary).value == pytest.approx(0, abs=1e-9)
    assert class_distance(ordinary[0], plain, ordinary).value == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match="seeds"):
        class_distance(plain[:2], plain[:2], ordinary)


def test_agreement_is_one_for_one_picture_and_nothing_for_right_angles() -> None:
    assert agreement(np.tile(axis(3), (4, 1))) == pytest.approx(1)
    assert agreement(np.eye(4)) == pytest.approx(0)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=12))
def test_the_jackknife_of_a_mean_is_its_standard_error(values: list[float]) -> None:
    value, error = jackknife(lambda seeds: float(np.array(values)[seeds].mean()), len(values))
    assert value == pytest.approx(np.mean(values), abs=1e-9)
    assert error == pytest.approx(np.std(values, ddof=1) / math.sqrt(len(values)), abs=1e-9)


def test_the_order_of_seeds_does_not_matter() -> None:
    turned = [2, 0, 1, 3, 7, 6, 5, 4]
    other = Ends(
        [rows[turned] for rows in ends().fillers],
        [Looked(one.pictures_ND[turned], one.words_D) for one in ends().known],
    )
    phrase = pictures(0.7, 9, 9)
    first, second = knowledge(Looked(phrase, axis(9)), ends()), knowledge(Looked(phrase[turned], axis(9)), other)
    assert first.prompt.value == pytest.approx(second.prompt.value)
    assert first.agreement.error == pytest.approx(second.agreement.error)
