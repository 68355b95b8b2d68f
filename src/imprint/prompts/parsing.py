"""The tree of a prompt from its marks, by a stack and without recursion; any text has one.

Reads: lexemes. Writes: nodes. Does not: raise, whatever the text; what it repairs it remarks on.

Brackets that cross, `([a)b]`, are read as `([a])[b]`: each closes its own and the other goes on behind it, which gives
every character the weight that A1111 gives it. `strict` on a node says whether A1111's grammar of edits takes it: one
stray or crossed mark anywhere inside makes an edit text there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from imprint.prompts.lexing import Lexeme
from imprint.prompts.networks import read_network
from imprint.prompts.remarks import Remark, RemarkKind
from imprint.prompts.syntax import (
    DEPTH_LIMIT,
    Alternation,
    Break,
    Comment,
    Dropped,
    Edit,
    Emphasis,
    Escape,
    Ignored,
    Network,
    Node,
    Text,
    When,
)

ROUND_FACTOR = 1.1
SQUARE_FACTOR = 1 / 1.1
REOPEN_LIMIT = 1_000  # crossed brackets that go on; bounds the nodes that one closing bracket can make

Bracket: TypeAlias = Literal["(", "["]
_OPENER: dict[str, Bracket] = {")": "(", "]": "["}
_WEIGHT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_STEP = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_NUMBERLIKE = re.compile(r"[+-]?(?:[\d.]|nan\b|inf)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Separator:
    """A colon or bar, until its bracket closes and decides what it is."""

    start: int
    end: int
    sign: str


@dataclass(slots=True)
class _Frame:
    """An open bracket; the lowest one is the whole text, whose bracket is ""."""

    bracket: Bracket | Literal[""]
    start: int
    reopened: bool = False
    strict: bool = True
    items: list[Node | _Separator] = field(default_factory=list["Node | _Separator"])


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree of one text and what was noticed."""

    nodes: tuple[Node, ...]
    remarks: tuple[Remark, ...]
    bars: tuple[int, ...]
    """Where a | stands that belongs to no alternation."""
    backslashes: tuple[int, ...]
    """Where a backslash stands that makes nothing literal."""


def parse(source: str, lexemes: Sequence[Lexeme], edits: bool, end: int) -> Parsed:
    """Build the tree of lexemes that lie side by side.

    Args:
        source: the text that they were cut from.
        lexemes: some or all of its lexemes.
        edits: whether [ ] may hold edits and alternations, or only emphasis.
        end: where unclosed brackets end: behind the last lexeme.
    """
    builder = _Builder(source, edits)
    for lexeme in lexemes:
        builder.take(lexeme)
    return builder.finish(end)


