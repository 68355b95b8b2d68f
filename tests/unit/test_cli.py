"""The edges of the command line: exit codes, JSON, progress, threads."""

from __future__ import annotations

import errno
import io
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from imprint.app.cli.edge import run
from imprint.app.cli.lists import numbers, parts, spelt_out
from imprint.app.cli.output import as_json, print_fields
from imprint.app.cli.progress import BarHandler, LineHandler, progress_on_stderr
from imprint.app.cli.threads import available_cores
from imprint.artifacts.found_record import FoundRecord
from imprint.artifacts.picture import PictureRecord
from imprint.errors import ConfigError, ImprintError, ModelError, PhotoError

pytestmark = pytest.mark.unit

Captured = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
RECORD = PictureRecord(
    prompt="a dog", steps=5, cfg_scale=4.0, sampler="ddim", schedule="karras", seed=3, width_px=8, height_px=8,
)  # fmt: skip


def showing(monkeypatch: Patch, outcome: BaseException | PictureRecord, *flags: str) -> int:
    """`imprint show` with a finder of records that does what the test wants."""

    def find(_: Path) -> FoundRecord:
        if isinstance(outcome, BaseException):
            raise outcome
        return FoundRecord("Imprint", "PNG text", outcome)

    monkeypatch.setattr("imprint.artifacts.found_record.find_record", find)
    return run(["show", "a.png", *flags])


def record(message: str, *arguments: object, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("imprint.jobs", level, "", 0, message, arguments, None)
    vars(made).update(extra)
    return made


def test_success_is_zero_and_goes_to_stdout(monkeypatch: Patch, capsys: Captured) -> None:
    assert showing(monkeypatch, RECORD) == 0
    shown = capsys.readouterr()
    assert re.search("prompt +a dog\n", shown.out)
    assert shown.err == ""


def test_json_is_one_document(monkeypatch: Patch, capsys: Captured) -> None:
    assert showing(monkeypatch, RECORD, "--json") == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 3


@pytest.mark.parametrize("error", [PhotoError("bad"), ModelError("bad"), ImprintError("bad")])
def test_an_error_gives_its_own_exit_code(
    monkeypatch: Patch, capsys: Captured, error: ImprintError,
) -> None:  # fmt: skip
    assert showing(monkeypatch, error) == error.exit_code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "error: bad\n")


def test_an_error_as_json_has_all_its_parts(monkeypatch: Patch, capsys: Captured) -> None:
    error = PhotoError("bad", where="a.jpg", got=Path("b"), allowed="good ones", hint="try")
    assert showing(monkeypatch, error, "--json") == 3
    assert json.loads(capsys.readouterr().out)["error"] == {
        "kind": "PhotoError", "exit_code": 3, "what": "bad", "where": "a.jpg", "got": "b", "allowed": "good ones",
        "hint": "try",
    }  # fmt: skip


def test_a_bug_is_70_with_a_trace_in_a_file(
    monkeypatch: Patch, capsys: Captured, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert showing(monkeypatch, ZeroDivisionError("oh"), "--json") == 70
    (trace,) = tmp_path.iterdir()
    assert "ZeroDivisionError: oh" in trace.read_text()
    assert json.loads(capsys.readouterr().out)["error"]["trace"] == str(trace)


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(errno.ENOSPC, "full", "/x"), 5), (PermissionError(errno.EACCES, "no"), 5), (KeyboardInterrupt(), 130)],
)
def test_what_the_system_does_to_us_has_a_code(
    monkeypatch: Patch, capsys: Captured, error: BaseException, code: int,
) -> None:  # fmt: skip
    assert showing(monkeypatch, error) == code
    assert "bug" not in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nosuch"], ["resume"], ["show", "--nosuch"], ["generate"], ["nano", "nosuch"]])
def test_a_wrong_flag_is_2_and_says_where_help_is(arguments: list[str], capsys: Captured) -> None:
    assert run(arguments) == 2
    assert "imprint --help" in capsys.readouterr().err


