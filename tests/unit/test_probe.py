"""Probes of a phrase and the search for tokens: recipes, candidates, jobs, what is printed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from imprint import ProbeRecipe, TokenRecipe, probe, suggest_tokens
from imprint.app.cli.edge import run
from imprint.errors import InputError
from imprint.jobs.probe import suggesting
from imprint.jobs.probe.candidates import CONSONANTS, VOWELS, Pool, find_candidates, pronounceable
from imprint.jobs.probe.looking import prompt_of
from imprint.jobs.probe.suggesting import MEANINGLESS
from imprint.jobs.probe.texts import measure_texts
from imprint.nano.world.names import SHIPPED, names
from make import tiny_base, tiny_family, write_tiny_base

pytestmark = pytest.mark.unit

Captured = pytest.CaptureFixture[str]
QUICK: dict[str, Any] = {"base": str(tiny_base()), "seeds": 3, "steps": 1}
WHOLE = ("brown", "rown", "fox", "tit", "lamp", "vqk", "zeko", "ab", "Cap")
VOCABULARY = ["b", *(f"{word}</w>" for word in WHOLE)]


def quick(*arguments: str) -> list[str]:
    return [*arguments, "--base", QUICK["base"], "--set", "seeds=3", "--set", "steps=1"]


def word_ids(text: str) -> list[int]:
    """Whole words are one token, anything else its letters."""
    whole = f"{text}</w>"
    return [VOCABULARY.index(whole)] if whole in VOCABULARY else [ord(letter) for letter in text]


def found(**given: Any) -> list[str]:
    recipe = TokenRecipe(class_word="lamp", **given)
    pool = find_candidates(recipe, {text: number for number, text in enumerate(VOCABULARY)}, word_ids)
    return [one.text for one in pool.candidates]


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        (("zkz", "dog"), "a photo of a zkz dog"),
        (("owl",), "a photo of an owl"),
        (("Eiffel tower",), "a photo of an Eiffel tower"),
        (("the moon",), "a photo of the moon"),
        (("(red:1.3)", "dog"), "a photo of (red:1.3) dog"),
    ],
)
def test_a_phrase_stands_in_the_sentence_with_an_article(words: tuple[str, ...], prompt: str) -> None:
    assert prompt_of(ProbeRecipe(phrase="x"), *words) == prompt
    assert prompt_of(ProbeRecipe(phrase="x", sentence="{} at night"), "a fox") == "a fox at night"


def test_whole_words_come_first_and_pieces_rude_words_and_the_class_never() -> None:
    assert found(tokens=1) == ["zeko", "vqk", "fox", "brown"]
    assert found(tokens=1, avoid=("Fox",), pronounceable=True) == ["zeko"]
    assert found(tokens=1, texts=2) == ["zeko", "vqk"]


def test_what_captions_say_and_its_parts_are_no_candidates() -> None:
    recipe = TokenRecipe(class_word="lamp", tokens=1)
    vocabulary = {text: number for number, text in enumerate(VOCABULARY)}
    pool = find_candidates(recipe, vocabulary, word_ids, said=("fox", "zekos"))
    assert [one.text for one in pool.candidates] == ["vqk", "brown"]


def test_names_that_the_embedded_base_has_read_are_no_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []

    def noted(recipe: TokenRecipe, vocabulary: Any, token_ids: Any, said: Iterable[str]) -> Pool:
        seen.append({*said})
        return Pool((), 0, 0, 0)

    monkeypatch.setattr(suggesting, "find_candidates", noted)
    with pytest.raises(InputError, match="no word that could be a name"):
        suggest_tokens(TokenRecipe(class_word="dog"))
    assert seen[0] > {*names(SHIPPED), "dog", "painting"}


def test_strings_are_of_several_tokens_and_of_the_seed() -> None:
    strings = found(tokens=3)[4:]
    assert len(strings) == len(set(strings)) > 100
    assert {len(text) for text in strings} == {3}  # four letters are four tokens here
    assert set("".join(strings)) <= set(CONSONANTS)
    assert found(tokens=3) == found(tokens=3) != found(tokens=3, seed=1)


def test_pronounceable_strings_take_turns() -> None:
    strings = found(tokens=3, pronounceable=True)[1:]
    assert strings and all(text[0] in CONSONANTS and text[1] in VOWELS for text in strings)
    assert pronounceable("zeko") and not pronounceable("fox" + "x")


def test_texts_are_measured_against_ordinary_words_and_ranked() -> None:
    recipe = TokenRecipe(class_word="dog", ordinary=("red", "black", "old"))
    pool = find_candidates(recipe, {}, tiny_family().token_ids)
    ordinary, ranked = measure_texts(tiny_family(), recipe, pool.candidates[:20])
    assert sorted(one.shift for one in ordinary)[1] == pytest.approx(1)
    assert sorted(one.norm for one in ordinary)[1] == pytest.approx(1)
    assert {one.candidate for one in ranked} == set(pool.candidates[:20])
    middle = median(one.norm for one in ranked)
    order = [(one.norm > middle, -one.shift) for one in ranked]
    assert order == sorted(order)


def test_a_probe_says_who_was_asked_and_that_the_judge_is_of_another_world() -> None:
    result = probe(ProbeRecipe(phrase="corgi", class_word="dog", **QUICK))
    assert (result.witness.base, result.witness.judge, result.witness.seeds) == ("base", "nano", 3)
    assert any("embedded base's world only" in remark for remark in result.remarks)
    assert result.of_class is not None and result.of_class.words == "dog"
    assert result.distance_prompt == "a photo of a corgi dog"


def test_a_probe_without_a_class_measures_no_distance_and_repeats_itself() -> None:
    recipe = ProbeRecipe(phrase="dog", **QUICK, known=("dog", "car"))
    first = probe(recipe)
    assert (first.of_class, first.distance) == (None, None)
    assert first == probe(recipe)


def test_an_inpainting_model_is_probed_like_any_other(tmp_path: Path) -> None:
    base = str(write_tiny_base(tmp_path / "base", in_channels=9))
    result = probe(ProbeRecipe(phrase="corgi", class_word="dog", **{**QUICK, "base": base}))
    assert result.distance is not None
    assert all(math.isfinite(one) for one in (result.phrase.knowledge.prompt.value, result.distance.raw))
    assert result.phrase != probe(ProbeRecipe(phrase="corgi", **QUICK)).phrase


def test_of_words_that_mean_nothing_the_best_handle_comes_first() -> None:
    result = suggest_tokens(TokenRecipe(class_word="dog", count=2, drawn=3, texts=20, **QUICK))
    order = [(one.distance.value > MEANINGLESS, -one.shift) for one in result.proposed]
    assert order == sorted(order)
    moved = [one.distance.raw for one in result.refused]
    assert moved == sorted(moved)
    assert (result.funnel.drawn, result.funnel.texts) == (3, 20)
    assert [one.text for one in result.ordinary] == ["red", "black", "striped"]
    assert all(one.distance.value <= 0.35 for one in result.proposed)
    assert all(one.distance.value > 0.35 for one in result.refused)


def test_both_verbs_print_within_80_columns(capsys: Captured) -> None:
    assert run(quick("probe", "corgi " * 50, "--class", "dog")) == 0
    assert run(quick("token", "suggest", "--class", "dog", "-n", "1", "--set", "drawn=2", "--set", "texts=5")) == 0
    shown = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
    assert "judge nano" in shown and "an ordinary word" in shown


def test_json_has_every_figure(capsys: Captured) -> None:
    assert run([*quick("probe", "corgi"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["phrase"]["knowledge"]) == {"agreement", "effect", "prompt", "verdict"}
    assert told["witness"]["judge"] == "nano"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["probe", " "], "nothing but blanks"),
        (["probe", "x" * 10_000], "a phrase has at most 1000"),
        (["probe", "corgi", "--set", "seeds=0"], "greater than or equal to 3"),
        (["probe", "corgi", "--set", "judge=clap"], "clap"),
        (["probe", "corgi", "--class", ""], "blanks"),
        (["probe", "corgi", "--set", "known=[\"dog\", \"dog\"]"], "twice"),
        (["probe", "corgi", "--set", "fillers=[\"dog\", \"qqv\", \"xjq\"]"], "in known and in fillers"),
        (["probe", "corgi", "--set", "sentence=a photo"], "where the phrase goes"),
        (["token", "suggest"], "class_word"),
        (["token", "suggest", "--class", "man", "-n", "50"], "set drawn higher"),
    ],
)
def test_bad_input_is_told_before_anything_is_opened(arguments: list[str], said: str, capsys: Captured) -> None:
    assert run(arguments) == 2
    assert said in " ".join(capsys.readouterr().err.split())
