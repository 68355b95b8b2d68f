"""Chunks of 75 tokens: what a text encoder reads at once.

Reads: weighted text, a Tokenizer, the sizes of embeddings. Writes: Chunk. Does not: pad, add start and end, or encode.

A chunk that is full ends behind its last comma if that is near, so that a phrase is not cut. An embedding is found by
the tokens of its name, takes as many places as it has vectors, and is moved whole. (A1111 forgets an embedding that
moves.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from imprint.errors import PromptError
from imprint.prompts.weighting import Weighted

if TYPE_CHECKING:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

CHUNK_TOKENS = 75  # CLIP's 77 without start and end
COMMA_BACKTRACK = 20  # tokens; A1111's default
TEXT_LIMIT = 50_000  # characters: hundreds of chunks, each of which costs a call of the text encoder


class Tokenizer(Protocol):
    """What chunking needs of a tokenizer."""

    @property
    def comma_id(self) -> int | None:
        """The token of a comma that ends a word; None where it is none."""
        ...

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a text, without start, end and padding, however many."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """One of a chunk's places."""

    id: int
    """In the vocabulary; 0 where an embedding's vector stands."""
    weight: float
    embedding: str | None = None
    """The name of the embedding whose vector stands here."""
    row: int = 0
    """Which of its vectors, from 0."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """At most 75 tokens; the encoder adds start, end and padding, all of weight 1."""

    tokens: tuple[Token, ...]


class Tokens:
    """The Tokenizer of anything that gives the tokens of a text, such as a family.

    Args:
        token_ids: gives them without start, end and padding, however many.
    """

    def __init__(self, token_ids: Callable[[str], list[int]]) -> None:
        self._token_ids = token_ids
        comma = token_ids(",")
        self._comma_id = comma[0] if len(comma) == 1 else None

    @property
    def comma_id(self) -> int | None:
        """The token of a comma."""
        return self._comma_id

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a text."""
        return self._token_ids(text)


class ClipTokens(Tokens):
    """The Tokenizer of a CLIP tokenizer of transformers.

    Args:
        tokenizer: as a family holds it.
    """

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        from imprint.families.sd1.text import token_ids  # here: reading prompts needs no torch

        super().__init__(functools.partial(token_ids, tokenizer))


def chunks_of(
    parts: Iterable[Weighted],
    tokenizer: Tokenizer,
    embeddings: Mapping[str, int] | None = None,
    backtrack: int = COMMA_BACKTRACK,
) -> list[Chunk]:
    """Cut weighted text into chunks.

    Args:
        parts: of one entry of a schedule.
        tokenizer: of the text encoder.
        embeddings: how many vectors each embedding has, by the name that calls it in a prompt.
        backtrack: how many tokens behind the last comma move to the next chunk at most; 0 cuts anywhere.
    Returns: at least one chunk; an empty one where a BREAK leaves nothing.
    Raises: PromptError: if an embedding has more vectors than a chunk has places, or none; or if the text is longer
        than `TEXT_LIMIT`.
    """
    parts = tuple(parts)
    if (length := sum(len(part.text) for part in parts)) > TEXT_LIMIT:
        raise PromptError("this prompt is too long to be encoded", got=length, allowed=f"{TEXT_LIMIT} characters")
    names = _Names(embeddings or {}, tokenizer)
    filling = _Filling(tokenizer.comma_id, backtrack)
    for part in parts:
        if part.is_break:
            filling.end_chunk()
            continue
        for unit in names.units(tokenizer.token_ids(part.text), part.weight):
            filling.add(unit)
    return filling.finished()


class _Names:
    """Embeddings by the tokens of their names.

    Args:
        embeddings: number of vectors by name.
        tokenizer: that cuts the names as it cuts the prompt.
    """

    def __init__(self, embeddings: Mapping[str, int], tokenizer: Tokenizer) -> None:
        self._by_first: dict[int, list[tuple[list[int], str, int]]] = {}
        for name, vectors in embeddings.items():
            if not 1 <= vectors <= CHUNK_TOKENS:
                allowed = f"1 to {CHUNK_TOKENS} vectors"
                raise PromptError("this embedding does not fit into a chunk", where=name, got=vectors, allowed=allowed)
            if ids := tokenizer.token_ids(name):
                self._by_first.setdefault(ids[0], []).append((ids, name, vectors))
        for found in self._by_first.values():
            found.sort(key=lambda entry: (-len(entry[0]), entry[1]))  # the longest name wins

    def units(self, ids: Sequence[int], weight: float) -> Iterator[tuple[Token, ...]]:
        """Tokens that must stay together: single ones, and all rows of an embedding."""
        place = 0
        while place < len(ids):
            candidates = self._by_first.get(ids[place], ())
            match = next((one for one in candidates if list(ids[place : place + len(one[0])]) == one[0]), None)
            if match is None:
                yield (Token(ids[place], weight),)
                place += 1
            else:
                own, name, vectors = match
                yield tuple(Token(0, weight, name, row) for row in range(vectors))
                place += len(own)


class _Filling:
    """The chunk that is being filled, and those before it.

    Args:
        comma_id: the token behind which a chunk may end early.
        backtrack: how far back that token may be.
    """

    def __init__(self, comma_id: int | None, backtrack: int) -> None:
        self.comma_id, self.backtrack = comma_id, backtrack
        self.done: list[Chunk] = []
        self.tokens: list[Token] = []
        self.last_comma: int | None = None

    def add(self, unit: tuple[Token, ...]) -> None:
        """Add tokens that must stay in one chunk."""
        comma = unit[0].embedding is None and unit[0].id == self.comma_id
        if len(self.tokens) == CHUNK_TOKENS:
            self._end_full_chunk(comma)
        if len(self.tokens) + len(unit) > CHUNK_TOKENS:
            self.end_chunk()
        if comma:
            self.last_comma = len(self.tokens)
        self.tokens += unit

    def _end_full_chunk(self, comma_follows: bool) -> None:
        """Begin the next chunk with what stands behind a near comma: embeddings move as the tokens they are."""
        kept = CHUNK_TOKENS
        if self.last_comma is not None and not comma_follows and CHUNK_TOKENS - self.last_comma <= self.backtrack:
            kept = self.last_comma + 1
        moved = self.tokens[kept:]
        del self.tokens[kept:]
        self.end_chunk()
        self.tokens = moved

    def end_chunk(self) -> None:
        """Begin the next chunk."""
        self.done.append(Chunk(tuple(self.tokens)))
        self.tokens, self.last_comma = [], None

    def finished(self) -> list[Chunk]:
        """All chunks; nothing behind a last BREAK is no chunk."""
        if self.tokens or not self.done:
            self.end_chunk()
        return self.done
