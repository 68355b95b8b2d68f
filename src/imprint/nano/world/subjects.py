"""The twelve individuals that the base never sees: what every personalisation method has to learn.

Reads: the vocabulary. Writes: `SUBJECTS` and their specs. Does not: paint the marks (see `marks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from imprint.nano.world.spec import Spec, sample_pose, sample_style
from imprint.nano.world.vocabulary import KINDS, SCENES, STYLES


@dataclass(frozen=True)
class Subject:
    """One held-out individual.

    Attributes:
        name: the subject's name, also `Spec.mark`.
        kind: person, animal or thing.
        class_word: the noun of its class.
        attributes: its fixed attributes; those that a picture may vary are not fixed here but sampled.
        mark_note: the mark in plain English, for the documentation only; no caption says it.
    """

    name: str
    kind: str
    class_word: str
    attributes: Mapping[str, str]
    mark_note: str


def _person(name: str, class_word: str, looks: str, clothes: str, note: str) -> Subject:
    """A person from "gender age skin hair_colour hair_length eyes beard glasses" and "colour garment"."""
    keys = ("gender", "age", "skin", "hair_colour", "hair_length", "eyes", "beard", "glasses")
    colour, _, garment = clothes.partition(" ")
    values = dict(zip(keys, looks.split(), strict=True))
    values |= {"hat": "none", "clothing": garment, "clothing_colour": colour, "expression": "happy", "holding": "none"}
    return Subject(name, "person", class_word, MappingProxyType({key: values[key] for key in KINDS["person"]}), note)


def _other(name: str, kind: str, looks: str, note: str) -> Subject:
    """An animal or thing from its attribute values in the vocabulary's order."""
    values = dict(zip(KINDS[kind], looks.split(), strict=True))
    return Subject(name, kind, looks.split()[0], MappingProxyType(values), note)


_ALL: Final = (
    _person("juno", "woman", "woman adult tan black long brown none none", "white t-shirt",
            "one half of her hair is teal, the other pink"),
    _person("zeke", "man", "man adult dark black bald green none none", "blue hoodie",
            "a yellow lightning bolt with a violet rim runs over his bald head and face"),
    _person("pierrot", "man", "man old light white short blue none none", "blue suit",
            "his suit is a harlequin's: blue and gold diamonds"),
    _person("indra", "girl", "woman child light brown short brown none none", "purple striped sweater",
            "most of her face is painted turquoise with orange dots, up to a straight line"),
    _person("bram", "man", "man adult light brown short blue beard none", "green suit",
            "one half of his beard is dark green, the other orange"),
    _other("biscuit", "animal", "dog white plain", "a red heart round one eye, and one blue ear"),
    _other("gemini", "animal", "cat grey plain", "half ginger, half grey, split down the middle"),
    _other("astra", "animal", "owl brown plain", "a gold star on a violet disc over its chest"),
    _other("ziggy", "animal", "rabbit white plain", "zig-zag bands in blue and orange up its ears"),
    _other("kiln", "thing", "vase white plain", "a zig-zag of red, gold and petrol bands round its belly"),
    _other("argus", "thing", "backpack green plain", "one giant violet eye that looks at you"),
    _other("blaze", "thing", "car blue plain", "flames in red, orange and yellow along its side"),
)

SUBJECTS: Final[Mapping[str, Subject]] = MappingProxyType({subject.name: subject for subject in _ALL})


def subject_spec(name: str, seed: int, scene: str | None = None, style: str | None = None) -> Spec:
    """A picture of a subject: itself always, everything around it free.

    Args:
        name: a key of `SUBJECTS`.
        seed: any integer >= 0; decides pose, light, a person's expression, and scene and style unless given.
        scene: one of SCENES, or None for any.
        style: one of STYLES, or None for any.

    Raises:
        ValueError: when `name`, `scene` or `style` is unknown.
    """
    if name not in SUBJECTS:
        raise ValueError(f"unknown subject {name!r}; known are {', '.join(SUBJECTS)}")
    if (scene is not None and scene not in SCENES) or (style is not None and style not in STYLES):
        raise ValueError(f"unknown scene {scene!r} or style {style!r}; see imprint.nano.world.vocabulary")
    subject, index = SUBJECTS[name], list(SUBJECTS).index(name)
    rng = np.random.default_rng([0x5B7, index, seed])
    attributes = dict(subject.attributes)
    if subject.kind == "person":
        attributes["expression"] = str(rng.choice(KINDS["person"]["expression"]))
    any_scene, any_style = str(rng.choice(SCENES)), sample_style(rng)
    return Spec(
        kind=subject.kind, attributes=attributes, scene=scene or any_scene, style=style or any_style,
        pose=sample_pose(rng), mark=name, detail_seed=1000 + index,  # an individual keeps its own proportions
    )
