"""Pairs of values that no training picture shows together: does the base compose, or only remember?

Reads: specs. Writes: `UNSEEN_PAIRS` and specs with or without them. Does not: render.

Whoever renders pictures to train on takes `sample_seen(seed)`, never `sample_spec(seed)`: where picture number `seed`
of the world holds a pair, the first of the further numbers `seed + RESAMPLE`, `seed + 2 RESAMPLE`, ... that holds none
stands in for it. Each value still appears, with every other partner.

The classes of the held-out subjects and whole kinds are in no pair: personalising is measured there, and a scene that
the base never learnt for a class would count against the method.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Final, TypeAlias

import numpy as np

from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.vocabulary import KINDS

Pair: TypeAlias = tuple[tuple[str, str], tuple[str, str]]  # (attribute, value) twice

UNSEEN_PAIRS: Final[tuple[Pair, ...]] = (
    (("scene", "desert"), ("species", "bear")),
    (("scene", "space"), ("species", "fox")),
    (("scene", "snow"), ("object", "teapot")),
    (("scene", "forest"), ("object", "guitar")),
    (("scene", "beach"), ("object", "lamp")),
    (("scene", "space"), ("object", "chair")),
    (("scene", "mountains"), ("object", "boat")),
    (("scene", "room"), ("hat", "crown")),
    (("scene", "city"), ("hat", "cap")),
    (("style", "watercolour"), ("species", "bear")),
    (("style", "pop art"), ("object", "guitar")),
    (("style", "pixel art"), ("hat", "top hat")),
    (("clothing", "suit"), ("clothing_colour", "yellow")),
    (("species", "fox"), ("coat", "grey")),
)

RESAMPLE: Final = 1_000_000_007  # far beyond every number that a picture of the world has


def held(spec: Spec, pairs: Iterable[Pair] = UNSEEN_PAIRS) -> tuple[Pair, ...]:
    """The pairs that can be seen in a picture; a colour cannot in a monochrome style."""
    seen = spec.visible()
    return tuple(pair for pair in pairs if all(seen.get(name) == value for name, value in pair))


def unseen(spec: Spec) -> bool:
    """Whether a picture holds a pair that no training picture may hold."""
    return bool(held(spec))


def sample_seen(seed: int) -> Spec:
    """Picture number `seed` of the world as trained on: deterministic, never with an unseen pair.

    Args:
        seed: any integer >= 0.
    """
    return next(spec for n in count() if not unseen(spec := sample_spec(seed + n * RESAMPLE)))


def sample_unseen(seed: int) -> Spec:
    """A picture with an unseen pair: deterministic; the pairs take turns, so that each is equally often among many.

    Args:
        seed: any integer >= 0.
    """
    pair = UNSEEN_PAIRS[seed % len(UNSEEN_PAIRS)]
    kinds = _kinds_of(pair)
    kind = kinds[int(np.random.default_rng([0x0DD, seed]).integers(len(kinds)))]
    drawn = (_with(sample_spec(seed + n * RESAMPLE, kind), pair) for n in count())
    return next(spec for spec in drawn if pair in held(spec))


def _kinds_of(pair: Pair) -> list[str]:
    """The kinds that have all of a pair's attributes."""
    own = [name for name, _ in pair if name not in ("scene", "style", "kind")]
    return [kind for kind, attributes in KINDS.items() if all(name in attributes for name in own)]


def _with(spec: Spec, pair: Pair) -> Spec:
    """A picture with the values of a pair."""
    values = dict(pair)
    around = {name: values.pop(name) for name in ("scene", "style") if name in values}
    return replace(spec, attributes={**spec.attributes, **values}, **around)