class _Builder:
    """The open brackets, and what was noticed so far."""

    def __init__(self, source: str, edits: bool) -> None:
        self.source, self.edits = source, edits
        self.stack = [_Frame("", 0)]
        self.ignored: list[str] = []
        self.reopened = 0
        self.remarks: list[Remark] = []
        self.bars: list[int] = []
        self.backslashes: list[int] = []

    def take(self, lexeme: Lexeme) -> None:
        """Add the next lexeme."""
        start, end = lexeme.start, lexeme.end
        match lexeme.kind:
            case "(" | "[":
                self._open(lexeme.kind, start)
            case ")" | "]":
                self._close(lexeme.kind, start)
            case ":" | "|":
                self._add(_Separator(start, end, lexeme.kind))
            case "escape":
                if self.source[start + 1 : end] in ("", "\n"):
                    self.backslashes.append(start)
                self._add(Escape(start, end))
            case "break":
                self._add(Break(start, end))
            case "comment":
                self._add(Comment(start, end))
            case "network":
                self._add(self._network(start, end))
            case _:
                self._add(Text(start, end))

    def finish(self, end: int) -> Parsed:
        """Close what is open, and hand over."""
        for frame in self.stack[1:]:
            self._say("unclosed", frame.start, frame.start + 1, _unclosed(frame))
        while len(self.stack) > 1:
            self._emphasis(self.stack.pop(), end, closed=False)
        return Parsed(self._texts(self.stack[0].items), tuple(self.remarks), tuple(self.bars), tuple(self.backslashes))

    def _say(self, kind: RemarkKind, start: int, end: int, text: str) -> None:
        self.remarks.append(Remark(kind, start, end, text))

    def _network(self, start: int, end: int) -> Network | Dropped:
        return read_network(self.source[start:end], start, lambda kind, text: self._say(kind, start, end, text))

    def _add(self, item: Node | _Separator) -> None:
        self.stack[-1].items.append(item)

    def _open(self, bracket: Bracket, start: int) -> None:
        if len(self.stack) <= DEPTH_LIMIT:
            self.stack.append(_Frame(bracket, start))
            return
        if not self.ignored:
            self._say("too-deep", start, start + 1, f"brackets are read {DEPTH_LIMIT} deep; deeper ones do nothing")
        self.ignored.append(bracket)
        self._add(Ignored(start, start + 1))

    def _close(self, sign: str, start: int) -> None:
        bracket = _OPENER[sign]
        if self.ignored:
            if self.ignored[-1] == bracket:
                self.ignored.pop()
            self._add(Ignored(start, start + 1))
            return
        if not any(frame.bracket == bracket for frame in self.stack):
            self._say("stray", start, start + 1, f"this {sign} closes nothing and is text")
            for frame in self.stack:
                frame.strict = False
            self._add(Text(start, start + 1))
            return
        crossed: list[_Frame] = []
        weight = self._crossed_weight() if bracket == "(" and self.stack[-1].bracket != bracket else None
        while self.stack[-1].bracket != bracket:
            crossed.append(self.stack.pop())
            self._emphasis(crossed[-1], start, closed=False)
        frame = self.stack.pop()
        if crossed:
            text = f"this {sign} crosses a bracket that was opened later; each weighs its own part"
            self._say("crossed", start, start + 1, text)
            frame.reopened = True
        if frame.reopened or not self.edits or bracket == "(":
            self._emphasis(frame, start + 1, closed=True, weight=weight)
        else:
            self._square(frame, start + 1)
        for other in reversed(crossed):
            self._reopen(other, start + 1)

    def _crossed_weight(self) -> float | None:
        """Take the weight that stands before a round bracket's end, inside a square one that crosses it."""
        frame = self.stack[-1]
        place = _last_colon(frame.items)
        if place is None:
            return None
        number, others = self._plain(frame.items[place + 1 :])
        if number is None or not _WEIGHT.fullmatch(number):
            return None
        frame.items[place:] = others
        return float(number)

    def _reopen(self, frame: _Frame, start: int) -> None:
        self.reopened += 1
        if frame.bracket and self.reopened <= REOPEN_LIMIT:
            self.stack.append(_Frame(frame.bracket, start, reopened=True, strict=False))

    def _put(self, node: Emphasis | Edit | Alternation) -> None:
        """Add a finished group to the bracket around it."""
        if node.start < node.end:
            self.stack[-1].strict &= node.strict
            self._add(node)

    def _texts(self, items: Sequence[Node | _Separator]) -> tuple[Node, ...]:
        """Items where colons and bars are text."""
        nodes: list[Node] = []
        for item in items:
            if isinstance(item, _Separator):
                if item.sign == "|":
                    self.bars.append(item.start)
                nodes.append(Text(item.start, item.end))
            else:
                nodes.append(item)
        return tuple(nodes)

    def _emphasis(self, frame: _Frame, end: int, closed: bool, weight: float | None = None) -> None:
        """End a bracket that is emphasis; a round one may carry its weight."""
        signs = [item.sign for item in frame.items if isinstance(item, _Separator)]
        allowed = 1 if frame.bracket == "(" else 0
        strict = frame.strict and closed and not frame.reopened and "|" not in signs and len(signs) <= allowed
        factor, items = SQUARE_FACTOR if frame.bracket == "[" else ROUND_FACTOR, frame.items
        if weight is not None:
            factor = weight
        elif closed and frame.bracket == "(":
            factor, items = self._weight(frame)
        bracket: Bracket = "[" if frame.bracket == "[" else "("
        self._put(Emphasis(frame.start, end, bracket, self._texts(items), factor, strict))

    def _weight(self, frame: _Frame) -> tuple[float, list[Node | _Separator]]:
        """The factor of a round bracket, and what it applies to."""
        place = _last_colon(frame.items)
        if place is None:
            self._remark_on_escaped_weight(frame)
            return ROUND_FACTOR, frame.items
        head, tail = frame.items[:place], frame.items[place + 1 :]
        number, others = self._plain(tail)
        if number is not None and _WEIGHT.fullmatch(number):
            return float(number), [*head, *others]
        if number is not None and _NUMBERLIKE.match(number):
            start = frame.items[place].start
            self._say("not-a-weight", start, frame.items[-1].end, f"{number[:40]!r} is no weight, so this is text")
        return ROUND_FACTOR, frame.items

    def _remark_on_escaped_weight(self, frame: _Frame) -> None:
        match frame.items[-2:]:
            case [Escape() as escape, Text() as text] if self.source[escape.start : escape.end] == "\\:":
                if _WEIGHT.fullmatch(self.source[text.start : text.end].strip()):
                    said = "\\: makes this text; in A1111 it is a weight all the same"
                    self._say("escaped-weight", escape.start, text.end, said)
            case _:
                pass

    def _plain(self, items: Sequence[Node | _Separator]) -> tuple[str | None, list[Node]]:
        """The stripped text of items that are text, else None; and the networks and comments among them."""
        pieces: list[str] = []
        others: list[Node] = []
        for item in items:
            if isinstance(item, Network | Dropped | Comment):
                others.append(item)
            elif isinstance(item, Text):
                pieces.append(self.source[item.start : item.end])
            else:
                return None, []
        return "".join(pieces).strip(), others

    def _square(self, frame: _Frame, end: int) -> None:
        """End a square bracket: an alternation, an edit or emphasis."""
        signs = [item.sign for item in frame.items if isinstance(item, _Separator)]
        if "|" in signs:
            self._alternation(frame, end, ":" in signs)
        elif not signs or not self._edit(frame, end, len(signs)):
            self._emphasis(frame, end, closed=True)

    def _alternation(self, frame: _Frame, end: int, colons: bool) -> None:
        if colons:
            text = "colons inside an alternation are text; to end one at a step, nest it: [[a|b]:c:0.5]"
            self._say("colon-in-alternation", frame.start, end, text)
        strict = frame.strict and not colons
        options: list[list[Node]] = [[]]
        for item in frame.items:
            if not isinstance(item, _Separator):
                options[-1].append(item)
            elif item.sign == "|":
                options.append([])
            else:
                options[-1].append(Text(item.start, item.end))
        self._put(Alternation(frame.start, end, tuple(map(tuple, options)), strict))

    def _edit(self, frame: _Frame, end: int, colons: int) -> bool:
        """Add the edit of a square bracket. Returns: False if it is none."""
        places = [place for place, item in enumerate(frame.items) if isinstance(item, _Separator)]
        number, others = self._plain(frame.items[places[-1] + 1 :])
        when, percent = _when(number or "")
        if when is None or colons > 2:
            kind: RemarkKind = "edit-without-step" if when is None else "edit-with-colons"
            self._say(kind, frame.start, end, _no_edit(when is None))
            return False
        if percent:
            self._say("percent", frame.start, end, f"{number} is read as the fraction {when.value:g}")
        first, last = places[0], places[-1]
        before = self._texts(frame.items[:first]) if colons == 2 else ()
        after = self._texts(frame.items[first + 1 if colons == 2 else 0 : last])
        self._put(Edit(frame.start, end, before, (*after, *others), when, frame.strict and not percent))
        return True


def _last_colon(items: Sequence[Node | _Separator]) -> int | None:
    for place in range(len(items) - 1, -1, -1):
        item = items[place]
        if isinstance(item, _Separator) and item.sign == ":":
            return place
    return None


def _when(number: str) -> tuple[When | None, bool]:
    """The step that a number names, and whether it was a percentage."""
    if percent := number.endswith("%"):
        number = number[:-1].rstrip()
    if not _STEP.fullmatch(number):
        return None, False
    value = float(number)
    return (When(value / 100, True), True) if percent else (When(value, "." in number), False)


def _unclosed(frame: _Frame) -> str:
    if frame.bracket == "[" and any(isinstance(item, _Separator) for item in frame.items):
        return "this [ has no ], so its colons and bars are text and it weakens all that follows"
    return f"this {frame.bracket} is never closed and reaches to the end"


def _no_edit(no_step: bool) -> str:
    if no_step:
        return "an edit ends in a step, as in [a:b:0.5] or [a:b:10]; without one this is a weakened text"
    return "an edit has at most two colons, so this is a weakened text; write \\: for a colon that is text"
