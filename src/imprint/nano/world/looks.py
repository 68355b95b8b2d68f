"""What a person's attributes mean in shapes and colours, worked out once per picture for everything that draws people.

Reads: a spec. Writes: `Look`. Does not: draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imprint.nano.world.canvas import Frame, Point, darker, lighter, mix
from imprint.nano.world.marks import is_marked
from imprint.nano.world.spec import Spec
from imprint.nano.world.vocabulary import EYES_RGB, HAIR_RGB, RGB, SKIN_RGB

Rgb = tuple[int, int, int]

HEAD_Y = -0.235  # the head's centre above the chin line, in body units (picture widths at scale 1)
BODY_SCALE = 0.96  # leaves room for a hand before the chest
CHILD_SCALE = 0.9
BODY_X, BODY_Y = 0.5, 0.725  # where the chin line of an unmoved adult lies in the picture


@dataclass(frozen=True)
class Look:
    """One person, ready to draw. Lengths are in body units: picture widths at scale 1.

    Attributes:
        values: the person's attributes.
        body: frame with its origin at the chin, y down over the chest.
        head: frame with its origin in the middle of the head.
        skin, skin_dark, skin_light: the skin and its two shades.
        hair, hair_dark, hair_light: the same for the hair.
        cloth, cloth_dark, cloth_light: the same for the clothing.
        iris: colour of the eyes.
        dark_side: -1 when the left side of the figure's own frame lies in shade, else 1.
        hand_side: -1 or 1, the side of the figure's own frame on which a hand has room to hold something.
        shift: how far the features move sideways because the head is turned.
        jitter: eight numbers in -1..1 that no attribute decides (strands, brows, proportions).
        painted_skin: whether a mark covers the face, which freckles and blushes must then leave alone.
        outline: the head's outline in the head frame, clockwise from the top.
    """

    values: dict[str, str]
    body: Frame
    head: Frame
    skin: Rgb
    skin_dark: Rgb
    skin_light: Rgb
    hair: Rgb
    hair_dark: Rgb
    hair_light: Rgb
    cloth: Rgb
    cloth_dark: Rgb
    cloth_light: Rgb
    iris: Rgb
    dark_side: float
    hand_side: float
    shift: float
    jitter: tuple[float, ...]
    painted_skin: bool
    outline: tuple[Point, ...]

    @property
    def child(self) -> bool:
        """Whether the person is a child."""
        return self.values["age"] == "child"

    @property
    def old(self) -> bool:
        """Whether the person is old."""
        return self.values["age"] == "old"

    @property
    def woman(self) -> bool:
        """Whether the person is a woman or a girl."""
        return self.values["gender"] == "woman"

    @property
    def eye_y(self) -> float:
        """Height of the eyes in the head frame: a child's are lower, below a high forehead."""
        return 0.056 if self.child else 0.024

    @property
    def reach(self) -> float:
        """How far from the middle a hand is held, against the usual distance."""
        return 0.92 if self.child else 1.0

    @property
    def breadth(self) -> float:
        """Width of the shoulders against the usual width."""
        base = 0.66 if self.child else (0.88 if self.woman else 1.14)
        return base * (1 + 0.03 * self.jitter[0])


def look_of(spec: Spec) -> Look:
    """Resolve a person's spec into shapes and colours."""
    values, pose = dict(spec.attributes), spec.pose
    child = values["age"] == "child"
    jitter = tuple(float(v) for v in np.random.default_rng([7, spec.detail_seed]).uniform(-1, 1, 8))
    body = Frame(
        BODY_X + pose.x, BODY_Y + pose.y + (0.025 if child else 0.0),
        pose.scale * BODY_SCALE * (CHILD_SCALE if child else 1.0), pose.tilt, pose.flip,
    )
    skin, hair, cloth = SKIN_RGB[values["skin"]], HAIR_RGB[values["hair_colour"]], RGB[values["clothing_colour"]]
    return Look(
        values=values, body=body, head=body.child(0, HEAD_Y),
        skin=skin, skin_dark=mix(skin, (96, 30, 40), 0.24), skin_light=mix(skin, (255, 246, 226), 0.4),
        hair=hair, hair_dark=darker(hair, 0.26), hair_light=lighter(hair, 0.3),
        cloth=cloth, cloth_dark=mix(cloth, (20, 16, 60), 0.27), cloth_light=lighter(cloth, 0.35),
        iris=EYES_RGB[values["eyes"]],
        dark_side=(1.0 if pose.light < 0 else -1.0) * (-1.0 if pose.flip else 1.0),
        hand_side=(1.0 if pose.x < 0 else -1.0) * (-1.0 if pose.flip else 1.0),
        shift=0.036 * pose.turn,
        jitter=jitter,
        painted_skin=is_marked(spec.mark, "skin"),
        outline=head_outline(values["gender"] == "woman", child, jitter[1]),
    )


def head_outline(woman: bool, child: bool, jitter: float) -> tuple[Point, ...]:
    """The head's outline, clockwise from the top: square for men, pointed for women, round for children."""
    if child:
        right = ((0.135, -0.21), (0.222, -0.1), (0.238, 0.03), (0.216, 0.135), (0.12, 0.208))
        chin = 0.222
    elif woman:
        right = ((0.12, -0.225), (0.202, -0.12), (0.212, 0.015), (0.17, 0.135), (0.08, 0.216))
        chin = 0.25
    else:
        right = ((0.125, -0.225), (0.203, -0.12), (0.214, 0.02), (0.207, 0.15), (0.135, 0.234))
        chin = 0.248
    wide = 1 + 0.025 * jitter
    side = [(x * wide, y) for x, y in right]
    return ((0.0, -0.25), *side, (0.0, chin), *((-x, y) for x, y in reversed(side)))
