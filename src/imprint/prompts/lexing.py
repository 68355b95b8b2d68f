"""A prompt cut into marks and the text between them, in one pass over the characters.

Reads: text. Writes: Lexeme. Does not: know which marks belong together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

MARK_LIMIT = 5_000  # more than any prompt that means something; bounds the work on those that do not
LexemeKind: TypeAlias = Literal["text", "escape", "comment", "network", "and", "break", "(", ")", "[", "]", ":", "|"]

# No < inside a network: without it an unclosed `<a:<a:<a:` would be searched to its end once for each <.
NETWORK = r"<\w+:[^<>]+>"
_WORDS = r"(?P<and>\bAND\b)|(?P<break>\bBREAK\b\s*)"
# The look-ahead lets the search run over plain text at full speed.
_PROMPT = re.compile(
    rf"(?=[\\()\[\]:|#<AB])(?:(?P<escape>\\[\s\S]?)|(?P<mark>[()\[\]:|])|(?P<comment>#[^\n]*)|(?P<network>{NETWORK})|{_WORDS})"
)
# A1111 takes comments, networks and AND out of the text before it looks for backslashes.
_PROMPT_QUIRKS = re.compile(
    rf"(?=[\\()\[\]:|#<AB])(?:(?P<escape>\\(?:(?!#|{NETWORK}|AND\b)[\s\S])?)|(?P<mark>[()\[\]:|])|(?P<comment>#[^\n]*)"
    rf"|(?P<network><\w+:[^<>#]+>)|{_WORDS})"
)
_WEIGHTS = re.compile(r"(?=[\\()\[\]:B])(?:(?P<escape>\\[\s\S]?)|(?P<mark>[()\[\]:])|(?P<break>\bBREAK\b\s*))")
_WEIGHTS_QUIRKS = re.compile(
    r"(?=[\\()\[\]:B])(?:(?P<escape>\\[()\[\]\\]?)|(?P<mark>[()\[\]:])|(?P<break>\bBREAK\b\s*))"
)


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A mark, or the text between two."""

    kind: LexemeKind
    start: int
    end: int


def lex_prompt(text: str, quirks: bool, comments: bool = True) -> list[Lexeme]:
    """All marks of a prompt as it was written.

    Args:
        text: the prompt.
        quirks: whether a backslash fails to protect #, < and AND, as in A1111.
        comments: whether # begins a comment.
    """
    pattern = _PROMPT_QUIRKS if quirks else _PROMPT
    plain = () if comments else ("comment",)
    return list(_lexemes(pattern, text, plain))


def lex_weights(text: str, quirks: bool) -> list[Lexeme]:
    """The marks that decide weights, in a text whose edits are resolved.

    Args:
        text: the text of one step.
        quirks: whether a backslash protects brackets and backslashes only, as in A1111.
    """
    return list(_lexemes(_WEIGHTS_QUIRKS if quirks else _WEIGHTS, text, ()))


def _lexemes(pattern: re.Pattern[str], text: str, plain: tuple[str, ...]) -> Iterator[Lexeme]:
    """The marks that a pattern finds; those of a kind in `plain` are text from their first character on."""
    cursor = marks = position = 0
    while marks < MARK_LIMIT and (match := pattern.search(text, position)):
        group = str(match.lastgroup)
        if group in plain:
            position = match.start() + 1
            continue
        if match.start() > cursor:
            yield Lexeme("text", cursor, match.start())
        kind = match.group() if group == "mark" else group
        yield Lexeme(cast("LexemeKind", kind), *match.span())
        cursor = position = match.end()
        marks += 1
    if cursor < len(text):
        yield Lexeme("text", cursor, len(text))


_SPECIAL = re.compile(r"[\\()\[\]:|#<>{}$]|__|\b(?:AND|BREAK)\b")


def escape(text: str) -> str:
    """Text written so that a prompt says exactly it, at weight 1, wildcards and variants included."""
    return _SPECIAL.sub(lambda match: "\\" + match.group(), text)
