"""Metrics: what their ends mean, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imprint.errors import UnknownNameError
from imprint.evaluation import metrics
from imprint.evaluation.judges import AttributeReading, Pixels, image_features, open_judge, picture_batches
from make import GridJudge

pytestmark = pytest.mark.unit

X, Y = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def rows(*vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(vectors)


def noise_picture(seed: int, size_px: int = 32) -> Pixels:
    """Random blocks: two seeds differ a lot, also after reduction."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((size_px // 8, size_px // 8, 1), dtype=np.uint8))


def memorised(pictures: list[Pixels], photos: list[Pixels]) -> metrics.Memorisation:
    judge = GridJudge()
    return metrics.memorisation(pictures, photos, image_features(judge, pictures), image_features(judge, photos))


def test_subject_similarity_is_the_mean_cosine() -> None:
    assert metrics.subject_similarity(rows(X, Y), rows(X)) == pytest.approx(0.5)


def test_scale_ends_at_the_class_and_at_another_photo() -> None:
    scale = metrics.SubjectScale(floor=0.4, ceiling=0.9)
    assert scale(0.4) == 0.0
    assert scale(0.9) == pytest.approx(1.0)
    assert scale(0.65) == pytest.approx(0.5)
    assert (scale(0.1), scale(0.99)) == (0.0, 1.0)


def test_ceiling_leaves_out_a_photo_beside_itself() -> None:
    photos = rows(X, (X + Y) / np.sqrt(2))
    assert metrics.subject_scale(rows(Y), photos, photos).ceiling == pytest.approx(np.sqrt(0.5))


def test_one_photo_has_a_ceiling_of_one() -> None:
    assert metrics.subject_scale(rows(Y), rows(X), rows(X)).ceiling == 1.0


def test_scale_of_photos_unlike_each_other_stays_finite() -> None:
    assert 0.0 <= metrics.SubjectScale(floor=0.8, ceiling=0.7)(0.81) <= 1.0


def test_prompt_similarity_pairs_rows_and_counts_opposites_as_zero() -> None:
    assert metrics.prompt_similarity(rows(X, Y), rows(X, -Y)) == pytest.approx(0.5)


def test_attribute_agreement_reads_the_stated_value_only() -> None:
    reading = AttributeReading({"scene": np.array([[0.8, 0.2], [0.3, 0.7]])}, {"scene": ("space", "snow")})
    demands = [{"scene": "space", "style": "pencil"}, {"scene": "snow"}]
    assert metrics.attribute_agreement(reading, demands) == pytest.approx(0.75)
    assert metrics.attribute_agreement(reading, [{}, {"scene": "moon"}]) is None


def test_drift_is_zero_for_the_base_and_one_for_the_unrelated() -> None:
    assert metrics.prior_drift(rows(X, Y), rows(X, Y)) == pytest.approx(0.0)
    assert metrics.prior_drift(rows(X, Y), rows(Y, X)) == pytest.approx(1.0)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_is_found_flagged_and_put_first(mirrored: bool) -> None:
    photos = [noise_picture(1), noise_picture(2), noise_picture(3)]
    copy = photos[1][:, ::-1] if mirrored else photos[1]
    found = memorised([noise_picture(9), copy], photos)
    assert (found.nearest[0].picture, found.nearest[0].photo) == (1, 1)
    assert found.nearest[0].nearness == pytest.approx(1.0)
    assert found.copied == 1


def test_strangers_are_no_copies() -> None:
    found = memorised([noise_picture(8), noise_picture(9)], [noise_picture(1), noise_picture(2)])
    assert found.copied == 0
    assert found.score < 0.2


def test_memorisation_of_one_photo_has_a_scale() -> None:
    assert memorised([noise_picture(1)], [noise_picture(1)]).score == pytest.approx(1.0)
    assert memorised([noise_picture(2)], [noise_picture(1)]).score < 0.2


def test_diversity_is_against_the_base() -> None:
    varied, same = rows(X, Y), rows(X, X)
    assert metrics.diversity([varied], [varied]) == pytest.approx(1.0)
    assert metrics.diversity([same], [varied]) == pytest.approx(0.0)
    assert metrics.diversity([varied, rows(X)], [varied, rows(X)]) == pytest.approx(1.0)


@given(st.integers(0, 2**31), st.integers(2, 6))
def test_scores_stay_in_their_ranges(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.standard_normal((2, count, 4)))
    assert -1.0 <= metrics.subject_similarity(a, b) <= 1.0
    assert 0.0 <= metrics.prompt_similarity(a, b) <= 1.0
    assert 0.0 <= metrics.prior_drift(a, b) <= 2.0
    assert 0.0 <= metrics.diversity([a], [b]) <= 1.0


def test_what_a_judge_sees_does_not_depend_on_neighbours() -> None:
    pictures = [noise_picture(1, 32), noise_picture(2, 64), noise_picture(3, 32)]
    together = image_features(GridJudge(), pictures)
    alone = np.concatenate([image_features(GridJudge(), [picture]) for picture in pictures])
    np.testing.assert_array_equal(together, alone)


def test_a_judge_is_shown_the_middle_square() -> None:
    wide = np.concatenate([np.zeros((32, 8, 3), np.uint8), noise_picture(1), np.zeros((32, 8, 3), np.uint8)], axis=1)
    seen, expected = next(picture_batches([wide])), next(picture_batches([noise_picture(1)]))
    assert bool((seen == expected).all())


def test_a_judge_needs_a_picture() -> None:
    with pytest.raises(ValueError, match="at least one"):
        image_features(GridJudge(), [])


def test_an_unknown_judge_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `nano`"):
        open_judge("nanno")
