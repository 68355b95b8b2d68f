"""What a user may ask of "best of n". Reads and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from imprint.config import Config
from imprint.evaluation.best import ScoreWeights
from imprint.evaluation.names import DefectName, JudgeName

MOST_DRAWN = 1000  # all wait in memory until the choice: 3 GB at 1024 px


class BestWeights(Config):
    """How much each score counts; only their ratios matter."""

    subject: float = Field(default=1.0, ge=0, le=1000)
    """Likeness to a run's photos; there is none without a run, and 0 leaves it unmeasured."""
    prompt: float = Field(default=1.0, ge=0, le=1000)
    """Likeness to the prompt; 0 leaves it unmeasured."""
    defects: float = Field(default=0.5, ge=0, le=1000)
    """Freedom from defects, by the worst check: half, for an unusual picture is a little broken to the check outlier.
    Broken ones come last at any weight."""

    def plain(self) -> ScoreWeights:
        """As `ranking` takes them."""
        return ScoreWeights(self.subject, self.prompt, self.defects)


class BestOf(Config):
    """Draw several pictures and keep the best, by a judge."""

    draw: int = Field(ge=2, le=MOST_DRAWN)
    """How many are drawn, from `seed` on; those that are drawn again come on top. They wait in memory."""
    keep: int | None = Field(default=None, ge=1, le=MOST_DRAWN)
    """How many are kept, best first; left out, `count`."""
    judge: JudgeName = "nano"
    """Who scores; "nano" knows the embedded base's world only."""
    weights: BestWeights = BestWeights()
    """How much each score counts."""
    defects: tuple[DefectName, ...] = ("outlier",)
    """Checks for broken pictures: outlier (unlike the others; 6 must be drawn, better 16), hands (needs
    `hand_model`)."""
    hand_model: Path | None = None
    """MediaPipe's file hand_landmarker.task, for the check hands; never downloaded."""
    redraw: int = Field(default=0, ge=0, le=100)
    """How often each broken picture is drawn again, with the next seed that is not used yet."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.keep is not None and self.keep > self.draw:
            raise ValueError(f"best.keep = {self.keep} is more than best.draw = {self.draw}")
        if len(set(self.defects)) != len(self.defects):
            raise ValueError("best.defects names a check twice")
        if "hands" in self.defects and self.hand_model is None:
            raise ValueError("the check hands needs best.hand_model, MediaPipe's file hand_landmarker.task")
        if self.hand_model is not None and "hands" not in self.defects:
            raise ValueError('best.hand_model has no effect without "hands" in best.defects')
        if self.redraw and not self.defects:
            raise ValueError("best.redraw has no effect without a check in best.defects")
        if not (self.weights.subject or self.weights.prompt or (self.defects and self.weights.defects)):
            raise ValueError("nothing counts: every weight in best.weights is 0")
        return self

    def kept(self, count: int) -> int:
        """How many are kept where a recipe asks for `count` pictures.

        Raises: ValueError: if the two contradict each other, or more are asked for than are drawn.
        """
        if self.keep is not None and count not in (1, self.keep):
            raise ValueError(f"count = {count} and best.keep = {self.keep} contradict each other; leave one out")
        if self.keep is None and count > self.draw:
            raise ValueError(f"count = {count} is more than best.draw = {self.draw}")
        return self.keep or count
