"""Is it the same individual? For judges that have an embedding of identity; others measure likeness by what they see.

Reads: a judge, pictures. Writes: unit vectors and numbers. Does not: stand in for an embedding that is not there.
"""

# N pictures, D width of the embedding, C channels, H W pixels
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from imprint.errors import ModelError
from imprint.evaluation.judges import (
    Features,
    IdentityJudge,
    ImageJudge,
    Pixels,
    image_features,
    picture_batches,
    unit_rows,
)
from imprint.evaluation.metrics import SAME_PHOTO, cosines

NO_IDENTITY = "not measured: this judge has no identity embedding"


def identity_vectors(judge: ImageJudge, pictures: Sequence[Pixels]) -> Features | None:
    """Who is in each picture, as unit rows (N, D); None for a judge that has no such embedding.

    A judge of today's code with weights from before there was one says so by a `ModelError`.
    """
    if not isinstance(judge, IdentityJudge):
        return None
    try:
        with torch.no_grad():
            return unit_rows([judge.identity(batch) for batch in picture_batches(pictures)])
    except ModelError:
        return None


@dataclass(frozen=True)
class Likeness:
    """What likeness to a subject is measured by: who is in a picture, or what the judge sees in it.

    Attributes:
        judge: who looks.
        by_identity: whether its embedding of identity tells better; else its image features, to which place and style
            matter as much as the subject.
        separation: how surely two photos of the subject are nearer to each other than a photo to a picture of the
            class, 0..1; 0.5 is chance, None where it cannot be known. Measured: 1.00 for each of the embedded world's
            twelve subjects; for real photos of a dog, a cat and a vase 0.70, 0.94 and 0.99 (docs/results.md).
    """

    judge: ImageJudge
    by_identity: bool
    separation: float | None

    @classmethod
    def choose(cls, judge: ImageJudge, photos: Sequence[Pixels], class_pictures: Sequence[Pixels]) -> Likeness:
        """Take what tells the subject's photos from pictures of its class; identity where both do equally well."""
        seen = _separation(image_features(judge, photos), image_features(judge, class_pictures))
        mine, other = identity_vectors(judge, photos), identity_vectors(judge, class_pictures)
        if mine is None or other is None:
            return cls(judge, False, seen)
        known = _separation(mine, other)
        by_identity = known is None or seen is None or known >= seen
        return cls(judge, by_identity, known if by_identity else seen)

    def rows(self, pictures: Sequence[Pixels], seen_ND: Features) -> Features:
        """Unit rows of pictures; `seen_ND` are the judge's image features of them."""
        vectors_ND = identity_vectors(self.judge, pictures) if self.by_identity else None
        return seen_ND if vectors_ND is None else vectors_ND


def _separation(photos_KD: Features, class_ND: Features) -> float | None:
    """The area under the curve of photos to each other against photos to pictures of the class."""
    if len(photos_KD) < 2 or not len(class_ND):
        return None
    among = cosines(photos_KD, photos_KD)[np.triu_indices(len(photos_KD), k=1)]
    return area_under_roc(among, cosines(photos_KD, class_ND).ravel())


def identity_kept(drawn_ND: Features, real_MD: Features) -> float:
    """Likeness of drawn pictures to real ones, against that of real ones to each other.

    Returns: the mean cosine drawn to real over the mean cosine of two different real ones; 1 is as alike as the
        individual is to itself, near 0 or below a stranger.
    """
    among = cosines(real_MD, real_MD)
    others = among[among < SAME_PHOTO]
    ceiling = float(others.mean()) if others.size else 1.0
    return float(cosines(drawn_ND, real_MD).mean()) / max(ceiling, 1e-6)


def identity_auc(vectors_ND: Features, individuals: Sequence[str], classes: Sequence[str]) -> float | None:
    """How surely two pictures of one individual are more alike than two of different individuals of one class.

    Args:
        vectors_ND: one row for each picture.
        individuals: who is in each.
        classes: its class: pairs of different classes are easy and do not count.
    Returns: the area under the ROC curve over all pairs, 0..1, 0.5 is chance; None without pairs of both sorts.
    """
    who, what = np.array(individuals), np.array(classes)
    first, second = np.triu_indices(len(who), k=1)
    kept = what[first] == what[second]
    first, second = first[kept], second[kept]
    alike = (vectors_ND[first] * vectors_ND[second]).sum(axis=1)
    same = who[first] == who[second]
    return area_under_roc(alike[same], alike[~same]) if same.any() and not same.all() else None


def area_under_roc(positive_N: NDArray[np.float64], negative_M: NDArray[np.float64]) -> float:
    """Probability that a positive scores above a negative, ties counted half (Mann and Whitney's U over N M)."""
    ordered = np.sort(negative_M)
    below = np.searchsorted(ordered, positive_N, side="left")
    not_above = np.searchsorted(ordered, positive_N, side="right")
    return float((below + not_above).mean() / 2 / len(negative_M))
