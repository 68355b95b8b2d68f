"""Evaluation: is it the subject, does it obey, what did it forget, did it copy? Pictures in, scorecard and report out.

Reads: pictures, photos. Writes: scorecard.json and the report. Does not: draw or train.
"""

from imprint.evaluation.ground_truth import GroundTruth, TruthProbe, fit_truth
from imprint.evaluation.judges import JUDGES, AttributeJudge, ImageJudge, open_judge
from imprint.evaluation.report import ReportData, build_report
from imprint.evaluation.scorecard import (
    CheckpointScore,
    Chosen,
    Scorecard,
    load_scorecard,
    save_scorecard,
    scorecard_table,
)
from imprint.evaluation.scoring import (
    Drawn,
    Examiner,
    FixedPrompt,
    Photos,
    class_prompt,
    fixed_prompts,
    subject_prompt,
)
from imprint.evaluation.selection import choose

__all__ = [
    "JUDGES", "AttributeJudge", "ImageJudge", "open_judge",
    "Drawn", "Examiner", "FixedPrompt", "Photos", "class_prompt", "fixed_prompts", "subject_prompt",
    "GroundTruth", "TruthProbe", "fit_truth",
    "CheckpointScore", "Chosen", "Scorecard", "load_scorecard", "save_scorecard", "scorecard_table", "choose",
    "ReportData", "build_report",
]
