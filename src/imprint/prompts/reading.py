"""From the text of a prompt to what is encoded at which step.

Reads: text, ReadSettings. Writes: Prompt. Does not: raise, whatever the text; expand wildcards (`expansion` does,
before); know tokens (`chunking` does, after).

The order is A1111's: comments and networks leave the text, AND cuts it into parts, each part is scheduled, each
scheduled text is weighed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imprint.prompts.lexing import MARK_LIMIT, Lexeme, lex_prompt
from imprint.prompts.parsing import Parsed, parse
from imprint.prompts.remarks import Remark, RemarkKind, ordered
from imprint.prompts.scheduling import Schedule, change_step, edits, network_schedule, obeyed, schedule
from imprint.prompts.settings import ReadSettings
from imprint.prompts.syntax import Alternation, Break, Comment, Edit, Emphasis, Network, Node, children, walk
from imprint.prompts.weighting import WEIGHT_LIMIT

_SURROGATES = re.compile("[\ud800-\udfff]+")
_AND_WEIGHT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")


@dataclass(frozen=True, slots=True)
class PromptPart:
    """What stands between two ANDs; a prompt without AND has one part."""

    start: int
    end: int
    weight: float
    """How much its prediction counts beside the other parts': 1 unless `:number` ends it."""
    tree: tuple[Node, ...]
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was read."""

    text: str
    settings: ReadSettings
    parts: tuple[PromptPart, ...]
    """At least one. Denoised = unconditional + sum of weight x cfg x (conditional - unconditional)."""
    remarks: tuple[Remark, ...]
    """Repairs and warnings, by position."""

    def network_schedule(self) -> list[tuple[int, tuple[Network, ...]]]:
        """(end, networks) over the pass: what the model is at each step, for all parts."""
        return network_schedule([part.schedule for part in self.parts])


def read_prompt(text: str, settings: ReadSettings | None = None) -> Prompt:
    """Read a prompt; any text can be read.

    Args:
        text: as the user wrote it, styles applied and wildcards expanded.
        settings: steps, pass and compatibility; `ReadSettings()` when left out.
    Returns: parts with their schedules, positions in `text`, and what was repaired.
    """
    settings = settings or ReadSettings()
    lexemes = lex_prompt(text, settings.quirks, settings.comments)
    remarks = [*_surrogate_remarks(text), *_limit_remark(text, lexemes)]
    if settings.negative:
        lexemes = [Lexeme("text", one.start, one.end) if one.kind == "and" else one for one in lexemes]
    parts: list[PromptPart] = []
    for cut in _cuts(text, lexemes):
        part, more = _read_part(text, cut, settings)
        parts.append(part)
        remarks += more
    return Prompt(text, settings, tuple(parts), ordered(remarks))


@dataclass(frozen=True, slots=True)
class _Cut:
    """The lexemes between two ANDs."""

    start: int
    end: int
    lexemes: list[Lexeme]
    alone: bool
    last: bool


def _cuts(text: str, lexemes: list[Lexeme]) -> Iterator[_Cut]:
    ands = [place for place, lexeme in enumerate(lexemes) if lexeme.kind == "and"]
    start, first = 0, 0
    for place in ands:
        yield _Cut(start, lexemes[place].start, lexemes[first:place], alone=False, last=False)
        start, first = lexemes[place].end, place + 1
    yield _Cut(start, len(text), lexemes[first:], alone=not ands, last=True)


def _read_part(text: str, cut: _Cut, settings: ReadSettings) -> tuple[PromptPart, list[Remark]]:
    remarks: list[Remark] = []
    weight, lexemes = 1.0, cut.lexemes
    if not settings.negative:
        colon = _weight_colon(text, lexemes)
        if colon is not None and cut.alone:
            remarks.append(_number_remark(text, lexemes[colon], cut.end, settings.quirks))
        if colon is not None and (settings.quirks or not cut.alone):
            number = text[lexemes[colon + 1].start : lexemes[colon + 1].end]
            weight = max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, float(number)))
            lexemes = lexemes[:colon] + lexemes[colon + 2 :]
        if settings.quirks or not cut.alone:
            lexemes = _without_tail_space(text, lexemes)
    parsed = parse(text, lexemes, edits=True, end=max((one.end for one in lexemes), default=cut.start))
    plain = settings.quirks and bool(_blockers(parsed))
    made = schedule(text, parsed.nodes, settings, plain)
    remarks += parsed.remarks
    remarks += _part_remarks(cut, parsed, made, settings, plain)
    return PromptPart(cut.start, cut.end, weight, parsed.nodes, made), remarks


def _weight_colon(text: str, lexemes: list[Lexeme]) -> int | None:
    """Where the colon of `:number` stands that ends a part, networks and comments aside."""
    place = len(lexemes) - 1
    while place > 0 and (lexemes[place].kind in ("network", "comment") or _blank(text, lexemes[place])):
        place -= 1
    if place < 1 or lexemes[place].kind != "text" or lexemes[place - 1].kind != ":":
        return None
    number = text[lexemes[place].start : lexemes[place].end].strip()
    return place - 1 if _AND_WEIGHT.fullmatch(number) else None


def _blank(text: str, lexeme: Lexeme) -> bool:
    return lexeme.kind == "text" and not text[lexeme.start : lexeme.end].strip()


def _without_tail_space(text: str, lexemes: list[Lexeme]) -> list[Lexeme]:
    """Without the white space at the end of a part; networks and comments stand in it unharmed."""
    kept = list(lexemes)
    for place in range(len(kept) - 1, -1, -1):
        lexeme = kept[place]
        if lexeme.kind == "text":
            length = len(text[lexeme.start : lexeme.end].rstrip())
            kept[place] = Lexeme("text", lexeme.start, lexeme.start + length)
            if length:
                break
        elif lexeme.kind not in ("network", "comment"):
            break
    return [lexeme for lexeme in kept if lexeme.start < lexeme.end]


def _surrogate_remarks(text: str) -> Iterator[Remark]:
    for match in _SURROGATES.finditer(text):
        yield Remark("not-text", *match.span(), "these bytes are no UTF-8; the model reads them as U+FFFD")


def _limit_remark(text: str, lexemes: list[Lexeme]) -> list[Remark]:
    marks = sum(lexeme.kind != "text" for lexeme in lexemes)
    if marks < MARK_LIMIT:
        return []
    said = f"only {MARK_LIMIT} marks are read; what follows is text"
    return [Remark("too-many-marks", lexemes[-1].start, len(text), said)]


def _number_remark(text: str, colon: Lexeme, end: int, quirks: bool) -> Remark:
    kind: RemarkKind = "number-is-weight" if quirks else "number-is-text"
    said = "A1111 takes this for the weight of the whole prompt"
    return Remark(kind, colon.start, end, said if quirks else f"{said}; without AND it is text here")


def _blockers(parsed: Parsed) -> list[int]:
    """Where A1111's grammar takes nothing: a bar outside an alternation, a backslash with nothing to escape."""
    bars = [node.start for node in walk(parsed.nodes) if isinstance(node, Alternation) and not node.strict]
    return sorted({*bars, *parsed.bars, *parsed.backslashes})


