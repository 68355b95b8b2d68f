"""Which photos are kept from training, for scoring.

Reads: hashes of photos. Writes: nothing. Does not: draw at random: the contents decide, so that renaming files or
reading them in another order keeps the split.
"""

from __future__ import annotations

from collections.abc import Sequence

from imprint.errors import DatasetError


def default_held_out(photos: int) -> int:
    """How many photos to hold out: 1 of 5 or more, 2 of 10 or more; of fewer, all are needed for training."""
    return 0 if photos < 5 else 1 if photos < 10 else 2


def held_out_photos(sha256s: Sequence[str], count: int | None) -> frozenset[int]:
    """Numbers of the photos to hold out: those of the smallest hash.

    Args:
        sha256s: one of each photo.
        count: how many, >= 0; None for `default_held_out`.
    Raises: DatasetError: if no photo would be left to train on.
    """
    count = default_held_out(len(sha256s)) if count is None else count
    if not 0 <= count < len(sha256s):
        raise DatasetError(
            "so many photos cannot be held out",
            where="held_out", got=count, allowed=f"0 to {len(sha256s) - 1} of {len(sha256s)}",
        )  # fmt: skip
    return frozenset(sorted(range(len(sha256s)), key=lambda index: sha256s[index])[:count])
