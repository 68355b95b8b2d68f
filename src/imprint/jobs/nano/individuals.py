"""Random individuals of the world and their doubles: what the judge learns to tell apart.

Reads: seeds. Writes: specs, and pictures in chunks, each atomic. Does not: train, or ever draw a held-out subject.

A family is one figure with fixed attributes and proportions. Its members are the figure as it is, then the same figure
under one random mark after another: each other's hardest impostors. Picture k of every member of a family has the same
place, pose, light and style, so that between doubles nothing but the mark differs; the pictures of one member are in
different places, so that a tree behind a figure never gives it away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imprint.jobs.nano.chunks import Pictures, kept
from imprint.jobs.nano.rendered import world_key
from imprint.nano.world.captions import class_noun
from imprint.nano.world.random_marks import random_mark
from imprint.nano.world.render import render
from imprint.nano.world.spec import Pose, Spec, sample_pose, sample_spec, sample_style
from imprint.nano.world.vocabulary import KINDS, SCENES

FIGURE_SEED: Final = 20_000_000  # of sample_spec; neither the world's pictures nor the held-out ones reach it
HELD_OUT_FAMILY: Final = 1_000_000  # families from here on are never trained on
OTHER_FIGURE: Final = 3_000_000  # between a family's figure and the one that stands in for a double
MARKS_A_FAMILY: Final = 100
FAMILIES_A_CHUNK: Final = 50
FREE: Final = ("expression",)  # attributes that are not an individual's own: each picture has another value
MARKS_TRIED: Final = 12
PROBE_PX: Final = 64
SHOWS_LEVELS, SHOWS_SHARE = 20.0, 0.03  # a mark shows where it changes lightness by so much on so much of a picture


def doubles(figure: Spec, wanted: int, first_mark: int) -> list[Spec]:
    """A figure in a neutral pose as it is, then under random marks that show and differ from each other.

    Args:
        figure: whose kind, attributes and proportions are kept.
        wanted: how many, the plain one among them.
        first_mark: seed of the first mark that is tried.
    Returns: `wanted` specs, or fewer where the figure cannot wear so many marks (a kind that wears none).
    """
    plain = replace(figure, pose=Pose(), scene="studio", style="photo", mark="")
    found, shown = [plain], [_lightness(plain)]
    for number in range(first_mark, first_mark + MARKS_TRIED * (wanted - 1)):
        if len(found) == wanted:
            break
        candidate = replace(plain, mark=random_mark(number))
        lightness = _lightness(candidate)
        if all(float((np.abs(lightness - other) > SHOWS_LEVELS).mean()) >= SHOWS_SHARE for other in shown):
            found.append(candidate)
            shown.append(lightness)
    return found


def _lightness(spec: Spec) -> NDArray[np.float64]:
    return render(spec, PROBE_PX).astype(np.float64) @ np.array((0.299, 0.587, 0.114))


@dataclass(frozen=True)
class Setting:
    """Everything about a picture that is not the figure; `seed` decides the figure's free attributes."""

    scene: str
    style: str
    pose: Pose
    seed: int


