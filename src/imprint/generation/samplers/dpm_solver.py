"""DPM-Solver with steps of order 1 to 3: "fast" with a given number of calls, "adaptive" with a given error.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.

With lambda = -log(sigma) and eps = (x - D) / sigma, steps of order 1, 2 and 3 start from the same call and add one
each. Both samplers solve from the first level to the last positive one; what lies between is theirs to choose. They
work in log sigma and cannot reach level 0, so a last level of 0 is reached by one more call, of first order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from imprint.errors import NumericsError
from imprint.generation.samplers.contract import Denoise, NoiseSource, OnStep, SamplerStep, levels, split

ATTEMPTS = 2000  # of the adaptive solver; a hundred are many for a picture
FIRST_STEP = 0.05  # in lambda
SAFETY = 0.81  # share of its length that a step must keep to be accepted


def sample_dpm_fast(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 0.0, s_noise: float = 1.0,
) -> Tensor:
    """DPM-Solver-fast: as many third-order steps as the calls allow, equal in lambda, then one or two of lower order.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (calls + 1,); only the ends and the number count.
        noise: used when eta > 0.
        on_step: called after every step, of which there are about a third as many as calls.
        eta: share of the noise that is drawn afresh, 0..1. A1111 passes 1.
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: Lu et al., arXiv:2206.00927, section 3.4 and algorithms 1 and 2.
    """
    ends = _ends(sigmas)
    orders = _orders(len(sigmas) - 1 - ends.to_zero)
    total = len(orders) + ends.to_zero
    length = (ends.last - ends.first) / max(1, len(orders))
    for step, order in enumerate(orders):
        here = ends.first + step * length
        there = ends.last if step == len(orders) - 1 else here + length
        down, up = _down(here, there, ends.last, eta)
        call = _Call(denoise, x_Bchw, here)
        x_Bchw = call.stepped(down, order)
        if up > 0:
            x_Bchw = x_Bchw + (up * s_noise) * noise(step)
        _tell(on_step, step, total, math.exp(-here), call.denoised)
    return _finished(denoise, x_Bchw, ends, on_step, len(orders), total)


def sample_dpm_adaptive(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    eta: float = 0.0, s_noise: float = 1.0, rtol: float = 0.05, atol: float = 0.0078,
) -> Tensor:
    """DPM-Solver-23: third-order steps as long as a second-order step agrees with them.

    The number of steps is the picture's, so pictures must not share a batch (`SamplerEntry.adaptive`), and each attempt
    waits for the device to learn the error. A step that is refused costs its calls and is tried again, shorter.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels; only the ends count.
        noise: used when eta > 0.
        on_step: called after every step that was accepted.
        eta: share of the noise that is drawn afresh, 0..1. A1111 passes 1.
        s_noise: standard deviation of the fresh noise, about 1.
        rtol: tolerated error relative to x, > 0.
        atol: tolerated error, > 0; 0.0078 is one level of 256 in -1..1.
    Returns: shape (B, c, h, w).
    Raises: NumericsError: if the error is NaN or the steps become too many.
    Source: Lu et al., arXiv:2206.00927, appendix C; the step length by k-diffusion's integrating controller.
    """
    ends = _ends(sigmas)
    here, length, step = ends.first, FIRST_STEP, 0
    before = x_Bchw
    exponent = 1 / (1.5 if eta else 3)
    for _ in range(ATTEMPTS):
        if here >= ends.last - 1e-5:
            return _finished(denoise, x_Bchw, ends, on_step, step, step + ends.to_zero)
        there = min(ends.last, here + length)
        down, up = _down(here, there, ends.last, eta)
        call = _Call(denoise, x_Bchw, here)
        low, high = call.stepped(down, 2, 1 / 3), call.stepped(down, 3)
        tolerated = (rtol * torch.maximum(low.abs(), before.abs())).clamp(min=atol)
        error = float(((low - high) / tolerated).square().mean().sqrt())
        if not math.isfinite(error):
            raise NumericsError("the network answered with NaN or infinity", where="dpm_adaptive", got=error)
        factor = 1 + math.atan((1 / (error + 1e-8)) ** exponent - 1)
        if factor >= SAFETY:
            x_Bchw, before = (high + (up * s_noise) * noise(step) if up > 0 else high), low
            _tell(on_step, step, max(len(sigmas) - 1, step + 1), math.exp(-here), call.denoised)
            here, step = there, step + 1
        length *= factor
    raise NumericsError(
        "the adaptive sampler took too many steps", where="dpm_adaptive", got=ATTEMPTS, hint="use another sampler"
    )


@dataclass(frozen=True)
class _Ends:
    first: float  # lambda of the first level
    last: float  # lambda of the last level above 0
    to_zero: bool


def _ends(sigmas: Tensor) -> _Ends:
    values = [sigma for _, sigma, _ in levels(sigmas)]
    end = float(sigmas[-1])
    return _Ends(-math.log(values[0]), -math.log(end or values[-1]), end == 0)


def _orders(calls: int) -> list[int]:
    """The orders of the steps that use exactly so many calls."""
    thirds, rest = divmod(calls, 3)
    if rest:
        return [3] * thirds + [rest]
    return [3] * (thirds - 1) + [2, 1] if thirds else []


def _down(here: float, there: float, last: float, eta: float) -> tuple[float, float]:
    """(lambda that the solver goes to, noise that brings it back to `there`); never beyond `last`."""
    if not eta:
        return there, 0.0
    sigma_next = math.exp(-there)
    down, _ = split(math.exp(-here), sigma_next, eta)
    if down <= math.exp(-last):
        return last, math.sqrt(max(sigma_next**2 - math.exp(-2 * last), 0.0)) if there < last else 0.0
    return -math.log(down), math.sqrt(sigma_next**2 - down**2)


class _Call:
    """Steps of several orders from one place, sharing the network's answers."""

    def __init__(self, denoise: Denoise, x_Bchw: Tensor, here: float) -> None:
        self._denoise, self._x, self._here = denoise, x_Bchw, here
        self._ahead: dict[tuple[float, float], Tensor] = {}

    @cached_property
    def denoised(self) -> Tensor:
        """The clean latents as seen from the start of the step."""
        return self._denoise(self._x, math.exp(-self._here))

    @cached_property
    def _eps(self) -> Tensor:
        return (self._x - self.denoised) / math.exp(-self._here)

    def stepped(self, there: float, order: int, r1: float | None = None) -> Tensor:
        """x at lambda `there`.

        Args:
            there: lambda to go to.
            order: 1..3.
            r1: place of the second call in the step; left out, 1/2 for the second order and 1/3 for the third.
        """
        h = there - self._here
        plain = self._x - math.exp(-there) * math.expm1(h) * self._eps
        if order == 1:
            return plain
        r1 = r1 or (1 / 2 if order == 2 else 1 / 3)
        first = self._difference(r1, h)
        if order == 2:
            return plain - math.exp(-there) / (2 * r1) * math.expm1(h) * first
        r2 = 2 / 3
        bent = _bent(r2 * h) * (r2 / r1)
        middle = math.exp(-self._here - r2 * h)
        u2 = self._x - middle * math.expm1(r2 * h) * self._eps - middle * bent * first
        second = (u2 - self._denoise(u2, middle)) / middle - self._eps
        return plain - math.exp(-there) / r2 * _bent(h) * second

    def _difference(self, r1: float, h: float) -> Tensor:
        """eps at the place r1 of the step, minus eps at its start."""
        if (r1, h) not in self._ahead:
            sigma = math.exp(-self._here - r1 * h)
            u1 = self._x - sigma * math.expm1(r1 * h) * self._eps
            self._ahead[r1, h] = (u1 - self._denoise(u1, sigma)) / sigma - self._eps
        return self._ahead[r1, h]


def _bent(h: float) -> float:
    return math.expm1(h) / h - 1


def _finished(
    denoise: Denoise, x_Bchw: Tensor, ends: _Ends, on_step: OnStep | None, step: int, steps: int
) -> Tensor:
    """The last call, to level 0, where the levels end there."""
    if not ends.to_zero:
        return x_Bchw
    sigma = math.exp(-ends.last)
    denoised = denoise(x_Bchw, sigma)
    _tell(on_step, step, steps, sigma, denoised)
    return denoised


def _tell(on_step: OnStep | None, step: int, steps: int, sigma: float, denoised_Bchw: Tensor) -> None:
    if on_step is not None:
        on_step(SamplerStep(step, steps, sigma, denoised_Bchw))
