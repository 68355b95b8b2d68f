"""Judges: networks that look at pictures and read prompts, so that scores can be computed from what they see.

Reads: pictures (uint8 arrays), texts. Writes: features and probabilities (float64 arrays). Does not: score.
"""

# B batch, N pictures or texts, D feature width, C channels, H W pixels, V values of an attribute
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imprint.registry import Registry

Pixels: TypeAlias = NDArray[np.uint8]  # one picture, (H, W, 3)
Features: TypeAlias = NDArray[np.float64]  # unit rows, (N, D)

LOOK_BATCH = 32  # pictures a judge sees at once: 6 MB of input at 128 px


class ImageJudge(Protocol):
    """Puts pictures and texts into one space of unit vectors. Resizes pictures itself."""

    def encode_image(self, pixels_BCHW: Tensor) -> Tensor:
        """Unit vectors (B, D) of square pictures in 0..1, any size."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (B, D) of texts."""
        ...


@runtime_checkable
class AttributeJudge(Protocol):
    """A judge that also names attributes."""

    @property
    def attribute_values(self) -> Mapping[str, Sequence[str]]:
        """The attributes it names and their values, in the order of the probabilities."""
        ...

    def attributes(self, pixels_BCHW: Tensor) -> Mapping[str, Tensor]:
        """Probabilities (B, V) by attribute name."""
        ...


@runtime_checkable
class PoolingJudge(Protocol):
    """A judge that also gives features before its projection, which see marks that no caption names."""

    def features(self, pixels_BCHW: Tensor) -> Tensor:
        """Features (B, D), not normalised."""
        ...


@runtime_checkable
class IdentityJudge(Protocol):
    """A judge that also tells individuals apart, whatever their pose, scene, style and light."""

    def identity(self, pixels_BCHW: Tensor) -> Tensor:
        """Unit vectors (B, D), near each other for pictures of one individual."""
        ...


@dataclass(frozen=True)
class AttributeReading:
    """A judge's probabilities for pictures: `probabilities` by attribute name, each (N, V); `values` in that order."""

    probabilities: Mapping[str, NDArray[np.float64]]
    values: Mapping[str, Sequence[str]]

    def of(self, name: str, value: str) -> NDArray[np.float64] | None:
        """Probability of one value in each picture, shape (N,); None when the judge does not name it."""
        if name not in self.probabilities or value not in self.values[name]:
            return None
        return self.probabilities[name][:, list(self.values[name]).index(value)]


@dataclass(frozen=True)
class JudgeEntry:
    """How a judge is opened: `open(folder)`, where None means the weights that ship with the package."""

    open: Callable[[Path | None], ImageJudge]
    about: str


def _open_nano(folder: Path | None) -> ImageJudge:
    import imprint.nano
    from imprint.nano.judge import Judge

    return Judge.open(folder or Path(imprint.nano.__file__).parent / "weights" / "judge")


JUDGES: Registry[JudgeEntry] = Registry("judge")
JUDGES.add("nano", JudgeEntry(_open_nano, "ships with the package; knows the embedded base's world"))


def open_judge(name: str = "nano", folder: Path | None = None) -> ImageJudge:
    """Open a registered judge.

    Raises: UnknownNameError: if there is none of that name. ModelError: if its weights cannot be read.
    """
    return JUDGES.get(name).open(folder)


def image_features(judge: ImageJudge, pictures: Sequence[Pixels]) -> Features:
    """What the judge sees in each picture.

    Args:
        judge: any judge.
        pictures: at least one, of any sizes (the middle square is shown to the judge).
    Returns: unit rows, shape (N, D).
    """
    with torch.no_grad():
        return unit_rows([judge.encode_image(batch) for batch in picture_batches(pictures)])


def text_features(judge: ImageJudge, texts: Sequence[str]) -> Features:
    """What the judge reads in each text. Returns: unit rows, shape (N, D)."""
    with torch.no_grad():
        return unit_rows([judge.encode_text(list(texts))])


def pooled_features(judge: ImageJudge, pictures: Sequence[Pixels]) -> Features:
    """Features of a `PoolingJudge` before its projection, not normalised; of any other its unit vectors; (N, D)."""
    if not isinstance(judge, PoolingJudge):
        return image_features(judge, pictures)
    with torch.no_grad():
        return _rows([judge.features(batch) for batch in picture_batches(pictures)])


def read_attributes(judge: ImageJudge, pictures: Sequence[Pixels]) -> AttributeReading:
    """The judge's probabilities for every attribute that it names; none for a judge that names none."""
    if not isinstance(judge, AttributeJudge):
        return AttributeReading({}, {})
    with torch.no_grad():
        parts = [judge.attributes(batch) for batch in picture_batches(pictures)]
    return AttributeReading({name: _rows([part[name] for part in parts]) for name in parts[0]}, judge.attribute_values)


def picture_batches(pictures: Sequence[Pixels]) -> Iterator[Tensor]:
    """Middle squares as a judge takes them: (B, 3, side, side) in 0..1, neighbours of equal size together.

    A picture is never resized to its neighbours' size, so what a judge sees in it does not depend on them.
    """
    if not pictures:
        raise ValueError("a judge needs at least one picture")
    for _, group in groupby(map(middle_square, pictures), key=np.shape):
        squares = list(group)
        for start in range(0, len(squares), LOOK_BATCH):
            part_BHWC = torch.tensor(np.stack(squares[start : start + LOOK_BATCH]))
            yield part_BHWC.permute(0, 3, 1, 2).to(torch.float32) / 255.0


def middle_square(picture: Pixels) -> Pixels:
    """The largest square in the middle of a picture."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _rows(parts: Sequence[Tensor]) -> Features:
    return np.asarray(torch.cat(list(parts)).double().cpu().numpy(), dtype=np.float64)


def unit_rows(parts: Sequence[Tensor]) -> Features:
    """Batches of vectors (B, D) as unit rows (N, D)."""
    rows_ND = _rows(parts)  # made unit once more: in float32 a picture differs from itself by 1e-7
    return rows_ND / np.maximum(np.linalg.norm(rows_ND, axis=1, keepdims=True), 1e-12)
