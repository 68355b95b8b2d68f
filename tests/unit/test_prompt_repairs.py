"""What is repaired against A1111, as the guide's table has it; and what is said about it, where."""

from __future__ import annotations

import re

import pytest

from imprint.prompts import ReadSettings, read_prompt
from prompt_table import GUIDE, meaning, rows

pytestmark = pytest.mark.unit


def said(text: str, compat: str = "imprint", **settings: int) -> list[tuple[str, str]]:
    """(kind, the characters concerned) of each remark."""
    read = read_prompt(text, ReadSettings(steps=10, compat=compat, **settings))  # type: ignore[arg-type]
    return [(remark.kind, text[remark.start : remark.end]) for remark in read.remarks]


@pytest.mark.parametrize(("text", "theirs", "ours", "why"), rows())
def test_the_guide_says_what_both_ways_of_reading_do(text: str, theirs: str, ours: str, why: str) -> None:
    assert (meaning(text, "a1111"), meaning(text, "imprint")) == (theirs, ours)
    assert theirs != ours


def test_the_guide_has_a_row_for_each_repair() -> None:
    assert len(rows()) >= 15


def test_the_example_of_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(compile(code, str(GUIDE), "exec"), {})
    assert capsys.readouterr().out.startswith("1.0 a dog")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a | [b:c:0.5]", [("stray-bar", "|")]),
        ("a | b", []),
        ("[b:c:0.5] \\", [("trailing-backslash", "\\")]),
        ("[a|b:0.5]", [("colon-in-alternation", "[a|b:0.5]")]),
        ("[a:b:50%]", [("percent", "[a:b:50%]")]),
        ("[a:b]", [("edit-without-step", "[a:b]")]),
        ("[a:b:c:4]", [("edit-with-colons", "[a:b:c:4]")]),
        ("[a:b:0.5 c", [("unclosed", "[")]),
        ("a) b]", [("stray", ")"), ("stray", "]")]),
        ("([a)]", [("crossed", ")")]),
        (r"(a\:1.2)", [("escaped-weight", r"\:1.2")]),
        ("(a:1.5.2)", [("not-a-weight", ":1.5.2")]),
        ("time 12:30", [("number-is-text", ":30")]),
        ("(a BREAK b)", [("break-in-brackets", "BREAK ")]),
        ("[(<lora:x:1>):3]", [("scheduled-network", "<lora:x:1>")]),
        ("[a:b:3.5]", [("never-shown", "[a:b:3.5]")]),
        ("[a:b:0]", [("never-shown", "[a:b:0]")]),
        ("[:b:0] [a::10]", []),
        ("(a AND b", [("unclosed", "("), ("and-in-brackets", "(a ")]),
        ("a # b", [("comment", "# b")]),
        ("a \udcff b", [("not-text", "\udcff")]),
    ],
)
def test_each_repair_and_doubt_is_reported_where_it_is(text: str, expected: list[tuple[str, str]]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a | [b:c:0.5]", [("edits-disabled", "|")]),
        ("[a|b:0.5]", [("colon-in-alternation", "[a|b:0.5]"), ("edits-disabled", "[")]),
        ("time 12:30", [("number-is-weight", ":30")]),
        ("a [b:c:0.5]", []),
    ],
)
def test_a_quirk_that_strikes_is_reported(text: str, expected: list[tuple[str, str]]) -> None:
    assert sorted(said(text, "a1111")) == sorted(expected)


def test_comments_may_be_text() -> None:
    read = read_prompt("a #1 (b)", ReadSettings(comments=False))
    assert read.parts[0].schedule.entries[0].text == "a #1 (b)"
    assert read.remarks == ()


def test_brackets_beyond_a_hundred_deep_do_nothing() -> None:
    for text in ("(" * 2_000 + "x" + ")" * 2_000, "[" * 2_000 + "x"):
        read = read_prompt(text)
        (part,) = read.parts[0].schedule.entries[0].weighted
        assert part.text == "x"
        assert "too-deep" in {remark.kind for remark in read.remarks}


#: A megabyte of each: nothing may recurse, or take more than linear work.
IMMENSE = [
    "a photo of a dog, ", "\0", "\udcff", "(", "(a:1.1)", "[a|b]", "[a:b:0.5]", "<a:", "([a)b]", "|", "\\", "a AND ",
    "BREAK ", "<lora:x:1>", "#a\n", ":", "[a:", "(a", " ",
]  # fmt: skip


@pytest.mark.parametrize("unit", IMMENSE)
@pytest.mark.parametrize("compat", ["imprint", "a1111"])
def test_a_megabyte_of_anything_is_read(unit: str, compat: str) -> None:
    text = unit * (1_000_000 // len(unit))
    read = read_prompt(text, ReadSettings(steps=5, compat=compat))  # type: ignore[arg-type]
    assert read.parts[-1].schedule.entries[-1].end == 5
    assert len(read.remarks) <= 10_000
