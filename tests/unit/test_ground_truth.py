"""Ground truth: the probe tells a subject from its impostors, the same way every time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from imprint.errors import InputError
from imprint.evaluation import TruthProbe, fit_truth
from imprint.evaluation.judges import Pixels
from imprint.nano.world.render import render
from imprint.nano.world.subjects import subject_spec
from make import GridJudge

pytestmark = pytest.mark.unit

SUBJECT = "biscuit"


class WorldJudge(GridJudge):
    """Also claims to read the species, and is sure that everything is a dog."""

    @property
    def attribute_values(self):  # type: ignore[override]
        return {"species": ("cat", "dog"), "coat": ("black", "white")}

    def attributes(self, pixels_BCHW):  # type: ignore[override]
        sure = pixels_BCHW.new_tensor([[0.1, 0.9]]).expand(len(pixels_BCHW), 2)
        return {"species": sure, "coat": 1 - sure}


@cache
def probe() -> TruthProbe:
    return fit_truth(WorldJudge(), SUBJECT, count=24)


def pictures(marked: bool, count: int = 8) -> list[Pixels]:
    specs = [subject_spec(SUBJECT, seed, style="photo") for seed in range(count)]
    return [render(spec if marked else replace(spec, mark="")) for spec in specs]


def test_the_subject_is_told_from_its_unmarked_twin() -> None:
    assert probe().accuracy > 0.8
    assert probe().marks(pictures(True)).mean() > probe().marks(pictures(False)).mean() + 0.5


def test_attributes_that_the_judge_cannot_read_say_nothing() -> None:
    assert probe().attributes == {"species": "dog"}
    assert probe()(pictures(True)).attributes == pytest.approx(0.9)


def test_the_score_needs_both_attributes_and_mark() -> None:
    truth = probe()(pictures(True))
    assert truth.score == pytest.approx(np.sqrt(truth.attributes * truth.mark))
    assert probe()(pictures(False)).score < 0.6 * truth.score


def test_the_probe_is_the_same_every_time() -> None:
    again = fit_truth(WorldJudge(), SUBJECT, count=24)
    np.testing.assert_array_equal(again.weights_D, probe().weights_D)


def test_renders_go_through_what_generated_pictures_go_through() -> None:
    seen: list[int] = []

    def through(shown: list[Pixels]) -> list[Pixels]:
        seen.append(len(shown))
        return shown

    fit_truth(WorldJudge(), SUBJECT, count=8, through=through)  # type: ignore[arg-type]
    assert seen[0] == 3 * 8


def test_an_unknown_subject_is_refused() -> None:
    with pytest.raises(InputError, match="no subject of that name"):
        fit_truth(WorldJudge(), "rex")
