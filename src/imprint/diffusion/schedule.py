"""Noise levels: what the network was trained on, and which of them a sampler visits.

Reads: cumulative alphas. Writes: sigmas and timesteps. Does not: know any network.

Sigma is the noise's standard deviation over the signal's: sigma = sqrt((1 - abar) / abar), where abar is the
cumulative product of alphas in DDPM (arXiv:2006.11239). Suffixes: B batch, T training timesteps, S steps of a sampler.
Everything is float64: sixteen digits here cost nothing and keep pictures equal between devices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from imprint.errors import ConfigError, ModelError
from imprint.registry import Registry

LEADING_OFFSET = 1  # `steps_offset` in the scheduler configuration of every Stable Diffusion 1.x


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


def _ending_in(sigmas_S: Tensor, last: float) -> Tensor:
    return torch.cat([sigmas_S, sigmas_S.new_tensor([last])])


@dataclass(frozen=True)
class ScheduleEntry:
    """A way to choose the levels that a sampler visits, as data for the command line and the web form.

    Attributes:
        name: as written in recipes and records.
        title: as shown to people.
        sigmas: (schedule of the network, steps) -> descending float64 levels, shape (steps + 1,).
    """

    name: str
    title: str
    sigmas: Callable[[NoiseSchedule, int], Tensor]


SCHEDULES: Registry[ScheduleEntry] = Registry("schedule")


def _karras(schedule: NoiseSchedule, steps: int) -> Tensor:
    return karras_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def _register() -> None:
    for entry, aliases in (
        (ScheduleEntry("karras", "Karras", _karras), ("Karras",)),
        (ScheduleEntry("uniform", "Uniform", uniform_sigmas), ("Uniform", "normal", "Normal")),
        (ScheduleEntry("leading", "Leading (diffusers)", leading_sigmas), ("Leading",)),
        (ScheduleEntry("ddim", "DDIM", ddim_sigmas), ("DDIM", "ddim_uniform")),
    ):
        SCHEDULES.add(entry.name, entry, aliases=aliases)


_register()
