"""Chunks of 75 tokens: where they end, what moves, and embeddings that stay whole."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.errors import PromptError
from imprint.prompts import Chunk, ClipTokens, Weighted, chunks_of, weighted_parts
from make import byte_level_tokenizer

pytestmark = pytest.mark.unit

COMMA = 0


class Words:
    """A token for each word and comma."""

    comma_id = COMMA

    def token_ids(self, text: str) -> list[int]:
        return [COMMA if word == "," else 1 + sum(word.encode()) for word in text.split()]


def words(count: int) -> str:
    return "w " * count


def cut(text: str, embeddings: Mapping[str, int] | None = None, backtrack: int = 20) -> list[Chunk]:
    return chunks_of(weighted_parts(text), Words(), embeddings, backtrack)


def sizes(text: str, backtrack: int = 20) -> list[int]:
    return [len(chunk.tokens) for chunk in cut(text, backtrack=backtrack)]


@pytest.mark.parametrize(
    ("before", "after", "backtrack", "expected"),
    [(60, 20, 20, [61, 20]), (54, 21, 20, [75, 1]), (55, 20, 20, [56, 20]), (60, 20, 0, [75, 6])],
)
def test_a_full_chunk_ends_behind_a_comma_that_is_near(
    before: int, after: int, backtrack: int, expected: list[int]
) -> None:
    assert sizes(f"{words(before)} , {words(after)}", backtrack) == expected


def test_a_comma_right_behind_a_full_chunk_cuts_there() -> None:
    assert sizes(f"{words(60)} , {words(14)} , {words(3)}") == [75, 4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0]), ("a", [1]), (words(75), [75]), (words(76), [75, 1]), ("a BREAK b", [1, 1]), ("a BREAK", [1]),
        ("BREAK a", [0, 1]), ("a BREAK BREAK b", [1, 0, 1]), (f"{words(75)} BREAK b", [75, 1]), ("BREAK", [0]),
    ],
)  # fmt: skip
def test_break_begins_a_chunk(text: str, expected: list[int]) -> None:
    assert sizes(text) == expected


def test_each_token_has_the_weight_of_its_text() -> None:
    (chunk,) = cut("a (b c:1.5) d")
    assert [token.weight for token in chunk.tokens] == [1.0, 1.5, 1.5, 1.0]


def test_an_embedding_takes_a_place_for_each_vector() -> None:
    (chunk,) = cut("a (my style:1.3) b", {"my style": 3, "my": 1})
    assert [(token.embedding, token.row) for token in chunk.tokens[1:4]] == [("my style", row) for row in range(3)]
    assert {token.weight for token in chunk.tokens[1:4]} == {1.3}
    assert len(chunk.tokens) == 5


def test_an_embedding_that_a_comma_moves_stays_whole() -> None:
    first, second = cut(f"{words(60)} , emb {words(10)}", {"emb": 8})
    assert len(first.tokens) == 61
    assert [token.row for token in second.tokens if token.embedding == "emb"] == list(range(8))
    assert len(second.tokens) == 18


def test_an_embedding_that_does_not_fit_begins_a_chunk() -> None:
    first, second = cut(f"{words(70)} emb a", {"emb": 8})
    assert len(first.tokens) == 70
    assert [token.embedding for token in second.tokens] == ["emb"] * 8 + [None]


@pytest.mark.parametrize("vectors", [0, 76])
def test_an_embedding_larger_than_a_chunk_is_refused(vectors: int) -> None:
    with pytest.raises(PromptError, match="emb"):
        cut("a", {"emb": vectors})


def test_a_text_too_long_to_encode_is_refused() -> None:
    with pytest.raises(PromptError, match="50000 characters"):
        chunks_of([Weighted("a" * 50_001, 1.0)], Words())


@given(st.lists(st.sampled_from(["w", ",", "emb", "long", "BREAK"]), max_size=300), st.integers(0, 75))
def test_nothing_is_lost_and_no_embedding_is_cut(text: list[str], backtrack: int) -> None:
    vectors = {"emb": 8, "long": 70}
    chunks = cut(" ".join(text), vectors, backtrack)
    assert all(len(chunk.tokens) <= 75 for chunk in chunks)
    found = [token for chunk in chunks for token in chunk.tokens]
    assert len(found) == sum(vectors.get(word, 1) for word in text if word != "BREAK")
    for chunk in chunks:
        rows = [token for token in chunk.tokens if token.embedding]
        assert sum(token.row == 0 for token in rows) * 8 <= len(rows) or not rows
        assert all(
            sum(token.embedding == name for token in rows) % size == 0 for name, size in vectors.items()
        )


def test_a_clip_tokenizer_gives_bare_tokens_of_any_length() -> None:
    tokens = ClipTokens(byte_level_tokenizer())
    assert tokens.token_ids("") == []
    assert len(tokens.token_ids("photo of dog")) == 3
    assert len(tokens.token_ids("z " * 200)) == 200
    assert tokens.token_ids(",") == [tokens.comma_id]


def test_what_is_no_text_is_read_as_the_replacement_character() -> None:
    tokens = ClipTokens(byte_level_tokenizer())
    assert tokens.token_ids("a \udcff") == tokens.token_ids("a \ufffd")
