"""Changes to the prompts of a cell: search and replace, another order of words, options of a prompt matrix.

Reads: prompts. Writes: prompts. Does not: know axes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from imprint.errors import ConfigError, PromptError

MOST_ORDERED = 6  # parts of a prompt, 720 orders
MOST_OPTIONS = 10  # of a prompt matrix, 1024 combinations
JOINTS = {"comma": ", ", "space": " "}


@dataclass(frozen=True)
class Prompts:
    """What a picture is asked to show, and what not."""

    positive: str
    negative: str


class Rewrite(Protocol):
    """A change to both prompts. `rank` says who goes first: options, then orders, then replacements."""

    @property
    def rank(self) -> int:
        """Lower goes first."""
        ...

    def __call__(self, prompts: Prompts) -> Prompts:
        """The prompts after the change."""
        ...


@dataclass(frozen=True)
class Replace:
    """Put another text in the place of one, in both prompts, wherever it occurs."""

    search: str
    by: str
    rank: int = 3

    def occurs(self, prompts: Prompts) -> bool:
        """Whether there is anything to replace."""
        return self.search in prompts.positive or self.search in prompts.negative

    def __call__(self, prompts: Prompts) -> Prompts:
        """The prompts with every occurrence replaced."""
        return Prompts(
            prompts.positive.replace(self.search, self.by), prompts.negative.replace(self.search, self.by)
        )


@dataclass(frozen=True)
class Reorder:
    """Put some parts of the prompt in another order; what stands between them stays where it is."""

    parts: tuple[str, ...]
    rank: int = 2

    def __call__(self, prompts: Prompts) -> Prompts:
        """The prompt with its first occurrence of each part in the place of another.

        Raises: PromptError: if a part does not occur, or lies over another.
        """
        text = prompts.positive
        missing = [part for part in self.parts if part not in text]
        if missing:
            raise PromptError("this does not occur in the prompt whose parts change places", got=missing[0])
        spans = sorted((text.index(part), text.index(part) + len(part)) for part in self.parts)
        if any(end > start for (_, end), (start, _) in itertools.pairwise(spans)):
            raise PromptError("parts that change places lie over each other in the prompt", got=list(self.parts))
        pieces, at = list[str](), 0
        for (start, end), part in zip(spans, self.parts, strict=True):
            pieces += [text[at:start], part]
            at = end
        return Prompts("".join(pieces) + text[at:], prompts.negative)


@dataclass(frozen=True)
class Add:
    """Join options of a prompt matrix to a prompt."""

    options: tuple[str, ...]
    joint: str
    side: Literal["positive", "negative"]
    place: Literal["start", "end"]
    rank: int = 0

    def __call__(self, prompts: Prompts) -> Prompts:
        """The prompts with the options before or after one of them."""
        text = prompts.positive if self.side == "positive" else prompts.negative
        parts = (*self.options, text) if self.place == "start" else (text, *self.options)
        joined = self.joint.join(part for part in parts if part)
        return Prompts(joined, prompts.negative) if self.side == "positive" else Prompts(prompts.positive, joined)


def orders(parts: Sequence[str], where: str) -> list[tuple[str, ...]]:
    """Every order of some parts, that in which they are given first.

    Raises: ConfigError: if one is empty or named twice, or there are too many.
    """
    if len(set(parts)) < len(parts) or not all(parts):
        raise ConfigError("a part of the prompt is empty or named twice", where=where, got=list(parts))
    if len(parts) > MOST_ORDERED:
        allowed = f"{MOST_ORDERED} at most, which have 720 orders"
        raise ConfigError("too many parts to be put in every order", where=where, got=len(parts), allowed=allowed)
    return list(itertools.permutations(parts))


def matrix_parts(template: str, where: str) -> tuple[str, tuple[str, ...]]:
    """Base and options of `base|option|option`; a bar inside square or curly brackets is part of the prompt.

    Raises: ConfigError: if there is no option, or there are too many.
    """
    parts, depth = [""], 0
    for character in template:
        depth = max(0, depth + (character in "[{") - (character in "]}"))
        if character == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    base, *options = (part.strip() for part in parts)
    options = [option for option in options if option]
    if not options:
        hint = "as in: a portrait|smiling|in the snow"
        raise ConfigError("a prompt matrix needs options after the prompt", where=where, got=template, hint=hint)
    if len(options) > MOST_OPTIONS:
        allowed = f"{MOST_OPTIONS} at most, which have {2**MOST_OPTIONS} combinations"
        raise ConfigError("too many options", where=where, got=len(options), allowed=allowed)
    return base, tuple(options)


def combinations(options: Sequence[str]) -> list[tuple[str, ...]]:
    """Every choice of some of the options, from none to all; the first option changes fastest."""
    return [
        tuple(option for bit, option in enumerate(options) if number >> bit & 1) for number in range(2 ** len(options))
    ]
