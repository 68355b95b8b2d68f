"""Emphasis, escapes and BREAK: the weights of A1111's own table, and what any text has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.prompts import Compat, Node, ReadSettings, children, escape, read_prompt, weighted_parts

pytestmark = pytest.mark.unit

LIGHT = 0.9090909090909091
BREAK = ("BREAK", -1.0)
Pairs = list[tuple[str, float]]
#: Cases 1 to 24 of A1111 1.10, floats to the last bit. 16 crashes there and is text here.
CASES: list[tuple[int, str, Pairs]] = [
    (1, "normal text", [("normal text", 1.0)]),
    (2, "an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
    (3, "(unbalanced", [("unbalanced", 1.1)]),
    (4, r"\(literal\]", [("(literal]", 1.0)]),
    (5, "(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
    (
        6,
        "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
        [
            ("a ", 1.0), ("house", 1.5730000000000004), (" ", 1.1), ("on", 1.0), (" a ", 1.1), ("hill", 0.55),
            (", sun, ", 1.1), ("sky", 1.4641000000000006), (".", 1.1),
        ],
    ),
    (7, "((x))", [("x", 1.2100000000000002)]),
    (7, "[x]", [("x", LIGHT)]),
    (7, "[[x]]", [("x", 0.8264462809917354)]),
    (8, "((x:1.5))", [("x", 1.6500000000000001)]),
    (9, "(a (b:1.5) c:1.2)", [("a ", 1.2), ("b", 1.7999999999999998), (" c", 1.2)]),
    (10, "(x:1.5", [("x:1.5", 1.1)]),
    (11, "[x:1.5]", [("x:1.5", LIGHT)]),
    (12, "x)", [("x)", 1.0)]),
    (12, "x]", [("x]", 1.0)]),
    (12, "a:1.2)", [("a:1.2)", 1.0)]),
    (13, "()", [("", 1.0)]),
    (13, "(:1.5)", [("", 1.0)]),
    (13, "", [("", 1.0)]),
    (14, "(a:b:1.5)", [("a:b", 1.5)]),
    (14, "(a:1.2:1.3)", [("a:1.2", 1.3)]),
    (15, "(a: 1.5 )", [("a", 1.5)]),
    (15, "(a:.5)", [("a", 0.5)]),
    (15, "(a:1.)", [("a", 1.0)]),
    (15, "(a:-1)", [("a", -1.0)]),
    (15, "(x:0)", [("x", 0.0)]),
    (16, "(a:1.5.2)", [("a:1.5.2", 1.1)]),
    (17, "(a:1e1)", [("a:1e1", 1.1)]),
    (18, r"(a\:1.2)", [("a", 1.2)]),
    (19, r"\(a:1.2\)", [("(a:1.2)", 1.0)]),
    (20, r"\\(x)", [("\\", 1.0), ("x", 1.1)]),
    (20, r"a\b", [("ab", 1.0)]),
    (21, "([x])", [("x", 1.0)]),
    (21, "(a]b)", [("a]b", 1.1)]),
    (21, "[a:1.2)", [("a:1.2)", LIGHT)]),
    (22, "a BREAK b", [("a", 1.0), BREAK, ("b", 1.0)]),
    (22, "aBREAKb", [("aBREAKb", 1.0)]),
    (22, "a break b", [("a break b", 1.0)]),
    (23, "(a BREAK b:1.3)", [("a", 1.3), ("BREAK", -1.3), ("b", 1.3)]),
    (24, "<lora:x:1>", [("<lora:x:1>", 1.0)]),
]  # fmt: skip
REPAIRED: dict[str, Pairs] = {
    r"(a\:1.2)": [("a:1.2", 1.1)],
    "(a BREAK b:1.3)": [("a", 1.3), BREAK, ("b", 1.3)],
}
MARKS = st.text(st.sampled_from(r"()[]:|\#<>{}$_ab1.5 " + "\nANDBREK"), max_size=60)
ANY = st.text(st.characters(), max_size=60) | MARKS


def pairs(text: str, compat: Compat = "imprint") -> Pairs:
    return [(part.text, part.weight) for part in weighted_parts(text, compat)]


@pytest.mark.parametrize(("number", "text", "expected"), CASES)
def test_weights_are_those_of_a1111(number: int, text: str, expected: Pairs) -> None:
    assert pairs(text, "a1111") == expected


@pytest.mark.parametrize(("number", "text", "expected"), CASES)
def test_weights_are_the_same_by_default_but_for_the_repairs(number: int, text: str, expected: Pairs) -> None:
    assert pairs(text) == REPAIRED.get(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("([a)b]", [("a", 1.0), ("b", LIGHT)]),
        ("([a:1.3)b]", [("a", 1.1818181818181819), ("b", LIGHT)]),
        ("[(a]b)c", [("a", 1.0), ("b", 1.1), ("c", 1.0)]),
    ],
)
def test_brackets_that_cross_each_weigh_their_own_part(text: str, expected: Pairs) -> None:
    assert pairs(text) == pairs(text, "a1111") == expected


@pytest.mark.parametrize("text", ["(a)BREAK(b)", "(a) BREAK (b)", "(a)  BREAK\n(b)"])
def test_white_space_around_break_belongs_to_it(text: str) -> None:
    assert pairs(text) == [("a", 1.1), BREAK, ("b", 1.1)]


def test_breaks_in_a_row_stay_apart() -> None:
    assert pairs("a BREAK BREAK b") == [("a", 1.0), BREAK, BREAK, ("b", 1.0)]


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400])
def test_an_immense_weight_stays_finite_and_is_reported(number: str) -> None:
    assert [abs(weight) for _, weight in pairs(f"(a:{number})")] == [1e6]
    assert [remark.kind for remark in read_prompt(f"(a:{number})").remarks] == ["weight-limit"]


@pytest.mark.parametrize("number", ["1e309", "nan", "inf", "-inf", "1.5.2", "."])
def test_what_is_no_weight_is_text_and_reported(number: str) -> None:
    assert pairs(f"(a:{number})") == [(f"a:{number}", 1.1)]
    (remark,) = read_prompt(f"(a:{number})").remarks
    assert (remark.kind, remark.start, remark.end) == ("not-a-weight", 2, 3 + len(number))


@given(ANY)
def test_an_escaped_text_is_that_text_at_weight_one(text: str) -> None:
    read = read_prompt(escape(text), ReadSettings(steps=3))
    (entry,) = [entry for part in read.parts for entry in part.schedule.entries]
    assert [(part.text, part.weight) for part in entry.weighted] == [(text, 1.0)]
    assert entry.networks == ()


@given(st.text(st.characters(exclude_characters="\\()[]:|#<"), max_size=60).filter(lambda text: "A" not in text))
def test_plain_text_is_itself(text: str) -> None:
    (part,) = read_prompt(text).parts
    assert part.schedule.listed() == [(20, text)]
    assert "BREAK" in text or pairs(text) == [(text, 1.0)]


def fits(nodes: tuple[Node, ...], start: int, end: int) -> bool:
    """Whether nodes lie in order inside start..end, and their children inside them."""
    for node in nodes:
        if not start <= node.start < node.end <= end or not fits(children(node), node.start, node.end):
            return False
        start = node.end
    return True


@given(ANY, st.sampled_from(["imprint", "a1111"]), st.booleans())
def test_any_text_is_read_and_its_nodes_nest_in_it(text: str, compat: Compat, negative: bool) -> None:
    read = read_prompt(text, ReadSettings(steps=5, compat=compat, negative=negative))
    assert all(fits(part.tree, part.start, part.end) for part in read.parts)
    assert all(0 <= remark.start < remark.end <= len(text) for remark in read.remarks)
    assert list(read.remarks) == sorted(read.remarks, key=lambda remark: (remark.start, remark.end))


@given(ANY, st.sampled_from(["imprint", "a1111"]), st.integers(1, 12), st.none() | st.integers(1, 12))
def test_ends_ascend_to_the_length_of_the_pass(text: str, compat: Compat, steps: int, hires: int | None) -> None:
    read = read_prompt(text, ReadSettings(steps=steps, hires_steps=hires, compat=compat))
    for part in read.parts:
        ends = [entry.end for entry in part.schedule.entries]
        assert ends == sorted({*ends})
        assert ends[-1] == (hires or steps)
        assert part.schedule.at(0) is part.schedule.entries[0]
