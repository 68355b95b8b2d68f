"""Samplers: how a picture's latents are found among noise. Pure functions over `denoise(x, sigma)`.

Reads: noise and noise levels. Writes: latents. Does not: know networks, prompts or guidance.
"""

from imprint.generation.samplers.contract import (
    NO_NOISE,
    Denoise,
    NoiseSource,
    OnStep,
    Sampler,
    SamplerStep,
)
from imprint.generation.samplers.dpm2 import sample_dpm_2, sample_dpm_2_ancestral
from imprint.generation.samplers.dpm_solver import sample_dpm_adaptive, sample_dpm_fast
from imprint.generation.samplers.dpmpp import sample_dpmpp_2m, sample_dpmpp_2s_ancestral
from imprint.generation.samplers.dpmpp_sde import (
    sample_dpmpp_2m_sde,
    sample_dpmpp_2m_sde_heun,
    sample_dpmpp_3m_sde,
    sample_dpmpp_sde,
)
from imprint.generation.samplers.euler import sample_ddim, sample_euler, sample_euler_ancestral
from imprint.generation.samplers.heun import restart_sigmas, sample_heun, sample_restart
from imprint.generation.samplers.lcm import sample_lcm
from imprint.generation.samplers.multistep import sample_lms, sample_plms
from imprint.generation.samplers.names import resolve_sampler, resolve_schedule
from imprint.generation.samplers.registry import SAMPLERS, SamplerEntry
from imprint.generation.samplers.unipc import sample_unipc

__all__ = [
    "NO_NOISE", "Denoise", "NoiseSource", "OnStep", "Sampler", "SamplerStep",
    "SAMPLERS", "SamplerEntry", "resolve_sampler", "resolve_schedule",
    "sample_ddim", "sample_dpm_2", "sample_dpm_2_ancestral", "sample_dpm_adaptive", "sample_dpm_fast",
    "sample_dpmpp_2m", "sample_dpmpp_2m_sde", "sample_dpmpp_2m_sde_heun", "sample_dpmpp_2s_ancestral",
    "sample_dpmpp_3m_sde", "sample_dpmpp_sde", "sample_euler", "sample_euler_ancestral", "sample_heun", "sample_lcm",
    "sample_lms", "sample_plms", "sample_restart", "sample_unipc", "restart_sigmas",
]  # fmt: skip
