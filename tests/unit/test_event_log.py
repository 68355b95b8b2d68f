"""The event log: append-only, readable after any crash."""

import json
import math
from pathlib import Path

import pytest

from imprint.artifacts.event_log import EventLog

pytestmark = pytest.mark.unit


def log_of(folder: Path, *steps: int) -> EventLog:
    log = EventLog(folder / "run" / "events.jsonl")
    for step in steps:
        log.append("step", step=step, loss=step / 10)
    return log


def test_events_come_back_in_order_with_their_fields(tmp_path: Path) -> None:
    log = log_of(tmp_path, 1, 2)
    log.append("warning", text="łóżko", photos=[Path("a.jpg")], nested={"a": (1, None)})
    assert [event.step for event in log.read()] == [1, 2, None]
    assert log.read("warning")[0].fields == {"text": "łóżko", "photos": ["a.jpg"], "nested": {"a": [1, None]}}


def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert EventLog(tmp_path / "events.jsonl").read() == []


def test_every_event_is_one_line_of_strict_json(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.append("step", step=1, loss=math.nan, text="two\nlines")
    (line,) = log.path.read_text().splitlines()
    assert json.loads(line, parse_constant=lambda word: pytest.fail(word))["loss"] is None


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_torn_last_line_is_passed_over_and_then_cut_off(tmp_path: Path, kept: int) -> None:
    log = log_of(tmp_path, 1, 2)
    whole = log.path.read_bytes()
    first = whole.index(b"\n") + 1
    log.path.write_bytes(whole[: min(first + kept, len(whole) - 2)])
    assert [event.step for event in log.read()] == [1]
    assert [event.step for event in log_of(tmp_path, 3).read()] == [1, 3]


@pytest.mark.parametrize("line", [b"\x00\x00", b"[1]", b"{}", b'{"kind": 3, "time_s": 1}', b"nonsense", b""])
def test_lines_that_are_no_event_are_passed_over(tmp_path: Path, line: bytes) -> None:
    log = log_of(tmp_path, 1)
    log.path.write_bytes(log.path.read_bytes() + line + b"\n")
    log.append("step", step=2)
    assert [event.step for event in log.read()] == [1, 2]


def test_a_resumed_run_replaces_the_steps_that_it_repeats(tmp_path: Path) -> None:
    log = log_of(tmp_path, 1, 2, 3)
    log.append("step", step=2, loss=9.0)
    assert [(event.step, event.fields["loss"]) for event in log.by_step("step")] == [(1, 0.1), (2, 9.0), (3, 0.3)]
