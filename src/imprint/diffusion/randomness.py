"""Randomness that is counted, not drawn: every random number is a function of (seed, step, sample, purpose).

Reads: integers. Writes: arrays and tensors. Does not: keep any state.

A generator's history decides nothing here, so a resumed run, another worker count or another batch size see the same
numbers. The counter-based generator is Philox 4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC11); normals are by Box-Muller from its raw words, so they do not depend on a library's own rejection method.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Purpose(enum.IntEnum):
    """What a random number is for. The numbers are part of the file format: never renumber."""

    ORDER = 1
    NOISE = 2
    TIMESTEP = 3
    POSTERIOR = 4
    CAPTION = 5
    CROP = 6
    FLIP = 7
    INIT = 8
    OFFSET = 9
    SAMPLER = 10
    LATENT = 11
    EVALUATION = 12
    DROPOUT = 13
    WILDCARD = 14
    BROWNIAN = 15
    UNDER_MASK = 16


def _words(seed: int, step: int, sample: int, purpose: Purpose, count: int) -> NDArray[np.uint64]:
    mask = (1 << 64) - 1
    # Key: who asks. Counter: the two upper words name the draw, the lower ones count inside it.
    bits = np.random.Philox(
        key=np.array([seed & mask, int(purpose)], dtype=np.uint64),
        counter=np.array([0, 0, sample & mask, step & mask], dtype=np.uint64),
    )
    return np.atleast_1d(bits.random_raw(count))


def uniform(seed: int, step: int, sample: int, purpose: Purpose, count: int = 1) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), float64 of shape (count,)."""
    return (_words(seed, step, sample, purpose, count) >> np.uint64(11)).astype(np.float64) * (1.0 / (1 << 53))


def integer(seed: int, step: int, sample: int, purpose: Purpose, below: int) -> int:
    """An integer in 0..below-1."""
    return int(uniform(seed, step, sample, purpose)[0] * below)


def normal(
    seed: int, steps: int | Sequence[int], samples: Sequence[int], purpose: Purpose, shape: Sequence[int],
) -> Tensor:
    """Standard normal noise, one independent block for each sample.

    Args:
        seed: of the run.
        steps: the step, the same for all samples or one for each.
        samples: B sample numbers.
        purpose: what the noise is for.
        shape: of one sample, without the batch.
    Returns: float32 on the CPU, shape (B, *shape). Block i depends on nothing but its own four numbers.
    """
    each = [steps] * len(samples) if isinstance(steps, int) else list(steps)
    size = math.prod(shape)
    half = (size + 1) // 2
    out = np.empty((len(samples), size), dtype=np.float32)
    for row, (step, sample) in enumerate(zip(each, samples, strict=True)):
        u = uniform(seed, step, sample, purpose, 2 * half)
        radius = np.sqrt(-2.0 * np.log1p(-u[:half]))
        angle = 2.0 * np.pi * u[half:]
        out[row] = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]
    return torch.as_tensor(out).reshape(len(samples), *shape)


def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of `count` samples in one epoch."""
    return np.argsort(uniform(seed, epoch, 0, Purpose.ORDER, count), kind="stable")
