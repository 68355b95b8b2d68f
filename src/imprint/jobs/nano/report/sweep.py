"""Which guidance scale? Chosen once, on captions that no report shows.

Reads: a base, the judge. Writes: `SweepRow`s and their table. Does not: choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from imprint.evaluation import ImageJudge
from imprint.evaluation.attributes import accuracies, colour_binding
from imprint.evaluation.judges import read_attributes
from imprint.families import Family
from imprint.jobs.bases import open_base
from imprint.jobs.nano.report.asking import SWEEP_SEED, faces, sweep_captions
from imprint.jobs.nano.report.drawing import drawn
from imprint.jobs.nano.report.measuring import face_variety
from imprint.jobs.nano.report.plan import Plan
from imprint.nano import judge_folder
from imprint.nano.judge import Judge


@dataclass(frozen=True)
class SweepRow:
    """What one guidance scale gives; figures as in `SeedFigures`."""

    cfg_scale: float
    drawn: float
    worst: float
    worst_attribute: str
    binding: float | None
    face_diversity: float
    face_diversity_anyone: float


def sweep_cfg(base: str, scales: Sequence[float], plan: Plan | None = None) -> tuple[SweepRow, ...]:
    """Draw the same captions with several guidance scales.

    Args:
        base: "nano" or a folder.
        scales: to try.
        plan: everything else; its `cfg_scale` is not used.
    """
    plan = plan or Plan()
    family, judge = open_base(base), Judge.open(plan.judge or judge_folder())
    return tuple(_row(family, judge, plan.model_copy(update={"cfg_scale": float(scale)})) for scale in scales)


def _row(family: Family, judge: ImageJudge, plan: Plan) -> SweepRow:
    asked, scale = sweep_captions(plan), plan.cfg_scale
    wanted = [one.spec.visible() for one in asked]
    reading = read_attributes(judge, list(drawn(family, asked, plan, f"captions, CFG {scale:g}")))
    table, binding = accuracies(reading, wanted), colour_binding(reading, wanted)
    worst = min(table, key=lambda name: table[name])
    varied = face_variety(family, judge, faces(plan, 0, SWEEP_SEED), plan, f"faces, CFG {scale:g}")
    bound = binding.accuracy if binding else None
    return SweepRow(scale, fmean(table.values()), table[worst], worst, bound, varied.renders, varied.anyone)


def sweep_table(rows: Sequence[SweepRow]) -> list[str]:
    """The rows in Markdown."""
    head = ["| CFG | attributes | worst | binding | faces' variety / renders' | / anyone's |", f"{'|---' * 6}|"]
    return head + [
        f"| {row.cfg_scale:g} | {row.drawn:.3f} | {row.worst:.3f} ({row.worst_attribute}) "
        f"| {'–' if row.binding is None else f'{row.binding:.3f}'} "
        f"| {row.face_diversity:.2f} | {row.face_diversity_anyone:.2f} |"
        for row in rows
    ]
