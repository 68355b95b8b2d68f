"""Held-out pairs: possible, never trained on, always in the pictures that ask for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from imprint.artifacts.event_log import EventLog
from imprint.jobs.nano.rendered import holds_out_pairs, note_held_out_pairs
from imprint.nano.world.spec import sample_spec
from imprint.nano.world.subjects import SUBJECTS
from imprint.nano.world.unseen import UNSEEN_PAIRS, held, sample_seen, sample_unseen, unseen
from imprint.nano.world.vocabulary import ATTRIBUTES

pytestmark = pytest.mark.unit


def test_every_pair_is_of_the_vocabulary() -> None:
    assert len(UNSEEN_PAIRS) >= 12
    assert [value for pair in UNSEEN_PAIRS for name, value in pair if value not in ATTRIBUTES[name]] == []


def test_training_pictures_never_hold_a_pair() -> None:
    assert not any(unseen(sample_seen(seed)) for seed in range(3000))


def test_only_pictures_with_a_pair_are_exchanged() -> None:
    exchanged = [seed for seed in range(1000) if sample_seen(seed) != sample_spec(seed)]
    assert exchanged == [seed for seed in range(1000) if unseen(sample_spec(seed))]
    assert 0 < len(exchanged) < 100


def test_each_value_of_a_pair_is_still_trained_on() -> None:
    seen = [sample_seen(seed).visible() for seed in range(3000)]
    for name, value in {part for pair in UNSEEN_PAIRS for part in pair}:
        assert any(spec.get(name) == value for spec in seen)


def test_unseen_pictures_hold_their_pair_in_turn() -> None:
    for seed in range(2 * len(UNSEEN_PAIRS)):
        assert UNSEEN_PAIRS[seed % len(UNSEEN_PAIRS)] in held(sample_unseen(seed))
    assert sample_unseen(5) == sample_unseen(5)
    assert sample_unseen(5) != sample_unseen(5 + len(UNSEEN_PAIRS))


def test_no_subject_of_the_benchmark_is_in_a_pair() -> None:
    words = {subject.class_word for subject in SUBJECTS.values()}
    assert words.isdisjoint(value for pair in UNSEEN_PAIRS for _, value in pair)


def test_a_training_log_says_which_pairs_it_held_out(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    assert not holds_out_pairs(log)
    note_held_out_pairs(log)
    note_held_out_pairs(log)
    assert holds_out_pairs(log)
    assert len(log.read()) == 1
