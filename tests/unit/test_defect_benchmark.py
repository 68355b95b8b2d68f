"""The measurement of the check "outlier": its area under the curve, and a round from pictures to rows."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from benchmarks.defects import AT_ONCE, BURNT, area, look, print_table

from imprint.evaluation.defects import Finding
from imprint.evaluation.defects.outlier import OutlierCheck
from make import GridJudge, photo, tiny_family

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("broken", "ordinary", "wanted"),
    [([2, 3], [0, 1], 1.0), ([0, 1], [2, 3], 0.0), ([1, 1], [1, 1], 0.5), ([0, 3], [1, 2], 0.5)],
)
def test_the_area_is_the_chance_to_score_above(broken: list[float], ordinary: list[float], wanted: float) -> None:
    assert area(np.array(broken, float), np.array(ordinary, float)) == wanted


def test_every_kind_is_counted_alone_and_together(capsys: pytest.CaptureFixture[str]) -> None:
    ordinary = [np.asarray(photo(number, (32, 32))) for number in range(8)]
    found: dict[str, list[Finding]] = defaultdict(list)
    look(OutlierCheck(GridJudge()), tiny_family(), ordinary, ordinary[:BURNT], 1, found)
    assert len(found["ordinary"]) == 8
    assert {len(found[name]) for name in ("burnt", "shuffled", "noise_patch", "half_empty", "noisy_latent")} == {BURNT}
    assert len(found[f"burnt, {AT_ONCE} at once"]) == AT_ONCE
    print_table(8, [found])
    assert "| shuffled | 4 | " in capsys.readouterr().out
