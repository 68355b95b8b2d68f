"""The grammar of dynamic prompts: variants `{a|b}`, wildcards `__name__`, variables `${v}`; by a stack, for any text.

Reads: text. Writes: the nodes below. Does not: choose.

A backslash keeps what follows literal, and stays for the reader of prompts. The | of an alternation `[a|b]` inside a
variant belongs to the alternation. A comment is copied as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from imprint.errors import PromptError

DEPTH_LIMIT = 50
MARK_LIMIT = 10_000

Sampler: TypeAlias = Literal["", "~", "@"]

_MARK = re.compile(
    r"(?=[\\#_${|}\[\]])(?:(?P<escape>\\[\s\S]?)|(?P<comment>#[^\n]*)"
    r"|(?P<wildcard>__(?P<sampler>[~@]?)(?P<name>[^_\s{}|$()](?:(?!__)[^\n{}|$()]){0,200}?)(?:\((?P<given>[^\n{}|()]{0,500})\))?__)"
    r"|(?P<variable>\$\{\s*(?P<variable_name>\w+)\s*(?P<sign>=!?|:|(?=\})))"
    r"|(?P<open>\{)(?P<how>[~@]?)(?:(?P<low>\d{0,9})(?P<dash>-?)(?P<high>\d{0,9})\$\$(?:(?P<joint>[^|{}$]{0,200})\$\$)?)?"
    r"|(?P<mark>[|}\[\]]))"
)
_OPTION_WEIGHT = re.compile(r"\s*(\d+\.?\d*|\.\d+)::")


@dataclass(frozen=True, slots=True)
class Plain:
    """Text that stays; where it stands in the source."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Option:
    """One side of a variant."""

    weight: float
    nodes: tuple[DynamicNode, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """`{a|b}`, `{2$$ and $$a|b|c}`: some of the options, joined."""

    start: int
    options: tuple[Option, ...]
    low: int = 1
    high: int | None = 1
    """How many at most; None for all."""
    joint: str = ", "
    sampler: Sampler = ""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`__name__`: one line of a file; `__name(v=x)__` sets variables for it."""

    start: int
    end: int
    name: str
    sampler: Sampler = ""
    given: tuple[tuple[str, str], ...] = ()
    row: int | None = None
    """Which of its lines, where that is decided already."""


@dataclass(frozen=True, slots=True)
class SetVariable:
    """`${v=value}`, chosen anew at each use; `${v=!value}`, chosen once."""

    start: int
    name: str
    value: tuple[DynamicNode, ...]
    once: bool


@dataclass(frozen=True, slots=True)
class UseVariable:
    """`${v}` or `${v:default}`."""

    start: int
    end: int
    name: str
    default: tuple[DynamicNode, ...] | None


DynamicNode: TypeAlias = Plain | Variant | Wildcard | SetVariable | UseVariable


@dataclass(slots=True)
class _Frame:
    """An open brace, variable or square bracket; the lowest one is the whole text."""

    match: re.Match[str] | None
    kind: Literal["", "{", "$", "["]
    options: list[list[DynamicNode]] = field(default_factory=lambda: [[]])
    bars: list[int] = field(default_factory=list[int])


@dataclass(frozen=True, slots=True)
class DynamicText:
    """A text that was parsed, and where it has a brace without its other one."""

    nodes: tuple[DynamicNode, ...]
    loose: tuple[int, ...]


def parse_dynamic(text: str) -> DynamicText:
    """Find the variants, wildcards and variables of a text; what is none of them is plain.

    Raises: PromptError: if they stand deeper than `DEPTH_LIMIT` inside each other, or are more than `MARK_LIMIT`.
    """
    parser = _Parser(text)
    cursor = 0
    for count, match in enumerate(_MARK.finditer(text)):
        if count >= MARK_LIMIT:
            raise PromptError("this prompt has too many marks", allowed=f"{MARK_LIMIT} braces, bars and wildcards")
        parser.plain(cursor, match.start())
        parser.take(match)
        cursor = match.end()
    parser.plain(cursor, len(text))
    return parser.finish()


class _Parser:
    """The braces that are open."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.stack = [_Frame(None, "")]
        self.braces = 0
        self.loose: list[int] = []

    def plain(self, start: int, end: int) -> None:
        """Add text that means itself."""
        if start < end:
            self._add(Plain(start, self.text[start:end]))

    def take(self, match: re.Match[str]) -> None:
        """Add the next mark."""
        if match["wildcard"]:
            given = _given(match["given"] or "")
            self._add(Wildcard(match.start(), match.end(), match["name"].strip(), _sampler(match["sampler"]), given))
        elif match["variable"] or match["open"]:
            self._open(match)
        elif match["mark"] == "[" and self.braces:
            self.stack.append(_Frame(match, "["))
        elif match["mark"] == "]" and self.stack[-1].kind == "[":
            self._dissolve(self.stack.pop(), bars_are_text=True)
            self.plain(*match.span())
        elif match["mark"] == "|" and len(self.stack) > 1:
            self.stack[-1].bars.append(match.start())
            self.stack[-1].options.append([])
        elif match["mark"] == "}" and self.braces:
            self._close(match.end())
        else:
            if match["mark"] == "}":
                self.loose.append(match.start())
            self.plain(*match.span())

    def finish(self) -> DynamicText:
        """Let what is still open be text, and hand over."""
        while len(self.stack) > 1:
            frame = self.stack.pop()
            if frame.match and frame.kind != "[":
                self.loose.append(frame.match.start())
            self._dissolve(frame, bars_are_text=True)
        return DynamicText(tuple(self.stack[0].options[0]), tuple(sorted(self.loose)))

    def _add(self, node: DynamicNode) -> None:
        self.stack[-1].options[-1].append(node)

    def _open(self, match: re.Match[str]) -> None:
        if self.braces >= DEPTH_LIMIT:
            allowed = f"{DEPTH_LIMIT} levels"
            where = f"character {match.start() + 1}"
            raise PromptError("braces stand too deep inside each other", where=where, allowed=allowed)
        self.stack.append(_Frame(match, "$" if match["variable"] else "{"))
        self.braces += 1

    def _close(self, end: int) -> None:
        while self.stack[-1].kind == "[":  # without its end, a square bracket is text and holds no bars back
            self._dissolve(self.stack.pop(), bars_are_text=False)
        frame = self.stack.pop()
        self.braces -= 1
        match = frame.match
        assert match is not None  # only the whole text has none, and `take` closes no more than was opened
        if frame.kind == "$":
            self._add(self._variable(match, frame, end))
        else:
            self._add(_variant(match, [tuple(option) for option in frame.options]))

    def _variable(self, match: re.Match[str], frame: _Frame, end: int) -> DynamicNode:
        value = tuple(self._with_bars(frame))
        sign, name = match["sign"], match["variable_name"]
        if sign.startswith("="):
            return SetVariable(match.start(), name, value, once=sign == "=!")
        return UseVariable(match.start(), end, name, value if sign == ":" else None)

    def _with_bars(self, frame: _Frame) -> Iterator[DynamicNode]:
        """The nodes of a frame whose bars are text."""
        for place, option in enumerate(frame.options):
            if place:
                yield Plain(frame.bars[place - 1], "|")
            yield from option

    def _dissolve(self, frame: _Frame, bars_are_text: bool) -> None:
        """Give what a frame holds to the one around it, its own mark as text."""
        above = self.stack[-1]
        if frame.match:
            self.plain(*frame.match.span())
        if bars_are_text or len(self.stack) == 1:
            above.options[-1] += self._with_bars(frame)
            return
        above.options[-1] += frame.options[0]
        above.options += frame.options[1:]
        above.bars += frame.bars


def _variant(match: re.Match[str], options: list[tuple[DynamicNode, ...]]) -> Variant:
    low, high = 1, 1
    if match["low"] is not None and (match["low"] or match["high"]):
        low = int(match["low"] or 0)
        high = (int(match["high"]) if match["high"] else None) if match["dash"] else low
        if high is not None and high < low:
            low, high = high, low
    joint = ", " if match["joint"] is None else match["joint"]
    return Variant(match.start(), tuple(_option(nodes) for nodes in options), low, high, joint, _sampler(match["how"]))


def _option(nodes: tuple[DynamicNode, ...]) -> Option:
    """An option without the `2::` that weighs it."""
    first = nodes[0] if nodes else None
    if isinstance(first, Plain) and (match := _OPTION_WEIGHT.match(first.text)):
        rest = Plain(first.start + match.end(), first.text[match.end() :])
        return Option(min(float(match[1]), 1e9), (rest, *nodes[1:]))
    return Option(1.0, nodes)


def _sampler(sign: str) -> Sampler:
    return "~" if sign == "~" else "@" if sign == "@" else ""


def _given(text: str) -> tuple[tuple[str, str], ...]:
    """The variables of `__name(a=x, b=y)__`."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)
