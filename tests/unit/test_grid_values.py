"""The values of an axis as text: lists, quotes, ranges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.errors import ConfigError
from imprint.jobs.grid.values import MOST_VALUES, split_values, values_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7", [7]), ("7, 5,9", [7, 5, 9]), ("-1", [-1]), ("1-5", [1, 2, 3, 4, 5]), ("5-1", [5, 4, 3, 2, 1]),
        ("1-5 (+2)", [1, 3, 5]), ("1-6(+2)", [1, 3, 5]), ("10-1 (-3)", [10, 7, 4, 1]), ("1-5 (2)", [1, 3, 5]),
        ("1-10 [5]", [1, 3, 5, 7, 10]), ("10-1 [2]", [10, 1]), ("3-9 [1]", [3]), ("-3--1", [-3, -2, -1]),
        ("-2-2 [3]", [-2, 0, 2]), ("1-3, 8, 20-22", [1, 2, 3, 8, 20, 21, 22]), ("4-4", [4]), (" 2 - 3 ", [2, 3]),
    ],
)  # fmt: skip
def test_whole_numbers(text: str, values: list[int]) -> None:
    found = values_of(text, int, "x.values")
    assert found == values
    assert {type(value) for value in found} == {int}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7.5, .5, 3", [7.5, 0.5, 3.0]), ("0-1 (+0.25)", [0.0, 0.25, 0.5, 0.75, 1.0]), ("1-3", [1.0, 2.0, 3.0]),
        ("0.5-1.5 [3]", [0.5, 1.0, 1.5]), ("1-0 (-0.5)", [1.0, 0.5, 0.0]), ("0-1 [4]", [0.0, 1 / 3, 2 / 3, 1.0]),
        ("0.1-0.5 (+0.1)", [0.1, 0.2, 0.3, 0.4, 0.5]), ("-1.5--0.5", [-1.5, -0.5]),
    ],
)  # fmt: skip
def test_numbers_with_a_point_are_exact(text: str, values: list[float]) -> None:
    assert values_of(text, float | None, "x.values") == values


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a, b ,c", ["a", "b", "c"]), ('"a, b", c', ["a, b", "c"]), ('"say ""hi""", b', ['say "hi"', "b"]),
        ('dog, ""', ["dog", ""]), ('  "a"  ,b', ["a", "b"]), ("1-5", ["1-5"]), ('a "b" c', ['a "b" c']),
        ('"""a"""', ['"a"']), ("a\nb", ["a\nb"]), (",a,,", ["a"]),
    ],
)  # fmt: skip
def test_lists_with_quotes(text: str, parts: list[str]) -> None:
    assert split_values(text, "x.values") == values_of(text, str, "x.values") == parts


@pytest.mark.parametrize(
    ("text", "annotation", "said"),
    [
        ("", int, "needs values"), (" , ", str, "needs values"), ('"a', str, "not closed"),
        ('"a" b', str, "comes a comma"),
        ("1-5 (-1)", int, "do not lead"), ("5-1 (+1)", int, "do not lead"), ("1-5 (0)", int, "do not lead"),
        ("1-5 [0]", int, "count in brackets"), ("1-5 [99999]", int, "count in brackets"),
        ("1-1000000000", int, "too many values"), ("0-1 (+0.0000001)", float, "too many values"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, annotation: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        values_of(text, annotation, "x.values")
    assert caught.value.where == "x.values"


def test_a_list_is_taken_value_by_value() -> None:
    assert values_of([1, "3-5"], int, "x.values") == [1, 3, 4, 5]
    assert values_of(["a, b", "1-5"], str, "x.values") == ["a, b", "1-5"]


def test_none_switches_an_optional_field_off() -> None:
    assert values_of("none, 64", int | None, "x.values") == [None, 64]
    assert values_of("none", str, "x.values") == ["none"]


def test_what_is_no_number_stays_text_for_the_field_to_refuse() -> None:
    assert values_of("ten, 1e3, 5-", int, "x.values") == ["ten", "1e3", "5-"]


LIKELY = st.text(alphabet='0123456789-+.,()[] "a\n', max_size=40)


@settings(deadline=None)
@given(LIKELY | st.text(max_size=40), st.sampled_from([int, float, str]))
def test_no_text_ends_in_anything_but_values_or_a_message(text: str, annotation: Any) -> None:
    try:
        found = values_of(text, annotation, "x.values")
    except ConfigError:
        return
    assert 1 <= len(found) <= 2 * MOST_VALUES


@settings(deadline=None)
@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(2, 200))
def test_a_counted_range_has_its_count_and_its_ends(first: int, last: int, count: int) -> None:
    for annotation in (int, float):
        found = values_of(f"{first}-{last} [{count}]", annotation, "x.values")
        assert (len(found), found[0], found[-1]) == (count, first, last)
        assert found in (sorted(found), sorted(found, reverse=True))


@settings(deadline=None)
@given(st.integers(-99, 99), st.integers(0, 50), st.integers(1, 9), st.sampled_from([1, -1]))
def test_a_stepped_range_is_pythons(first: int, steps: int, step: int, sign: int) -> None:
    last = first + sign * steps * step
    found = values_of(f"{first}-{last} ({sign * step:+d})", int, "x.values")
    assert found == list(range(first, last + sign, sign * step))


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5))
def test_quoted_values_come_back(values: list[str]) -> None:
    text = ",".join('"' + value.replace('"', '""') + '"' for value in values)
    assert split_values(text, "x.values") == values
