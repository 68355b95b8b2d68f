"""What the embedded base has to reach, and whether it does.

Reads: figures. Writes: rows of a table. Does not: measure. A figure that was not measured meets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from imprint.evaluation.identity import NO_IDENTITY
from imprint.jobs.nano.report.figures import Measured, Spread

CORES = 4
NOT_HELD_OUT = "not measured: the log of this base's training does not say that these pairs were held out"


@dataclass(frozen=True)
class Bar:
    """One thing to reach.

    Attributes:
        what: in words.
        figure: its name in `Measured.figures`.
        low: least value that is good enough, or None.
        high: greatest value that is, or None.
        unit: of the figure, with its space.
        digits: after the point.
        missing: what to say where it was not measured.
    """

    what: str
    figure: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    digits: int = 3
    missing: str = "not measured"

    @property
    def asked(self) -> str:
        """The bar in signs: ">= 0.98"."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}{self.unit}"
        return f">= {self.low:g}{self.unit}" if self.low is not None else f"<= {self.high:g}{self.unit}"

    def met(self, value: float) -> bool:
        """Whether a value is good enough."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


BARS = (
    Bar("autoencoder on held-out renders, PSNR", "psnr_db", low=30, unit=" dB", digits=2),
    Bar("attributes on reconstructions / on renders", "kept", low=0.97),
    Bar("judge on held-out renders, mean over attributes", "renders", low=0.98),
    Bar("eyes on reconstructions / on renders", "kept_eyes", low=0.97),
    Bar("glasses on reconstructions / on renders", "kept_glasses", low=0.97),
    Bar("judge, identity within a class, AUC", "identity_auc", low=0.98, missing=NO_IDENTITY),
    Bar("unseen captions, mean over attributes", "drawn", low=0.92),
    Bar("unseen captions, the worst attribute", "worst", low=0.80),
    Bar("colours bound to the right thing", "binding", low=0.85),
    Bar("both values of a pair never seen together", "unseen_pairs", low=0.85, missing=NOT_HELD_OUT),
    Bar("variety of one caption's faces / of renders", "face_diversity", low=0.8, high=1.2),
)
SPEED = Bar(
    f"one picture of 25 steps, each with guidance, {CORES} cores", "seconds_guided", high=0.5, unit=" s", digits=2,
)  # fmt: skip
SIZE = Bar("base and judge", "megabytes", high=60, unit=" MB", digits=1)


@dataclass(frozen=True)
class BarRow:
    """One row: the bar in words and signs, the figure, and "yes", "no" or why neither."""

    what: str
    asked: str
    measured: str
    met: str


def bar_rows(measured: Measured) -> list[BarRow]:
    """Every bar against what was measured."""
    figures = measured.figures
    size = Spread(measured.base_megabytes + measured.judge_megabytes, 0.0, 1)
    rows = [_row(bar, figures.get(bar.figure)) for bar in BARS]
    return [*rows, _speed(measured), _row(SIZE, size)]


def _row(bar: Bar, value: Spread | None) -> BarRow:
    if value is None:
        return BarRow(bar.what, bar.asked, bar.missing, "not measured")
    return BarRow(bar.what, bar.asked, value.text(bar.digits) + bar.unit, "yes" if bar.met(value.mean) else "no")


def _speed(measured: Measured) -> BarRow:
    """Times are comparable on the cores and steps of the bar only, or where fewer cores are fast enough already."""
    row = _row(SPEED, measured.figures["seconds_guided"])
    shown = f"{row.measured}, {measured.ran_on}, {measured.plan.steps} steps"
    same = measured.plan.steps == 25 and (measured.threads == CORES or (measured.threads < CORES and row.met == "yes"))
    return BarRow(row.what, row.asked, shown, row.met if same else f"not comparable: {CORES} threads and 25 steps are")
