"""Hands that cannot be, by MediaPipe's Hand Landmarker. An extra: `pip install "imprint[hands]"`.

Reads: pictures, the file of a model that the user names. Writes: findings. Does not: download that file.

Two things speak against a hand: that the network, which knows real ones, cannot tell whether it is a left or a right
one (the only confidence that it gives away; confidence of a hand detector as a measure of drawn hands: HandRefiner,
arXiv:2311.17957), and a shape that no hand has (`hand_shape`). A hand that is not found at all is not judged, and
since five fingers are always found, a sixth one is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from imprint.errors import MissingExtraError, ModelError
from imprint.evaluation.defects.contract import LIMIT, DefectTools, Finding
from imprint.evaluation.defects.hand_shape import HandFault, Landmarks, hand_faults
from imprint.evaluation.judges import Pixels

MOST_HANDS = 8  # looked for in a picture
FOUND_FROM = 0.3  # confidence of detector and landmarks; below MediaPipe's 0.5, for broken hands are unlike hands
SURE_FROM = 0.8  # confidence in left or right below which a hand counts as broken; 0.5 is a guess
MODEL_PAGE = "https://ai.google.dev/edge/mediapipe/solutions/vision/hand_landmarker"


@dataclass(frozen=True)
class SeenHand:
    """One hand in a picture.

    Attributes:
        sureness: confidence in its being a left or a right one, 0..1.
        landmarks_K3: in space, shape (21, 3).
    """

    sureness: float
    landmarks_K3: Landmarks


HandFinder = Callable[[Pixels], Sequence[SeenHand]]


class HandCheck:
    """Looks for hands and judges the worst of each picture.

    Args:
        find: gives the hands of a picture; `mediapipe_hands` makes one.
    """

    def __init__(self, find: HandFinder) -> None:
        self._find = find

    def check(self, pictures: Sequence[Pixels], peers: Sequence[Pixels] = ()) -> list[Finding]:
        """As `DefectCheck`; the peers do not matter."""
        return [_finding(self._find(picture)) for picture in pictures]


def open_hands(tools: DefectTools) -> HandCheck:
    """The check "hands".

    Raises: as `mediapipe_hands`.
    """
    return HandCheck(mediapipe_hands(tools.hand_model))


def mediapipe_hands(model: Path | None) -> HandFinder:
    """Find hands with MediaPipe.

    Args:
        model: the file `hand_landmarker.task`.
    Raises:
        MissingExtraError: if MediaPipe is not installed.
        ModelError: if the file is missing or is no such model.
    """
    try:
        mediapipe: Any = import_module("mediapipe")
    except ImportError as error:
        raise MissingExtraError(
            "the check for hands needs MediaPipe", where="best.defects", got=str(error),
            hint='pip install "imprint[hands]"',
        ) from error
    if model is None or not model.is_file():
        raise ModelError(
            "the model that finds hands is not there", where=model or "best.hand_model",
            allowed="MediaPipe's hand_landmarker.task",
            hint=f"download it from {MODEL_PAGE} and name it with --set best.hand_model=FILE",
        )
    landmarker = _landmarker(mediapipe, model)

    def find(picture: Pixels) -> list[SeenHand]:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        seen = landmarker.detect(image)
        return [
            SeenHand(float(sides[0].score), np.array([(point.x, point.y, point.z) for point in points]))
            for sides, points in zip(seen.handedness, seen.hand_world_landmarks, strict=True)
        ]

    return find


def _landmarker(mediapipe: Any, model: Path) -> Any:
    vision = mediapipe.tasks.vision
    options = vision.HandLandmarkerOptions(
        # Its bytes, not its path: paths with letters outside ASCII are refused on some systems.
        base_options=mediapipe.tasks.BaseOptions(model_asset_buffer=model.read_bytes()),
        num_hands=MOST_HANDS, min_hand_detection_confidence=FOUND_FROM, min_hand_presence_confidence=FOUND_FROM,
    )  # fmt: skip
    try:
        return vision.HandLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            "MediaPipe cannot read this as a model of hands", where=model, got=str(error),
            allowed="hand_landmarker.task", hint=f"download it again from {MODEL_PAGE}",
        ) from error


def _finding(hands: Sequence[SeenHand]) -> Finding:
    faults = [fault for hand in hands for fault in (_doubt(hand.sureness), *hand_faults(hand.landmarks_K3)[:1])]
    if not faults:
        return Finding(0.0, broken=False, reason="no hand seen")
    worst = max(faults, key=lambda fault: fault.score)
    broken = worst.score >= LIMIT
    return Finding(worst.score, broken, worst.reason if broken else "")


def _doubt(sureness: float) -> HandFault:
    """Doubt about left or right as a fault: 0 for none, 0.5 at `SURE_FROM`."""
    score = min(max(LIMIT * (1 - sureness) / (1 - SURE_FROM), 0.0), 1.0)
    return HandFault(score, f"hardly a hand (confidence {sureness:.2f})")
