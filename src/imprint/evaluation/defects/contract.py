"""What a check for broken pictures is, and which there are.

Reads: pictures. Writes: findings. Does not: rank pictures, or draw them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imprint.evaluation.judges import ImageJudge, Pixels
from imprint.registry import Registry

LIMIT = 0.5  # the score from which on the built-in checks call a picture broken


@dataclass(frozen=True)
class Finding:
    """What a check found in one picture.

    Attributes:
        score: 0 nothing is wrong, 1 it cannot be worse; comparable within one check.
        broken: whether the picture should be drawn again.
        reason: in a few words, for people; "" where there is nothing to say.
    """

    score: float
    broken: bool
    reason: str = ""


class DefectCheck(Protocol):
    """Finds broken pictures among those that were drawn for one prompt."""

    def check(self, pictures: Sequence[Pixels], peers: Sequence[Pixels] = ()) -> list[Finding]:
        """Look at pictures.

        Args:
            pictures: any number of any sizes, drawn for one prompt with one set of weights.
            peers: others of the same, which were found whole: what an ordinary one looks like.
        Returns: a finding for each of `pictures`, in their order.
        """
        ...


@dataclass(frozen=True)
class DefectTools:
    """What a check may be opened with.

    Attributes:
        judge: who looks at the pictures.
        hand_model: the file `hand_landmarker.task` of MediaPipe, for "hands".
    """

    judge: ImageJudge
    hand_model: Path | None = None


@dataclass(frozen=True)
class DefectEntry:
    """How a check is opened; an optional package is imported then and not before."""

    open: Callable[[DefectTools], DefectCheck]
    about: str


DEFECTS: Registry[DefectEntry] = Registry("defect check")


def open_check(name: str, tools: DefectTools) -> DefectCheck:
    """Open a registered check.

    Raises:
        UnknownNameError: if there is none of that name.
        MissingExtraError: if it needs a package that is not installed.
        ModelError: if it needs a file that is not there or cannot be read.
    """
    return DEFECTS.get(name).open(tools)
