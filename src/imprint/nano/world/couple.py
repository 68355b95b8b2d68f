"""Two people side by side: does every colour stay with the one it was said of?

Reads: a `Spec` of kind couple. Writes: a transparent figure layer. Does not: decide how a person looks (see `people`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from imprint.nano.world.canvas import Canvas
from imprint.nano.world.people import paint_person
from imprint.nano.world.spec import Pose, Spec
from imprint.nano.world.vocabulary import PERSON

APART: Final = 0.24  # of each from the middle, in picture widths
SCALE: Final = 0.76
SIDES: Final = (("left", -1), ("right", 1))


def draw_couple(spec: Spec, size_px: int) -> Canvas:
    """Both people on one transparent layer, the left one first."""
    canvas = Canvas(size_px)
    for one in people_of(spec):
        paint_person(canvas, one)
    return canvas


def people_of(spec: Spec) -> tuple[Spec, Spec]:
    """The two people of a couple, left and right as the viewer sees them, whatever the pose mirrors.

    What no attribute of the couple names comes from the detail seed, and never hides what one does name.
    """
    left, right = (_one(spec, side, sign) for side, sign in SIDES)
    return left, right


def _one(spec: Spec, side: str, sign: int) -> Spec:
    rng = np.random.default_rng([0xC0, spec.detail_seed, sign + 1])
    gender = spec.attributes[f"{side}_gender"]
    free = {
        "skin": PERSON["skin"], "hair_length": ("short", "long"), "glasses": ("none", "none", "glasses"),
        "clothing": ("t-shirt", "suit", "hoodie"), "expression": ("happy", "happy", "surprised"),
        "eyes": PERSON["eyes"], "beard": ("none", "none", "beard"),
    }
    looks = {name: str(rng.choice(values)) for name, values in free.items()}
    if gender == "woman":
        looks["beard"] = "none"
    looks |= {
        "gender": gender, "age": "adult", "hat": "none", "holding": "none",
        "hair_colour": spec.attributes[f"{side}_hair_colour"],
        "clothing_colour": spec.attributes[f"{side}_clothing_colour"],
    }
    pose = spec.pose
    here = Pose(
        x=0.35 * pose.x + sign * APART,
        y=0.4 * pose.y + 0.02 + float(rng.uniform(-0.02, 0.02)),
        scale=SCALE * min(max(pose.scale, 0.92), 1.06),
        tilt=0.5 * pose.tilt + sign * 0.03,
        turn=float(rng.uniform(-1, 1)), flip=bool(rng.random() < 0.5), light=pose.light, warmth=pose.warmth,
    )
    return Spec("person", looks, spec.scene, spec.style, here, detail_seed=int(rng.integers(2**31)))
