"""Which checkpoint is best, and why: one rule, in one function.

Reads: scores. Writes: the chosen step and a sentence. Does not: look at pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from imprint.errors import NumericsError
from imprint.evaluation.scorecard import TELLS, CheckpointScore, Chosen

DRIFT_WEIGHT = 0.5  # the class fully replaced (drift near 1) costs as much as half of subject and prompt together
COPY_WEIGHT = 0.5
COPY_FREE = 0.4  # pictures of one subject on one background are this near to each other without being copies
TIE = 0.005  # less than this is within the noise of a handful of pictures
LEARNT = 0.1  # subject scores below this are the base's own scatter


def balance(score: CheckpointScore, base: CheckpointScore) -> float:
    """What a checkpoint is worth.

    balance = H(subject, kept) - 0.5 · prior_drift - 0.5 · max(0, memorisation - 0.4)

    H is the harmonic mean, so that neither a perfect copy that ignores prompts nor an obedient stranger wins, and
    kept = min(1, prompt / prompt of the base), since no checkpoint can be asked to obey better than its base.
    Diversity does not enter: one subject is less varied than its class, and a collapse shows up as memorisation.

    Args:
        score: a checkpoint's scores, all finite.
        base: the base's scores on the same prompts and seeds.
    Returns: -1.3..1, higher is better.
    """
    kept = prompt_kept(score, base)
    harmonic = 2 * score.subject * kept / (score.subject + kept) if score.subject + kept > 0 else 0.0
    return harmonic - DRIFT_WEIGHT * score.prior_drift - COPY_WEIGHT * max(0.0, score.memorisation - COPY_FREE)


def prompt_kept(score: CheckpointScore, base: CheckpointScore) -> float:
    """The share of the base's obedience to prompts that is left, 0..1."""
    return min(1.0, score.prompt / base.prompt) if base.prompt > 0 else 1.0


def choose(checkpoints: Sequence[CheckpointScore], base: CheckpointScore) -> Chosen:
    """Choose the checkpoint with the highest `balance`; of nearly equal ones (within `TIE`) the earliest.

    Checkpoints with a score that is not a number are never chosen.

    Args:
        checkpoints: at least one.
        base: the base's scores on the same prompts and seeds.
    Returns: the step, and why in words.
    Raises: NumericsError: if no checkpoint has finite scores.
    """
    sound = sorted((score for score in checkpoints if score.finite), key=lambda score: score.step)
    if not sound:
        raise NumericsError(
            "no checkpoint can be chosen: none has finite scores",
            where="scorecard",
            got=[score.step for score in checkpoints],
            hint="the training diverged: lower the learning rate",
        )
    highest = max(balance(score, base) for score in sound)
    best = next(score for score in sound if balance(score, base) >= highest - TIE)
    return Chosen(step=best.step, why=_why(best, sound, base, len(checkpoints) - len(sound)))


def _why(best: CheckpointScore, sound: Sequence[CheckpointScore], base: CheckpointScore, broken: int) -> str:
    kept = round(100 * prompt_kept(best, base))
    if best.subject < LEARNT:
        sentence = f"No checkpoint learnt the subject; step {best.step} does the least harm"
    else:
        sentence = f"Step {best.step} is {_likeness(best.subject)} and keeps {kept}% of the base's obedience to prompts"
        others = [score for score in sound if score is not best]
        if others:
            sentence += f", the best balance of {len(sound)} checkpoints"
        reason = _against_later(best, [score for score in others if score.step > best.step], base)
        sentence += f"; {reason}" if reason else ""
    sentence += f" ({broken} with broken scores left out)." if broken else "."
    if best.separation < TELLS:
        sentence += " The judge hardly tells these photos from others of their class, so trust your eyes."
    return sentence


def _likeness(subject: float) -> str:
    for bar, words in ((0.85, "as like the subject as another photo"), (0.6, "clearly the subject")):
        if subject >= bar:
            return f"{words} ({subject:.2f})"
    return f"{'partly' if subject >= 0.3 else 'faintly'} the subject ({subject:.2f})"


def _against_later(best: CheckpointScore, later: Sequence[CheckpointScore], base: CheckpointScore) -> str:
    """What speaks against training on: the heaviest loss of the last later checkpoint."""
    if not later:
        return ""
    last = later[-1]
    losses = {
        "forgets the class": DRIFT_WEIGHT * (last.prior_drift - best.prior_drift),
        "copies the photos": COPY_WEIGHT * (last.memorisation - best.memorisation),
        "obeys prompts less": prompt_kept(best, base) - prompt_kept(last, base),
        "is less like the subject": best.subject - last.subject,
    }
    worst = max(losses, key=lambda name: losses[name])
    if not math.isfinite(losses[worst]) or losses[worst] < TIE:
        return "later ones are no better"
    return f"by step {last.step} it {worst}"
