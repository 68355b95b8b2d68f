"""Edits over the steps: A1111's own table, which call uses which entry, composition and networks."""

from __future__ import annotations

from typing import Any

import pytest

from imprint.errors import PromptError
from imprint.prompts import Compat, Network, ReadSettings, read_prompt, walk

pytestmark = pytest.mark.unit

Listed = list[tuple[int, str]]
LANDSCAPE = (
    "a (beautiful) [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6]"
    "[: in background:0.25] [shoddy:masterful:0.5]"
)


def every_step(*texts: str) -> Listed:
    """A different text at each of ten steps, in turn."""
    return [(step + 1, texts[step % len(texts)]) for step in range(10)]


def same(*texts: str) -> list[tuple[str, Listed]]:
    """Prompts that are one plain text at all steps."""
    return [(text, [(10, text)]) for text in texts]


#: Cases 25 to 43 of A1111 1.10 at 10 steps.
CASES: list[tuple[int, str, Listed]] = [
    *((25, text, [(3, "a "), (10, "a b")]) for text in ("a [b:3]", "a [b: 3]", "a [b:3 ]")),
    (26, "[a:b:0.5]", [(5, "a"), (10, "b")]),
    (27, "[a:10]", [(10, "")]),
    (27, "[a::10]", [(10, "a")]),
    (28, "[a:0.25]", [(2, ""), (10, "a")]),
    (28, "[a::0.25]", [(2, "a"), (10, "")]),
    (29, "[a:b:1]", [(1, "a"), (10, "b")]),
    (29, "[a:b:1.0]", [(10, "a")]),
    (29, "[a:b:2.0]", [(10, "a")]),
    *((30, text, [(10, "b")]) for text in ("[a:b:0]", "[a:b:-1]", "[a:b:0.05]")),
    (31, "[from:to:3.5]", [(10, "from")]),
    (32, "a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
    (32, "[(a:2):3]", [(3, ""), (10, "(a:2)")]),
    (33, "a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
    *((34, text, [(3, "a"), (6, "b"), (10, "c")]) for text in ("[[a:b:3]:c:6]", "[a:[b:c:6]:3]")),
    (35, "[a::3] [b:5]", [(3, "a "), (5, " "), (10, " b")]),
    (36, "[a|b|c]", every_step("a", "b", "c")),
    (37, "[fe|]male", every_step("female", "male")),
    (37, "[a||b]", every_step("a", "", "b")),
    (37, "[|b]", every_step("", "b")),
    (38, "[[a|b]:c:4]", [*every_step("a", "b")[:4], *every_step("c")[4:]]),
    (38, "[a:[b|c]:4]", [*every_step("a")[:4], *every_step("b", "c")[4:]]),
    (39, "[a|(b:1.1)]", every_step("a", "(b:1.1)")),
    (40, "((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
    (41, "[1:2:3]", [(3, "1"), (10, "2")]),
    (41, "[a:5:3]", [(3, "a"), (10, "5")]),
    (42, "[a BREAK b:c:5]", [(5, "a BREAK b"), (10, "c")]),
    *((43, *case) for case in same(
        "[a:b]", "[a|b:0.5]", "(a|b) [c:d:5]", "a | [b:c:0.5]", "[b:c:0.5]\\", "[a:b:50%]", "[a:b:c:4]", "[a:b:0.5",
    )),
    (44, "[<lora:x:1>:3]", [(3, ""), (10, "")]),
]  # fmt: skip
REPAIRED: dict[str, Listed] = {
    "[a|b:0.5]": every_step("a", "b:0.5"),
    "(a|b) [c:d:5]": [(5, "(a|b) c"), (10, "(a|b) d")],
    "a | [b:c:0.5]": [(5, "a | b"), (10, "a | c")],
    "[b:c:0.5]\\": [(5, "b\\"), (10, "c\\")],
    "[a:b:50%]": [(5, "a"), (10, "b")],
}
#: Case 45: what addresses the hires pass. (prompt, steps, hires steps, schedule of the hires pass)
HIRES = [
    ("a [b:1.5] c", 10, 10, [(5, "a  c"), (10, "a b c")]),
    ("[a:b:15]", 10, 10, [(5, "a"), (10, "b")]),
    ("[a:b:1.25]", 20, 8, [(2, "a"), (8, "b")]),
    ("[a:b:0.5]", 10, 10, [(10, "b")]),
    ("[a:b:5]", 10, 10, [(10, "b")]),
]


def listed(text: str, compat: Compat = "imprint", steps: int = 10, **settings: Any) -> Listed:
    """The schedule of the only part; as a negative prompt, which has no AND and no weight."""
    (part,) = read_prompt(text, ReadSettings(steps=steps, compat=compat, negative=True, **settings)).parts
    return part.schedule.listed()


def merged(entries: Listed) -> Listed:
    """Without those that the next one repeats."""
    return [one for one, after in zip(entries, [*entries[1:], (0, None)], strict=True) if one[1] != after[1]]


@pytest.mark.parametrize(("number", "text", "expected"), CASES)
def test_schedules_are_those_of_a1111(number: int, text: str, expected: Listed) -> None:
    assert listed(text, "a1111") == expected


@pytest.mark.parametrize(("number", "text", "expected"), [case for case in CASES if case[0] != 44])
def test_schedules_are_the_same_by_default_but_for_the_repairs(number: int, text: str, expected: Listed) -> None:
    assert listed(text) == REPAIRED.get(text, merged(expected))


@pytest.mark.parametrize("compat", ["imprint", "a1111"])
@pytest.mark.parametrize(("text", "steps", "hires", "expected"), HIRES)
def test_numbers_beyond_the_first_pass_address_the_hires_pass(
    text: str, steps: int, hires: int, expected: Listed, compat: Compat
) -> None:
    assert listed(text, compat, steps, hires_steps=hires) == expected


@pytest.mark.parametrize("compat", ["imprint", "a1111"])
def test_the_example_of_a1111_changes_where_it_says(compat: Compat) -> None:
    found = listed(LANDSCAPE, compat, 100)
    assert [end for end, _ in found] == [25, 50, 60, 75, 100]
    assert found[0][1] == "a (beautiful) mountain and an oak in foreground shoddy"
    assert found[2][1] == "a (beautiful) lake and an oak in foreground in background masterful"
    assert found[4][1] == "a (beautiful) lake and a christmas tree in background masterful"


def test_a_weight_may_be_edited() -> None:
    (part,) = read_prompt("(cat:[0.5:1.5:0.3])", ReadSettings(steps=10)).parts
    assert [entry.weighted[0].weight for entry in part.schedule.entries] == [0.5, 1.5]


@pytest.mark.parametrize(("text", "end"), [("[a:b:0.5]", 5), ("[a:b:1]", 1), ("[a:b:1.5]", 1), ("[a:b:7]", 7)])
def test_old_timelines_take_whole_numbers_with_a_point_for_steps(text: str, end: int) -> None:
    assert listed(text, old_timelines=True) == [(end, "a"), (10, "b")]
    assert listed(text, old_timelines=True, hires_steps=10) == [(end, "a"), (10, "b")]


@pytest.mark.parametrize(("compat", "calls"), [("imprint", 5), ("a1111", 6)])
def test_a_change_at_five_leaves_five_calls_before_it_and_six_in_a1111(compat: Compat, calls: int) -> None:
    (part,) = read_prompt("[a:b:5]", ReadSettings(steps=10, compat=compat)).parts
    assert [part.schedule.at(call).text for call in range(10)] == ["a"] * calls + ["b"] * (10 - calls)


def test_an_alternation_lags_by_one_call_in_a1111() -> None:
    texts = {}
    for compat in ("imprint", "a1111"):
        (part,) = read_prompt("[a|b]", ReadSettings(steps=5, compat=compat)).parts
        texts[compat] = "".join(part.schedule.at(call).text for call in range(5))
    assert texts == {"imprint": "ababa", "a1111": "aabab"}


@pytest.mark.parametrize(("text", "quirk"), [("[a:b:0.5]", 11), ("[a:b:5]", 6)])
def test_with_two_calls_a_step_a_step_is_a_step_but_a_call_in_a1111(text: str, quirk: int) -> None:
    for compat, before in (("imprint", 10), ("a1111", quirk)):
        settings = ReadSettings(steps=10, compat=compat, calls_per_step=2)  # type: ignore[arg-type]
        (part,) = read_prompt(text, settings).parts
        assert sum(part.schedule.at(call).text == "a" for call in range(20)) == before


def test_the_last_entry_serves_every_call_beyond() -> None:
    (part,) = read_prompt("[a:b:5]", ReadSettings(steps=10)).parts
    assert part.schedule.at(1_000).text == "b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat :1.2 AND a dog AND a penguin :2.2", [("a cat", 1.2), (" a dog", 1.0), (" a penguin", 2.2)]),
        ("a AND b:-0.5", [("a", 1.0), (" b", -0.5)]),
        ("a\nAND\nb:0.3", [("a", 1.0), ("\nb", 0.3)]),
        ("a ANDb", [("a ANDb", 1.0)]),
        ("AND", [("", 1.0), ("", 1.0)]),
        ("a:1.5 <lora:x:1> AND b", [("a", 1.5), (" b", 1.0)]),
    ],
)
def test_and_cuts_a_prompt_into_weighted_parts(text: str, expected: list[tuple[str, float]]) -> None:
    for compat in ("imprint", "a1111"):
        read = read_prompt(text, ReadSettings(compat=compat))  # type: ignore[arg-type]
        assert [(part.schedule.entries[0].text, part.weight) for part in read.parts] == expected


