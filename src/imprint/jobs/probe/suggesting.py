"""Words that mean nothing to a base, to name a subject with: the job behind `imprint token suggest`.

Reads: a base, a judge. Writes: nothing. Does not: keep what it draws.

A funnel that costs little first: the vocabulary, then texts of up to `texts` candidates, then pictures of the best
`drawn` of them. Of words that mean nothing, the one that the text encoder sees best is the best name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from imprint.errors import InputError
from imprint.evaluation.concepts import Estimate, agreement
from imprint.families import read_diffusers_folder
from imprint.families.sd1.networks import load_tokenizer
from imprint.jobs.base_names import NANO, base_path
from imprint.jobs.bases import open_base
from imprint.jobs.probe.candidates import find_candidates
from imprint.jobs.probe.looking import Looks, look
from imprint.jobs.probe.probing import (
    Measured,
    Witness,
    class_asked,
    class_doubts,
    distance,
    doubts,
    ends_asked,
    measured,
    witness,
)
from imprint.jobs.probe.recipe import TokenRecipe
from imprint.jobs.probe.texts import TextFigures, measure_texts
from imprint.nano.world.captions import PROMPT_WORDS
from imprint.nano.world.names import SHIPPED, names

MEANINGLESS = 0.15  # of what ordinary words move: within this a word counts as one that means nothing
NEARLY = 0.35  # above this it means something


@dataclass(frozen=True)
class TokenFigures:
    """What was measured of one word.

    Attributes:
        text: the word.
        tokens: how many tokens it is.
        shift: how far it moves the class prompt's encoding, 1 as ordinary words.
        norm: of its longest token vector, 1 as ordinary words.
        distance: how far it moves the class's pictures; 0 not at all, 1 as ordinary words.
        fit: how much worse the pictures fit the class prompt, as a difference of cosines; 0 as well.
        agreement: how much more alike the pictures became, as a difference of cosines; 0 as before.
        reason: why it is proposed, or not, in words.
    """

    text: str
    tokens: int
    shift: float
    norm: float
    distance: Estimate
    fit: float
    agreement: float
    reason: str


@dataclass(frozen=True)
class Funnel:
    """How many words each stage saw."""

    vocabulary: int
    whole_words: int
    strings: int
    texts: int
    drawn: int


@dataclass(frozen=True)
class TokenResult:
    """What was found.

    Attributes:
        proposed: the best first; fewer than were asked for where no more are free of meaning.
        refused: words that were drawn and turned out to mean something.
        ordinary: the same figures of ordinary words, to compare with.
        of_class: how well the base knows the class.
        funnel: how many words were looked at.
        witness: who was asked.
        remarks: why a figure may not mean what it says.
    """

    proposed: tuple[TokenFigures, ...]
    refused: tuple[TokenFigures, ...]
    ordinary: tuple[TokenFigures, ...]
    of_class: Measured
    funnel: Funnel
    witness: Witness
    remarks: tuple[str, ...]


def suggest_tokens(recipe: TokenRecipe) -> TokenResult:
    """Find words that mean nothing to a base.

    Args:
        recipe: for which class, and how.
    Raises:
        ModelError: if the base is none.
        InputError: if its vocabulary has no candidate.
    """
    family = open_base(recipe.base, "fp32", recipe.device)
    # Of other bases nobody has a list of what their captions said.
    said = (*PROMPT_WORDS, *names(SHIPPED)) if recipe.base == NANO else ()
    pool = find_candidates(recipe, vocabulary_of(recipe.base), family.token_ids, said)
    if not pool.candidates:
        raise InputError(
            "this base's tokenizer has no word that could be a name", where=recipe.base,
            hint="allow strings of several tokens with --set tokens=3",
        )
    ordinary, texts = measure_texts(family, recipe, pool.candidates)
    drawn, word = texts[: recipe.drawn], recipe.class_word
    asked = class_asked(recipe, word, [one.candidate.text for one in drawn])
    looks = look(family, recipe, [*ends_asked(recipe), *asked])
    found = [_figures(looks, word, one) for one in drawn]
    free = sorted((one for one in found if one.distance.value <= NEARLY), key=_least_meaning_best_seen)
    of_class = measured(family, looks, word)
    return TokenResult(
        proposed=tuple(free[: recipe.count]), refused=tuple(sorted(
            (one for one in found if one.distance.value > NEARLY), key=lambda one: one.distance.raw,
        )),
        ordinary=tuple(_figures(looks, word, one) for one in ordinary), of_class=of_class,
        funnel=Funnel(pool.vocabulary, pool.whole, pool.strings, len(texts), len(drawn)),
        witness=witness(recipe), remarks=(*doubts(looks), *class_doubts(of_class), *_shortage(recipe, len(free))),
    )


def vocabulary_of(base: str) -> Mapping[str, int]:
    """The tokens of a base by their text.

    Raises: ModelError: if it has no CLIP tokenizer.
    """
    tokenizer = load_tokenizer(read_diffusers_folder(base_path(base)))
    return cast("Callable[[], Mapping[str, int]]", cast("Any", tokenizer).get_vocab)()


def _figures(looks: Looks, class_word: str, text: TextFigures) -> TokenFigures:
    word = text.candidate.text
    moved, before, after = distance(looks, word, class_word), looks.looked(class_word), looks.pictures(word, class_word)
    fit = float(((after - before.pictures_ND) @ before.words_D).mean())
    return TokenFigures(
        text=word, tokens=len(text.candidate.tokens), shift=text.shift, norm=text.norm, distance=moved, fit=fit,
        agreement=agreement(after) - agreement(before.pictures_ND), reason=_reason(moved),
    )


def _least_meaning_best_seen(one: TokenFigures) -> tuple[bool, float]:
    """The order of proposals: those that leave the pictures as they are, and of these the best handle first."""
    return one.distance.value > MEANINGLESS, -one.shift


def _reason(moved: Estimate) -> str:
    if moved.value <= MEANINGLESS:
        return "class as without it"
    return "nearly as without it" if moved.value <= NEARLY else "means something"


def _shortage(recipe: TokenRecipe, found: int) -> list[str]:
    if found >= recipe.count:
        return []
    return [f"only {found} of the {recipe.drawn} words drawn are free of meaning; draw more with --set drawn"]
