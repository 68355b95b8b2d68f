"""How well a base knows a phrase, as pure functions over what a judge saw in pictures of the same seeds.

Reads: unit feature rows. Writes: numbers with their error. Does not: run a judge, draw, or know a base.

Pictures of the phrase stand between two ends, drawn from the same seeds in the same sentence: those of fillers (strings
without meaning) and those of known words. The empty prompt is no end: it lacks the sentence around the phrase, beside
it any nonsense looks half known (docs/lab-log.md).

| measure | 0 | 1 | says |
|---|---|---|---|
| agreement | as scattered from seed to seed as fillers | as alike as the known words | the base draws one thing |
| effect | what fillers draw at these seeds | as far from that as known words | the phrase changes the picture |
| prompt | the judge reads the phrase no more than in fillers | as much as known words in theirs | the picture fits it |
| class distance | the class's own pictures | as far as ordinary words before it | the class is drawn differently |

Values may lie beyond 0 and 1. The prompt score tells known words from unknown ones best; the other two say how an
unknown one fails: it may be drawn as nothing, or as something of its own.
"""

# N seeds, D feature width
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imprint.evaluation.judges import Features
from imprint.evaluation.metrics import MIN_SPAN, mean_distance, prior_drift

Seeds: TypeAlias = NDArray[np.intp]  # which of the N seeds count
Verdict: TypeAlias = Literal["known", "something else", "unknown", "unsure"]

LEAST_SEEDS = 3  # leaving one out, two are left to agree with each other
FITS = 0.3  # a prompt score from here on is a known word; docs/results.md has what it is to both sides
EFFECT = 0.5  # an unknown phrase that moves the picture half as far as known words draws something of its own


@dataclass(frozen=True)
class Estimate:
    """A number and how far it would move with other seeds.

    Attributes:
        value: calibrated, 0 and 1 as the module says.
        error: its standard error over the seeds.
        raw: before calibration: a cosine, or 1 - a cosine.
    """

    value: float
    error: float
    raw: float


@dataclass(frozen=True)
class Looked:
    """What the judge saw in the pictures of one prompt, (N, D), a row for each seed, and read in its words, (D,)."""

    pictures_ND: Features
    words_D: Features


@dataclass(frozen=True)
class Ends:
    """What a phrase is measured between.

    Attributes:
        fillers: pictures of strings without meaning, at least two of them.
        known: words that the base knows, at least one.
    """

    fillers: Sequence[Features]
    known: Sequence[Looked]

    @property
    def tell_apart(self) -> bool:
        """Whether this judge reads the known words in their own pictures; if not, no prompt score means anything."""
        every = np.arange(len(self.fillers[0]))
        return float(np.mean([_prompt(one, self, every) for one in self.known])) >= MIN_SPAN


@dataclass(frozen=True)
class Knowledge:
    """How well a base knows a phrase. The measures are those of the module."""

    agreement: Estimate
    effect: Estimate
    prompt: Estimate
    verdict: Verdict

    @property
    def why(self) -> str:
        """The verdict in words."""
        return {
            "known": "the pictures fit the phrase",
            "something else": "it draws something of its own, which does not fit the phrase",
            "unknown": "it draws nearly what strings without meaning draw",
            "unsure": f"the prompt score cannot be told from {FITS}, its bar; more seeds may tell",
        }[self.verdict]


def knowledge(phrase: Looked, ends: Ends) -> Knowledge:
    """Measure how well a base knows a phrase.

    Args:
        phrase: what it draws for it, at least `LEAST_SEEDS` seeds.
        ends: fillers and known words in the same sentence, from the same seeds.
    Raises: ValueError: if there are too few seeds, fillers or known words, or their seeds differ in number.
    """
    rows = {len(each) for each in (phrase.pictures_ND, *ends.fillers, *(one.pictures_ND for one in ends.known))}
    if len(rows) > 1 or min(rows) < LEAST_SEEDS or len(ends.fillers) < 2 or not ends.known:
        raise ValueError(f"needs {LEAST_SEEDS} equal seeds, 2 fillers, 1 known word; got {sorted(rows)} pictures")
    agreement = _between(
        lambda seeds: _agreement(phrase.pictures_ND, seeds),
        lambda seeds: _mean(_agreement(filler_ND, seeds) for filler_ND in ends.fillers),
        lambda seeds: _mean(_agreement(one.pictures_ND, seeds) for one in ends.known), max(rows),
    )
    effect = _between(
        lambda seeds: _effect(phrase.pictures_ND, ends, seeds), lambda seeds: _filler_effect(ends, seeds),
        lambda seeds: _mean(_effect(one.pictures_ND, ends, seeds) for one in ends.known), max(rows),
    )
    prompt = _between(
        lambda seeds: _prompt(phrase, ends, seeds), lambda seeds: 0.0,
        lambda seeds: _mean(_prompt(one, ends, seeds) for one in ends.known), max(rows),
    )
    return Knowledge(agreement, effect, prompt, _verdict(effect, prompt, ends.tell_apart))


