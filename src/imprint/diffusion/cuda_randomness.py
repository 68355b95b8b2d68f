"""The normal noise that PyTorch draws on an NVIDIA GPU, computed anywhere.

Reads: integers. Writes: tensors. Does not: need a GPU, or keep any state.

Other tools seed pictures on the GPU, so their seeds mean these numbers. The generator is Philox 4x32-10 (Salmon et al.,
SC11) with the seed as key and the counter (draw, 0, element, 0). A card runs at most `threads` at a time; in larger
tensors each thread makes four numbers from one counter, which is why a large picture differs between cards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ROUNDS = 10
BLOCK = 256  # threads in a block of PyTorch's random kernels
UNROLL = 4  # numbers that a thread makes from one counter
THREADS_PER_SM = 1536  # of GeForce cards since Ampere; Turing 1024, data centre cards 2048
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint32(0x9E3779B9), np.uint32(0xBB67AE85))
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def grid_threads(multiprocessors: int, threads_per_sm: int = THREADS_PER_SM) -> int:
    """How many threads of a random kernel a card runs at a time.

    Args:
        multiprocessors: of the card, >= 1: 46 for an RTX 4070, 82 for a 3090, 128 for a 4090.
        threads_per_sm: 1024, 1536 or 2048, by generation.
    """
    return multiprocessors * (threads_per_sm // BLOCK) * BLOCK


def cuda_normal(seed: int, draw: int, shape: Sequence[int], threads: int | None = None) -> Tensor:
    """What `torch.randn` gives on a GPU as the `draw`-th tensor of this shape after seeding.

    Args:
        seed: of the generator; 64 bits count.
        draw: >= 0; earlier tensors had the same shape.
        shape: of the tensor.
        threads: at a time on the card that is imitated (`grid_threads`); None for a card without limit.
    Returns: float32 on the CPU, equal to the card's up to its fast sine and logarithm.
    """
    size = math.prod(shape)
    grid = -(-size // BLOCK) * BLOCK if threads is None else min(threads, -(-size // BLOCK) * BLOCK)
    place = np.arange(size, dtype=np.int64)
    rounds = max(0, size - 1) // (grid * UNROLL) + 1 if size else 1
    counter = np.zeros((4, size), dtype=np.uint32)
    counter[0] = draw * rounds + place // (grid * UNROLL)
    counter[2] = place % grid
    words = _philox(counter, seed)
    which = place // grid % UNROLL
    pair = np.where(which < 2, words[:2], words[2:]).astype(np.float64)  # one of Box-Muller's radius and angle
    radius = np.sqrt(-2.0 * np.log(pair[0] * 2.0**-32 + 2.0**-33))
    angle = pair[1] * (2.0**-31 * math.pi) + 2.0**-32 * math.pi
    drawn = radius * np.sin(angle + which % 2 * (math.pi / 2))  # the sine first, then the cosine
    return torch.as_tensor(drawn, dtype=torch.float32).reshape(tuple(shape))


def _philox(counter: NDArray[np.uint32], seed: int) -> NDArray[np.uint32]:
    """Philox 4x32 with ten rounds.

    Args:
        counter: shape (4, n).
        seed: the key, 64 bits.
    Returns: four random words for each counter, shape (4, n).
    """
    key = (np.uint32(seed & 0xFFFFFFFF), np.uint32(seed >> 32 & 0xFFFFFFFF))
    words = counter
    for _ in range(ROUNDS):
        product0 = words[0].astype(np.uint64) * _MULTIPLIERS[0]
        product1 = words[2].astype(np.uint64) * _MULTIPLIERS[1]
        words = np.stack([
            (product1 >> _HALF).astype(np.uint32) ^ words[1] ^ key[0],
            (product1 & _LOW).astype(np.uint32),
            (product0 >> _HALF).astype(np.uint32) ^ words[3] ^ key[1],
            (product0 & _LOW).astype(np.uint32),
        ])  # fmt: skip
        with np.errstate(over="ignore"):  # the key counts on modulo 2^32
            key = (key[0] + _WEYL[0], key[1] + _WEYL[1])
    return words
