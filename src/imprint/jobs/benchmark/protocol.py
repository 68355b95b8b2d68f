"""What every method is given and asked for: photos of a subject, prompts in new contexts, captions of its class.

Reads: the world. Writes: specs, pictures and prompts, all decided by fixed numbers. Does not: draw with a base.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, cycle, islice
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from imprint.errors import InputError
from imprint.nano.world.captions import article, caption, class_noun
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.subjects import SUBJECTS, subject_spec
from imprint.nano.world.unseen import unseen
from imprint.nano.world.vocabulary import KINDS, SCENES, STYLES

VERSION: Final = 1  # raised with whatever changes a figure: figures of different versions are not compared
PHOTO_STYLE: Final = STYLES[0]
PHOTO_SEED, REAL_SEED, FRESH_SEED, CLASS_SEED = 4_000_000, 5_100_000, 20_000_000, 50_000_000
REAL_PICTURES: Final = 24  # renders of the subject that likeness is measured against
MOST_SCENES, MOST_STYLES, MOST_WORN = 6, 6, 4  # prompts of each sort
WORN: Final = ("hat", "holding")  # attributes that a picture may change without changing who it is
CLASS_ATTRIBUTES: Final = ("species", "object", "gender")  # what a class word says; a child's also its age


@dataclass(frozen=True)
class Context:
    """A prompt that puts the subject where no training picture shows it.

    Attributes:
        prompt: with the subject's name.
        plain: the same without it.
        demands: what the picture must show besides the subject.
        spec: a picture of the world that the prompt might mean.
    """

    prompt: str
    plain: str
    demands: Mapping[str, str]
    spec: Spec


def photo_scenes(subject: str) -> tuple[str, ...]:
    """The scenes of a subject's training pictures: half of all, others for each subject."""
    return _shuffled_scenes(subject)[: len(SCENES) // 2]


def new_scenes(subject: str) -> tuple[str, ...]:
    """The scenes that its training pictures do not have."""
    return _shuffled_scenes(subject)[len(SCENES) // 2 :]


def _shuffled_scenes(subject: str) -> tuple[str, ...]:
    order = np.random.default_rng([0xBE7, list(SUBJECTS).index(subject)]).permutation(len(SCENES))
    return tuple(SCENES[int(place)] for place in order)


def photo_specs(subject: str, photos: int) -> list[Spec]:
    """The training pictures: photos in turn in each of `photo_scenes`, any pose."""
    scenes = islice(cycle(photo_scenes(subject)), photos)
    return [subject_spec(subject, PHOTO_SEED + n, scene, PHOTO_STYLE) for n, scene in enumerate(scenes)]


def write_photos(subject: str, photos: int, folder: Path) -> Path:
    """The training pictures as files, photo-00.png and so on. Returns: the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, spec in enumerate(photo_specs(subject, photos)):
        Image.fromarray(render(spec)).save(folder / f"photo-{number:02d}.png")
    return folder


def real_specs(subject: str) -> list[Spec]:
    """Other photos of the subject in any place: what likeness is measured against."""
    return [subject_spec(subject, REAL_SEED + n, style=PHOTO_STYLE) for n in range(REAL_PICTURES)]


def fresh_specs(subject: str, seed: int, pictures: int) -> list[Spec]:
    """Yet other photos of it for one seed: what a perfect method might draw."""
    first = FRESH_SEED + seed * 1000
    return [subject_spec(subject, first + n, style=PHOTO_STYLE) for n in range(pictures)]


def contexts(subject: str, name: str, photos: int) -> tuple[Context, ...]:
    """The prompts in new contexts: photos in new scenes, other styles there, and other things worn or held.

    A context that shows a pair of values which the base never saw together is passed over.

    Args:
        subject: whose.
        name: that stands for it in prompts.
        photos: how many training pictures there are; what is worn in them is not new.
    """
    scenes, styles = new_scenes(subject), [style for style in STYLES if style != PHOTO_STYLE]
    nothing: dict[str, str] = {}
    places = [(scene, PHOTO_STYLE, nothing) for scene in scenes[:MOST_SCENES]]
    styled = [(scene, style, nothing) for scene, style in zip(cycle(scenes), styles[:MOST_STYLES], strict=False)]
    worn = islice(_worn(subject, photos), MOST_WORN)
    dressed = [(scene, PHOTO_STYLE, extra) for scene, extra in zip(cycle(scenes), worn, strict=False)]
    asked = [_context(subject, name, n, *one) for n, one in enumerate([*places, *styled, *dressed])]
    return tuple(context for context in asked if not unseen(context.spec))


def _worn(subject: str, photos: int) -> Iterator[dict[str, str]]:
    """What the subject might wear or hold and does not in its photos, attributes in turn."""
    of_kind, shown = KINDS[SUBJECTS[subject].kind], photo_specs(subject, photos)
    names = [name for name in WORN if name in of_kind]
    known = {name: {"none", *(spec.attributes[name] for spec in shown)} for name in names}
    choices = [[{name: value} for value in of_kind[name] if value not in known[name]] for name in names]
    for place in range(max(map(len, choices), default=0)):
        yield from (values[place] for values in choices if place < len(values))


def _context(subject: str, name: str, number: int, scene: str, style: str, extra: Mapping[str, str]) -> Context:
    shown = subject_spec(subject, REAL_SEED + REAL_PICTURES + number, scene, style)
    spec = replace(shown, attributes={**shown.attributes, **extra})
    plain, noun = _said(spec, extra)
    word = SUBJECTS[subject].class_word
    prompt = re.sub(rf"\b{re.escape(noun)}\b", article(f"{name} {word}"), plain)
    return Context(prompt, plain, {"scene": scene, "style": style, **extra}, spec)


def _said(spec: Spec, extra: Mapping[str, str]) -> tuple[str, str]:
    """What the world's grammar says of a picture of a class: the sentence, and the class with its article in it."""
    noun = article(class_noun(spec))
    for names in (CLASS_ATTRIBUTES, (*CLASS_ATTRIBUTES, "age")):
        values = {name: spec.attributes[name] for name in names if name in spec.attributes}
        told = Spec(spec.kind, {**values, **extra}, spec.scene, spec.style)
        for seed in range(64):  # synonyms: the sentence must use the class word itself, once
            text = caption(told, seed, drop=0.0)
            if len(re.findall(rf"\b{re.escape(noun)}\b", text)) == 1:
                return text, noun
    raise InputError("the world's grammar has no sentence with this class word", got=noun)


def class_specs(subject: str, seed: int, captions: int) -> list[Spec]:
    """Any individuals of the subject's class, anywhere, in any style, for one seed of the benchmark."""
    word, kind = SUBJECTS[subject].class_word, SUBJECTS[subject].kind
    first = CLASS_SEED + (list(SUBJECTS).index(subject) * 10_000 + seed) * 100_000
    drawn = (sample_spec(first + n, kind) for n in count())
    return list(islice((spec for spec in drawn if class_noun(spec) == word and not unseen(spec)), captions))


def class_captions(specs: Sequence[Spec]) -> list[str]:
    """Captions that leave nothing out of these."""
    return [caption(spec, number, drop=0.0) for number, spec in enumerate(specs)]
