"""`imprint prompt explain`: the same facts for people and programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imprint.app.cli.edge import run
from imprint.prompts import expand

pytestmark = pytest.mark.unit

Captured = pytest.CaptureFixture[str]
PROMPT = "a (red:1.3) [cat:dog:50%] <lora:ink:0.8:0.5> BREAK in space"


def explained(capsys: Captured, *arguments: str) -> Any:
    assert run(["prompt", "explain", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_schedule_weights_networks_chunks_and_remarks(capsys: Captured) -> None:
    (text,) = explained(capsys, PROMPT, "--steps", "10")["texts"]
    (part,) = text["parts"]
    assert part["schedule"] == [[5, "a (red:1.3) cat  BREAK in space"], [10, "a (red:1.3) dog  BREAK in space"]]
    entry = part["entries"][0]
    assert entry["weighted"] == [["a ", 1.0], ["red", 1.3], [" cat", 1.0], ["BREAK", -1.0], ["in space", 1.0]]
    assert [(one["name"], one["text_encoder"], one["unet"]) for one in entry["networks"]] == [("ink", 0.8, 0.5)]
    assert [chunk["count"] for chunk in entry["chunks"]] == [len(chunk["ids"]) for chunk in entry["chunks"]] == [3, 2]
    assert [(remark["kind"], remark["start"]) for remark in text["remarks"]] == [("percent", 12)]


def test_each_pass_and_the_negative_prompt_are_explained(capsys: Captured) -> None:
    texts = explained(capsys, "[a:b:1.5]", "--negative", "c AND d", "--hires-steps", "4")["texts"]
    assert [(text["role"], text["hires"], text["steps"]) for text in texts] == [
        ("prompt", False, 20), ("negative prompt", False, 20), ("prompt", True, 4), ("negative prompt", True, 4),
    ]  # fmt: skip
    assert texts[2]["parts"][0]["schedule"] == [[2, "a"], [4, "b"]]
    assert texts[1]["parts"][0]["schedule"] == [[20, "c AND d"]]


def test_quirks_are_shown_on_request(capsys: Captured) -> None:
    (text,) = explained(capsys, "time 12:30", "--compat", "a1111")["texts"]
    assert text["parts"][0]["weight"] == 30
    assert run(["prompt", "explain", "a", "--compat", "comfy"]) == 3


def test_wildcards_are_drawn_first(capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "pet.txt").write_text("cat\n", encoding="utf-8")
    found = explained(capsys, "a __pet__ __none__", "--wildcards", str(tmp_path), "--negative", "{b|b}")
    assert [one["text"] for one in found["expansions"]] == ["a cat __none__", "b"]
    assert [remark["kind"] for remark in found["expansions"][0]["remarks"]] == ["wildcard-unknown"]
    assert found["texts"][0]["text"] == "a cat __none__"


def test_variants_are_drawn_as_generate_draws_them(capsys: Captured) -> None:
    drawn = expand("{a|b|c} {@x|y}", 3, index=3).text
    assert explained(capsys, "{a|b|c} {@x|y}", "--seed", "3")["texts"][0]["text"] == drawn
    assert explained(capsys, "{a|a}", "--negative", "b")["expansions"][0]["text"] == "a"
    assert explained(capsys, "{a|a}", "--compat", "a1111")["texts"][0]["text"] == "{a|a}"
    assert explained(capsys, "{a|a}", "--compat", "a1111", "--seed", "1")["texts"][0]["text"] == "a"


def test_bad_utf8_on_the_command_line_is_shown_and_reported(capsys: Captured) -> None:
    (text,) = explained(capsys, "a \udcff")["texts"]
    assert text["text"] == "a \ufffd"
    assert [remark["kind"] for remark in text["remarks"]] == ["not-text"]
    assert run(["prompt", "explain", "a \udcff"]) == 0
    capsys.readouterr().out.encode()


def test_people_see_steps_words_weights_tokens_and_remarks(capsys: Captured) -> None:
    assert run(["prompt", "explain", PROMPT, "--steps", "10", "--negative", "(ugly:0.5) AND [/bold]"]) == 0
    shown = capsys.readouterr().out
    pieces = ["1–5", "6–10", "red×1.3", "ink text 0.8, image 0.5", "3 + 2 of 75", "50% is read as the fraction 0.5"]
    assert [piece for piece in pieces if piece not in shown] == []
    assert "ugly×0.5" in shown
    assert "/bold" in shown


def test_remarks_that_the_hires_pass_repeats_are_shown_once(capsys: Captured) -> None:
    assert run(["prompt", "explain", "a # note", "--hires-steps", "5"]) == 0
    assert capsys.readouterr().out.count("a comment") == 1


def test_an_alternation_has_a_row_for_each_option(capsys: Captured) -> None:
    assert run(["prompt", "explain", "[cat|dog]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines[2:]] == [["1, 3, 5 … 19", "cat"], ["2, 4, 6 … 20", "dog"]]


def test_parts_and_their_weights_are_shown(capsys: Captured) -> None:
    assert run(["prompt", "explain", "a AND b:0.5"]) == 0
    assert "part 2 of 2, weight 0.5" in capsys.readouterr().out


def test_control_characters_do_not_reach_the_terminal(capsys: Captured) -> None:
    assert run(["prompt", "explain", "a \x1b[31m (b\x1b[0m:1.5) <lora:\x1b]:1> # \x1b"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_prompt_too_long_to_encode_ends_in_a_clear_error(capsys: Captured) -> None:
    assert run(["prompt", "explain", "a " * 30_000]) == 3
    assert "50000 characters" in capsys.readouterr().err
