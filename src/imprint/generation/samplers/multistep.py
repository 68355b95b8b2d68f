"""Linear multistep methods: one call a step, and a slope extrapolated from those before.

Reads: noise levels. Writes: latents. Does not: know networks, prompts or guidance.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from torch import Tensor

from imprint.generation.samplers.contract import Denoise, NoiseSource, OnStep, levels, tell

LMS_ORDER = 4
# Adams-Bashforth for equal steps, newest slope first, by the number of slopes that are known.
ADAMS_BASHFORTH = {
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


def sample_lms(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None
) -> Tensor:
    """Adams-Bashforth of fourth order for steps of any length, in sigma; the first three are of lower order.

    The slope is the polynomial through the last four slopes, integrated from level to level.

    Source: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section III.5; LMS of k-diffusion.
    """
    slopes, visited = deque[Tensor](maxlen=LMS_ORDER), deque[float](maxlen=LMS_ORDER)  # newest first
    for step, sigma, sigma_next in levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        slopes.appendleft((x_Bchw - denoised) / sigma)
        visited.appendleft(sigma)
        for slope, weight in zip(slopes, _integrals(visited, sigma_next), strict=True):
            x_Bchw = x_Bchw + weight * slope
        tell(on_step, step, sigmas, denoised)
    return x_Bchw


def _integrals(visited: Sequence[float], sigma_next: float) -> list[float]:
    """The integral, from the newest level to the next, of each Lagrange polynomial through the levels.

    Gauss-Legendre quadrature with two points is exact for cubics, which is all that four levels give.
    """
    sigma = visited[0]
    half = (sigma_next - sigma) / 2
    points = [sigma + half * (1 + sign / math.sqrt(3)) for sign in (-1, 1)]
    return [
        half * sum(math.prod((p - other) / (own - other) for other in visited if other != own) for p in points)
        for own in visited
    ]


def sample_plms(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None
) -> Tensor:
    """Pseudo linear multistep: Adams-Bashforth weights for the slope, DDIM's formula for the step.

    In this package's coordinates DDIM's step is Euler's, and the slope is the predicted noise. The weights take steps
    for equal, which those of `ddim` are in time. The first step is Heun's, with a second call.

    Source: Liu et al., arXiv:2202.09778, equations 12 and 13, with one Heun step in place of Runge-Kutta as in CompVis.
    """
    slopes = deque[Tensor](maxlen=4)  # newest first
    for step, sigma, sigma_next in levels(sigmas):
        denoised = denoise(x_Bchw, sigma)
        slopes.appendleft((x_Bchw - denoised) / sigma)
        slope = slopes[0]
        if len(slopes) > 1:
            slope = sum(weight * old for weight, old in zip(ADAMS_BASHFORTH[len(slopes)], slopes, strict=True))
        elif sigma_next > 0:
            ahead = x_Bchw + (sigma_next - sigma) * slope
            slope = (slope + (ahead - denoise(ahead, sigma_next)) / sigma_next) / 2
        x_Bchw = x_Bchw + (sigma_next - sigma) * slope
        tell(on_step, step, sigmas, denoised)
    return x_Bchw
