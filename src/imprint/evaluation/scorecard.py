"""The scorecard: what every checkpoint scored, which one was chosen and why, as `scorecard.json` and as a table.

Reads and writes: scorecard.json. Does not: compute a score or choose.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator
from rich.table import Table
from rich.text import Text

from imprint.artifacts.files import write_text
from imprint.errors import InputError


def _nan_of_none(value: object) -> object:
    return math.nan if value is None else value


def _none_of_nan(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


#: In `detail`: how surely the judge tells photos of the subject from pictures of its class (`identity.Likeness`).
SEPARATION = "likeness_separation"
TELLS = 0.9  # with less it hardly does, and the subject score says little

#: A score; one that could not be computed (NaN) is null in JSON, which has no NaN.
Score = Annotated[float, BeforeValidator(_nan_of_none), PlainSerializer(_none_of_nan, return_type=float | None)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class CheckpointScore(_Frozen):
    """What one set of weights scored. The ranges and meanings are those of `imprint.evaluation.metrics`."""

    step: int = Field(ge=0)
    """Optimiser step of the checkpoint; 0 for the base."""
    subject: Score
    """Likeness to the photos, 0 (the base's class) .. 1 (another photo of the subject); by the judge's embedding of
    identity or by its image features, whichever tells the photos from the base's pictures of the class better."""
    prompt: Score
    """Obedience to prompts in new contexts, 0..1."""
    prior_drift: Score
    """How far the class prompt without the name has moved from the base, 0..2; lower is better."""
    memorisation: Score
    """Nearness to the training photos, 0..1 (copies); lower is better."""
    diversity: Score
    """How varied the pictures of one prompt are against the base's, 0..1."""
    ground_truth: float | None = None
    """For a subject of the embedded world: is it really the subject, 0..1; null where nobody knows."""
    detail: dict[str, Score] = Field(default_factory=dict[str, float])
    """What the numbers above were made of, by name."""

    @property
    def separation(self) -> float:
        """How surely the judge tells the subject's photos from pictures of its class, 0..1; 1 where nobody knows."""
        return self.detail.get(SEPARATION, 1.0)

    @property
    def finite(self) -> bool:
        """Whether every one of the five scores is a number."""
        return all(
            math.isfinite(value)
            for value in (self.subject, self.prompt, self.prior_drift, self.memorisation, self.diversity)
        )


class Chosen(_Frozen):
    """The checkpoint that became the result."""

    step: int
    why: str
    """One sentence in words."""


class Scorecard(_Frozen):
    """All scores of a run. Written to report/scorecard.json."""

    checkpoints: tuple[CheckpointScore, ...] = Field(min_length=1)
    """In order of their steps."""
    chosen: Chosen
    base: CheckpointScore
    """The untouched base, on the same prompts and seeds."""
    judge: str = ""
    """The registered judge that looked."""

    @model_validator(mode="after")
    def _consistent(self) -> Scorecard:
        steps = [score.step for score in self.checkpoints]
        if steps != sorted(set(steps)):
            raise ValueError("the steps of the checkpoints must rise")
        if self.chosen.step not in steps:
            raise ValueError(f"the chosen step {self.chosen.step} is no checkpoint")
        return self

    @property
    def best(self) -> CheckpointScore:
        """The scores of the chosen checkpoint."""
        return next(score for score in self.checkpoints if score.step == self.chosen.step)


def save_scorecard(card: Scorecard, path: Path) -> Path:
    """Write a scorecard as JSON, atomically, and return the path."""
    write_text(path, card.model_dump_json(indent=1) + "\n")
    return path


def load_scorecard(path: Path) -> Scorecard:
    """Read a scorecard.

    Raises: InputError: if the file is missing or is no scorecard.
    """
    try:
        return Scorecard.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError("there is no scorecard", where=path, hint="score the run first") from error
    except (ValueError, ValidationError) as error:
        raise InputError("this is no scorecard", where=path, got=str(error).splitlines()[0]) from error


#: Column heading, field, and whether a higher number is better.
COLUMNS = (
    ("subject", "subject", True),
    ("prompt", "prompt", True),
    ("prior drift", "prior_drift", False),
    ("memorisation", "memorisation", False),
    ("diversity", "diversity", True),
)


def scorecard_table(card: Scorecard) -> Table:
    """The scorecard for a terminal: the base first, the chosen checkpoint marked, the best of each column bold."""
    truth = any(score.ground_truth is not None for score in (card.base, *card.checkpoints))
    table = Table(title="Scorecard", caption=Text(card.chosen.why), title_justify="left", caption_justify="left")
    table.add_column("step", justify="right")
    for heading, _, higher in COLUMNS:
        table.add_column(f"{heading} {'↑' if higher else '↓'}", justify="right")
    if truth:
        table.add_column("ground truth ↑", justify="right")
    best = {field: _best(card, field, higher) for _, field, higher in COLUMNS}
    for score in (card.base, *card.checkpoints):
        chosen = score is not card.base and score.step == card.chosen.step
        label = "base" if score is card.base else f"{'▶ ' if chosen else ''}{score.step}"
        cells = [
            _cell(getattr(score, field), bold=score is not card.base and getattr(score, field) == best[field])
            for _, field, _ in COLUMNS
        ]
        if truth:
            cells.append(_cell(score.ground_truth, bold=False))
        table.add_row(label, *cells, style="green" if chosen else "dim" if score is card.base else "")
    return table


def _best(card: Scorecard, field: str, higher: bool) -> float | None:
    values = [float(getattr(score, field)) for score in card.checkpoints if math.isfinite(getattr(score, field))]
    return (max(values) if higher else min(values)) if values else None


def _cell(value: float | None, bold: bool) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"[bold]{value:.2f}[/bold]" if bold else f"{value:.2f}"
