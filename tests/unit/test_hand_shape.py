"""What no hand can do, on a hand with measured bones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imprint.evaluation.defects.hand_shape import hand_faults, joint_bends
from make_hand import Bends, hand

pytestmark = pytest.mark.unit

FIST: Bends = (85.0, 105.0, 70.0)
POSES: dict[str, dict[int, Bends]] = {
    "open": {},
    "flat": dict.fromkeys(range(4), (0.0, 0.0, 0.0)),
    "fist": dict.fromkeys(range(4), FIST),
    "pointing": dict.fromkeys((1, 2, 3), FIST),
    "victory": dict.fromkeys((2, 3), FIST),
    "claw": dict.fromkeys(range(4), (0.0, 80.0, 60.0)),
}


def worst(landmarks: NDArray[np.float64]) -> tuple[float, str]:
    fault = hand_faults(landmarks)[0]
    return fault.score, fault.reason


def turned(landmarks: NDArray[np.float64], angles: tuple[float, float, float]) -> NDArray[np.float64]:
    for axis, angle in enumerate(angles):
        a, b = [other for other in range(3) if other != axis]
        spin = np.eye(3)
        spin[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        landmarks = landmarks @ spin.T
    return landmarks


@pytest.mark.parametrize("pose", POSES)
def test_what_hands_do_is_no_fault(pose: str) -> None:
    assert worst(hand(bends=POSES[pose]))[0] < 0.5


def test_bends_are_measured_in_degrees() -> None:
    assert joint_bends(hand(bends={1: (20.0, 60.0, 30.0)}))[2, 1:] == pytest.approx([60, 30])


@pytest.mark.parametrize(
    ("bends", "said"),
    [
        ({1: (10.0, 150.0, 20.0)}, "middle finger bent by 150 degrees"),
        ({0: (10.0, 20.0, 130.0)}, "index finger bent by 130 degrees"),
        ({2: (10.0, -60.0, 0.0)}, "ring finger bent backwards by"),
        ({3: (10.0, 30.0, -45.0)}, "little finger bent backwards by"),
    ],
)
def test_joints_bent_too_far_are_named(bends: dict[int, Bends], said: str) -> None:
    score, reason = worst(hand(bends=bends))
    assert score >= 0.5
    assert reason.startswith(said)


def test_a_twisted_finger_is_named() -> None:
    score, reason = worst(hand(bends={1: (10.0, 40.0, 20.0)}, sideways={1: 50.0}))
    assert (score >= 0.5, reason) == (True, "middle finger twisted by 50 degrees")


def test_a_finger_that_is_too_long_is_named() -> None:
    long = hand()
    long[13:17] = long[13] + (long[13:17] - long[13]) * 2.2
    assert worst(long)[1].startswith("ring finger 2.")


def test_a_bone_that_is_too_short_is_named() -> None:
    short = hand()
    short[10:13] -= (short[10] - short[9]) * 0.8
    score, reason = worst(short)
    assert score >= 0.5
    assert reason.startswith("a bone of the middle finger")


def test_two_fingers_in_one_place_are_named() -> None:
    fused = hand()
    fused[9:13] = fused[13:17] + 0.5
    assert worst(fused) == (1.0, "middle finger and ring finger in one place")


@given(st.sampled_from(sorted(POSES)), st.tuples(*[st.floats(-3, 3)] * 3), st.floats(1e-3, 1e3), st.booleans())
def test_neither_unit_nor_place_nor_side_matters(
    pose: str, angles: tuple[float, float, float], scale: float, mirrored: bool
) -> None:
    landmarks = hand(bends=POSES[pose])
    other = turned(landmarks * (-1 if mirrored else 1, 1, 1), angles) * scale + scale
    before, after = ([fault.score for fault in hand_faults(one)] for one in (landmarks, other))
    assert after == pytest.approx(before, abs=1e-5)


@given(st.lists(st.floats(-1e6, 1e6), min_size=63, max_size=63))
def test_any_landmarks_have_scores_from_0_to_1(numbers: list[float]) -> None:
    assert all(0 <= fault.score <= 1 for fault in hand_faults(np.array(numbers).reshape(21, 3)))


@pytest.mark.parametrize("wrong", [np.zeros((20, 3)), np.full((21, 3), np.nan)])
def test_what_is_no_hand_is_refused(wrong: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="21 finite landmarks"):
        hand_faults(wrong)
