"""The world rendered ahead, so that training never waits for drawing.

Reads: nothing but seeds. Writes: pictures in chunks, each atomic, so a killed render goes on where it was.
Does not: show a pair of values that is held out of training (`imprint.nano.world.unseen`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import sha256_json
from imprint.jobs.nano.chunks import kept
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec
from imprint.nano.world.unseen import UNSEEN_PAIRS, sample_seen

CHUNK = 500
HELD_OUT_SEED = 10_000_000  # pictures from here on are never trained on
KEY_PICTURES = 32
PAIRS_KEY = sha256_json(UNSEEN_PAIRS)[:8]
PAIRS_EVENT = "held_out_pairs"


class RenderedWorld:
    """Pictures `first`..`first + count - 1` of the world as uint8.

    Args:
        folder: cache; filled by `render_world`.
        count: pictures, a multiple of `CHUNK`.
        first: seed of the first picture.
        size_px: edge length.
    """

    def __init__(self, folder: Path, count: int, first: int = 0, size_px: int = 128) -> None:
        self.count = count
        self.first = first
        self.size_px = size_px
        self._chunks: list[NDArray[np.uint8]] = [
            np.load(chunk_path(folder, first + start, size_px), mmap_mode="r") for start in range(0, count, CHUNK)
        ]

    def __len__(self) -> int:
        return self.count

    def spec(self, index: int) -> Spec:
        """The ground truth of picture `index` (0-based)."""
        return sample_seen(self.first + index)

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Picture `index`, uint8 (H, W, 3)."""
        return self._chunks[index // CHUNK][index % CHUNK]

    def batch(self, indices: Sequence[int]) -> Tensor:
        """Pictures as float32 (B, 3, H, W) in -1..1."""
        return to_model_range(np.stack([self.pixels(index) for index in indices]))

    def batches(self, size: int, count: int | None = None) -> Iterator[Tensor]:
        """The first `count` pictures, or all, in batches as `batch` gives them."""
        stop = count or len(self)
        for start in range(0, stop, size):
            yield self.batch(range(start, min(start + size, stop)))


def to_model_range(pixels_BHWC: NDArray[np.uint8]) -> Tensor:
    """uint8 (B, H, W, 3) to float32 (B, 3, H, W) in -1..1."""
    return torch.tensor(pixels_BHWC).permute(0, 3, 1, 2).float().div(127.5).sub(1)


@cache
def world_key() -> str:
    """Hash of some pictures of the world: another drawing of it, or other pairs held out, are other chunks."""
    shown = hashlib.sha256(PAIRS_KEY.encode())
    for seed in range(KEY_PICTURES):
        shown.update(render(sample_seen(seed), 64).tobytes())
    return shown.hexdigest()[:8]


def chunk_path(folder: Path, start: int, size_px: int) -> Path:
    """The file of the chunk that starts at picture `start`."""
    return folder / f"world-{size_px}px-{world_key()}-{start:09d}.npy"


def render_chunk(folder: str, start: int, size_px: int) -> int:
    """Draw one chunk unless it is there. Returns: its first picture."""
    kept(
        chunk_path(Path(folder), start, size_px),
        lambda: np.stack([render(sample_seen(seed), size_px) for seed in range(start, start + CHUNK)]),
    )
    return start


def render_world(
    folder: Path, count: int, first: int = 0, size_px: int = 128, on_progress: Callable[[int, int], None] | None = None,
) -> RenderedWorld:
    """Draw pictures `first`..`first + count - 1` with all available cores and open them."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = list(range(first, first + count, CHUNK))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = pool.map(render_chunk, [str(folder)] * len(starts), starts, [size_px] * len(starts))
        for done, _ in enumerate(jobs, 1):
            if on_progress:
                on_progress(done * CHUNK, count)
    return RenderedWorld(folder, count, first, size_px)


def note_held_out_pairs(events: EventLog) -> None:
    """Write into a stage's log, once, which pairs its training pictures leave out: the model card asks for it."""
    if not holds_out_pairs(events):
        events.append(PAIRS_EVENT, key=PAIRS_KEY, pairs=[[list(value) for value in pair] for pair in UNSEEN_PAIRS])


def holds_out_pairs(events: EventLog) -> bool:
    """Whether the last training noted in a log left out exactly the pairs that are held out today."""
    noted = events.read(PAIRS_EVENT)
    return bool(noted) and noted[-1].fields.get("key") == PAIRS_KEY
