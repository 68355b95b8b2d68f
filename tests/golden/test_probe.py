"""The probe and the suggested tokens on the embedded base, whose vocabulary is known."""

from __future__ import annotations

from functools import cache

import pytest

from imprint.evaluation.concepts import Knowledge
from imprint.families import Family
from imprint.jobs.bases import open_base
from imprint.jobs.probe import ProbeRecipe, TokenRecipe, suggest_tokens
from imprint.jobs.probe.looking import look
from imprint.jobs.probe.probing import ends_asked, measured
from imprint.nano.world.captions import PROMPT_WORDS

pytestmark = pytest.mark.golden

KNOWN = ("owl", "cat", "rabbit", "bear", "teapot", "guitar", "boat", "elephant", "red", "ginger cat")
UNKNOWN = ("zkz", "sks", "vqk", "mxl", "corgi", "wizard", "submarine", "giraffe", "pizza", "creature", "lizard")


@cache
def base() -> Family:
    return open_base("nano")


def probed(words: tuple[str, ...], settings: ProbeRecipe) -> dict[str, Knowledge]:
    looks = look(base(), settings, [*ends_asked(settings), *((word,) for word in words)])
    return {word: measured(base(), looks, word).knowledge for word in words}


def test_known_words_are_told_from_nonsense_and_from_words_never_drawn() -> None:
    settings = ProbeRecipe(phrase="owl", known=("dog", "vase"), seeds=4, steps=6)
    found = probed(("owl", "zkz", "lizard"), settings)
    # With the defaults over seeds 0, 100, 200: owl 0.99 to 1.32, zkz -0.09 to -0.04, lizard -0.09 to 0.01.
    assert found["owl"].verdict == "known" and found["owl"].prompt.value > 0.5
    assert found["zkz"].prompt.value < 0.3 and found["lizard"].prompt.value < 0.3
    assert "lizard" in PROMPT_WORDS  # one token of the tokenizer, though no picture of one was trained on


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 100, 200])
def test_prompt_scores_separate_what_is_known(seed: int) -> None:
    found = probed((*KNOWN, *UNKNOWN), ProbeRecipe(phrase="x", seed=seed))
    # Measured over the seeds: known 0.50 ("red") to 1.40, unknown -0.20 to 0.09; the verdict's bar is 0.3.
    assert min(found[word].prompt.value for word in KNOWN) > 0.4
    assert max(found[word].prompt.value for word in UNKNOWN) < 0.2
    assert not {found[word].verdict for word in UNKNOWN} & {"known"}


def test_suggested_tokens_move_the_class_less_than_ordinary_words() -> None:
    result = suggest_tokens(TokenRecipe(class_word="dog", known=("dog", "car"), count=2, drawn=2, seeds=3, steps=6))
    assert len(result.proposed) == 2
    assert not {one.text for one in result.proposed} & PROMPT_WORDS
    # With the defaults and the class man: proposed 0.00 to 0.01 of ordinary words.
    assert max(one.distance.raw for one in result.proposed) < min(one.distance.raw for one in result.ordinary) / 2
    assert result.of_class.knowledge.verdict == "known"
