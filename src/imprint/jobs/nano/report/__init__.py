"""The report on a base of the world: measured over seeds, written as a model card. Anyone can run it again.

Reads: a base, the judge, the world. Writes: README.md, measured.json and pictures beside the weights.
Does not: train, or choose what looks good: seeds are fixed.
"""

from imprint.jobs.nano.report.asking import CAPTION_SEED, full_caption
from imprint.jobs.nano.report.plan import Plan
from imprint.jobs.nano.report.sweep import SweepRow, sweep_cfg, sweep_table
from imprint.jobs.nano.report.writing import write_card

__all__ = ["CAPTION_SEED", "Plan", "SweepRow", "full_caption", "sweep_cfg", "sweep_table", "write_card"]
