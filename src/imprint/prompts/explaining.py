"""A prompt taken apart for people and programs: what is encoded at which step, in how many chunks.

Reads: text, ReadSettings, a Tokenizer. Writes: Explanation. Does not: print, or encode.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from imprint.prompts.chunking import Chunk, Tokenizer, chunks_of
from imprint.prompts.expansion import Expanded
from imprint.prompts.reading import Prompt, PromptPart, read_prompt
from imprint.prompts.remarks import Remark
from imprint.prompts.settings import Compat, ReadSettings
from imprint.prompts.syntax import Network
from imprint.prompts.weighting import Weighted

Role: TypeAlias = Literal["prompt", "negative prompt"]


@dataclass(frozen=True, slots=True)
class ExplainedChunk:
    """One chunk's tokens; `count` of 75 places are taken."""

    count: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExplainedEntry:
    """What is encoded up to one step."""

    end: int
    text: str
    weighted: tuple[tuple[str, float], ...]
    """("BREAK", -1) between two chunks."""
    networks: tuple[Network, ...]
    chunks: tuple[ExplainedChunk, ...]


@dataclass(frozen=True, slots=True)
class ExplainedPart:
    """What stands between two ANDs."""

    weight: float
    start: int
    end: int
    schedule: tuple[tuple[int, str], ...]
    """(last step, text) of each entry."""
    entries: tuple[ExplainedEntry, ...]


@dataclass(frozen=True, slots=True)
class ExplainedText:
    """A prompt or negative prompt in one pass."""

    role: Role
    hires: bool
    steps: int
    """Of this pass."""
    text: str
    parts: tuple[ExplainedPart, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class ExplainedExpansion:
    """A text with wildcards and variants, and the one that was drawn from it."""

    role: Role
    given: str
    text: str
    remarks: tuple[Remark, ...]
    """Positions are those in `given`."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prompt and its negative in all passes."""

    compat: Compat
    expansions: tuple[ExplainedExpansion, ...]
    """Where something was expanded before."""
    texts: tuple[ExplainedText, ...]


def explain_prompt(
    prompt: str,
    negative: str | None,
    settings: ReadSettings,
    tokenizer: Tokenizer,
    embeddings: Mapping[str, int] | None = None,
) -> Explanation:
    """Take a prompt apart.

    Args:
        prompt: as the user wrote it.
        negative: the negative prompt, or None for none.
        settings: of both passes; without `hires_steps` there is one.
        tokenizer: of the model that is to draw.
        embeddings: number of vectors by name.
    Raises: PromptError: if a text is too long to be cut into chunks.
    """
    roles: list[tuple[Role, str]] = [("prompt", prompt)]
    if negative is not None:
        roles.append(("negative prompt", negative))
    passes = [None] if settings.hires_steps is None else [None, settings.hires_steps]
    texts: list[ExplainedText] = []
    for hires_steps in passes:
        for role, text in roles:
            read = read_prompt(text, replace(settings, hires_steps=hires_steps, negative=role != "prompt"))
            texts.append(_explained(read, role, tokenizer, embeddings))
    return Explanation(settings.compat, (), tuple(texts))


def explain_expansion(role: Role, given: str, expanded: Expanded) -> ExplainedExpansion:
    """What became of wildcards and variants."""
    return ExplainedExpansion(role, readable(given), readable(expanded.text), expanded.remarks)


def _explained(read: Prompt, role: Role, tokenizer: Tokenizer, embeddings: Mapping[str, int] | None) -> ExplainedText:
    @functools.cache
    def chunked(weighted: tuple[Weighted, ...]) -> tuple[ExplainedChunk, ...]:
        return tuple(map(_chunk, chunks_of(weighted, tokenizer, embeddings)))

    hires = read.settings.hires_steps is not None
    steps = read.settings.length // read.settings.scale
    parts = tuple(_part(part, chunked) for part in read.parts)
    return ExplainedText(role, hires, steps, readable(read.text), parts, read.remarks)


def _part(part: PromptPart, chunked: Callable[[tuple[Weighted, ...]], tuple[ExplainedChunk, ...]]) -> ExplainedPart:
    entries = tuple(
        ExplainedEntry(entry.end, readable(entry.text), _pairs(entry.weighted), entry.networks, chunked(entry.weighted))
        for entry in part.schedule.entries
    )
    listed = tuple((entry.end, entry.text) for entry in entries)
    return ExplainedPart(part.weight, part.start, part.end, listed, entries)


def _pairs(parts: tuple[Weighted, ...]) -> tuple[tuple[str, float], ...]:
    return tuple((readable(part.text), part.weight) for part in parts)


def _chunk(chunk: Chunk) -> ExplainedChunk:
    return ExplainedChunk(len(chunk.tokens), tuple(token.id for token in chunk.tokens))


def readable(text: str) -> str:
    """Text whose unpaired surrogates, bytes that were no UTF-8, became U+FFFD: as many characters, and printable."""
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
