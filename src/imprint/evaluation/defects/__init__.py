"""Checks for broken pictures: an interface, a registry and two that are built in, `outlier` and `hands`.

Reads: pictures. Writes: findings. Does not: rank them, or draw them again.
"""

from imprint.evaluation.defects.contract import (
    DEFECTS,
    DefectCheck,
    DefectEntry,
    DefectTools,
    Finding,
    open_check,
)
from imprint.evaluation.defects.hands import open_hands
from imprint.evaluation.defects.outlier import open_outlier

DEFECTS.add("outlier", DefectEntry(open_outlier, "unlike the other pictures of the prompt, to the judge"))
DEFECTS.add("hands", DefectEntry(open_hands, "hands that cannot be; needs imprint[hands] and hand_model"))

__all__ = ["DEFECTS", "DefectCheck", "DefectEntry", "DefectTools", "Finding", "open_check"]
