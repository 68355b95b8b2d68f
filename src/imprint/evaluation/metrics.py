"""The five numbers of a checkpoint, as pure functions over what a judge saw.

Reads: unit feature rows and pixels. Writes: numbers. Does not: run a judge, draw, or know a checkpoint.

| metric | range | better | meaning of the ends |
|---|---|---|---|
| subject | 0..1 | higher | 0 the base's class pictures, 1 as alike as two photos of the subject |
| prompt | 0..1 | higher | cosine to the prompt, averaged with the stated attributes where the judge names them |
| prior drift | 0..2 | lower | 0 the class prompt draws what the base drew; unrelated pictures are near 1 |
| memorisation | 0..1 | lower | 0 as far from the training photos as they are from each other, 1 a copy |
| diversity | 0..1 | higher | 0 one picture over and over, 1 as varied as the base |
"""

# N generated pictures, M reference photos, K training photos, D feature width
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint.evaluation.judges import AttributeReading, Features, Pixels, middle_square

SAME_PHOTO = 1.0 - 1e-9  # a cosine this high is a photo compared with itself
MIN_SPAN = 0.05  # a smaller gap between base and photos is within the judge's noise and would blow up the scale
THUMB_PX = 32  # copies survive this reduction, the noise of a decoder does not (Carlini et al., arXiv:2301.13188)
MIN_SPREAD = 0.05  # RMS: photos nearer to each other than this are one photo
LONE_SPREAD = 0.25  # RMS between two pictures of one subject in different places; for a single training photo
COPY_COSINE = 0.95
COPY_NEARNESS = 0.5
SURE_NEARNESS = 0.8  # a copy whatever the judge makes of it: mirrored, for one that sees places


def cosines(a_ND: Features, b_MD: Features) -> NDArray[np.float64]:
    """Cosine of every row of `a` with every row of `b`, shape (N, M), for unit rows."""
    return np.clip(a_ND @ b_MD.T, -1.0, 1.0)


def subject_similarity(generated_ND: Features, photos_MD: Features) -> float:
    """Raw likeness: the mean cosine of generated pictures to photos, -1..1.

    Source: the DINO and CLIP-I scores of DreamBooth, arXiv:2208.12242, section 4.2.
    """
    return float(cosines(generated_ND, photos_MD).mean())


@dataclass(frozen=True)
class SubjectScale:
    """What the raw likeness of this subject is worth, for this judge and these photos.

    Attributes:
        floor: raw likeness of the base's class pictures to the reference photos.
        ceiling: raw likeness of photos of the subject to each other.
    """

    floor: float
    ceiling: float

    def __call__(self, raw: float) -> float:
        """Calibrated likeness, 0..1: (raw - floor) / (ceiling - floor), cut at both ends."""
        return float(np.clip((raw - self.floor) / max(self.ceiling - self.floor, MIN_SPAN), 0.0, 1.0))


def subject_scale(base_class_ND: Features, reference_MD: Features, photos_KD: Features) -> SubjectScale:
    """Calibrate likeness for one subject.

    Args:
        base_class_ND: what the base draws for the class prompt.
        reference_MD: the photos that pictures are compared with: held-out ones where there are enough.
        photos_KD: all photos; pairs of a photo with itself do not count.
    Returns: the scale. With one photo only, the ceiling is 1.
    """
    pairs = cosines(reference_MD, photos_KD)
    others = pairs[pairs < SAME_PHOTO]
    ceiling = float(others.mean()) if others.size else 1.0
    return SubjectScale(subject_similarity(base_class_ND, reference_MD), ceiling)


def prompt_similarity(generated_ND: Features, prompts_ND: Features) -> float:
    """Mean cosine of each picture to its own prompt (row by row), negative ones counted as 0; 0..1.

    Source: CLIPScore without its factor 2.5, arXiv:2104.08718.
    """
    return float(np.maximum((generated_ND * prompts_ND).sum(axis=1), 0.0).mean())


def attribute_agreement(reading: AttributeReading, demands: Sequence[Mapping[str, str]]) -> float | None:
    """How sure the judge is of the attributes that were asked for.

    Args:
        reading: of N pictures.
        demands: for each picture, the attributes stated and their values; those unknown to the judge are skipped.
    Returns: the mean probability of the stated values, 0..1; None when nothing was stated that the judge names.
    """
    found: list[float] = []
    for row, demand in enumerate(demands):
        for name, value in demand.items():
            right_N = reading.of(name, value)
            if right_N is not None:
                found.append(float(right_N[row]))
    return float(np.mean(found)) if found else None


