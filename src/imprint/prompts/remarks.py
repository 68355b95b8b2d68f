"""What a reader of prompts has to say about one place in the text.

Reads: nothing. Writes: nothing. Does not: decide; the parts of the reader that repair something also say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

RemarkKind: TypeAlias = Literal[
    "not-text",  # bytes that are no UTF-8
    "unclosed",  # a bracket without its end
    "stray",  # a closing bracket without its beginning
    "crossed",  # ( [ ) ]
    "too-deep",  # brackets below the depth that is read
    "too-many-marks",  # the rest of an immense text is plain
    "stray-bar",  # | outside [ ]
    "trailing-backslash",
    "escaped-weight",  # (a\:1.2)
    "not-a-weight",  # (a:1.5.2), (a:1e1)
    "weight-limit",
    "edit-without-step",  # [a:b]
    "edit-with-colons",  # [a:b:c:4]
    "colon-in-alternation",  # [a|b:0.5]
    "percent",  # [a:b:50%]
    "never-shown",  # one side of an edit is not reached in this pass
    "edits-disabled",  # compat: the quirk that reads a whole prompt as plain text
    "scheduled-network",
    "break-in-brackets",
    "and-in-brackets",
    "number-is-text",  # time 12:30
    "number-is-weight",  # compat: the quirk of the same text
    "comment",
    "network-kind",
    "network-name",
    "network-value",
    "wildcard-unknown",
    "wildcard-name",
    "variable-unknown",
    "brace",
]


@dataclass(frozen=True, slots=True)
class Remark:
    """One repair or warning, and where it applies."""

    kind: RemarkKind
    start: int
    """Offset of the first character in the text that was given."""
    end: int
    """Offset behind the last one."""
    text: str
    """One or two sentences for the user."""


def ordered(remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """Remarks by position, each once."""
    return tuple(sorted(dict.fromkeys(remarks), key=lambda remark: (remark.start, remark.end)))
