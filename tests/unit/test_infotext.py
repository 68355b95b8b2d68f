"""A1111's infotext: written exactly, read back exactly, and whatever text comes, nothing breaks."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imprint.artifacts.infotext import (
    KEY_ORDER,
    Infotext,
    hashes_of,
    hashes_value,
    modernised,
    old_rules,
    parse_infotext,
    quoted,
    render_infotext,
    tool_of,
    unquoted,
    version_of,
)

pytestmark = pytest.mark.unit

LINE = (
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, "
    "Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Version: v1.10.1"
)
WHOLE = f"a dog\nNegative prompt: blurry\n{LINE}"
THREE = {"Steps": "20", "Seed": "1", "Size": "512x512"}
LITERAL = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def info(prompt: str = "", negative: str = "", **parameters: str) -> Infotext:
    return Infotext(prompt, negative, parameters)


def test_an_infotext_is_taken_apart() -> None:
    found = parse_infotext(WHOLE)
    assert (found.prompt, found.negative_prompt) == ("a dog", "blurry")
    assert found.parameters["Schedule type"] == "Karras"
    assert list(found.parameters) == [key for key in (*KEY_ORDER, "Version") if key in found.parameters]


def test_what_was_read_is_written_the_same() -> None:
    found = parse_infotext(WHOLE)
    assert render_infotext(found.prompt, found.negative_prompt, found.parameters) == WHOLE


def test_keys_stand_in_order_extras_in_theirs_and_the_version_last() -> None:
    values = {"User": "me", "Version": "v1", "Lora hashes": "a", "ENSD": 31337, "Hires upscale": 2.0, "Steps": 20}
    line = "Steps: 20, ENSD: 31337, Lora hashes: a, Hires upscale: 2, User: me, Version: v1"
    assert render_infotext("", "", {**values, "Seed": None}) == f"\n{line}"


@pytest.mark.parametrize(("value", "text"), [(7, "7"), (7.0, "7"), (7.5, "7.5"), (1e16, str(10**16)), (0.1, "0.1")])
def test_numbers_are_written_as_a1111_writes_them(value: float, text: str) -> None:
    assert render_infotext("", "", {"CFG scale": value}) == f"\nCFG scale: {text}"


def test_the_negative_prompt_has_no_line_when_it_is_empty() -> None:
    assert render_infotext("a\nb", "", THREE) == "a\nb\nSteps: 20, Seed: 1, Size: 512x512"


def test_a_value_that_is_its_key_is_written_once() -> None:
    assert render_infotext("", "", {"Steps": 1, "Script": "Script"}) == "\nSteps: 1, Script"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"), ("a, b", '"a, b"'), ("a: b", '"a: b"'), ("a\nb", r'"a\nb"'), ("é,", '"é,"'),
        ('say "a"', 'say "a"'), ('"a", b', r'"\"a\", b"'), ("back\\slash", "back\\slash"), ("back\\,", r'"back\\,"'),
    ],
)  # fmt: skip
def test_only_values_with_separators_are_quoted(value: str, text: str) -> None:
    assert quoted(value) == text
    assert unquoted(text) == value


@pytest.mark.parametrize("text", ['"', '""x', '"a', '"\\x"', '"a"b"', "1", '"\t"', ""])
def test_what_is_no_json_string_stays_as_it_is(text: str) -> None:
    assert unquoted(text) == text


@pytest.mark.parametrize("last", ["Steps: 20, Sampler: Euler", "a: b, c: d, e: f", "just text", "", "x:y"])
def test_fewer_than_three_pairs_belong_to_the_prompt(last: str) -> None:
    assert parse_infotext(f"a dog\n{last}").parameters == {}
    assert parse_infotext(f"a dog\n{last}").prompt == f"a dog\n{last}".rstrip("\n")


def test_keys_have_at_least_two_characters() -> None:
    found = parse_infotext("Steps: 20, x: 9, Seed: 1, Size: 8x8, /ab: 1, a-b/c d: 2")
    assert dict(found.parameters) == {"Steps": "20", "Seed": "1", "Size": "8x8", "ab": "1", "a-b/c d": "2"}


def test_several_lines_stay_where_they_belong() -> None:
    found = parse_infotext(f"one\n\ntwo\nNegative prompt: three\n  four\n{LINE}\n")
    assert (found.prompt, found.negative_prompt) == ("one\n\ntwo", "three\n  four")


def test_defaults_are_kept_apart_from_what_was_written() -> None:
    found = parse_infotext(WHOLE)
    settings = found.settings()
    assert "RNG" not in found.parameters
    assert (settings["RNG"], settings["Clip skip"], settings["Emphasis"]) == ("GPU", "1", "Original")
    assert (settings["Schedule type"], settings["VAE Encoder"]) == ("Karras", "Full")


def test_sizes_are_read_in_two_parts() -> None:
    settings = info(Size="512x768", **{"Hires resize": "0x1024", "Model": "4x"}).settings()
    assert (settings["Size-1"], settings["Size-2"], settings["Hires resize-2"]) == ("512", "768", "1024")
    assert ("Size" in settings, settings["Model"]) == (False, "4x")


def test_an_old_hypernetwork_goes_to_the_prompt() -> None:
    old = info("a dog", Hypernet="anime(e2d1a2c5)", **{"Hypernet strength": "0.8"})
    assert modernised(old) == info("a dog<hypernet:anime:0.8>")


def test_an_old_first_pass_becomes_the_size() -> None:
    old = info(**{"First pass size": "512x512", "Size": "1024x768"})
    assert dict(modernised(old).parameters) == {"Size": "512x512", "Hires resize": "1024x768"}
    computed = info(**{"First pass size": "0x0", "Size": "1024x768"})
    assert modernised(computed) == computed


@pytest.mark.parametrize(
    ("version", "prompt", "more", "rules"),
    [
        ("v1.5.2", "a [b:3]", {}, 2), ("v1.5.2", "a dog", {}, 1), ("v1.5.2", "a", {"Sampler": "PLMS"}, 2),
        ("v1.7.0", "[a]", {}, 1), ("v1.7.0-225-gabc", "[a]", {}, 0), ("v1.7.0-224-gabc", "[a]", {}, 1),
        ("v1.7.9", "a", {"Refiner": "x"}, 1), ("v1.8.0", "[a]", {"Refiner": "x"}, 0), ("v1.10.1", "[a]", {}, 0),
        ("f2.0.1v1.10.1-previous-1", "[a]", {}, 0), ("Imprint 0-1-0", "[a]", {}, 0), ("", "[a]", {}, 0),
    ],
)  # fmt: skip
def test_rules_of_old_versions_are_told(version: str, prompt: str, more: dict[str, str], rules: int) -> None:
    assert len(old_rules(info(prompt, Version=version, **more))) == rules


@pytest.mark.parametrize(
    ("parameters", "tool"),
    [
        ({"Version": "v1.10.1"}, "AUTOMATIC1111 v1.10.1"), ({"Version": "1.6.0"}, "AUTOMATIC1111 1.6.0"),
        ({"Version": "f2.0.1v1.10.1-previous-635"}, "Forge f2.0.1v1.10.1-previous-635"),
        ({"Version": "Imprint 0-1-0"}, "Imprint"), ({"Version": "ComfyUI"}, "ComfyUI"), ({"App": "SD.Next"}, "SD.Next"),
        ({}, "AUTOMATIC1111 or a descendant"),
    ],
)  # fmt: skip
def test_the_tool_is_told_by_its_version(parameters: dict[str, str], tool: str) -> None:
    assert tool_of(info(**parameters)) == tool


def test_the_version_of_a_descendant_is_that_of_the_a1111_it_follows() -> None:
    assert version_of(info(Version="f2.0.1v1.10.1-previous-635")) == (1, 10, 1, 0)


def test_hashes_of_networks_survive_with_plain_names() -> None:
    value = hashes_value({"my: lora, 2": "abc", "b": "def"})
    assert value == "my lora 2: abc, b: def"
    assert hashes_of(value) == {"my lora 2": "abc", "b": "def"}
    assert hashes_value({}) is None


# What the format can hold: see the module's docstring. Lone surrogates are no text.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = TEXTS.filter(lambda text: text == text.lstrip() and not (len(text) > 1 and text[0] == text[-1] == '"'))
KEYS = st.from_regex(re.compile(r"[A-Za-z_][\w \-/]*\w", re.ASCII), fullmatch=True).filter(lambda key: key != "User")


@given(TEXTS, TEXTS, st.dictionaries(KEYS, VALUES, max_size=5))
def test_everything_comes_back(prompt: str, negative: str, more: dict[str, str]) -> None:
    assume(not any(line.startswith("Negative prompt:") for line in prompt.split("\n")))
    more = {key: value for key, value in more.items() if value != key}
    found = parse_infotext(render_infotext(prompt, negative, {**THREE, **more, "Version": "v1.10.1"}))
    assert (found.prompt, found.negative_prompt) == (prompt, negative)
    assert dict(found.parameters) == {**THREE, **more, "Version": "v1.10.1"}


@given(st.sampled_from([LINE, "Steps: 1, Seed: 2, Size: 8x8", "a: b\nNegativ prompt: c", 'x: "y, z"']), TEXTS)
def test_a_prompt_whose_last_line_looks_like_parameters_is_safe(last: str, negative: str) -> None:
    found = parse_infotext(render_infotext(f"a dog\n{last}", negative, {**THREE, "Version": "v1.10.1"}))
    assert (found.prompt, found.negative_prompt) == (f"a dog\n{last}", negative)


@given(st.text(st.sampled_from('ab1_ -/:,"\\ \té€')))
def test_one_pass_finds_what_the_regular_expression_finds(line: str) -> None:
    line = f"Steps: 1, Seed: 2, Size: 8x8, {line}"
    expected = {key: unquoted(value) for key, value in LITERAL.findall(line)}
    assert dict(parse_infotext(line).parameters) == expected


@given(TEXTS)
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = parse_infotext(text)
    old_rules(found), tool_of(found), modernised(found).settings()


@pytest.mark.parametrize("text", ["a" * 300_000, "ab:" * 100_000, 'ab:"\\",' * 50_000, 'ab:"' * 100_000, " " * 300_000])
def test_long_hostile_lines_cost_linear_time(text: str) -> None:
    assert parse_infotext(text).negative_prompt == ""
