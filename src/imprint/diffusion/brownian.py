"""A Brownian path that is counted, not drawn: its value at any noise level is a function of (seed, level).

Reads: a seed, noise levels. Writes: tensors. Does not: remember anything but what it could compute again.

A sampler that solves a stochastic differential equation asks for the path's increments between the levels it visits.
Because the path exists everywhere, more steps follow the same path more closely: the picture converges.

The path runs in time tau = log2(sigma). Its values at whole tau are sums of independent increments; inside an octave a
virtual Brownian tree halves the interval `DEPTH` times, each midpoint drawn by the Brownian bridge from the counter of
its node (Li et al., arXiv:2001.01328, section 4). Inside a leaf, 2^-DEPTH octaves long, the value is the bridge's with
one normal for the whole leaf, so that levels in different leaves have exactly the joint distribution of a Brownian path
(Jelincic et al., arXiv:2405.06464) and only levels nearer than 0.27 % to each other share a normal.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from imprint.diffusion.randomness import Purpose, normal

DEPTH = 8  # halvings of an octave: 500 Karras steps, the closest in use, are 3 leaves apart where they are densest
KEPT = 48  # node values kept for each picture: the path to a leaf and what the next levels share with it


class BrownianPath:
    """One picture's path over noise levels.

    Args:
        seed: of the picture.
        shape: of the picture's latents, without a batch.
    """

    def __init__(self, seed: int, shape: Sequence[int]) -> None:
        self._seed = seed
        self._shape = tuple(shape)
        self._node = functools.lru_cache(maxsize=KEPT)(self._node_value)
        self._at = functools.lru_cache(maxsize=4)(self._value)

    def between(self, sigma_from: float, sigma_to: float) -> Tensor:
        """The path's increment from one level to another, scaled to a standard normal.

        Args:
            sigma_from: > 0.
            sigma_to: > 0, not equal to sigma_from.
        Returns: float32 on the CPU, of the path's shape. Increments of levels that meet add up: with
            d(a, b) = sqrt(|log2 a - log2 b|), d(a, c) between(a, c) = d(a, b) between(a, b) + d(b, c) between(b, c)
            for a > b > c.
        """
        tau_from, tau_to = math.log2(sigma_from), math.log2(sigma_to)
        return (self._at(tau_to) - self._at(tau_from)) / math.sqrt(abs(tau_to - tau_from))

    def _value(self, tau: float) -> Tensor:
        leaves = 1 << DEPTH
        leaf = math.floor(tau * leaves)
        place = tau * leaves - leaf
        left, right = self._node(DEPTH, leaf), self._node(DEPTH, leaf + 1)
        if place == 0:
            return left
        return left + place * (right - left) + math.sqrt(place * (1 - place) / leaves) * self._normal(DEPTH + 1, leaf)

    def _node_value(self, level: int, place: int) -> Tensor:
        """The path at tau = place / 2^level."""
        if level == 0:
            return self._octave(place)
        if place % 2 == 0:
            return self._node(level - 1, place // 2)
        left, right = self._node(level - 1, place // 2), self._node(level - 1, place // 2 + 1)
        # A bridge of length t has variance t / 4 in its middle; here t = 2^(1 - level).
        return (left + right) / 2 + math.sqrt(2.0 ** (-1 - level)) * self._normal(level, place)

    def _octave(self, place: int) -> Tensor:
        """The path at a whole tau: 0 at tau 0, and an independent increment for each octave away from it."""
        if place == 0:
            return torch.zeros(self._shape)
        inner = place - 1 if place > 0 else place + 1
        return self._node(0, inner) + self._normal(0, place)

    def _normal(self, level: int, place: int) -> Tensor:
        return normal(self._seed, level, [place], Purpose.BROWNIAN, self._shape)[0]