def class_distance(phrase_ND: Features, class_ND: Features, ordinary: Sequence[Features]) -> Estimate:
    """How far a phrase before a class moves the class's pictures: `prior_drift` on the same seeds.

    Args:
        phrase_ND: "a photo of a zkz man".
        class_ND: "a photo of a man".
        ordinary: the same with ordinary words, "a photo of a red man"; at least one.
    Returns: value 0 where nothing moves, 1 as far as ordinary words; raw 0..2.
    Raises: ValueError: if there are fewer than `LEAST_SEEDS` seeds.
    """
    if len(class_ND) < LEAST_SEEDS:
        raise ValueError(f"needs {LEAST_SEEDS} seeds, got {len(class_ND)}")
    return _between(
        lambda seeds: prior_drift(phrase_ND[seeds], class_ND[seeds]), lambda seeds: 0.0,
        lambda seeds: _mean(prior_drift(word_ND[seeds], class_ND[seeds]) for word_ND in ordinary), len(class_ND),
    )


def agreement(pictures_ND: Features) -> float:
    """How alike the pictures of one prompt are: the mean cosine over all pairs of seeds, -1..1."""
    return 1.0 - mean_distance(pictures_ND)


def jackknife(statistic: Callable[[Seeds], float], count: int) -> tuple[float, float]:
    """A statistic over seeds, and its standard error from leaving out one seed after the other.

    Args:
        statistic: of any choice of seeds.
        count: how many there are, >= 2.
    Source: Tukey's jackknife; Efron and Stein, Annals of Statistics 9 (1981), 586-596.
    """
    every = np.arange(count)
    without = np.array([statistic(np.delete(every, one)) for one in every])
    return statistic(every), float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))


def _between(
    raw: Callable[[Seeds], float], low: Callable[[Seeds], float], high: Callable[[Seeds], float], count: int
) -> Estimate:
    """A raw measure on the scale from one end to the other; the ends belong to the same seeds and err with it."""

    def scaled(seeds: Seeds) -> float:
        floor = low(seeds)
        return (raw(seeds) - floor) / max(high(seeds) - floor, MIN_SPAN)

    value, error = jackknife(scaled, count)
    return Estimate(value, error, raw(np.arange(count)))


def _agreement(pictures_ND: Features, seeds: Seeds) -> float:
    return agreement(pictures_ND[seeds])


def _effect(pictures_ND: Features, ends: Ends, seeds: Seeds) -> float:
    """How far pictures are from those of the fillers, seed by seed."""
    return _mean(prior_drift(pictures_ND[seeds], filler_ND[seeds]) for filler_ND in ends.fillers)


def _filler_effect(ends: Ends, seeds: Seeds) -> float:
    """How far the fillers are from each other."""
    return _mean(prior_drift(one_ND[seeds], other_ND[seeds]) for one_ND, other_ND in combinations(ends.fillers, 2))


def _prompt(looked: Looked, ends: Ends, seeds: Seeds) -> float:
    """How much better the words fit their own pictures than those of fillers, as a difference of cosines."""
    elsewhere = _mean(float((filler_ND[seeds] @ looked.words_D).mean()) for filler_ND in ends.fillers)
    return float((looked.pictures_ND[seeds] @ looked.words_D).mean()) - elsewhere


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _verdict(effect: Estimate, prompt: Estimate, judged: bool) -> Verdict:
    if not judged or abs(prompt.value - FITS) < prompt.error:
        return "unsure"
    if prompt.value > FITS:
        return "known"
    return "something else" if effect.value >= EFFECT else "unknown"
