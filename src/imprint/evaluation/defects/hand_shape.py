"""What no hand can do, from the 21 landmarks by which MediaPipe and OpenPose describe one.

Reads: landmarks (21, 3). Writes: faults. Does not: find hands.

Landmark 0 is the wrist; then, from the palm outwards, four for each of thumb, index, middle, ring and little finger.
Only angles and proportions count: the unit does not matter, nor where the hand is, how it is turned, or whether it is
a left one. Landmarks always describe five fingers, so a sixth one is not seen.

Limits are those of joints and bones in adults, widened by what landmarks are wrong by: MOST_BEND and TWIST after Lin,
Wu and Huang, "Modeling the constraints of human hand motion" (HUMO 2000), lengths after Buryanov and Kotiuk,
"Proportions of hand segments" (Int. J. Morphol. 28(3), 2010). They have not been measured against drawn hands.
"""

# F fingers from thumb to little finger, L long fingers (without the thumb), J joints, 4 landmarks, 3 axes

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Landmarks: TypeAlias = NDArray[np.float64]  # (21, 3)

LANDMARKS = 21
FINGERS = ("thumb", "index finger", "middle finger", "ring finger", "little finger")

MOST_BEND_DEG = (110.0, 130.0, 110.0)  # knuckle, middle and end joint: 90, 110 and 90 in Lin et al., and 20 more
BACKWARDS_DEG = 30.0  # the end joint of a supple finger gives way by as much
VOTE_DEG = 40.0  # less than a finger that is bent outright, more than landmarks of a straight one are wrong by
TWIST_DEG = 35.0  # both joints of a finger are hinges about one axis: its bones lie in a plane
TWIST_FROM_DEG = 20.0  # bones that are nearer to a line have no plane
BONE_FACTOR = 2.0  # times longer or shorter than it should be beside its finger
FINGER_FACTOR = 1.6  # the same for a finger beside the others
FUSED_SHARE = 0.1  # of a finger's length: nearer to each other along their whole length, two fingers are one

#: Shares of the bones in the length of a long finger: proximal, middle, and distal one with its tip.
LONG_BONES = ((0.49, 0.27, 0.24), (0.48, 0.29, 0.23), (0.47, 0.29, 0.24), (0.46, 0.26, 0.28))
LONG_FINGERS = (0.98, 1.11, 1.06, 0.85)  # lengths beside the median of the four
THUMB_BONES = (0.45, 0.31, 0.24)  # metacarpal, proximal, and distal one with its tip
THUMB = 1.24  # length with its metacarpal beside that median


@dataclass(frozen=True)
class HandFault:
    """Something that no hand can do, or nearly.

    Attributes:
        score: half the share of the limit that is used up, at most 1: from 0.5 on it is a fault.
        reason: what and where.
    """

    score: float
    reason: str


def hand_faults(hand_K3: Landmarks) -> tuple[HandFault, ...]:
    """How far a hand uses up what hands can do, the worst first.

    Args:
        hand_K3: landmarks of one hand in space, all axes in one unit, shape (21, 3).
    Returns: one fault or more; the hand is plausible when the first has a score below 0.5.
    Raises: ValueError: if the shape is another or a number is not finite.
    """
    if hand_K3.shape != (LANDMARKS, 3) or not np.isfinite(hand_K3).all():
        raise ValueError(f"a hand is {LANDMARKS} finite landmarks of 3 numbers, not {hand_K3.shape}")
    found = [*_bends(hand_K3), *_backwards(hand_K3), *_twists(hand_K3), *_lengths(hand_K3), *_fused(hand_K3)]
    return tuple(sorted(found, key=lambda fault: -fault.score))


def finger_bones(hand_K3: Landmarks) -> Landmarks:
    """The bones of each finger as vectors outwards, shape (5, 4, 3); the first comes from the wrist."""
    fingers_F43 = hand_K3[1:].reshape(5, 4, 3)
    wrist_F13 = np.broadcast_to(hand_K3[0], (5, 1, 3))
    return np.diff(np.concatenate([wrist_F13, fingers_F43], axis=1), axis=1)


def joint_bends(hand_K3: Landmarks) -> NDArray[np.float64]:
    """Angles between neighbouring bones in degrees, 0..180, shape (5, 3): 0 is straight."""
    units_F43 = _unit(finger_bones(hand_K3))
    cosines_FJ = np.clip((units_F43[:, :-1] * units_F43[:, 1:]).sum(axis=2), -1.0, 1.0)
    return np.degrees(np.arccos(cosines_FJ))


