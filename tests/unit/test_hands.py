"""The check "hands": what its findings say, and MediaPipe where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imprint.errors import MissingExtraError, ModelError
from imprint.evaluation.defects import DefectTools, Finding, open_check
from imprint.evaluation.defects.hands import HandCheck, SeenHand, mediapipe_hands
from make import GridJudge
from make_hand import hand

pytestmark = pytest.mark.unit

PICTURE = np.zeros((32, 48, 3), dtype=np.uint8)


def finding(*hands: SeenHand) -> Finding:
    (found,) = HandCheck(lambda _picture: hands).check([PICTURE])
    return found


def bent() -> SeenHand:
    return SeenHand(0.99, hand(bends={1: (10.0, 150.0, 20.0)}))


def test_a_picture_without_hands_is_whole() -> None:
    assert finding() == Finding(0.0, broken=False, reason="no hand seen")


def test_a_good_hand_is_whole() -> None:
    found = finding(SeenHand(0.99, hand()))
    assert (found.broken, found.reason, found.score < 0.5) == (False, "", True)


def test_the_worst_hand_counts() -> None:
    found = finding(SeenHand(0.99, hand()), bent())
    assert (found.broken, found.reason) == (True, "middle finger bent by 150 degrees")


@pytest.mark.parametrize(("sureness", "broken"), [(0.79, True), (0.81, False)])
def test_doubt_about_left_or_right_speaks_against_a_hand(sureness: float, broken: bool) -> None:
    found = finding(SeenHand(sureness, hand()))
    assert (found.broken, found.score == pytest.approx(2.5 * (1 - sureness))) == (broken, True)
    assert ("hardly a hand" in found.reason) == broken


def test_every_picture_has_its_own_finding() -> None:
    hands: dict[int, Sequence[SeenHand]] = {0: (), 1: (bent(),)}
    check = HandCheck(lambda picture: hands[int(picture[0, 0, 0])])
    assert [one.broken for one in check.check([PICTURE, PICTURE + np.uint8(1)], [PICTURE])] == [False, True]


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtraError, match=r"imprint\[hands\]"):
        open_check("hands", DefectTools(GridJudge(), tmp_path / "hand_landmarker.task"))


def test_a_missing_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", SimpleNamespace())
    for model in (None, tmp_path / "none.task"):
        with pytest.raises(ModelError, match=r"best\.hand_model=FILE"):
            mediapipe_hands(model)


def test_a_file_that_is_no_model_is_refused_by_mediapipe(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    (tmp_path / "bad.task").write_bytes(b"xx")
    with pytest.raises(ModelError, match="cannot read this as a model of hands"):
        mediapipe_hands(tmp_path / "bad.task")


def test_what_mediapipe_answers_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own classes for options, image and result; only the network is not there."""
    mediapipe: Any = pytest.importorskip("mediapipe")
    vision, seen = mediapipe.tasks.vision, list[Any]()
    parts = mediapipe.tasks.components.containers
    points = [parts.Landmark(x=x, y=y, z=z) for x, y, z in hand() / 1000]
    result = vision.HandLandmarkerResult([[parts.Category(score=0.9)]], [[]], [points])
    landmarker = SimpleNamespace(detect=lambda image: (seen.append(image.numpy_view().shape), result)[1])
    monkeypatch.setattr(vision.HandLandmarker, "create_from_options", lambda _options: landmarker)
    (tmp_path / "a.task").write_bytes(b"xx")
    (found,) = mediapipe_hands(tmp_path / "a.task")(PICTURE)
    assert (found.sureness, seen) == (0.9, [(32, 48, 3)])
    assert np.allclose(found.landmarks_K3, hand() / 1000)
