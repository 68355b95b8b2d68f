"""Words that might mean nothing to a base, from its own tokenizer: what is measured afterwards.

Reads: a vocabulary, a tokenizer. Writes: candidates. Does not: measure or draw.

A word comes whole (one token) or is a string of letters that makes two or three tokens. Tokens learnt last were rarest
in what the tokenizer was made from, so they come first (as in DreamBooth, arXiv:2208.12242, section 3.2, which takes
rare tokens of the vocabulary unmeasured).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from imprint.diffusion.randomness import Purpose, uniform
from imprint.jobs.probe.recipe import TokenRecipe

LETTERS = (3, 5)  # of a word: shorter ones are syllables, longer ones words
WHOLE = re.compile(f"[a-z]{{{LETTERS[0]},{LETTERS[1]}}}")
STRING_LETTERS = (3, 4)
STRINGS = 200  # strings of several tokens that are tried at most: enough for any list of a dozen
TRIES = 20  # strings made up for each that is wanted
WORD_END = "</w>"
VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxz"
#: Parts of words that nobody wants to type into every prompt.
RUDE = (
    "ass", "cock", "cum", "cunt", "dick", "fag", "fuc", "fuk", "nazi", "nig", "porn", "rape", "sex", "shit", "slut",
    "tit",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A word and its tokens."""

    text: str
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Pool:
    """The candidates that will be measured, and where they come from.

    Attributes:
        candidates: rarest tokens first, strings last.
        vocabulary: tokens that the base has.
        whole: words of one token that could be a name.
        strings: of the candidates, those of several tokens.
    """

    candidates: tuple[Candidate, ...]
    vocabulary: int
    whole: int
    strings: int


def find_candidates(
    recipe: TokenRecipe, vocabulary: Mapping[str, int], token_ids: Callable[[str], list[int]],
    said: Iterable[str] = (),
) -> Pool:
    """Choose candidates.

    A word is left out where a longer word of the vocabulary holds it (then it is a piece of that: "rown" of "brown"),
    where the tokenizer does not give it back as its token, and where it is rude or to be avoided.

    Args:
        recipe: what is wanted; its seed decides the strings.
        vocabulary: tokens by their text, those that end a word with `</w>`.
        token_ids: of a text.
        said: words that the base's captions are known to say; neither they nor their parts are candidates.
    Returns: at most `recipe.texts`.
    """
    words = {text.removesuffix(WORD_END): number for text, number in vocabulary.items() if text.endswith(WORD_END)}
    plain = {word.lower() for word in (*said, *recipe.avoid, *recipe.class_word.split())}
    unwanted = _pieces({*words, *said}) | plain
    whole = [
        Candidate(text, (number,))
        for text, number in sorted(words.items(), key=lambda item: -item[1])
        if WHOLE.fullmatch(text) and _fit(recipe, text, unwanted) and token_ids(text) == [number]
    ]
    chosen = whole[: recipe.texts]
    wanted = min(recipe.texts - len(chosen), STRINGS) if recipe.tokens > 1 else 0
    strings = list(_strings(recipe, wanted, unwanted | words.keys(), token_ids))
    return Pool((*chosen, *strings), len(vocabulary), len(whole), len(strings))


def pronounceable(text: str) -> bool:
    """Whether consonants and vowels take turns."""
    kinds = [letter in VOWELS for letter in text]
    return all(before != after for before, after in itertools.pairwise(kinds))


def _pieces(words: Iterable[str]) -> set[str]:
    """Every part of a word that is as long as a name and shorter than the word."""
    low, high = LETTERS
    return {
        word[start : start + length]
        for word in words
        for length in range(low, min(high, len(word) - 1) + 1)
        for start in range(len(word) - length + 1)
    }


def _fit(recipe: TokenRecipe, text: str, unwanted: set[str]) -> bool:
    rude = any(part in text for part in RUDE)
    return not rude and text not in unwanted and (pronounceable(text) or not recipe.pronounceable)


def _strings(
    recipe: TokenRecipe, wanted: int, unwanted: set[str], token_ids: Callable[[str], list[int]]
) -> Iterator[Candidate]:
    """Strings of letters that make two tokens or more; the same ones for the same seed."""
    made: set[str] = set()
    for number in range(wanted * TRIES):
        text = _string(recipe, number)
        if text in made or not _fit(recipe, text, unwanted):
            continue
        made.add(text)
        tokens = token_ids(text)
        if 1 < len(tokens) <= recipe.tokens:
            wanted -= 1
            yield Candidate(text, tuple(tokens))
        if not wanted:
            return


def _string(recipe: TokenRecipe, number: int) -> str:
    first, *draws = uniform(recipe.seed, 0, number, Purpose.EVALUATION, 1 + STRING_LETTERS[1])
    low, high = STRING_LETTERS
    count = low + int(first * (high - low + 1))
    alphabets = [VOWELS if recipe.pronounceable and place % 2 else CONSONANTS for place in range(count)]
    return "".join(letters[int(draw * len(letters))] for letters, draw in zip(alphabets, draws, strict=False))
