"""UniPC: a predictor and a corrector that share their network calls.

Reads: noise levels. Writes: latents. Does not: know networks, prompts or guidance.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import Tensor

from imprint.generation.samplers.contract import Denoise, NoiseSource, OnStep, levels, tell

Bh = Literal["bh1", "bh2"]


def sample_unipc(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    order: int = 3, bh: Bh = "bh1",
) -> Tensor:
    """UniPC-p in multistep form, data prediction: of order p + 1 at one call a step.

    The call at a level serves twice: it corrects the step that led there, then predicts the next. Steps at both ends
    are of lower order. With lambda = -log(sigma) and h the step in lambda, a step is
    x' = (sigma'/sigma) x + (1 - exp(-h)) D - B(h) sum_i rho_i (D_i - D) / r_i.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: not used.
        on_step: called after every step.
        order: p, 1..3.
        bh: B(h): -h or exp(-h) - 1.
    Returns: shape (B, c, h, w).
    Source: Zhao et al., arXiv:2302.04867, algorithms 5 to 8; `lower_order_final` and the shortcuts as in its code.
    """
    known: list[tuple[Tensor, float]] = []  # (D, lambda), newest first
    start = x_Bchw
    used = 0
    for step, sigma, sigma_next in levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        here = -math.log(sigma)
        if used:
            start = _stepped(start, known[:used], here, bh, new=denoised)
        else:
            start = x_Bchw
        known = [(denoised, here), *known[: order - 1]]
        used = min(order, len(known), len(sigmas) - 1 - step)
        if sigma_next == 0:
            x_Bchw = denoised
        else:
            x_Bchw = _stepped(start, known[:used], -math.log(sigma_next), bh)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


sample_unipc_bh2 = functools.partial(sample_unipc, bh="bh2")


def _stepped(
    x_Bchw: Tensor, known: Sequence[tuple[Tensor, float]], there: float, bh: Bh, new: Tensor | None = None
) -> Tensor:
    """From the newest of the known answers to lambda `there`: the predictor or, given the answer there, the corrector.

    Args:
        x_Bchw: where the step starts.
        known: (D, lambda), newest first.
        there: lambda to go to.
        bh: the function B(h).
        new: the network's answer at `there`.
    """
    denoised, here = known[0]
    h = there - here
    b = -h if bh == "bh1" else math.expm1(-h)
    places = [(before - here) / h for _, before in known[1:]]
    answers = [answer for answer, _ in known[1:]]
    if new is not None:
        places, answers = [*places, 1.0], [*answers, new]
    x_Bchw = math.exp(-h) * x_Bchw - math.expm1(-h) * denoised
    for place, answer, weight in zip(places, answers, _weights(places, h, b), strict=True):
        x_Bchw = x_Bchw - (b * weight / place) * (answer - denoised)
    return x_Bchw


def _weights(places: Sequence[float], h: float, b: float) -> list[float]:
    """rho of theorem 3.1: the weights with which the differences match the integral's expansion in h.

    Args:
        places: r, where the answers were taken, in steps from the newest.
        h: the step in lambda.
        b: B(h).
    """
    if len(places) == 1:
        return [0.5]  # the shortcut of the authors' code: any B(h) will do at this order
    phi, factorial, wanted = math.expm1(-h) / -h - 1, 1, list[float]()
    for power in range(1, len(places) + 1):
        wanted.append(phi * factorial / b)
        factorial *= power + 1
        phi = phi / -h - 1 / factorial
    rows = np.vander(np.asarray(places, dtype=np.float64), increasing=True).T
    return [float(weight) for weight in np.linalg.solve(rows, np.asarray(wanted))]