def _part_remarks(
    cut: _Cut, parsed: Parsed, made: Schedule, settings: ReadSettings, plain: bool
) -> Iterator[Remark]:
    """What can only be said once a part is read and scheduled."""
    found = list(edits(parsed.nodes))
    if plain and found:
        for place in _blockers(parsed)[:1]:
            said = "A1111 cannot read this and so takes every edit in the prompt for text"
            yield Remark("edits-disabled", place, place + 1, said)
    if not settings.quirks:
        for place in parsed.bars if found else ():
            yield Remark("stray-bar", place, place + 1, "a | outside [ ] is text; in A1111 it makes text of every edit")
        for place in parsed.backslashes:
            yield Remark("trailing-backslash", place, place + 1, "this backslash makes nothing literal and is dropped")
    for node in found:
        if isinstance(node, Edit) and obeyed(node, settings, plain) and settings.hires_steps is None:
            yield from _never_shown(node, settings)
    for remark in parsed.remarks if not cut.last else ():
        if remark.kind == "unclosed":
            said = "AND cuts the prompt even inside brackets, which end there"
            yield Remark("and-in-brackets", remark.start, cut.end, said)
    yield from _tree_remarks(parsed.nodes, settings)
    if any(abs(part.weight) == WEIGHT_LIMIT for entry in made.entries for part in entry.weighted):
        yield Remark("weight-limit", cut.start, cut.end, f"weights are limited to {WEIGHT_LIMIT:g}")


def _never_shown(node: Edit, settings: ReadSettings) -> Iterator[Remark]:
    step = change_step(node.when, settings)
    if step >= settings.length and node.after:
        yield Remark("never-shown", node.start, node.end, "the first pass ends before this edit changes")
    elif step < 1 and node.before:
        yield Remark("never-shown", node.start, node.end, "this edit has changed before the first step")


def _tree_remarks(
    nodes: tuple[Node, ...], settings: ReadSettings, edited: bool = False, bracketed: bool = False
) -> Iterator[Remark]:
    """What stands where A1111 does not expect it: networks inside edits, BREAK inside brackets; and comments."""
    for node in nodes:
        if isinstance(node, Comment):
            said = "a comment, which is no part of the prompt; for a literal # write \\#"
            yield Remark("comment", node.start, node.end, said)
        elif isinstance(node, Network) and edited:
            said = "A1111 takes it out of the edit and uses it at every step"
            text = said if settings.quirks else f"this network is used only while its text is; {said}"
            yield Remark("scheduled-network", node.start, node.end, text)
        elif isinstance(node, Break) and bracketed:
            said = "A1111 reads a BREAK inside brackets as a word of negative weight"
            text = said if settings.quirks else f"{said}; here it is a break"
            yield Remark("break-in-brackets", node.start, node.end, text)
        edit = edited or isinstance(node, Edit | Alternation)
        yield from _tree_remarks(children(node), settings, edit, bracketed or isinstance(node, Emphasis))
