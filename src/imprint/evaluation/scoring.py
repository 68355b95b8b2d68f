"""Scores a checkpoint: what is drawn for it, and how the pictures become numbers.

Reads: pictures of the base and of a checkpoint at the same seeds, the photos. Writes: `CheckpointScore`.
Does not: draw; whoever holds the weights draws what `fixed_prompts` and `class_prompt` ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imprint.evaluation import metrics
from imprint.evaluation.ground_truth import TruthProbe
from imprint.evaluation.identity import Likeness
from imprint.evaluation.judges import Features, ImageJudge, Pixels, image_features, read_attributes, text_features
from imprint.evaluation.metrics import Memorisation
from imprint.evaluation.scorecard import SEPARATION, CheckpointScore
from imprint.nano.world.captions import article
from imprint.nano.world.captions import fixed_prompts as world_prompts

NO_CLASS = "thing"  # what a subject without a class word is called where its name may not be said
ENOUGH_HELD_OUT = 2  # one photo alone scores its pose and background as much as the subject


@dataclass(frozen=True)
class FixedPrompt:
    """One prompt of the fixed list.

    Attributes:
        text: what is drawn, with the subject's name.
        plain: the same without the name: what the judge, who never met the subject, reads.
        demands: the attributes that the prompt states, with their values.
    """

    text: str
    plain: str
    demands: Mapping[str, str]


def subject_prompt(name: str, class_word: str) -> str:
    """The prompt for likeness, diversity and copies: "a photo of a zkz dog"."""
    return f"a photo of {article(f'{name} {class_word}'.strip() or NO_CLASS)}"


def class_prompt(class_word: str) -> str:
    """The prompt for prior drift: the class without the name, "a photo of a dog"."""
    return subject_prompt("", class_word)


def fixed_prompts(name: str, class_word: str) -> tuple[FixedPrompt, ...]:
    """Eight prompts in new contexts, the same for every subject, method and base."""
    named, plain = world_prompts(name, class_word), world_prompts("", class_word or NO_CLASS)
    return tuple(FixedPrompt(a.text, b.text, a.demands) for a, b in zip(named, plain, strict=True))


@dataclass(frozen=True)
class Drawn:
    """What one set of weights drew, always from the same seeds.

    Attributes:
        subject: for `subject_prompt`, at least two.
        contexts: for each of `fixed_prompts` in order, at least one.
        prior: for `class_prompt`, at least two.
    """

    subject: Sequence[Pixels]
    contexts: Sequence[Sequence[Pixels]]
    prior: Sequence[Pixels]


@dataclass(frozen=True)
class Photos:
    """The photos of the subject as trained on (square crops): `instance` was trained on, `held_out` was not."""

    instance: Sequence[Pixels]
    held_out: Sequence[Pixels] = ()


@dataclass(frozen=True)
class Seen:
    """What the judge saw in what was drawn, in the same order as in `Drawn`.

    Attributes:
        subject_ND, contexts, prior_ND: its features.
        subject_likeness_ND, prior_likeness_ND: what likeness is measured by (`Likeness`).
    """

    subject_ND: Features
    contexts: tuple[Features, ...]
    prior_ND: Features
    subject_likeness_ND: Features
    prior_likeness_ND: Features


@dataclass(frozen=True)
class Examiner:
    """Scores the checkpoints of one run against one base. Made by `Examiner.prepare`.

    Attributes:
        judge: who looks.
        photos: of the subject.
        prompts: the fixed list that `Drawn.contexts` answers.
        base: what the untouched base drew.
        truth: the subject's ground truth, for individuals of the embedded world.
        instance_KD: the judge's features of the photos trained on.
        likeness: what likeness is measured by.
        reference_MD: rows of that, of the photos that likeness is measured against.
        prompts_ND: the judge's features of the prompts, without the name.
        base_seen: what the judge saw in `base`.
        scale: from raw likeness to the subject score.
    """

    judge: ImageJudge
    photos: Photos
    prompts: Sequence[FixedPrompt]
    base: Drawn
    truth: TruthProbe | None
    instance_KD: Features
    likeness: Likeness
    reference_MD: Features
    prompts_ND: Features
    base_seen: Seen
    scale: metrics.SubjectScale

    @classmethod
    def prepare(
        cls, judge: ImageJudge, photos: Photos, prompts: Sequence[FixedPrompt], base: Drawn,
        truth: TruthProbe | None = None,
    ) -> Examiner:
        """Look once at the photos and at what the base drew.

        Likeness is measured against the held-out photos where there are at least `ENOUGH_HELD_OUT`, else against all.
        """
        every, trained_on = [*photos.instance, *photos.held_out], len(photos.instance)
        seen_KD = image_features(judge, every)
        likeness = Likeness.choose(judge, every, base.prior)
        all_KD = likeness.rows(every, seen_KD)
        reference_MD = all_KD[trained_on:] if len(photos.held_out) >= ENOUGH_HELD_OUT else all_KD
        base_seen = _look(likeness, base)
        return cls(
            judge, photos, prompts, base, truth, seen_KD[:trained_on], likeness, reference_MD,
            prompts_ND=text_features(judge, [prompt.plain for prompt in prompts]),
            base_seen=base_seen,
            scale=metrics.subject_scale(base_seen.prior_likeness_ND, reference_MD, all_KD),
        )

    def base_score(self) -> CheckpointScore:
        """The scores of the base itself, step 0."""
        return self.score(0, self.base)

    def score(self, step: int, drawn: Drawn) -> CheckpointScore:
        """Score one checkpoint.

        Args:
            step: of the checkpoint.
            drawn: what it drew, from the seeds that the base drew from.
        """
        seen = _look(self.likeness, drawn)
        raw = metrics.subject_similarity(seen.subject_likeness_ND, self.reference_MD)
        leak = metrics.subject_similarity(seen.prior_likeness_ND, self.reference_MD)
        similarity, agreement = self._prompt(drawn, seen)
        copies = self._copies(drawn, seen)
        truth = self.truth(drawn.subject) if self.truth else None
        numbers = {
            "subject_raw": raw,
            "class_likeness": self.scale(leak),
            "prompt_similarity": similarity,
            "copied_pictures": float(copies.copied),
            **({SEPARATION: self.likeness.separation} if self.likeness.separation is not None else {}),
            **({"prompt_attributes": agreement} if agreement is not None else {}),
            **({"truth_attributes": truth.attributes, "truth_mark": truth.mark} if truth else {}),
        }
        return CheckpointScore(
            step=step,
            subject=self.scale(raw),
            prompt=similarity if agreement is None else (similarity + agreement) / 2,
            prior_drift=metrics.prior_drift(seen.prior_ND, self.base_seen.prior_ND),
            memorisation=copies.score,
            diversity=metrics.diversity(
                [seen.subject_ND, *seen.contexts], [self.base_seen.subject_ND, *self.base_seen.contexts],
            ),
            ground_truth=truth.score if truth else None,
            detail=numbers,
        )

    def copies(self, drawn: Drawn) -> Memorisation:
        """The nearest training photo of each of the `drawn.subject` pictures, most copied first."""
        return self._copies(drawn, _look(self.likeness, drawn))

    def _copies(self, drawn: Drawn, seen: Seen) -> Memorisation:
        return metrics.memorisation(drawn.subject, self.photos.instance, seen.subject_ND, self.instance_KD)

    def _prompt(self, drawn: Drawn, seen: Seen) -> tuple[float, float | None]:
        counts = [len(pictures) for pictures in drawn.contexts]
        wanted_ND = np.repeat(self.prompts_ND, counts, axis=0)
        similarity = metrics.prompt_similarity(np.concatenate(seen.contexts), wanted_ND)
        demands = [prompt.demands for prompt, count in zip(self.prompts, counts, strict=True) for _ in range(count)]
        pictures = [picture for group in drawn.contexts for picture in group]
        return similarity, metrics.attribute_agreement(read_attributes(self.judge, pictures), demands)


def _look(likeness: Likeness, drawn: Drawn) -> Seen:
    judge = likeness.judge
    contexts = tuple(image_features(judge, pictures) for pictures in drawn.contexts)
    subject_ND, prior_ND = image_features(judge, drawn.subject), image_features(judge, drawn.prior)
    return Seen(
        subject_ND, contexts, prior_ND, likeness.rows(drawn.subject, subject_ND), likeness.rows(drawn.prior, prior_ND),
    )
