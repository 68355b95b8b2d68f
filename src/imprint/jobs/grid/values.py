"""The values of an axis as text: lists with quotes, and ranges of numbers.

    7, 5, "a dog, a cat"      values between commas; one with a comma in it stands in quotes, "" is a quote within them
    1-5    5-1                every whole step from one end to the other, both ends included
    1-10 (+3)    10-1 (-3)    steps of that size
    1-10 [5]                  as many values, spread evenly from end to end: 1, 3, 5, 7, 10

Numbers with a decimal point are written and stepped alike.

Reads: text. Writes: values. Does not: know what they are of.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from imprint.config.places import members
from imprint.errors import ConfigError

MOST_VALUES = 1000  # on one axis: beyond that nobody reads the sheet, and "1-1000000000" is a slip
NONE = "none"  # as in `imprint.config`: switches an optional field off

Scalar = str | int | float | bool

_INT = r"-?\d{1,18}"
_FLOAT = r"-?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})"
_RANGE = r"({0})\s*-\s*({0})(?:\s*\(\s*([+-]?{1})\s*\)|\s*\[\s*(\d{{1,9}})\s*\])?"
_INT_RANGE = re.compile(_RANGE.format(_INT, _INT.removeprefix("-?")), re.ASCII)
_FLOAT_RANGE = re.compile(_RANGE.format(_FLOAT, _FLOAT.removeprefix("-?")), re.ASCII)


def values_of(given: str | Sequence[Scalar], annotation: Any, where: str) -> list[Any]:
    """The values that a text or a list means for a field.

    Args:
        given: text as at the top of this file, or the values one by one; a text among these may be a range where the
            field is a number, and is taken as it stands everywhere else.
        annotation: the field's type.
        where: the axis, for messages.
    Returns: at least one value; of numbers as numbers, None for "none" where the field may be off, else as given.
    Raises: ConfigError: if there is none, or too many, or a quote or a range is broken.
    """
    items: Sequence[Scalar] = split_values(given, where) if isinstance(given, str) else given
    types = set(members(annotation))
    number = None if str in types else int if int in types and float not in types else float if float in types else None
    found: list[Any] = []
    for item in items:
        if item == NONE and type(None) in types:
            found.append(None)
        elif isinstance(item, str) and number is not None:
            found += _numbers(item, number, where)
        else:
            found.append(item)
        if len(found) > MOST_VALUES:
            raise ConfigError("too many values", where=where, got=f"{len(found)}, …", allowed=f"{MOST_VALUES} at most")
    if not found:
        raise ConfigError("an axis needs values", where=where, got=given, allowed="7, 9 or 1-5 or 1-10 [4]")
    return found


def split_values(text: str, where: str) -> list[str]:
    """The parts of a text between commas, quotes taken off; a part that is empty and has no quotes is none.

    Raises: ConfigError: if a quote is not closed, or something other than a comma follows one.
    """
    found: list[str] = []
    at = 0
    while at < len(text):
        while at < len(text) and text[at].isspace():
            at += 1
        if text[at : at + 1] == '"':
            value, at = _quoted(text, at, where)
            found.append(value)
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            if value := text[at:end].strip():
                found.append(value)
            at = end
        at += 1  # the comma
    return found


def _quoted(text: str, at: int, where: str) -> tuple[str, int]:
    """The value whose opening quote stands at `at`, and where the comma or the end after it is."""
    parts: list[str] = []
    while True:
        end = text.find('"', at + 1)
        if end < 0:
            raise ConfigError("a quote is not closed", where=where, got=text, hint='write a quote inside quotes as ""')
        parts.append(text[at + 1 : end])
        if text[end + 1 : end + 2] != '"':
            break
        at = end + 1  # a doubled quote is one; the second opens the next part
    after = end + 1
    while after < len(text) and text[after].isspace():
        after += 1
    if after < len(text) and text[after] != ",":
        hint = 'put the whole value in quotes, and write a quote inside them as ""'
        raise ConfigError("after a closing quote comes a comma", where=where, got=text, hint=hint)
    return '"'.join(parts), after


def _numbers(item: str, number: type[int] | type[float], where: str) -> list[int] | list[float] | list[str]:
    """The numbers that one part means; what is no number stays text, for the field itself to refuse."""
    text = item.strip()
    found = (_INT_RANGE if number is int else _FLOAT_RANGE).fullmatch(text)
    if found is not None:
        first, last, step, count = found.groups()
        ends = Decimal(first), Decimal(last)
        spread = _counted(*ends, int(count), where) if count else _stepped(*ends, step, text, where)
        return [int(value) for value in spread] if number is int else [float(value) for value in spread]
    if re.fullmatch(_INT if number is int else _FLOAT, text, re.ASCII):
        return [int(text)] if number is int else [float(text)]
    return [text]


def _counted(first: Decimal, last: Decimal, count: int, where: str) -> Iterator[Decimal]:
    """`count` values from end to end; whole numbers are cut towards zero, as users of other programs know it."""
    if not 1 <= count <= MOST_VALUES:
        allowed = f"1 to {MOST_VALUES}"
        raise ConfigError("the count in brackets is out of bounds", where=where, got=count, allowed=allowed)
    steps = max(count - 1, 1)
    return ((first * (steps - place) + last * place) / steps for place in range(count))


def _stepped(first: Decimal, last: Decimal, said: str | None, text: str, where: str) -> Iterator[Decimal]:
    step = Decimal(said) if said else Decimal(1 if last >= first else -1)
    if not step or (last - first) * step < 0:
        hint = f"1-5 (+2) counts up, 5-1 (-2) down, 1-5 [{3}] spreads three values"
        raise ConfigError("these steps do not lead from one end to the other", where=where, got=text, hint=hint)
    count = int((last - first) / step) + 1
    if count > MOST_VALUES:
        allowed = f"{MOST_VALUES} at most"
        raise ConfigError("too many values", where=where, got=f"{text}: {count}", allowed=allowed)
    return (first + step * place for place in itertools.islice(itertools.count(), count))