def test_in_a_negative_prompt_and_is_text() -> None:
    (part,) = read_prompt("a AND b:0.5", ReadSettings(negative=True)).parts
    assert (part.weight, part.schedule.listed()) == (1.0, [(20, "a AND b:0.5")])


def networks(text: str) -> list[Network]:
    return [node for part in read_prompt(text).parts for node in walk(part.tree) if isinstance(node, Network)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<lora:x>", ("lora", "x", 1.0, 1.0, None, ())),
        ("<lora:x:0.5>", ("lora", "x", 0.5, 0.5, None, ())),
        ("<lyco:x:0.5:0.7:8>", ("lora", "x", 0.5, 0.7, 8, ())),
        ("<lora:x:unet=0.3:te=0.2:dyn=4>", ("lora", "x", 0.2, 0.3, 4, ())),
        ("<lora:x:0.5:unet=0.3>", ("lora", "x", 0.5, 0.3, None, ())),
        ("<lora:x:1:lbw=0,1,1>", ("lora", "x", 1.0, 1.0, None, (("lbw", "0,1,1"),))),
        ("<hypernet:x:0.4>", ("hypernet", "x", 1.0, 0.4, None, ())),
    ],
)
def test_a_network_has_its_strengths(text: str, expected: tuple[object, ...]) -> None:
    (one,) = networks(text)
    assert (one.kind, one.name, one.text_encoder, one.unet, one.rank, one.options) == expected
    assert (one.start, one.end) == (0, len(text))


