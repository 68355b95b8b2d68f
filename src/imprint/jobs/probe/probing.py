"""How well a base knows a phrase, by pictures: the job behind `imprint probe`.

Reads: a base, a judge. Writes: nothing. Does not: keep what it draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imprint.evaluation.concepts import Estimate, Knowledge, class_distance, knowledge
from imprint.evaluation.judges import JUDGES
from imprint.families import Family
from imprint.jobs.base_names import NANO, base_name
from imprint.jobs.bases import open_base
from imprint.jobs.probe.looking import Looks, look, prompt_of
from imprint.jobs.probe.recipe import MeasureSettings, ProbeRecipe
from imprint.prompts import plain_text


@dataclass(frozen=True)
class Measured:
    """Some words, the prompt they were drawn with, how many tokens they are, and how well the base knows them."""

    words: str
    prompt: str
    tokens: int
    knowledge: Knowledge


@dataclass(frozen=True)
class Witness:
    """Who was asked: the base, the judge and what it knows, how many pictures each prompt had."""

    base: str
    judge: str
    judge_knows: str
    seeds: int


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        phrase: the phrase by itself.
        of_class: the class by itself; None without one.
        distance: how far the phrase before the class moves the class's pictures; None without one.
        distance_prompt: what that was drawn with.
        witness: who was asked.
        remarks: why a figure may not mean what it says.
    """

    phrase: Measured
    of_class: Measured | None
    distance: Estimate | None
    distance_prompt: str
    witness: Witness
    remarks: tuple[str, ...]


def probe(recipe: ProbeRecipe) -> ProbeResult:
    """Draw a phrase, words that the base knows and strings that mean nothing, and say where the phrase stands.

    Args:
        recipe: what to ask, and how.
    Raises:
        ModelError: if the base is none.
        ConfigError: if the base cannot draw such a size.
    """
    family, phrase, word = open_base(recipe.base, "fp32", recipe.device), recipe.phrase, recipe.class_word
    asked = class_asked(recipe, word, [phrase]) if word else []
    looks = look(family, recipe, [*ends_asked(recipe), (phrase,), *asked])
    of_class = measured(family, looks, word) if word else None
    return ProbeResult(
        phrase=measured(family, looks, phrase), of_class=of_class,
        distance=distance(looks, phrase, word) if word else None,
        distance_prompt=prompt_of(recipe, phrase, word) if word else "",
        witness=witness(recipe), remarks=(*doubts(looks), *class_doubts(of_class)),
    )


def ends_asked(settings: MeasureSettings) -> list[tuple[str, ...]]:
    """What is drawn to measure how well any words are known."""
    return [(word,) for word in (*settings.known, *settings.fillers)]


def class_asked(settings: MeasureSettings, class_word: str, phrases: Iterable[str]) -> list[tuple[str, ...]]:
    """What is drawn to measure how far phrases move a class."""
    return [(class_word,), *((words, class_word) for words in (*settings.ordinary, *phrases))]


def measured(family: Family, looks: Looks, words: str) -> Measured:
    """How well the base knows some words."""
    tokens = len(family.token_ids(plain_text(words)))
    return Measured(words, prompt_of(looks.settings, words), tokens, knowledge(looks.looked(words), looks.ends(words)))


def distance(looks: Looks, words: str, class_word: str) -> Estimate:
    """How far words before a class move its pictures."""
    ordinary = [looks.pictures(word, class_word) for word in looks.settings.ordinary]
    return class_distance(looks.pictures(words, class_word), looks.pictures(class_word), ordinary)


def witness(settings: MeasureSettings) -> Witness:
    """Who is asked."""
    return Witness(base_name(settings.base), settings.judge, JUDGES.get(settings.judge).about, settings.seeds)


def doubts(looks: Looks) -> list[str]:
    """Why the figures of these pictures may mean little."""
    own = looks.settings
    found: list[str] = []
    if own.judge == NANO and own.base != NANO:
        found.append(
            f"the judge {NANO!r} knows the embedded base's world only: of this base believe the effect and the "
            "distance roughly, the prompt score not at all"
        )
    if not looks.ends("").tell_apart:
        found.append(
            f"the judge does not tell {', '.join(own.known)} from strings that mean nothing: this base does not know "
            "them, or this judge does not; name others with --set known"
        )
    return found


def class_doubts(of_class: Measured | None) -> list[str]:
    """That the base does not know the class, where that is so."""
    if of_class is None or of_class.knowledge.verdict in ("known", "unsure"):
        return []
    prompt = of_class.knowledge.prompt
    return [
        f"the class {of_class.words!r} cannot be told from strings without meaning (prompt score {prompt.value:.2f} ± "
        f"{prompt.error:.2f}): this base does not know it, or draws it anyway; if it does not, a word that leaves its "
        "pictures as they are may still mean something"
    ]
