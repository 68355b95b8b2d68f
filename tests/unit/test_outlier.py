"""The check "outlier": what is far from the others, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imprint.evaluation.defects import DEFECTS, DefectTools, open_check
from imprint.evaluation.defects.outlier import FEWEST_OTHERS, OutlierCheck, outlier_spreads
from imprint.evaluation.judges import Pixels
from make import GridJudge

pytestmark = pytest.mark.unit

NONE = np.zeros((0, 6))


def ordinary(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Unit rows about one direction."""
    rows = np.random.default_rng(seed).normal(0, 0.1, (count, 6)) + np.eye(6)[0]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pictures(count: int, seed: int = 0) -> list[Pixels]:
    """A red square on grey with some noise."""
    rng = np.random.default_rng(seed)
    base = np.full((16, 16, 3), 90)
    base[4:12, 4:12] = (220, 60, 60)
    return [np.clip(base + rng.integers(-25, 25, base.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def test_the_far_one_is_found_and_no_other() -> None:
    rows = np.concatenate([ordinary(11), np.eye(6)[1:2]])
    spreads = outlier_spreads(rows, NONE)
    assert spreads.argmax() == 11
    assert spreads[11] > 5
    assert spreads[:11].max() < 2.5


def test_several_far_ones_do_not_hide_each_other() -> None:
    rows = np.concatenate([ordinary(13), np.eye(6)[1:4]])
    assert (outlier_spreads(rows, NONE)[13:] > 4).all()


def test_peers_decide_what_is_ordinary() -> None:
    far = np.concatenate([np.eye(6)[1:2]] * 7)  # alike among each other, and unlike the peers
    assert (outlier_spreads(far, ordinary(8)) > 5).all()
    assert (outlier_spreads(ordinary(3, seed=1), ordinary(12)) < 2.5).all()


def test_too_few_peers_are_joined_by_the_pictures() -> None:
    rows = ordinary(9)
    joined = outlier_spreads(rows[:6], rows[6:])
    assert np.allclose(joined, outlier_spreads(rows, NONE)[:6])


@given(st.integers(0, 50), st.permutations(range(10)), st.floats(0.1, 100))
def test_neither_order_nor_length_of_features_matters(seed: int, order: list[int], scale: float) -> None:
    rows = ordinary(10, seed)
    assert np.allclose(outlier_spreads(rows[order] * scale, NONE), outlier_spreads(rows, NONE)[order], atol=1e-6)


def test_identical_pictures_are_no_outliers() -> None:
    assert outlier_spreads(np.ones((8, 6)), NONE).tolist() == [0.0] * 8


def test_a_broken_picture_gets_a_score_and_a_reason() -> None:
    broken = np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    *others, last = OutlierCheck(GridJudge()).check([*pictures(9), broken])
    assert not any(finding.broken for finding in others)
    assert (last.broken, last.score > 0.5, "unlike the others" in last.reason) == (True, True, True)


def test_a_picture_that_is_added_is_compared_with_its_peers() -> None:
    check = open_check("outlier", DefectTools(GridJudge()))
    broken = np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    whole, torn = check.check([pictures(1, seed=3)[0], broken], pictures(9))
    assert (whole.broken, torn.broken) == (False, True)


def test_too_few_pictures_say_nothing() -> None:
    findings = OutlierCheck(GridJudge()).check(pictures(FEWEST_OTHERS))
    assert {(one.score, one.broken, one.reason) for one in findings} == {(0.0, False, "too few to compare")}
    assert OutlierCheck(GridJudge()).check([]) == []


def test_the_built_in_checks_are_registered() -> None:
    assert DEFECTS.names()[:2] == ("outlier", "hands")