def settings(seed: int, pictures: int) -> tuple[Setting, ...]:
    """Where and how `pictures` pictures are taken: no scene comes again before all were seen."""
    rng = np.random.default_rng([0x1D7, seed])
    scenes = [SCENES[int(i)] for _ in range(-(-pictures // len(SCENES))) for i in rng.permutation(len(SCENES))]
    return tuple(
        Setting(scene, sample_style(rng), sample_pose(rng), int(rng.integers(2**31))) for scene in scenes[:pictures]
    )


def placed(figure: Spec, setting: Setting) -> Spec:
    """A figure in a setting, with new values for those of its attributes that are not its own."""
    rng = np.random.default_rng([0x1D8, setting.seed])
    free = {name: str(rng.choice(KINDS[figure.kind][name])) for name in FREE if name in figure.attributes}
    return replace(
        figure, attributes={**figure.attributes, **free}, scene=setting.scene, style=setting.style, pose=setting.pose,
    )


def stranger(figure: Spec, seed: int) -> Spec:
    """Another figure of the same class word ("dog", "woman"), unmarked, with attributes of its own."""
    for number in count(seed):
        other = sample_spec(number, figure.kind)
        if class_noun(other) == class_noun(figure):
            return other
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class Families:
    """Which families, how many members each, how many pictures of a member.

    Attributes:
        first: number of the first family; `HELD_OUT_FAMILY` and up are for measuring.
        count: families.
        members: of a family, the plain one among them, >= 2.
        pictures: of each member, >= 2.
    """

    first: int
    count: int
    members: int
    pictures: int

    def figures(self, place: int) -> tuple[Spec, ...]:
        """The members of the family at `place` (0-based)."""
        return _figures(self.first + place, self.members)

    def spec(self, place: int, member: int, picture: int) -> Spec:
        """One picture."""
        family = self.first + place
        return placed(self.figures(place)[member], _settings(family, self.pictures)[picture])


@lru_cache(maxsize=50_000)
def _figures(family: int, members: int) -> tuple[Spec, ...]:
    """Doubles; where a figure wears no mark, other figures of its kind stand in for them."""
    figure = sample_spec(FIGURE_SEED + family)
    found = doubles(figure, members, family * MARKS_A_FAMILY)
    others = range(members - len(found))
    return (*found, *(sample_spec(FIGURE_SEED + family + OTHER_FIGURE * (k + 1), figure.kind) for k in others))


@lru_cache(maxsize=50_000)
def _settings(family: int, pictures: int) -> tuple[Setting, ...]:
    return settings(family, pictures)


class RenderedIndividuals:
    """Pictures of families as uint8, from files.

    Args:
        families: which.
        chunks: arrays of `FAMILIES_A_CHUNK` families each, (families, members, pictures, H, W, 3).
        replaced: the same arrays for the first pictures of each member, which take the place of those in `chunks`.
    """

    def __init__(self, families: Families, chunks: Sequence[Pictures], replaced: Sequence[Pictures] = ()) -> None:
        self.families = families
        self.chunks = chunks
        self.replaced = replaced

    def pixels(self, place: int, member: int, picture: int) -> Pictures:
        """One picture, uint8 (H, W, 3)."""
        chunk, row = divmod(place, FAMILIES_A_CHUNK)
        if self.replaced and picture < self.replaced[chunk].shape[2]:
            return self.replaced[chunk][row, member, picture]
        return self.chunks[chunk][row, member, picture]


def chunk_families(families: Families) -> list[Families]:
    """The same families, `FAMILIES_A_CHUNK` at a time."""
    starts = range(0, families.count, FAMILIES_A_CHUNK)
    return [
        replace(families, first=families.first + start, count=min(FAMILIES_A_CHUNK, families.count - start))
        for start in starts
    ]


def chunk_path(folder: Path, part: Families, size_px: int) -> Path:
    """The file of a chunk."""
    shape = f"{part.count}x{part.members}x{part.pictures}"
    return folder / f"individuals-{size_px}px-{world_key()}-{shape}-{part.first:09d}.npy"


def render_chunk(folder: str, part: Families, size_px: int) -> None:
    """Draw one chunk unless it is there."""
    kept(chunk_path(Path(folder), part, size_px), lambda: _render(part, size_px))


def _render(part: Families, size_px: int) -> Pictures:
    return np.stack([
        np.stack([
            np.stack([render(part.spec(place, member, picture), size_px) for picture in range(part.pictures)])
            for member in range(part.members)
        ])
        for place in range(part.count)
    ])


def render_individuals(
    folder: Path, families: Families, size_px: int, on_progress: Callable[[int, int], None] | None = None,
) -> RenderedIndividuals:
    """Draw families with all available cores, or what is missing of them, and open them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = chunk_families(families)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = pool.map(render_chunk, [str(folder)] * len(parts), parts, [size_px] * len(parts))
        for done, _ in enumerate(jobs, 1):
            if on_progress:
                on_progress(min(done * FAMILIES_A_CHUNK, families.count), families.count)
    chunks = [np.load(chunk_path(folder, part, size_px), mmap_mode="r") for part in parts]
    return RenderedIndividuals(families, chunks)
