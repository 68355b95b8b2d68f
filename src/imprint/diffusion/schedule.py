"""Noise levels: what the network was trained on, and formulas for those that a sampler visits.

Reads: cumulative alphas. Writes: sigmas and timesteps. Does not: know any network, or names (`schedule_registry` does).

Sigma is the noise's standard deviation over the signal's: sigma = sqrt((1 - abar) / abar), where abar is the
cumulative product of alphas in DDPM (arXiv:2006.11239). Suffixes: B batch, T training timesteps, S steps of a sampler.
Everything is float64: sixteen digits here cost nothing and keep pictures equal between devices.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imprint.diffusion.beta_distribution import beta_places
from imprint.errors import ConfigError, ModelError

LEADING_OFFSET = 1  # `steps_offset` in the scheduler configuration of every Stable Diffusion 1.x
LCM_STEPS = 50  # timesteps that latent consistency models are distilled on, arXiv:2310.04378
# The published levels of Align Your Steps (arXiv:2404.14507), for ten steps; the last stands for 0.
ALIGN_YOUR_STEPS_SD1 = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
ALIGN_YOUR_STEPS_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


@dataclass(frozen=True)
class NoiseSchedule:
    """The noise levels that a network was trained on.

    Attributes:
        sigmas_T: noise over signal at timestep 0, 1, ... T-1; float64, ascending, > 0, shape (T,).
    """

    sigmas_T: Tensor

    @classmethod
    def from_alphas_cumprod(cls, alphas_cumprod_T: Tensor) -> NoiseSchedule:
        """The schedule of a network trained with these cumulative alphas.

        Args:
            alphas_cumprod_T: strictly descending inside (0, 1), shape (T,) with T >= 2.
        Raises: ModelError: if they are not; a terminal signal of exactly zero has no finite sigma.
        """
        abar = alphas_cumprod_T.detach().to("cpu", torch.float64)
        inside = abar.ndim == 1 and len(abar) >= 2 and bool(((abar > 0) & (abar < 1)).all())
        if not inside or not bool((abar.diff() < 0).all()):
            raise ModelError(
                "the noise schedule of this base is broken",
                where="alphas_cumprod",
                allowed="at least two numbers, each between 0 and 1 and smaller than the one before",
            )
        return cls(((1 - abar) / abar).sqrt())

    @property
    def timesteps(self) -> int:
        """T, the number of training timesteps (1000 for Stable Diffusion)."""
        return len(self.sigmas_T)

    @property
    def sigma_min(self) -> float:
        """Sigma of timestep 0."""
        return float(self.sigmas_T[0])

    @property
    def sigma_max(self) -> float:
        """Sigma of the last timestep."""
        return float(self.sigmas_T[-1])

    def sigma(self, timestep: Tensor) -> Tensor:
        """Sigma of integer or fractional timesteps, log-linear between the trained ones.

        Args:
            timestep: any shape and number type; outside 0..T-1 the nearest end counts.
        Returns: float64, same shape and device.
        """
        log_sigmas_T = self.sigmas_T.to(timestep.device).log()
        place = timestep.to(torch.float64).clamp(0, self.timesteps - 1)
        low = place.floor().long().clamp(max=self.timesteps - 2)
        return torch.lerp(log_sigmas_T[low], log_sigmas_T[low + 1], place - low).exp()

    def timestep(self, sigma: Tensor) -> Tensor:
        """The fractional timestep of a noise level: the inverse of `sigma`.

        Args:
            sigma: >= 0, any shape; outside sigma_min..sigma_max the nearest end counts.
        Returns: float64 in 0..T-1, same shape and device.
        """
        log_sigmas_T = self.sigmas_T.to(sigma.device).log()
        log_sigma = sigma.to(torch.float64).log().clamp(log_sigmas_T[0], log_sigmas_T[-1])
        low = (torch.searchsorted(log_sigmas_T, log_sigma, right=True) - 1).clamp(0, self.timesteps - 2)
        below, above = log_sigmas_T[low], log_sigmas_T[low + 1]
        return low + (log_sigma - below) / (above - below)


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Levels spaced evenly in sigma^(1/rho): short steps where the picture's detail is decided.

    Args:
        steps: network calls, >= 1.
        sigma_min: the last level before 0, > 0.
        sigma_max: the first level, >= sigma_min.
        rho: bend, > 0; 7 is the paper's choice.
    Returns: descending float64, shape (steps + 1,), ending in 0.
    Source: Karras et al., arXiv:2206.00364, equation 5.
    """
    ramp_S = torch.linspace(0, 1, steps, dtype=torch.float64)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _ending_in((high + ramp_S * (low - high)) ** rho, 0.0)