def _bends(hand_K3: Landmarks) -> Iterator[HandFault]:
    """Joints that are bent too far; the first joint of the thumb is a saddle and may lie as it likes."""
    bends_FJ = joint_bends(hand_K3)
    for finger, name in enumerate(FINGERS):
        for joint, most in enumerate(MOST_BEND_DEG):
            if finger or joint:
                bend = float(bends_FJ[finger, joint])
                yield _fault(bend / most, f"{name} bent by {bend:.0f} degrees")


def _backwards(hand_K3: Landmarks) -> Iterator[HandFault]:
    """Middle and end joints of the long fingers that bend away from the palm.

    All of them turn about the line of the knuckles; the palm is on the side to which more fingers bend, and one finger
    counts for at most `VOTE_DEG` there. A hand that bends backwards as a whole is the other one, seen from behind.
    """
    bones_L43 = finger_bones(hand_K3)[1:]
    axes_LJ3 = _unit(np.cross(bones_L43[:, 1:-1], bones_L43[:, 2:]))
    knuckles_3 = _unit(hand_K3[17] - hand_K3[5])
    signed_LJ = joint_bends(hand_K3)[1:, 1:] * (axes_LJ3 @ knuckles_3)
    votes_L = np.clip(signed_LJ.sum(axis=1), -VOTE_DEG, VOTE_DEG)
    signed_LJ *= 1.0 if votes_L.sum() >= 0 else -1.0
    finger = int(signed_LJ.min(axis=1).argmin())
    back = max(-float(signed_LJ.min()), 0.0)
    yield _fault(back / BACKWARDS_DEG, f"{FINGERS[1 + finger]} bent backwards by {back:.0f} degrees")


def _twists(hand_K3: Landmarks) -> Iterator[HandFault]:
    """Long fingers whose last bone leaves the plane of the two before it."""
    bones_L43 = _unit(finger_bones(hand_K3)[1:])
    bends_L = joint_bends(hand_K3)[1:, 1]
    normals_L3 = _unit(np.cross(bones_L43[:, 1], bones_L43[:, 2]))
    out_L = np.degrees(np.arcsin(np.clip(np.abs((bones_L43[:, 3] * normals_L3).sum(axis=1)), 0.0, 1.0)))
    for name, bend, out in zip(FINGERS[1:], bends_L, out_L, strict=True):
        if bend >= TWIST_FROM_DEG:
            yield _fault(float(out) / TWIST_DEG, f"{name} twisted by {out:.0f} degrees")


def _lengths(hand_K3: Landmarks) -> Iterator[HandFault]:
    """Bones that do not suit their finger, and fingers that do not suit the others."""
    bones_F3 = np.linalg.norm(finger_bones(hand_K3)[:, 1:], axis=2)
    lengths_F = bones_F3.sum(axis=1)
    median = float(np.median(lengths_F[1:]))
    wanted_bones, wanted = (THUMB_BONES, *LONG_BONES), (THUMB, *LONG_FINGERS)
    for finger, name in enumerate(FINGERS):
        beside = _factor(float(lengths_F[finger]), wanted[finger] * median)
        yield _fault(np.log(beside) / np.log(FINGER_FACTOR), f"{name} {beside:.1f} times too long or too short")
        for bone, share in enumerate(wanted_bones[finger]):
            beside = _factor(float(bones_F3[finger, bone]), share * float(lengths_F[finger]))
            reason = f"a bone of the {name} {beside:.1f} times too long or too short"
            yield _fault(np.log(beside) / np.log(BONE_FACTOR), reason)


def _fused(hand_K3: Landmarks) -> Iterator[HandFault]:
    """Two fingers in one place, which is how landmarks describe a hand that has too few."""
    outer_F33 = hand_K3[1:].reshape(5, 4, 3)[:, 1:]
    length = float(np.median(np.linalg.norm(finger_bones(hand_K3)[1:, 1:], axis=2).sum(axis=1)))
    for a, b in combinations(range(5), 2):
        apart = float(np.linalg.norm(outer_F33[a] - outer_F33[b], axis=1).max())
        yield _fault(FUSED_SHARE * length / max(apart, 1e-9), f"{FINGERS[a]} and {FINGERS[b]} in one place")


def _fault(share: float, reason: str) -> HandFault:
    """A fault from the share of its limit that is used up."""
    return HandFault(min(0.5 * float(share), 1.0), reason)


def _factor(length: float, wanted: float) -> float:
    """How many times longer or shorter than wanted, from 1 to a million."""
    ratio = max(length, 1e-9) / max(wanted, 1e-9)
    return min(max(ratio, 1 / ratio), 1e6)


def _unit(vectors: Landmarks) -> Landmarks:
    """Vectors of length 1; of length 0 where they had none."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
