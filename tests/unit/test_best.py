"""The ranking of pictures by their scores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.evaluation.best import PictureScores, ScoreWeights, ranking
from imprint.evaluation.defects import Finding

pytestmark = pytest.mark.unit

WHOLE, BROKEN = Finding(0.2, broken=False), Finding(0.9, broken=True, reason="torn")
SHARES = st.floats(0, 1)
FINDINGS = st.builds(Finding, score=SHARES, broken=st.booleans())
SCORES = st.builds(
    PictureScores, subject=SHARES | st.none(), prompt=SHARES | st.none(),
    findings=st.dictionaries(st.sampled_from(["a", "b"]), FINDINGS),
)  # fmt: skip
WEIGHTS = st.builds(ScoreWeights, *[st.floats(0, 1000)] * 3)


def test_the_total_is_the_mean_by_weight() -> None:
    scores = PictureScores(0.8, 0.5, {"a": WHOLE})
    assert scores.total(ScoreWeights(1, 1, 1)) == pytest.approx((0.8 + 0.5 + 0.8) / 3)
    assert scores.total(ScoreWeights(3, 1, 0)) == pytest.approx((3 * 0.8 + 0.5) / 4)


def test_what_is_not_known_does_not_count() -> None:
    assert PictureScores(prompt=0.5).total(ScoreWeights()) == 0.5
    assert PictureScores().total(ScoreWeights()) == 0.0


def test_the_worst_check_counts() -> None:
    scores = PictureScores(findings={"a": WHOLE, "b": BROKEN})
    assert scores.total(ScoreWeights()) == pytest.approx(0.1)
    assert (scores.broken, scores.reasons) == (True, ("torn",))


def test_a_broken_picture_stands_behind_all_others_at_any_weight() -> None:
    several = [PictureScores(prompt=1.0, findings={"a": BROKEN}), PictureScores(prompt=0.0, findings={"a": WHOLE})]
    assert ranking(several, ScoreWeights(defects=0)) == (1, 0)


def test_equal_pictures_stay_in_the_order_drawn() -> None:
    assert ranking([PictureScores(prompt=0.5)] * 3, ScoreWeights()) == (0, 1, 2)


def test_every_score_is_told_by_its_name_the_total_first() -> None:
    numbers = PictureScores(prompt=0.5, findings={"a": WHOLE}).numbers(ScoreWeights(defects=0))
    assert list(numbers.items()) == [("total", 0.5), ("prompt", 0.5), ("a", 0.2)]


@given(st.lists(SCORES, max_size=8), WEIGHTS)
def test_a_ranking_is_an_order_of_all_of_them(several: list[PictureScores], weights: ScoreWeights) -> None:
    order = ranking(several, weights)
    keys = [(several[place].broken, -several[place].total(weights)) for place in order]
    assert sorted(order) == list(range(len(several)))
    assert keys == sorted(keys)
    assert all(-1e-9 <= one.total(weights) <= 1 + 1e-9 for one in several)
