"""What the base is asked to draw: which pictures of the world, in which words, from which noise.

Reads: the world, a plan. Writes: `Asked`. Does not: draw. Every number is beyond those that training used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

import numpy as np

from imprint.jobs.nano.individuals import FREE
from imprint.jobs.nano.rendered import HELD_OUT_SEED
from imprint.jobs.nano.report.plan import BLOCK, Plan
from imprint.nano.world.captions import SILENT, caption, class_noun
from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.subjects import SUBJECTS, subject_spec
from imprint.nano.world.unseen import RESAMPLE, sample_seen, sample_unseen
from imprint.nano.world.vocabulary import PERSON

CAPTION_SEED = HELD_OUT_SEED + 500_000
UNSEEN_SEED = HELD_OUT_SEED + 1_000_000
FACE_SEED = HELD_OUT_SEED + 1_500_000
SWEEP_SEED = HELD_OUT_SEED + 2_000_000
PERSON_SEED = HELD_OUT_SEED + 2_500_000
FACE_SAID = ("gender", "age", "hair_colour", "hair_length")  # the rest of a face is the base's to choose
PER_INDIVIDUAL = 4


@dataclass(frozen=True)
class Asked:
    """One picture to draw: the words, what it must show, the seed of its noise."""

    prompt: str
    spec: Spec
    seed: int


def full_caption(spec: Spec, number: int) -> str:
    """A caption that leaves nothing out."""
    return caption(spec, CAPTION_SEED + number, drop=0.0)


def held_out(plan: Plan, seed: int) -> list[Spec]:
    """The held-out renders of one seed."""
    return [sample_seen(HELD_OUT_SEED + seed * BLOCK + n) for n in range(plan.share(plan.renders))]


def captions(plan: Plan, seed: int) -> list[Asked]:
    """The unseen captions of one seed."""
    numbers = [seed * BLOCK + n for n in range(plan.share(plan.captions))]
    return [_asked(sample_seen(CAPTION_SEED + number), number) for number in numbers]


def unseen_captions(plan: Plan, seed: int) -> list[Asked]:
    """Captions with a pair of values that training held out."""
    numbers = [seed * BLOCK + n for n in range(plan.share(plan.unseen))]
    return [_asked(sample_unseen(UNSEEN_SEED + number), number) for number in numbers]


def sweep_captions(plan: Plan) -> list[Asked]:
    """Captions that are never reported, to choose the guidance scale by."""
    return [_asked(sample_seen(SWEEP_SEED + n), n) for n in range(plan.sweep_captions)]


def _asked(spec: Spec, number: int) -> Asked:
    return Asked(full_caption(spec, number), spec, number)


@dataclass(frozen=True)
class Face:
    """A caption of a person, and renders of whom it might mean.

    Attributes:
        asked: the same caption from several seeds.
        renders: as many pictures of the world that such a caption goes with. Captions never say that something is not
            there, so that one without a hat nearly always goes with a picture without; what has to be left out in any
            case, such as clothes, is as it comes.
        anyone: as many of whoever has what the caption says, hats and all.
    """

    asked: Sequence[Asked]
    renders: Sequence[Spec]
    anyone: Sequence[Spec]


def faces(plan: Plan, seed: int, first: int = FACE_SEED) -> list[Face]:
    """Captions that say a person's gender, age, hair and place, as photos, and nothing else."""
    return [_face(first + seed * BLOCK + n, plan) for n in range(plan.faces)]


def _face(number: int, plan: Plan) -> Face:
    whole = sample_spec(number, "person")
    said = {name: whole.attributes[name] for name in FACE_SAID if name in whole.attributes}
    told = replace(whole, attributes=said, style="photo")
    prompt = caption(told, number, drop=0.0)
    asked = [Asked(prompt, told, number * 100 + n) for n in range(plan.per_face)]
    fitting = [_fitting(told, number, share, plan.per_face) for share in (plan.left_out, 1.0)]
    return Face(asked, *fitting)


def _fitting(told: Spec, number: int, left_out: float, pictures: int) -> list[Spec]:
    """Renders that have what is told, each as likely as a caption of it says no more than that.

    A caption leaves out each thing that it could say with the probability `left_out`. So by Bayes' rule a render counts
    `left_out` to the power of what its caption would have had to leave out, beyond what every one has to. Bare heads
    need no leaving out, hats do; sunglasses do as well, but save the eyes behind them from being mentioned.
    """
    always = sum(1 for name, values in PERSON.items() if name not in told.attributes and not {*values} & {*SILENT})

    def fits(other: int) -> Spec | None:
        spec = sample_spec(other, "person")
        if any(spec.attributes[name] != value for name, value in told.attributes.items()):
            return None
        spec = replace(spec, scene=told.scene, style=told.style)
        seen = {name: value for name, value in spec.visible().items() if name in PERSON and value not in SILENT}
        left = len(seen.keys() - told.attributes.keys()) - always
        return spec if np.random.default_rng([0xFACE, other]).random() < left_out**left else None

    found = (fits(number + n * RESAMPLE) for n in count(1))
    return list(islice((spec for spec in found if spec), pictures))


@dataclass(frozen=True)
class Sighting:
    """One picture of an individual: who it is and of which class."""

    spec: Spec
    individual: str
    class_noun: str


def sightings(plan: Plan, seed: int) -> list[Sighting]:
    """Individuals of the world and its held-out subjects, each in several poses, places and moods, as photos."""
    numbers = [PERSON_SEED + seed * BLOCK + n for n in range(plan.individuals)]
    sampled = [
        Sighting(_elsewhere(sample_spec(number), number, n), str(number), class_noun(sample_spec(number)))
        for number in numbers
        for n in range(PER_INDIVIDUAL)
    ]
    subjects = [
        Sighting(subject_spec(name, numbers[0] + n, style="photo"), name, class_noun(subject))
        for name, subject in SUBJECTS.items()
        for n in range(PER_INDIVIDUAL)
    ]
    return sampled + subjects


def _elsewhere(spec: Spec, number: int, n: int) -> Spec:
    """The same individual at another place."""
    around = sample_spec(number + (n + 1) * RESAMPLE, spec.kind)
    mood = {name: around.attributes[name] for name in FREE if name in spec.attributes}
    return replace(
        spec, attributes={**spec.attributes, **mood}, scene=around.scene, pose=around.pose, style="photo",
    )  # fmt: skip
