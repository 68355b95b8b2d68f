"""The ground truth of one picture: who or what, where, in which style, how posed and lit.

Reads: the vocabulary. Writes: `Spec`. Does not: draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from imprint.nano.world.vocabulary import COLOUR_ATTRIBUTES, KINDS, MONOCHROME, SCENES, STYLES


@dataclass(frozen=True)
class Pose:
    """Where the figure stands and how the light falls; varied freely, never captioned.

    Attributes:
        x, y: shift of the figure from its usual place, in picture widths, about -0.1..0.1.
        scale: size of the figure against its usual size, about 0.8..1.15.
        tilt: lean in radians, about -0.15..0.15.
        turn: how far the figure looks aside, -1 (left) .. 1 (right).
        flip: mirrored.
        light: direction the light comes from, -1 (left) .. 1 (right).
        warmth: colour of the light, -1 (cool) .. 1 (warm).
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    tilt: float = 0.0
    turn: float = 0.0
    flip: bool = False
    light: float = -0.5
    warmth: float = 0.0


@dataclass(frozen=True)
class Spec:
    """Everything that decides the pixels of one picture. Equal specs render to equal bytes.

    Attributes:
        kind: person, animal, thing, creature or couple.
        attributes: the kind's attributes (see `vocabulary`), each with one value.
        scene: one of SCENES.
        style: one of STYLES.
        pose: placement and light.
        mark: the held-out subject whose unique mark is worn, or "" (every picture of the base's training).
        detail_seed: decides what no attribute names (the place of a tree, the waves of hair).
    """

    kind: str
    attributes: Mapping[str, str]
    scene: str
    style: str
    pose: Pose = field(default_factory=Pose)
    mark: str = ""
    detail_seed: int = 0

    def visible(self) -> dict[str, str]:
        """The attributes that can be read off the picture, with `kind`, `scene` and `style` among them.

        Colours are left out in monochrome styles, hair colour of a bald head, eyes behind sunglasses.
        """
        seen = {"kind": self.kind, "scene": self.scene, "style": self.style, **self.attributes}
        if self.style in MONOCHROME:
            seen = {k: v for k, v in seen.items() if k not in COLOUR_ATTRIBUTES}
        if seen.get("hair_length") == "bald":
            seen.pop("hair_colour", None)
        if seen.get("glasses") == "sunglasses":
            seen.pop("eyes", None)
        return seen


KIND_WEIGHTS = MappingProxyType({"person": 0.45, "animal": 0.23, "thing": 0.2, "couple": 0.12})
PHOTO_SHARE = 0.4  # the other styles share the rest evenly


def sample_pose(rng: np.random.Generator) -> Pose:
    """A random placement and light, from the ranges in `Pose`."""
    return Pose(
        x=float(rng.uniform(-0.08, 0.08)),
        y=float(rng.uniform(-0.03, 0.05)),
        scale=float(rng.uniform(0.84, 1.12)),
        tilt=float(rng.normal(0, 0.06)),
        turn=float(rng.uniform(-1, 1)),
        flip=bool(rng.random() < 0.5),
        light=float(rng.uniform(-1, 1)),
        warmth=float(rng.uniform(-1, 1)),
    )


def sample_style(rng: np.random.Generator) -> str:
    """A style: photo with `PHOTO_SHARE`, else one of the others."""
    return "photo" if rng.random() < PHOTO_SHARE else str(rng.choice(STYLES[1:]))


def sample_attributes(kind: str, rng: np.random.Generator) -> dict[str, str]:
    """Independent values for every attribute of a kind; only a beard depends on another (adult and old men)."""
    values = {name: str(rng.choice(allowed)) for name, allowed in KINDS[kind].items()}
    if kind == "person":
        for name, none_share in (("glasses", 0.5), ("hat", 0.45), ("holding", 0.375)):
            if rng.random() < none_share:
                values[name] = "none"
        if values["hair_length"] == "bald" and (values["gender"] == "woman" or values["age"] == "child"):
            values["hair_length"] = str(rng.choice(("short", "long")))
        if values["gender"] == "woman" or values["age"] == "child":
            values["beard"] = "none"
    return values


def sample_spec(seed: int, kind: str | None = None) -> Spec:
    """The picture number `seed` of the world: deterministic, the same on every machine.

    Args:
        seed: any integer >= 0.
        kind: draw only this kind ("creature" is never drawn otherwise: it is the held-out domain).
    """
    rng = np.random.default_rng([0x1A9, seed])
    kind = kind or str(rng.choice(list(KIND_WEIGHTS), p=list(KIND_WEIGHTS.values())))
    return Spec(
        kind=kind,
        attributes=sample_attributes(kind, rng),
        scene=str(rng.choice(SCENES)),
        style=sample_style(rng),
        pose=sample_pose(rng),
        detail_seed=int(rng.integers(2**31)),
    )
