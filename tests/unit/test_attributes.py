"""Right answers, binding, calibration and identity, on readings made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imprint.errors import ModelError
from imprint.evaluation.attributes import (
    accuracies,
    all_right,
    calibration_error,
    colour_binding,
    colour_names,
    mean_accuracy,
)
from imprint.evaluation.identity import area_under_roc, identity_auc, identity_kept, identity_vectors
from imprint.evaluation.judges import AttributeReading
from imprint.nano.world.vocabulary import ATTRIBUTES
from make import GridJudge

pytestmark = pytest.mark.unit
GREY = [np.full((16, 16, 3), 128, dtype=np.uint8)] * 2


def reading(sure: float = 0.9, **read: list[str]) -> AttributeReading:
    """A reading in which each picture shows the named values, with a probability of `sure`."""
    tables: dict[str, np.ndarray] = {}
    for name, values in read.items():
        known = ATTRIBUTES[name]
        rest = (1 - sure) / (len(known) - 1)
        tables[name] = np.array([[sure if one == value else rest for one in known] for value in values])
    return AttributeReading(tables, ATTRIBUTES)


ASKED = [{"scene": "beach", "style": "photo"}, {"scene": "snow"}]


def test_only_what_was_asked_for_counts() -> None:
    seen = reading(scene=["beach", "beach"], style=["photo", "noir"])
    assert accuracies(seen, ASKED) == {"scene": 0.5, "style": 1.0}
    assert mean_accuracy(seen, ASKED) == 0.75
    assert all_right(seen, ASKED) == 0.5


def test_what_the_judge_does_not_name_is_left_out() -> None:
    seen = reading(scene=["beach", "snow"])
    assert accuracies(seen, [{"scene": "moon"}, {"scene": "snow", "mood": "dark"}]) == {"scene": 1.0}
    assert mean_accuracy(seen, [{}, {}]) is None


def test_colours_that_share_no_value_cannot_be_swapped() -> None:
    assert "skin" not in colour_names()
    assert {"hair_colour", "clothing_colour"} <= set(colour_names())


def test_a_swap_is_a_colour_at_the_wrong_thing() -> None:
    asked = [{"hair_colour": "red", "clothing_colour": "white"}]
    right = colour_binding(reading(hair_colour=["red"], clothing_colour=["white"]), asked)
    swapped = colour_binding(reading(hair_colour=["white"], clothing_colour=["red"]), asked)
    wrong = colour_binding(reading(hair_colour=["black"], clothing_colour=["green"]), asked)
    assert right is not None and (right.accuracy, right.swapped) == (1.0, 0.0)
    assert swapped is not None and (swapped.accuracy, swapped.swapped) == (0.0, 1.0)
    assert wrong is not None and (wrong.accuracy, wrong.swapped) == (0.0, 0.0)


def test_one_colour_is_no_binding() -> None:
    assert colour_binding(reading(hair_colour=["red"], clothing_colour=["red"]), [{"hair_colour": "red"}]) is None


def test_only_colours_that_the_other_thing_can_take_are_at_risk() -> None:
    asked = [{"hair_colour": "black", "clothing_colour": "red"}]  # clothes are never black
    found = colour_binding(reading(hair_colour=["red"], clothing_colour=["red"]), asked)
    assert found is not None and (found.colours, found.at_risk, found.swapped) == (2, 1, 1.0)


def test_calibration_compares_confidence_with_right_answers() -> None:
    asked = [{"scene": "beach"}] * 10
    nine_right = reading(0.9, scene=["beach"] * 9 + ["snow"])
    half_right = reading(0.9, scene=["beach"] * 5 + ["snow"] * 5)
    assert calibration_error(nine_right, asked) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(half_right, asked) == pytest.approx(0.4)


def test_auc_counts_pairs_in_order_and_ties_half() -> None:
    assert area_under_roc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert area_under_roc(np.array([1.0]), np.array([0.0, 1.0, 2.0])) == 0.5


def test_identity_auc_compares_within_a_class() -> None:
    rows = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [1.0, 0.0]])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    who, what = ["ada", "ada", "bo", "bo", "rex"], ["woman"] * 4 + ["dog"]
    assert identity_auc(rows, who, what) == 1.0
    assert identity_auc(rows, ["ada"] * 5, what) is None


def test_identity_is_one_for_another_picture_of_the_same() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 6)) * 0.2 + np.eye(6)[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert identity_kept(rows[:20], rows[20:]) == pytest.approx(1.0, abs=0.05)
    assert abs(identity_kept(np.eye(6)[1:2], rows)) < 0.2


class Knowing(GridJudge):
    def identity(self, pixels_BCHW: torch.Tensor) -> torch.Tensor:
        return 3 * self.features(pixels_BCHW)


class Untrained(GridJudge):
    def identity(self, pixels_BCHW: torch.Tensor) -> torch.Tensor:
        raise ModelError("these weights have no identity embedding")


def test_a_judge_without_identity_measures_none() -> None:
    assert identity_vectors(GridJudge(), GREY) is None
    assert identity_vectors(Untrained(), GREY) is None


def test_identity_vectors_are_unit_rows() -> None:
    rows = identity_vectors(Knowing(), GREY)
    assert rows is not None
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0)
