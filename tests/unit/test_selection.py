"""Selection: the rule, its ties, and its words."""

from __future__ import annotations

import math
from typing import Any

import pytest

from imprint.errors import NumericsError
from imprint.evaluation import CheckpointScore, choose
from imprint.evaluation.selection import balance

pytestmark = pytest.mark.unit


def scored(step: int, subject: float = 0.8, **changes: Any) -> CheckpointScore:
    fields = {"prompt": 0.6, "prior_drift": 0.05, "memorisation": 0.2, "diversity": 0.8, **changes}
    return CheckpointScore(step=step, subject=subject, **fields)


BASE = scored(0, 0.0, prior_drift=0.0, diversity=1.0)


def test_the_most_like_of_equally_obedient_ones_is_chosen() -> None:
    assert choose([scored(1, 0.3), scored(2, 0.7), scored(3, 0.5)], BASE).step == 2


@pytest.mark.parametrize("vice", [{"prompt": 0.1}, {"prior_drift": 0.9}, {"memorisation": 1.0}])
def test_a_vice_costs_more_than_a_little_likeness_brings(vice: dict[str, float]) -> None:
    assert choose([scored(1, 0.75), scored(2, 0.85, **vice)], BASE).step == 1


def test_ties_go_to_the_earlier_step_in_any_order() -> None:
    assert choose([scored(30, 0.801), scored(10, 0.8), scored(20, 0.8)], BASE).step == 10


def test_obeying_better_than_the_base_brings_nothing() -> None:
    assert balance(scored(1, prompt=0.9), BASE) == balance(scored(1, prompt=0.6), BASE)


@pytest.mark.parametrize("field", ["subject", "prompt", "prior_drift", "memorisation", "diversity"])
def test_a_score_that_is_no_number_is_never_chosen(field: str) -> None:
    broken = scored(2, 0.99).model_copy(update={field: math.nan})
    chosen = choose([scored(1, 0.2), broken], BASE)
    assert chosen.step == 1
    assert "1 with broken scores left out" in chosen.why


def test_nothing_but_broken_scores_is_an_error() -> None:
    with pytest.raises(NumericsError, match="lower the learning rate"):
        choose([scored(1, math.nan)], BASE)


def test_why_says_what_speaks_against_training_on() -> None:
    why = choose([scored(1, 0.8), scored(2, 0.82, prior_drift=0.9)], BASE).why
    assert why.startswith("Step 1 is clearly the subject (0.80) and keeps 100% of the base's obedience")
    assert "by step 2 it forgets the class" in why


def test_why_admits_that_nothing_was_learnt() -> None:
    assert "No checkpoint learnt the subject" in choose([scored(1, 0.01), scored(2, 0.02)], BASE).why


def test_a_base_that_obeys_nothing_divides_by_nothing() -> None:
    assert math.isfinite(balance(scored(1, 0.0, prompt=0.0), scored(0, 0.0, prompt=0.0)))