def uniform_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Levels at evenly spaced (fractional) timesteps from the last to 0.

    Returns: descending float64, shape (steps + 1,), ending in 0.
    Source: "Uniform" of A1111, "normal" of ComfyUI; the default of k-diffusion's discrete models.
    """
    timestep_S = torch.linspace(schedule.timesteps - 1, 0, steps, dtype=torch.float64)
    return _ending_in(schedule.sigma(timestep_S), 0.0)


def leading_sigmas(schedule: NoiseSchedule, steps: int, *, last: float = 0.0) -> Tensor:
    """Levels at the integer timesteps that diffusers visits with an SD1 scheduler configuration.

    Args:
        schedule: of the network.
        steps: network calls, 1..T-1.
        last: the level to end at; EulerDiscreteScheduler ends at 0, DDIMScheduler at timestep 0.
    Returns: descending float64, shape (steps + 1,).
    Raises: ConfigError: if there are not enough timesteps.
    Source: "leading" in table 2 of arXiv:2305.08891; diffusers with steps_offset 1, set_alpha_to_one false.
    """
    if steps >= schedule.timesteps:
        raise ConfigError("so many steps do not fit", where="steps", got=steps, allowed=f"< {schedule.timesteps}")
    stride = schedule.timesteps // steps
    timestep_S = torch.arange(steps - 1, -1, -1) * stride + LEADING_OFFSET
    return _ending_in(schedule.sigma(timestep_S), last)


def ddim_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """`leading_sigmas` that end at the noise of timestep 0, as DDIM does on Stable Diffusion 1.x."""
    return leading_sigmas(schedule, steps, last=schedule.sigma_min)


def exponential_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """Levels spaced evenly in log sigma, or with rho != 1 by a power of the place between the ends.

    Args:
        steps: network calls, >= 1.
        sigma_min: the last level before 0, > 0.
        sigma_max: the first level, >= sigma_min.
        rho: > 0; above 1 the steps grow shorter towards the end. 1 is the exponential schedule.
    Returns: descending float64, shape (steps + 1,), ending in 0.
    Source: the exponential and polyexponential schedules of k-diffusion.
    """
    ramp_S = torch.linspace(1, 0, steps, dtype=torch.float64) ** rho
    low, high = math.log(sigma_min), math.log(sigma_max)
    return _ending_in((low + ramp_S * (high - low)).exp(), 0.0)


def sgm_uniform_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Levels at evenly spaced timesteps, of which the last, timestep 0, is left out.

    Returns: descending float64, shape (steps + 1,), ending in 0.
    Source: "SGM Uniform" of A1111, the spacing of Stability AI's generative-models for SDXL.
    """
    timestep_S = torch.linspace(schedule.timesteps - 1, 0, steps + 1, dtype=torch.float64)[:-1]
    return _ending_in(schedule.sigma(timestep_S), 0.0)


def simple_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Every (T / steps)-th trained level, counted from the noisiest and rounded towards it.

    Args:
        schedule: of the network.
        steps: network calls, 1..T.
    Returns: descending float64, shape (steps + 1,), ending in 0.
    Raises: ConfigError: if there are not enough timesteps.
    Source: "Simple" of A1111 and ComfyUI.
    """
    _room_for(steps, schedule.timesteps)
    timestep_S = schedule.timesteps - 1 - torch.arange(steps) * schedule.timesteps // steps
    return _ending_in(schedule.sigma(timestep_S), 0.0)


def trailing_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Every (T / steps)-th trained level, counted from the noisiest and rounded to the nearest.

    Args:
        schedule: of the network.
        steps: network calls, 1..T.
    Returns: descending float64, shape (steps + 1,), ending in 0.
    Raises: ConfigError: if there are not enough timesteps.
    Source: "trailing" in table 2 of arXiv:2305.08891; what models with a terminal signal of zero need.
    """
    _room_for(steps, schedule.timesteps)
    timestep_S = (schedule.timesteps - torch.arange(steps) * (schedule.timesteps / steps)).round() - 1
    return _ending_in(schedule.sigma(timestep_S), 0.0)