def test_a_network_may_be_called_with_the_folders_that_tell_it_apart() -> None:
    (one,) = networks("<lora:styles/v1.5/ink:0.5>")
    assert (one.name, one.unet) == ("styles/v1.5/ink", 0.5)


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        ("a <lora:../../x:1>", "network-name", 0),
        ("a <lora:/etc/x:1>", "network-name", 0),
        ("a <lora::1>", "network-name", 0),
        ("a <lora:dir/../x:1>", "network-name", 0),
        ("a <lora:dir//x:1>", "network-name", 0),
        ("a <lora:dir/:1>", "network-name", 0),
        ("a <lora:dir\\x:1>", "network-name", 0),
        ("a <image:x:1>", "network-kind", 0),
        ("a <lora:x:much>", "network-value", 1),
        ("a <lora:x:1e309>", "network-value", 1),
        ("a <lora:x:nan>", "network-value", 1),
        ("a <lora:x:1:1:1:1>", "network-value", 1),
    ],
)
def test_a_network_that_cannot_be_is_reported_where_it_stands(text: str, kind: str, count: int) -> None:
    assert len(networks(text)) == count
    (remark,) = read_prompt(text).remarks
    assert (remark.kind, remark.start, remark.end) == (kind, 2, len(text))
    assert read_prompt(text).parts[0].schedule.listed() == [(20, "a ")]


def test_a_network_inside_an_edit_is_scheduled_and_in_a1111_always_on() -> None:
    found = {}
    for compat in ("imprint", "a1111"):
        read = read_prompt("[<lora:x:1>:3] <lora:y:1>", ReadSettings(steps=10, compat=compat))  # type: ignore[arg-type]
        found[compat] = [(end, [one.name for one in active]) for end, active in read.network_schedule()]
    assert found == {"imprint": [(3, ["y"]), (10, ["x", "y"])], "a1111": [(10, ["x", "y"])]}


def test_networks_of_all_parts_count_for_the_whole_prompt() -> None:
    read = read_prompt("a [<lora:x:1>::2] AND b <lora:x:1>", ReadSettings(steps=10))
    assert [(end, len(active)) for end, active in read.network_schedule()] == [(2, 2), (10, 1)]


@pytest.mark.parametrize("field", ["steps", "hires_steps", "calls_per_step"])
def test_a_pass_has_at_least_one_step(field: str) -> None:
    with pytest.raises(PromptError, match=field):
        ReadSettings(**{field: 0})


def test_an_unknown_compatibility_is_refused() -> None:
    with pytest.raises(PromptError, match="allowed: imprint, a1111"):
        ReadSettings(compat="comfy")  # type: ignore[arg-type]
