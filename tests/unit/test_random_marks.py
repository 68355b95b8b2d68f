"""Random individuals: marks from seeds, doubles that differ by a mark only, and no held-out subject among them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imprint.jobs.nano.individuals import HELD_OUT_FAMILY, Families, doubles, settings, stranger
from imprint.nano.world.captions import class_noun
from imprint.nano.world.random_marks import random_mark, random_painter
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.subjects import SUBJECTS, subject_spec

pytestmark = pytest.mark.unit
DOG = replace(subject_spec("biscuit", 0, scene="room", style="photo"), mark="")
FAMILIES = Families(first=0, count=6, members=3, pictures=3)


def marked(spec: Spec, seed: int) -> Spec:
    return replace(spec, mark=random_mark(seed))


def test_a_random_mark_is_the_same_every_time() -> None:
    np.testing.assert_array_equal(render(marked(DOG, 1), 64), render(marked(DOG, 1), 64))


def test_random_marks_differ() -> None:
    shown = [render(spec, 64).astype(int) for spec in doubles(DOG, 5, 0)]
    assert len(shown) == 5
    for number, picture in enumerate(shown):
        assert all((np.abs(picture - other).max(axis=2) > 20).mean() > 0.03 for other in shown[:number])


def test_random_painters_leave_subjects_and_plain_figures_alone() -> None:
    assert all(random_painter(name, part) is None for name in ("", *SUBJECTS) for part in ("head", "thing", "hair"))


def test_a_subject_still_wears_its_own_mark() -> None:
    spec = subject_spec("biscuit", 0, scene="room", style="photo")
    assert (render(spec, 64) != render(DOG, 64)).any()


def test_doubles_differ_by_their_mark_only() -> None:
    for place in range(FAMILIES.count):
        plain, *others = FAMILIES.figures(place)
        assert plain.mark == ""
        assert {replace(other, mark="").attributes == plain.attributes for other in others} == {True}
        assert len({figure.mark for figure in (plain, *others)}) == FAMILIES.members


def test_the_same_picture_of_doubles_differs_by_the_mark_only() -> None:
    pictures = [FAMILIES.spec(2, member, 1) for member in range(FAMILIES.members)]
    assert {replace(spec, mark="") == replace(pictures[0], mark="") for spec in pictures} == {True}


def test_pictures_of_one_individual_are_in_different_scenes() -> None:
    assert len({setting.scene for setting in settings(7, 6)}) == 6


def test_an_individual_keeps_what_is_its_own() -> None:
    first, second = FAMILIES.spec(1, 1, 0), FAMILIES.spec(1, 1, 2)
    own = {name: value for name, value in first.attributes.items() if name != "expression"}
    assert own.items() <= second.attributes.items()
    assert (first.mark, first.detail_seed) == (second.mark, second.detail_seed)


def test_held_out_marks_are_never_sampled() -> None:
    training = {figure.mark for place in range(FAMILIES.count) for figure in FAMILIES.figures(place)}
    measuring = {
        figure.mark for place in range(3) for figure in replace(FAMILIES, first=HELD_OUT_FAMILY).figures(place)
    }
    assert not (training | measuring) & set(SUBJECTS)
    assert (training & measuring) == {""}


def test_a_kind_that_wears_no_mark_gets_strangers_for_doubles() -> None:
    assert len(doubles(sample_spec(3, "creature"), 2, 0)) == 1


def test_a_stranger_is_of_the_same_class() -> None:
    figure = subject_spec("juno", 0)
    other = stranger(figure, 11)
    assert class_noun(other) == class_noun(figure)
    assert other.attributes != figure.attributes
