"""Advice on a subject's name: no word of the base, and one that its text encoder sees."""

from __future__ import annotations

import pytest

from imprint.families import Family
from imprint.jobs.bases import open_base
from imprint.jobs.naming import RARE_NAMES, SEEN, encoding_shifts, name_advice, visibility
from imprint.nano.world.names import SUBJECT_NAME
from imprint.nano.world.subjects import SUBJECTS

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def nano() -> Family:
    return open_base("nano")


def test_a_text_is_no_distance_from_itself(nano: Family) -> None:
    same, other = encoding_shifts(nano, "a photo of a dog", ["a photo of a dog", "a photo of a red dog"])
    assert same == pytest.approx(0, abs=1e-9) and other > 1e-3


def test_an_ordinary_word_is_seen_as_well_as_ordinary_words(nano: Family) -> None:
    assert visibility(nano, ["white"], "dog")[0] == pytest.approx(1.5, abs=1)


@pytest.mark.parametrize("class_word", sorted({subject.class_word for subject in SUBJECTS.values()}))
def test_the_name_of_the_benchmark_is_seen_before_every_class(nano: Family, class_word: str) -> None:
    assert visibility(nano, [SUBJECT_NAME], class_word)[0] > 2 * SEEN
    assert name_advice(nano, SUBJECT_NAME, class_word) is None


def test_a_name_that_the_text_encoder_does_not_see_is_told_with_one_that_it_sees(nano: Family) -> None:
    advice = name_advice(nano, "zkz", "cat")
    assert advice is not None and advice.proposal is not None
    assert "hardly sees the name 'zkz' before 'cat'" in advice.warning
    assert visibility(nano, [advice.proposal], "cat")[0] >= SEEN


def test_without_a_class_only_common_words_are_told(nano: Family) -> None:
    assert name_advice(nano, "zkz") is None
    common = name_advice(nano, "red")
    assert common is not None and "common word" in common.warning and common.proposal in RARE_NAMES
