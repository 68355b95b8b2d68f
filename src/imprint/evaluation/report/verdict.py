"""The verdict in words: what was learnt, what was kept, what to watch. The bars that turn numbers into words are here.

Reads: `ReportData`. Writes: sentences. Does not: escape or lay out anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imprint.evaluation.report.data import DrawingLimit, ReportData
from imprint.evaluation.scorecard import TELLS, CheckpointScore, Scorecard
from imprint.evaluation.selection import balance, prompt_kept
from imprint.nano.world.captions import article

LEARNT_BAR = 0.6  # of the way from any member of the class to another photo of the subject
PARTLY_BAR = 0.3
KEPT_BAR = 0.85
DRIFT_BAR = 0.25
LEAK_BAR = 0.35  # class pictures this like the subject: the class is turning into it
DIVERSITY_BAR = 0.4
# Measured on the embedded base: photos of a dog, a cat and a vase stay 12.3, 11.9 and 10.6 dB behind pictures that it
# drew itself, the demo's individual 10.1 dB; individuals whose mark is all new to it stay as far behind as photos
# (docs/results.md), and are then told the same.
OUTSIDE_DB = 10.3
FEW_PHOTOS = 4

Grade = Literal["learnt", "partly", "not", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """Sentences for a reader in a hurry. `limits` is "" when the photos are within what the base can draw."""

    grade: Grade
    headline: str
    learnt: tuple[str, ...]
    kept: tuple[str, ...]
    watch: tuple[str, ...]
    limits: str


def verdict(data: ReportData) -> Verdict:
    """Put a scorecard into words."""
    best, base = data.scorecard.best, data.scorecard.base
    called = f"“{data.name} {data.class_word}”".replace(" ”", "”")
    grade: Grade = "learnt" if best.subject >= LEARNT_BAR else "partly" if best.subject >= PARTLY_BAR else "not"
    grade = grade if best.separation >= TELLS else "unknown"
    headline = {
        "learnt": f"{called} is learnt.",
        "partly": f"{called} is partly learnt.",
        "not": f"{called} was not learnt.",
        "unknown": f"{called}: look for yourself.",
    }[grade]
    return Verdict(
        grade=grade,
        headline=headline,
        learnt=_learnt(best, base, called, data.class_word or "other"),
        kept=_kept(best, base, a_class(data)),
        watch=(*_watch(best, base, data), *data.notes),
        limits=_limits(data.drawing_limit),
    )


def a_class(data: ReportData) -> str:
    """The subject's class with its article: "a dog"; "a picture" when no class was named."""
    return article(data.class_word or "picture")


def _learnt(best: CheckpointScore, base: CheckpointScore, called: str, class_word: str) -> tuple[str, ...]:
    sentences = [
        f"Pictures of {called} are {best.subject:.0%} of the way from any {class_word} to another photo of this one; "
        f"the base, given the same words, is at {base.subject:.0%}."
    ]
    if best.separation < TELLS:
        sentences.append(
            f"That says little: the judge finds two photos of this one nearer to each other than to pictures of any "
            f"{class_word} in {best.separation:.0%} of comparisons, where half is chance. Trust your eyes."
        )
    if best.ground_truth is not None:
        against = f", {base.ground_truth:.2f} for the base" if base.ground_truth is not None else ""
        sentences.append(f"The subject's ground truth is known here: {best.ground_truth:.2f} of 1{against}.")
    return tuple(sentences)


def _kept(best: CheckpointScore, base: CheckpointScore, one: str) -> tuple[str, ...]:
    kept = prompt_kept(best, base)
    obeys = "as well as by the base" if kept >= 0.98 else f"at {kept:.0%} of the base's level"
    sentences = [f"Prompts that put the subject somewhere new are followed {obeys}."]
    leak = best.detail.get("class_likeness", 0.0)
    if leak < LEAK_BAR and best.prior_drift < DRIFT_BAR:
        sentences.append(f"Asked for {one} without the name, it still draws others (drift {best.prior_drift:.2f}).")
    return tuple(sentences)


def _watch(best: CheckpointScore, base: CheckpointScore, data: ReportData) -> list[str]:
    copied = int(best.detail.get("copied_pictures", 0))
    leak = best.detail.get("class_likeness", 0.0)
    one = a_class(data)
    checks = (
        (copied > 0, f"{'One picture comes' if copied == 1 else f'{copied} pictures come'} close to being a copy of a "
                     "training photo: see “Copies?” below."),
        (leak >= LEAK_BAR, f"Asked for {one} without the name, it tends to draw the subject: its class is being "
                           "overwritten. Prior preservation or fewer steps help."),
        (leak < LEAK_BAR and best.prior_drift >= DRIFT_BAR,
         f"Pictures of {one} without the name have moved away from the base's (drift {best.prior_drift:.2f})."),
        (prompt_kept(best, base) < KEPT_BAR, "Prompts are followed less well than before; a lower strength helps."),
        (best.diversity < DIVERSITY_BAR,
         f"Pictures of one prompt look alike (diversity {best.diversity:.2f} of the base's)."),
        (0 < len(data.photos) < FEW_PHOTOS, f"There were only {len(data.photos)} photos; more places and poses teach "
                                            "what belongs to the subject."),
        (_rising(data.scorecard), "The score was still rising at the last checkpoint: more steps may do better."),
    )
    return [sentence for holds, sentence in checks if holds]


def _rising(card: Scorecard) -> bool:
    """Whether the last checkpoint was chosen and is clearly better than the one before."""
    sound = [score for score in card.checkpoints if score.finite]
    if len(sound) < 2 or card.chosen.step != sound[-1].step:
        return False
    return balance(sound[-1], card.base) - balance(sound[-2], card.base) > 0.02


def _limits(limit: DrawingLimit | None) -> str:
    if limit is None or limit.psnr_db > limit.usual_db - OUTSIDE_DB:
        return ""
    draws = f" It draws {limit.base_draws}:" if limit.base_draws else ""
    expect = "expect the subject's colours and shape, not its fine detail or the look of your photos."
    return (
        f"Your photos are outside what this base can draw. Its autoencoder alone reproduces them at "
        f"{limit.psnr_db:.1f} dB, against {limit.usual_db:.1f} dB for pictures of its own, "
        f"and no training on top can be sharper.{draws} {expect if draws else expect[0].upper() + expect[1:]} "
        "The judge that scores knows this base's world: on such photos its scores are rough, so trust your eyes."
    )