def ddim_uniform_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Every (T // steps)-th trained level from timestep 1 up, however many that are.

    Where steps does not divide T there are more levels than steps: 30 steps of 1000 timesteps visit 31.

    Args:
        schedule: of the network.
        steps: network calls where it divides T, 1..T-1.
    Returns: descending float64, ending in 0.
    Raises: ConfigError: if there are not enough timesteps.
    Source: "ddim_uniform" of ComfyUI, the schedule type "DDIM" of A1111.
    """
    _room_for(steps, schedule.timesteps - 1)
    timestep_S = torch.arange(LEADING_OFFSET, schedule.timesteps, schedule.timesteps // steps).flip(0)
    return _ending_in(schedule.sigma(timestep_S), 0.0)


def time_uniform_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Levels at evenly spaced timesteps from the last to 0, ending at the noise of timestep 0 and not at none.

    For solvers in log sigma, which cannot reach sigma 0.

    Returns: descending float64, shape (steps + 1,), ending in sigma_min.
    Source: `time_uniform` of UniPC, arXiv:2302.04867.
    """
    return schedule.sigma(torch.linspace(schedule.timesteps - 1, 0, steps + 1, dtype=torch.float64))


def kl_optimal_sigmas(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Levels spaced evenly in arctan sigma, which bounds the divergence that discrete steps add.

    Args:
        steps: network calls, >= 1.
        sigma_min: the last level, > 0.
        sigma_max: the first level, > sigma_min.
    Returns: descending float64, shape (steps + 1,), ending in sigma_min.
    Source: Align Your Steps, arXiv:2404.14507, theorem 3.1 (the optimum for Gaussian data).
    """
    ramp_S = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    return (ramp_S * math.atan(sigma_min) + (1 - ramp_S) * math.atan(sigma_max)).tan()


def beta_sigmas(steps: int, sigma_min: float, sigma_max: float, alpha: float = 0.6, beta: float = 0.6) -> Tensor:
    """Levels at evenly spaced quantiles of a beta distribution between the ends: dense at both.

    Args:
        steps: network calls, >= 1.
        sigma_min: the last level before 0, > 0.
        sigma_max: the first level, > sigma_min.
        alpha: > 0; smaller is denser at sigma_min.
        beta: > 0; smaller is denser at sigma_max.
    Returns: descending float64, shape (steps + 1,), ending in 0.
    Source: Beta Sampling is All You Need, arXiv:2407.12173; linear in sigma as in A1111 and diffusers.
    """
    place_S = torch.tensor(beta_places(steps, alpha, beta), dtype=torch.float64)
    return _ending_in(sigma_min + place_S * (sigma_max - sigma_min), 0.0)


def beta_timestep_sigmas(
    schedule: NoiseSchedule, steps: int, alpha: float = 0.6, beta: float = 0.6
) -> Tensor:
    """Levels at the trained timesteps nearest to evenly spaced quantiles of a beta distribution, the last left out.

    Timesteps that come twice count once, so that many steps visit fewer levels than there are steps.

    Args:
        schedule: of the network.
        steps: network calls at most, >= 1.
        alpha: > 0; smaller is denser at timestep 0.
        beta: > 0; smaller is denser at the last.
    Returns: descending float64, at most steps + 1, ending in 0.
    Source: Beta Sampling is All You Need, arXiv:2407.12173; by timesteps as in ComfyUI's scheduler "beta".
    """
    # The median lies between two timesteps: its last bits must not decide which.
    places = (round(place, 12) for place in beta_places(steps, alpha, beta, end=False))
    timesteps = dict.fromkeys(round(place * (schedule.timesteps - 1)) for place in places)
    return _ending_in(schedule.sigma(torch.tensor(list(timesteps))), 0.0)


def align_your_steps_sigmas(
    schedule: NoiseSchedule, steps: int, published: tuple[float, ...] = ALIGN_YOUR_STEPS_SD1
) -> Tensor:
    """Levels that were optimised for a network, log-linear between those published for ten steps.

    They were found for Stable Diffusion's noise table. On another table (more noise at the end, a terminal signal of
    zero) the same fractions of the training time are visited: each level becomes a timestep of Stable Diffusion, that
    timestep is scaled to this table, and this table says its sigma.

    Args:
        schedule: of the network.
        steps: network calls, >= 1.
        published: descending levels of eleven.
    Returns: descending float64, shape (steps + 1,), ending in 0.
    Source: Sabour et al., arXiv:2404.14507, and its quick start guide (NVIDIA).
    """
    place, logs = np.linspace(0, 1, steps + 1)[:-1], np.log(published)
    sigma_S = torch.as_tensor(np.exp(np.interp(place, np.linspace(0, 1, len(published)), logs)))
    known = _stable_diffusion()
    timestep_S = known.timestep(sigma_S) * ((schedule.timesteps - 1) / (known.timesteps - 1))
    return _ending_in(schedule.sigma(timestep_S), 0.0)


@functools.cache
def _stable_diffusion() -> NoiseSchedule:
    """The noise table of Stable Diffusion 1, 2 and XL: sqrt(beta) linear from 0.00085 to 0.012."""
    beta_T = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return NoiseSchedule.from_alphas_cumprod((1 - beta_T).cumprod(0))


def lcm_sigmas(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Levels among the fifty that latent consistency models are distilled on.

    Args:
        schedule: of the network.
        steps: network calls, 1..50; 1 to 8 are usual.
    Returns: descending float64, shape (steps + 1,), ending in 0.
    Raises: ConfigError: if there are not enough levels.
    Source: Luo et al., arXiv:2310.04378, section 4.3; evenly spaced indices as in diffusers' LCMScheduler.
    """
    trained = min(LCM_STEPS, schedule.timesteps)
    _room_for(steps, trained)
    index_S = torch.arange(steps) * trained // steps  # from the noisiest of the fifty
    timestep_S = (trained - index_S) * (schedule.timesteps // trained) - 1
    return _ending_in(schedule.sigma(timestep_S), 0.0)


def _ending_in(sigmas_S: Tensor, last: float) -> Tensor:
    return torch.cat([sigmas_S, sigmas_S.new_tensor([last])])


def _room_for(steps: int, most: int) -> None:
    if steps > most:
        raise ConfigError("so many steps do not fit", where="steps", got=steps, allowed=f"<= {most}")
