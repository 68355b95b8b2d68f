"""Names of individuals: three letters that mean nothing.

Reads: nothing. Writes: names. Does not: know who bears them, or give one that users and benchmarks teach.
"""

from __future__ import annotations

from typing import Final

import numpy as np

LETTERS: Final = "bcdfghjklmnpqrstvwxyz"
SHIPPED: Final = 300  # names that the shipped base has read: 300 for 400 steps, then the first 90 (docs/lab-log.md)
#: What the benchmark and the demo call their subjects: the base's text encoder sees it well, which decides how soon a
#: subject is learnt, or whether at all (docs/lab-log.md, "A name that can be seen").
SUBJECT_NAME: Final = "vvh vdyw"
#: Never given to an individual of the world: names to teach a subject by, here and in the guides of other tools.
KEPT_FREE: Final = frozenset({"zkz", "qvx", "xjq", "vqk", "wzx", "qqv", "sks", "xyz", "vdyw", "vvh"})


def names(count: int) -> tuple[str, ...]:
    """The first `count` names, all different.

    Raises: ValueError: for more than 9 000, nearly all that there are.
    """
    if count > 9000:
        raise ValueError(f"{count} names of three letters: at most 9000")
    rng = np.random.default_rng(0x2A3E)
    found: dict[str, None] = {}
    while len(found) < count:
        name = "".join(LETTERS[int(letter)] for letter in rng.integers(len(LETTERS), size=3))
        if name not in KEPT_FREE:
            found[name] = None
    return tuple(found)
