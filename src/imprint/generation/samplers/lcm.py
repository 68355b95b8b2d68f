"""Sampling a latent consistency model: jump to the clean latents, put noise back, jump again.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.
"""

from __future__ import annotations

from torch import Tensor

from imprint.generation.samplers.contract import Denoise, NoiseSource, OnStep, levels, tell


def sample_lcm(
    denoise: Denoise, x_Bchw: Tensor, sigmas: Tensor, noise: NoiseSource, on_step: OnStep | None = None, *,
    s_noise: float = 1.0,
) -> Tensor:
    """Multistep consistency sampling; for networks (or adapters) distilled for it, at guidance 1 to 2.

    The consistency function is c_skip x + c_out D. At every timestep the `lcm` schedule visits, 19 and up, c_skip is
    below 7e-6 and c_out within 4e-6 of 1 (arXiv:2310.04378, sigma_data 0.5, timesteps scaled by 10), so D is taken.

    Args:
        denoise: the guided network.
        x_Bchw: latents with noise of level `sigmas[0]`.
        sigmas: descending levels, shape (steps + 1,).
        noise: one draw a step, none for a step to level 0.
        on_step: called after every step.
        s_noise: standard deviation of the fresh noise, about 1.
    Returns: shape (B, c, h, w).
    Source: Luo et al., arXiv:2310.04378, algorithm 3; Song et al., arXiv:2303.01469, algorithm 1.
    """
    for step, sigma, sigma_next in levels(sigmas):
        x_Bchw = denoised = denoise(x_Bchw, sigma)
        if sigma_next > 0:
            x_Bchw = denoised + (sigma_next * s_noise) * noise(step)
        tell(on_step, step, sigmas, denoised)
    return x_Bchw
