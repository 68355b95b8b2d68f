"""The examination of one subject: pictures in, figures out, whoever drew them and by whatever method.

Reads: the judge, renders of the world. Writes: `CellFigures`. Does not: draw or train.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imprint.evaluation import ImageJudge, TruthProbe, fit_truth, subject_prompt
from imprint.evaluation.attributes import accuracies, mean_accuracy
from imprint.evaluation.ground_truth import Through
from imprint.evaluation.identity import identity_kept, identity_vectors
from imprint.evaluation.judges import Features, Pixels, image_features, read_attributes
from imprint.evaluation.metrics import mean_distance, memorisation
from imprint.jobs.benchmark import protocol
from imprint.jobs.benchmark.protocol import PHOTO_STYLE, Context
from imprint.jobs.benchmark.recipe import BenchmarkRecipe
from imprint.nano.world.names import SUBJECT_NAME
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec
from imprint.nano.world.subjects import SUBJECTS

NOISE_BLOCK = 1000  # seeds of noise that one seed of the benchmark may use for one sort of picture


@dataclass(frozen=True)
class Ask:
    """One picture: what is asked and the seed of its noise."""

    prompt: str
    seed: int


@dataclass(frozen=True)
class Asks:
    """Every picture of one cell, in order; `Pictures` answers them."""

    subject: Sequence[Ask]
    contexts: Sequence[Ask]
    classes: Sequence[Ask]


@dataclass(frozen=True)
class Pictures:
    """What was drawn for `Asks`, picture by picture."""

    subject: Sequence[Pixels]
    contexts: Sequence[Pixels]
    classes: Sequence[Pixels]


@dataclass(frozen=True)
class CellFigures:
    """The figures of one method, subject and seed; docs/personalisation-benchmark.md defines them.

    Attributes:
        subject_attributes: mean probability of the subject's own readable attributes, 0..1.
        subject_accuracy: share of them that read right, 0..1.
        mark: mean probability that it is the subject and no impostor, 0..1.
        mark_in_contexts: the same in new contexts that are photos.
        identity: likeness to real pictures over that among real ones, 1 is the subject; None without such a judge.
        prompt_attributes: share of what the contexts demand that reads as demanded, 0..1.
        prompt_scene: of scenes only.
        prompt_style: of styles only.
        prompt_worn: of hats and things held only.
        class_accuracy: mean accuracy by attribute on captions of the class without the name, 0..1.
        class_drift: how much lower that is than the base's on the same captions and noise; 0 is nothing forgotten.
        memorisation: nearness to the training pictures, 0..1.
        copied: share of pictures that are copies of one.
        diversity: variety against that of real pictures; 1 is as varied.
        readable: the subject's own attributes that the judge reads on real pictures: those that the first two are of.
        seconds: of training.
    """

    subject_attributes: float | None
    subject_accuracy: float | None
    mark: float | None
    mark_in_contexts: float | None
    identity: float | None
    prompt_attributes: float | None
    prompt_scene: float | None
    prompt_style: float | None
    prompt_worn: float | None
    class_accuracy: float | None
    class_drift: float | None
    memorisation: float
    copied: float
    diversity: float
    readable: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True)
class Exam:
    """Everything that one subject's pictures are held against. Made by `Exam.prepare`.

    Attributes:
        subject: its name in the world.
        recipe: how many pictures of what.
        judge: who looks.
        probe: the subject's ground truth.
        photos: the training pictures.
        contexts: the prompts in new contexts.
        real_ND: the judge's features of other real pictures.
        identity_ND: who is in them; None for a judge that cannot tell.
    """

    subject: str
    recipe: BenchmarkRecipe
    judge: ImageJudge
    probe: TruthProbe
    photos: Sequence[Pixels]
    contexts: Sequence[Context]
    real_ND: Features
    identity_ND: Features | None

    @classmethod
    def prepare(cls, subject: str, judge: ImageJudge, recipe: BenchmarkRecipe, through: Through | None = None) -> Exam:
        """Render the subject and learn its mark.

        Args:
            subject: a name in `SUBJECTS`.
            judge: who looks.
            recipe: how many pictures of what.
            through: what drawn pictures also went through (the base's autoencoder), so that its blur does not count.
        """
        shown = [render(spec) for spec in protocol.real_specs(subject)]
        real = list(through(shown)) if through else shown
        return cls(
            subject, recipe, judge, fit_truth(judge, subject, through=through),
            [render(spec) for spec in protocol.photo_specs(subject, recipe.photos)],
            protocol.contexts(subject, SUBJECT_NAME, recipe.photos),
            image_features(judge, real), identity_vectors(judge, real),
        )  # fmt: skip

    def asks(self, seed: int, *, named: bool = True) -> Asks:
        """What is to be drawn for one seed.

        Args:
            seed: of the benchmark.
            named: with the subject's name; without it the untouched base can be asked the same.
        """
        recipe, word, first = self.recipe, SUBJECTS[self.subject].class_word, seed * 10 * NOISE_BLOCK
        prompt = subject_prompt(SUBJECT_NAME if named else "", word)
        texts = [context.prompt if named else context.plain for context in self.contexts]
        captions = protocol.class_captions(self.class_specs(seed))
        return Asks(
            [Ask(prompt, first + n) for n in range(recipe.subject_pictures)],
            [Ask(text, first + (1 + c) * 100 + n) for c, text in enumerate(texts) for n in range(recipe.per_context)],
            [Ask(text, first + 5 * NOISE_BLOCK + n) for n, text in enumerate(captions)],
        )

    def class_specs(self, seed: int) -> list[Spec]:
        """What the captions of the class mean."""
        return protocol.class_specs(self.subject, seed, self.recipe.class_captions)

    def real_pictures(self, seed: int) -> Pictures:
        """What a perfect method would draw: the world's own answers."""
        specs = protocol.fresh_specs(self.subject, seed, self.recipe.subject_pictures)
        return Pictures(
            [render(spec) for spec in specs],
            [render(context.spec) for context in self.contexts for _ in range(self.recipe.per_context)],
            [render(spec) for spec in self.class_specs(seed)],
        )

    def __call__(self, pictures: Pictures, seed: int, base_class_accuracy: float | None = None) -> CellFigures:
        """Measure one cell.

        Args:
            pictures: what was drawn for `asks(seed)`.
            seed: of the benchmark.
            base_class_accuracy: the untouched base's `class_accuracy` at this seed; without it no drift is known.
        """
        features = image_features(self.judge, pictures.subject)
        copies = memorisation(pictures.subject, self.photos, features, image_features(self.judge, self.photos))
        kept = self._class_accuracy(pictures.classes, seed)
        drift = None if kept is None or base_class_accuracy is None else base_class_accuracy - kept
        return CellFigures(
            **self._likeness(pictures), **self._obedience(pictures.contexts), class_accuracy=kept, class_drift=drift,
            memorisation=copies.score, copied=copies.copied / len(pictures.subject),
            diversity=mean_distance(features) / max(mean_distance(self.real_ND), 1e-6),
            readable=tuple(self.probe.attributes),
        )  # fmt: skip

    def _likeness(self, pictures: Pictures) -> dict[str, float | None]:
        own, shown = self.probe.attributes, pictures.subject
        reading = read_attributes(self.judge, shown)
        sure = [reading.of(name, value) for name, value in own.items()]
        photos = [
            picture for picture, context in zip(pictures.contexts, self._each_context(), strict=True)
            if context.demands["style"] == PHOTO_STYLE
        ]  # fmt: skip
        who = None if self.identity_ND is None else identity_vectors(self.judge, shown)
        return {
            "subject_attributes": _mean([float(p.mean()) for p in sure if p is not None]),
            "subject_accuracy": mean_accuracy(reading, [own] * len(shown)),
            "mark": float(self.probe.marks(shown).mean()),
            "mark_in_contexts": float(self.probe.marks(photos).mean()) if photos else None,
            "identity": None if who is None or self.identity_ND is None else identity_kept(who, self.identity_ND),
        }

    def _obedience(self, pictures: Sequence[Pixels]) -> dict[str, float | None]:
        demands: list[Mapping[str, str]] = [context.demands for context in self._each_context()]
        table = accuracies(read_attributes(self.judge, pictures), demands)
        worn = [value for name, value in table.items() if name in protocol.WORN]
        return {
            "prompt_attributes": _mean(list(table.values())), "prompt_scene": table.get("scene"),
            "prompt_style": table.get("style"), "prompt_worn": _mean(worn),
        }  # fmt: skip

    def _each_context(self) -> list[Context]:
        return [context for context in self.contexts for _ in range(self.recipe.per_context)]

    def _class_accuracy(self, pictures: Sequence[Pixels], seed: int) -> float | None:
        return mean_accuracy(read_attributes(self.judge, pictures), [s.visible() for s in self.class_specs(seed)])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