def test_a_wrong_flag_as_json(capsys: Captured) -> None:
    assert run(["show", "--nosuch", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "UsageError"


def test_no_verb_shows_the_verbs(capsys: Captured) -> None:
    assert run([]) == 2
    assert "personalize" in capsys.readouterr().err


def test_every_problem_of_a_recipe_reaches_the_user(capsys: Captured) -> None:
    assert run(["personalize", "photos", "--name", "zkz", "--set", "method.rnak=3", "--set", "lop.steps=3"]) == 2
    shown = capsys.readouterr().err
    assert "did you mean `rank`?" in shown
    assert "did you mean `loop`?" in shown


def test_the_hint_names_the_verbs_own_recipe(capsys: Captured) -> None:
    assert run(["generate", "a dog", "--set", "stepz=3"]) == 2
    assert "`imprint explain --recipe generate` lists every field" in capsys.readouterr().err


def test_explain_reaches_a_field_of_the_recipe(capsys: Captured) -> None:
    assert run(["explain", "method.lora.rank"]) == 0
    assert capsys.readouterr().out.startswith("method.lora.rank  (integer,")


def test_hostile_text_cannot_steer_the_terminal(monkeypatch: Patch, capsys: Captured) -> None:
    showing(monkeypatch, PhotoError("bad", where="\x1b[2J.jpg"))
    print_fields({"prompt": "\x1b[31mred"})
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err


def test_a_table_of_fields_stands_below_its_name(capsys: Captured) -> None:
    print_fields({"prompt": "a", "image": {"strength": 0.5, "soft": {}, "fill": "noise"}, "hires": None})
    assert capsys.readouterr().out == "prompt  a\nimage\n  strength  0.5\n  fill      noise\n"


def test_counts_become_a_line_now_and_then_and_at_the_end(capsys: Captured) -> None:
    handler = LineHandler(every_s=1000)
    for done in range(1, 11):
        handler.emit(record("x", progress=("latents", done, 10)))
    assert capsys.readouterr().err == "latents: 10/10, 0 s\n"


def test_the_time_left_is_that_of_what_this_process_did(monkeypatch: Patch, capsys: Captured) -> None:
    clock = iter([0.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    handler = LineHandler(every_s=0)
    handler.emit(record("x", progress=("training", 300, 400)))  # resumed: it made none of these 300
    handler.emit(record("x", progress=("training", 320, 400)))
    assert capsys.readouterr().err == "training: 300/400\ntraining: 320/400, 40 s left\n"


def test_bars_move_and_lines_stand_above_them() -> None:
    console = Console(file=io.StringIO(), record=True, force_terminal=True)
    with Progress(console=console, auto_refresh=False) as bars:
        handler = BarHandler(bars)
        handler.emit(record("x", progress=("latents", 1, 2)))
        handler.emit(record("[bold]photo %s", "a.jpg", level=logging.WARNING))
        assert [(task.description, task.completed) for task in bars.tasks] == [("latents", 1)]
        handler.emit(record("x", progress=("latents", 2, 2)))
        assert bars.tasks == []
    shown = console.export_text()
    assert "warning: [bold]photo a.jpg" in shown
    assert "latents: 2/2" in shown


def test_progress_shows_the_log_only_while_it_lasts(capsys: Captured) -> None:
    log = logging.getLogger("imprint.jobs")
    with progress_on_stderr():
        log.info("reading %s", "photos")
        log.debug("too much")
    log.info("after")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "reading photos\n")


@pytest.mark.parametrize(("quota", "at_most"), [("50000 100000", 1), ("150000 100000", 2), ("max 1", 999), ("", 999)])
def test_threads_respect_a_containers_quota(tmp_path: Path, quota: str, at_most: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert 1 <= available_cores(file) <= at_most


def test_results_become_plain_json() -> None:
    @dataclass
    class Result:
        run: Path
        scores: tuple[float, ...]
        record: PictureRecord

    value = as_json({"a": Result(Path("runs/a"), (1.0, float("nan")), RECORD)})["a"]
    assert (value["run"], value["scores"], value["record"]["seed"]) == ("runs/a", [1.0, None], 3)


def test_a_flag_takes_several_values_in_a_row() -> None:
    given = ["--seeds", "1", "2", "--out", "a", "--seeds", "3"]
    assert list(spelt_out(given, {"--seeds"})) == ["--seeds", "1", "--seeds", "2", "--out", "a", "--seeds", "3"]


def test_values_may_stand_between_commas() -> None:
    assert parts(["1,2", "3"]) == ("1", "2", "3")
    assert numbers(["3, 4.5"], "--sweep-cfg") == (3.0, 4.5)
    with pytest.raises(ConfigError, match="--sweep-cfg: this flag takes numbers"):
        numbers(["x"], "--sweep-cfg")


def test_guidance_scales_reach_the_sweep(monkeypatch: Patch, capsys: Captured) -> None:
    asked: list[object] = []
    monkeypatch.setattr("imprint.jobs.nano.report.sweep_cfg", lambda _base, scales, _plan: asked.extend(scales) or ())
    assert run(["nano", "report", "--sweep-cfg", "3", "4", "5", "--json"]) == 0
    assert asked == [3.0, 4.0, 5.0]
    assert json.loads(capsys.readouterr().out) == []
