"""Quantiles of the beta distribution, so that one schedule of noise levels needs no statistics library.

Reads: numbers. Writes: numbers. Does not: draw.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

_TERMS = 200  # of the continued fraction at most; 20 are usual
_LAST_BIT = 2.0**-53
_HALVINGS = 100  # of the interval that holds a quantile, at most; large ones are exact after 53
_TINY = 1e-300  # in place of a zero in a denominator (Lentz)


def beta_cdf(x: NDArray[np.float64], a: float, b: float) -> NDArray[np.float64]:
    """The regularised incomplete beta function I_x(a, b).

    Args:
        x: in 0..1, any shape.
        a: > 0.
        b: > 0.
    Returns: in 0..1, same shape.
    Source: NIST Digital Library of Mathematical Functions, 8.17.22 (continued fraction) and 8.17.4 (symmetry).
    """
    flip = x > (a + 1) / (a + b + 2)  # on this side of the mode the fraction converges quickly
    near = np.where(flip, 1 - x, x)
    first, second = np.where(flip, b, a), np.where(flip, a, b)
    front = np.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + first * _log(near) + second * _log(1 - near))
    part = front / first / _fraction(near, first, second)
    return np.where(flip, 1 - part, part)


def beta_quantile(share: NDArray[np.float64], a: float, b: float) -> NDArray[np.float64]:
    """Where the distribution function reaches `share`: the inverse of `beta_cdf`, by bisection.

    Args:
        share: in 0..1, any shape.
        a: > 0.
        b: > 0.
    Returns: in 0..1, same shape; exactly 0 and 1 at the ends.
    """
    low, high = np.zeros_like(share), np.ones_like(share)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = beta_cdf(middle, a, b) < share
        if bool(((middle == low) | (middle == high)).all()):
            break
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(share <= 0, 0.0, np.where(share >= 1, 1.0, (low + high) / 2))


@functools.lru_cache(maxsize=16)  # a fifth of a second, and every picture asks
def beta_places(steps: int, a: float, b: float, end: bool = True) -> tuple[float, ...]:
    """Quantiles of evenly spaced shares, from 1 down.

    Args:
        steps: how many, >= 1.
        a: > 0.
        b: > 0.
        end: whether 0 is the last, or would be the next.
    Returns: descending from 1.
    """
    return tuple(float(place) for place in beta_quantile(1 - np.linspace(0, 1, steps, endpoint=end), a, b))


def _log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(x, _TINY))


def _fraction(
    x: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The continued fraction 1 + d1/(1 + d2/(1 + ...)) by Lentz's method."""
    value, c, d = np.ones_like(x), np.ones_like(x), np.zeros_like(x)
    for term in range(1, _TERMS):
        m = term // 2
        if term % 2:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _nonzero(1 + step * d)
        c = _nonzero(1 + step / c)
        value = value * c * d
        if float(np.abs(c * d - 1).max(initial=0.0)) < _LAST_BIT:
            break
    return value


def _nonzero(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < _TINY, _TINY, x)
