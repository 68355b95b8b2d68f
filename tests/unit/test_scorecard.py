"""The scorecard's file and table."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from pydantic import ValidationError
from rich.console import Console

from imprint.errors import InputError
from imprint.evaluation import CheckpointScore, Chosen, Scorecard, load_scorecard, save_scorecard, scorecard_table

pytestmark = pytest.mark.unit


def scored(step: int, subject: float = 0.5, truth: float | None = None) -> CheckpointScore:
    return CheckpointScore(
        step=step, subject=subject, prompt=0.6, prior_drift=0.1, memorisation=0.2, diversity=0.9, ground_truth=truth,
        detail={"subject_raw": 0.7},
    )  # fmt: skip


def card(*checkpoints: CheckpointScore) -> Scorecard:
    return Scorecard(
        checkpoints=checkpoints or (scored(10), scored(20, 0.8)), chosen=Chosen(step=20, why="It is best."),
        base=scored(0, 0.0), judge="nano",
    )  # fmt: skip


def rendered(scorecard: Scorecard) -> str:
    console = Console(width=140, file=io.StringIO(), record=True)
    console.print(scorecard_table(scorecard))
    return console.export_text()


def test_a_scorecard_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert load_scorecard(save_scorecard(card(), tmp_path / "report" / "scorecard.json")) == card()


def test_the_file_has_the_promised_fields(tmp_path: Path) -> None:
    written = json.loads(save_scorecard(card(), tmp_path / "scorecard.json").read_text(encoding="utf-8"))
    promised = {"step", "subject", "prompt", "prior_drift", "memorisation", "diversity"}
    assert promised <= set(written["checkpoints"][0])
    assert written["chosen"] == {"step": 20, "why": "It is best."}
    assert promised <= set(written["base"])


def test_a_score_that_is_no_number_is_null_in_the_file(tmp_path: Path) -> None:
    path = save_scorecard(card(scored(10, math.nan), scored(20)), tmp_path / "scorecard.json")
    assert json.loads(path.read_text(encoding="utf-8"))["checkpoints"][0]["subject"] is None
    assert math.isnan(load_scorecard(path).checkpoints[0].subject)
    assert not load_scorecard(path).checkpoints[0].finite


@pytest.mark.parametrize("text", ["", "{", "[]", '{"checkpoints": []}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scorecard.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"scorecard\.json: this is no scorecard"):
        load_scorecard(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no scorecard"):
        load_scorecard(tmp_path / "scorecard.json")


def test_the_chosen_step_must_be_a_checkpoint_and_steps_must_rise() -> None:
    with pytest.raises(ValidationError, match="is no checkpoint"):
        card(scored(10))
    with pytest.raises(ValidationError, match="must rise"):
        card(scored(20), scored(10))


def test_the_best_is_the_chosen_one() -> None:
    assert card().best.subject == 0.8


def test_the_table_marks_the_chosen_step_and_says_why() -> None:
    text = rendered(card())
    assert "▶ 20" in text
    assert "It is best." in text
    assert "ground truth" not in text


def test_the_table_shows_ground_truth_and_gaps() -> None:
    text = rendered(card(scored(10, math.nan), scored(20, truth=0.91)))
    assert "0.91" in text
    assert "–" in text


def test_the_table_prints_hostile_words_as_they_are() -> None:
    hostile = card().model_copy(update={"chosen": Chosen(step=20, why="[red]why[/] [/nonsense]")})
    assert "[red]why[/] [/nonsense]" in rendered(hostile)