def prior_drift(tuned_ND: Features, base_ND: Features) -> float:
    """How far the class prompt has moved: 1 - mean cosine of pictures from the same seeds, 0..2.

    Source: the drift of peft's `method_comparison/image-gen`, without its factor 1/2.
    """
    return float(np.maximum(1.0 - (tuned_ND * base_ND).sum(axis=1), 0.0).mean())


@dataclass(frozen=True)
class Nearest:
    """One picture and the training photo most like it.

    Attributes:
        picture: index of the generated picture.
        photo: index of the training photo.
        cosine: by the judge, -1..1.
        distance: RMS difference of 32 px thumbnails, 0..1.
        nearness: 0 as far as two training photos from each other, 1 identical.
        copied: flagged: nearness at least `SURE_NEARNESS`, or at least `COPY_NEARNESS` with a cosine of `COPY_COSINE`.
    """

    picture: int
    photo: int
    cosine: float
    distance: float
    nearness: float
    copied: bool


@dataclass(frozen=True)
class Memorisation:
    """Score: the mean nearness, 0..1. Nearest: one entry for each picture, most copied first."""

    score: float
    nearest: tuple[Nearest, ...]

    @property
    def copied(self) -> int:
        """How many pictures are flagged."""
        return sum(entry.copied for entry in self.nearest)


def memorisation(
    pictures: Sequence[Pixels], photos: Sequence[Pixels], pictures_ND: Features, photos_KD: Features,
) -> Memorisation:
    """Look for copies of the training photos, mirrored ones included, in pixels and by the judge.

    Args:
        pictures: N generated pictures.
        photos: K training photos, as trained on.
        pictures_ND: the judge's features of the pictures.
        photos_KD: the judge's features of the photos.
    Returns: the score and the nearest photo of each picture by thumbnail distance.
    """
    thumbs, photo_thumbs = _thumbs(pictures), _thumbs(photos)
    distance_NK = np.minimum(_rms(thumbs, photo_thumbs), _rms(thumbs[:, :, ::-1], photo_thumbs))
    spread = _spread(photo_thumbs)
    cosine_NK = cosines(pictures_ND, photos_KD)
    found: list[Nearest] = []
    for row in range(len(pictures)):
        photo = int(distance_NK[row].argmin())
        distance, cosine = float(distance_NK[row, photo]), float(cosine_NK[row, photo])
        nearness = float(np.clip(1.0 - distance / spread, 0.0, 1.0))
        copied = nearness >= SURE_NEARNESS or (cosine >= COPY_COSINE and nearness >= COPY_NEARNESS)
        found.append(Nearest(row, photo, cosine, distance, nearness, copied))
    found.sort(key=lambda entry: (-entry.copied, -entry.nearness, entry.picture))
    return Memorisation(float(np.mean([entry.nearness for entry in found])), tuple(found))


def mean_distance(features_ND: Features) -> float:
    """Mean of 1 - cosine over all pairs of rows, 0..2; 0 for fewer than two rows."""
    count = len(features_ND)
    if count < 2:
        return 0.0
    upper = np.triu_indices(count, k=1)
    return float((1.0 - cosines(features_ND, features_ND)[upper]).mean())


def diversity(tuned: Sequence[Features], base: Sequence[Features]) -> float:
    """How varied the pictures for one prompt are, against the base's for the same prompt.

    Args:
        tuned: for each prompt, the features of its pictures; prompts with one picture say nothing and are skipped.
        base: the same of the base, in the same order.
    Returns: mean ratio of mean pairwise distances, 0..1 (cut at 1: more varied than the base is not better).
    """
    ratios = [
        min(mean_distance(mine) / max(mean_distance(theirs), 1e-6), 1.0)
        for mine, theirs in zip(tuned, base, strict=True)
        if len(mine) > 1 and len(theirs) > 1
    ]
    return float(np.mean(ratios)) if ratios else 1.0


def _thumbs(pictures: Sequence[Pixels]) -> NDArray[np.float64]:
    size = (THUMB_PX, THUMB_PX)
    squares = [Image.fromarray(np.ascontiguousarray(middle_square(picture))) for picture in pictures]
    return np.stack([np.asarray(one.resize(size, Image.Resampling.BOX)) for one in squares]).astype(np.float64) / 255.0


def _rms(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(((a[:, None] - b[None]) ** 2).mean(axis=(2, 3, 4)))


def _spread(photos: NDArray[np.float64]) -> float:
    """The typical distance from a training photo to the next one like it."""
    if len(photos) < 2:
        return LONE_SPREAD
    between = _rms(photos, photos)
    np.fill_diagonal(between, np.inf)
    return max(float(np.median(between.min(axis=1))), MIN_SPREAD)
