"""What a report is made of: paths and plain values, so that a page can be built again from a run folder alone.

Reads and writes: nothing. Does not: open a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imprint.evaluation.scorecard import Scorecard


@dataclass(frozen=True)
class Shown:
    """One picture and the words under it (its prompt)."""

    path: Path
    caption: str = ""


@dataclass(frozen=True)
class Pair:
    """Two pictures side by side, with one line of words; `flagged` pairs are marked as worth a look."""

    left: Path
    right: Path
    caption: str = ""
    flagged: bool = False


@dataclass(frozen=True)
class TimelineRow:
    """What one checkpoint drew, one picture for each seed; step 0 is the base."""

    step: int
    pictures: tuple[Path, ...]


@dataclass(frozen=True)
class Timeline:
    """The same prompt and seeds at every checkpoint: one column for each seed."""

    prompt: str
    seeds: tuple[int, ...]
    rows: tuple[TimelineRow, ...]


@dataclass(frozen=True)
class DrawingLimit:
    """How well the base's autoencoder can draw the photos at all: the limit of whatever is trained on top of it.

    Attributes:
        psnr_db: of the photos through the autoencoder and back.
        usual_db: the same of pictures that the base drew itself: what its autoencoder can do at best.
        base_draws: what the base draws, in words ("cartoons of 128 pixels"), or "".
        pairs: a photo and its reconstruction.
    """

    psnr_db: float
    usual_db: float
    base_draws: str = ""
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command to copy, and what it does."""

    about: str
    line: str


@dataclass(frozen=True)
class ReportData:
    """Everything on the page. Pictures that are missing or broken become an empty frame, never an error.

    Attributes:
        name: the subject's name in prompts ("zkz").
        class_word: its class ("dog").
        scorecard: all scores, and which checkpoint was chosen.
        result: what the chosen checkpoint draws; the first is shown big.
        photos: the photos trained on.
        timeline: samples of every checkpoint.
        drift: the class prompt drawn by the base (left) and by the result (right), same seeds.
        copies: a picture of the result (left) and the training photo nearest to it (right).
        drawing_limit: the autoencoder on the photos, or None when it was not measured.
        losses: (step, loss) of the training.
        recipe: the recipe as TOML.
        commands: how to use the result.
        facts: label and value of what the run was (base, method, time, device).
        notes: warnings that the run gave.
    """

    name: str
    class_word: str
    scorecard: Scorecard
    result: tuple[Shown, ...] = ()
    photos: tuple[Path, ...] = ()
    timeline: Timeline | None = None
    drift: tuple[Pair, ...] = ()
    copies: tuple[Pair, ...] = ()
    drawing_limit: DrawingLimit | None = None
    losses: tuple[tuple[int, float], ...] = ()
    recipe: str = ""
    commands: tuple[Command, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
