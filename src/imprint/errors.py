"""Every exception that Imprint raises on purpose. Anything else that escapes is a bug.

    ImprintError                 exit  1
    ├── ConfigError                    2   a recipe, a flag or a field is wrong
    ├── InputError                     3   what the user gave cannot be used
    │   ├── PhotoError                     one photo, or too few good ones
    │   ├── DatasetError                   captions, metadata, splits
    │   └── PromptError                    a prompt or a name
    ├── ModelError                     4   a base, an adapter or a weights file
    │   └── UnknownNameError               a registered thing that does not exist
    ├── OutputError                    5   a folder that exists, a disk that is full or read-only
    ├── CheckpointError                6   nothing left to resume from
    ├── NumericsError                  7   NaN or infinity in a loss, gradient or weight
    ├── MissingExtraError              8   an optional dependency, with the extra to install
    └── Interrupted                  130   SIGINT or SIGTERM; a checkpoint was written

A message says what is wrong, where, what was got, what is allowed, and what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class ImprintError(Exception):
    """Base of all errors meant for the user.

    Args:
        what: one sentence: what is wrong.
        where: the file, field or argument concerned, or "".
        got: the offending value, kept for programs; shown when not None.
        allowed: what would have been accepted, or "".
        hint: the next action, or "".
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: object = "", got: object = None, allowed: str = "", hint: str = "") -> None:
        self.what = what
        self.where = str(where)
        self.got = got
        self.allowed = allowed
        self.hint = hint
        super().__init__(self.render())

    def render(self) -> str:
        """The message as shown on a terminal, at most four lines."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        if self.got is not None:
            head += f" (got {shortened(self.got)})"
        lines = [head]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class ConfigError(ImprintError):
    """A recipe, a flag or a field is wrong."""

    exit_code = 2


class InputError(ImprintError):
    """What the user gave cannot be used."""

    exit_code = 3


class PhotoError(InputError):
    """One photo cannot be used, or too few can."""


class DatasetError(InputError):
    """Captions, metadata or splits are wrong."""


class PromptError(InputError):
    """A prompt or a subject's name is wrong."""


class ModelError(ImprintError):
    """A base, an adapter or a weights file cannot be used."""

    exit_code = 4


class UnknownNameError(ModelError):
    """A registered thing that does not exist; the nearest name is in the hint."""


class OutputError(ImprintError):
    """The place to write to exists already, is read-only or too small."""

    exit_code = 5


class CheckpointError(ImprintError):
    """A checkpoint is damaged, or none is left to resume from."""

    exit_code = 6


class NumericsError(ImprintError):
    """NaN or infinity where a number was needed; nothing broken was written."""

    exit_code = 7


class MissingExtraError(ImprintError):
    """An optional dependency is not installed."""

    exit_code = 8


class Interrupted(ImprintError):  # noqa: N818 - it is not an error, and reads as what happened
    """SIGINT or SIGTERM arrived; the run wrote a checkpoint and can be resumed."""

    exit_code = 130


def shortened(value: object, limit: int = 120) -> str:
    """`repr` of a value, cut in the middle when it is longer than `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 2 :]}"
