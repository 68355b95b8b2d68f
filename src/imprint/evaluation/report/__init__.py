"""The report: one self-contained page that says what was learnt, what was kept and what to watch.

Reads: `ReportData` and the pictures it names. Writes: report/index.html. Does not: score or choose.
"""

from imprint.evaluation.report.data import Command, DrawingLimit, Pair, ReportData, Shown, Timeline, TimelineRow
from imprint.evaluation.report.page import build_report
from imprint.evaluation.report.verdict import Verdict, verdict

__all__ = [
    "Command", "DrawingLimit", "Pair", "ReportData", "Shown", "Timeline", "TimelineRow", "Verdict", "build_report",
    "verdict",
]
