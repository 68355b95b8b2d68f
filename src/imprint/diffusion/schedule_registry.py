"""The ways to choose the noise levels that a sampler visits, by name.

Reads: names. Writes: nothing. Does not: compute (`schedule` does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from imprint.diffusion.schedule import (
    ALIGN_YOUR_STEPS_SDXL,
    NoiseSchedule,
    align_your_steps_sigmas,
    beta_sigmas,
    beta_timestep_sigmas,
    ddim_sigmas,
    ddim_uniform_sigmas,
    exponential_sigmas,
    karras_sigmas,
    kl_optimal_sigmas,
    lcm_sigmas,
    leading_sigmas,
    sgm_uniform_sigmas,
    simple_sigmas,
    time_uniform_sigmas,
    trailing_sigmas,
    uniform_sigmas,
)
from imprint.registry import Registry


@dataclass(frozen=True)
class ScheduleEntry:
    """A way to choose the levels that a sampler visits, as data for the command line and the web form.

    Attributes:
        name: as written in recipes and records.
        title: as shown to people.
        sigmas: (schedule of the network, steps) -> descending float64 levels, shape (steps + 1,).
        source: where it is from, one phrase.
        variants: families that have levels of their own under the same title, and the name of those.
    """

    name: str
    title: str
    sigmas: Callable[[NoiseSchedule, int], Tensor]
    source: str
    variants: Mapping[str, str] = field(default_factory=dict[str, str])


SCHEDULES: Registry[ScheduleEntry] = Registry("schedule")


def _karras(schedule: NoiseSchedule, steps: int) -> Tensor:
    return karras_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def _exponential(schedule: NoiseSchedule, steps: int) -> Tensor:
    return exponential_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def _kl_optimal(schedule: NoiseSchedule, steps: int) -> Tensor:
    return kl_optimal_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def _beta(schedule: NoiseSchedule, steps: int) -> Tensor:
    return beta_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def _align_your_steps_xl(schedule: NoiseSchedule, steps: int) -> Tensor:
    return align_your_steps_sigmas(schedule, steps, ALIGN_YOUR_STEPS_SDXL)


def _add(
    name: str, title: str, sigmas: Callable[[NoiseSchedule, int], Tensor], source: str, *aliases: str, **variants: str
) -> None:
    SCHEDULES.add(name, ScheduleEntry(name, title, sigmas, source, variants), aliases=(title, *aliases))


_AYS = "arXiv:2404.14507"
_add("karras", "Karras", _karras, "arXiv:2206.00364")
_add("uniform", "Uniform", uniform_sigmas, "k-diffusion", "normal", "Normal", "linspace")
_add("exponential", "Exponential", _exponential, "k-diffusion")
_add("polyexponential", "Polyexponential", _exponential, "k-diffusion, with its rho of 1")
_add("sgm_uniform", "SGM Uniform", sgm_uniform_sigmas, "Stability AI", "SGMUniform")
_add("simple", "Simple", simple_sigmas, "ComfyUI")
_add("leading", "Leading", leading_sigmas, "diffusers")
_add("trailing", "Trailing", trailing_sigmas, "arXiv:2305.08891")
_add("ddim", "DDIM", ddim_sigmas, "arXiv:2010.02502")
_add("ddim_uniform", "DDIM uniform", ddim_uniform_sigmas, "CompVis")
_add("time_uniform", "Time uniform", time_uniform_sigmas, "arXiv:2302.04867")
_add("kl_optimal", "KL Optimal", _kl_optimal, _AYS)
_add("beta", "Beta", _beta, "arXiv:2407.12173")
_add("beta_comfy", "Beta (ComfyUI)", beta_timestep_sigmas, "ComfyUI")
_add("align_your_steps", "Align Your Steps", align_your_steps_sigmas, _AYS, "ays", sdxl="align_your_steps_xl")
_add("align_your_steps_xl", "Align Your Steps XL", _align_your_steps_xl, _AYS, "ays_sdxl")
_add("lcm", "LCM", lcm_sigmas, "arXiv:2310.04378")
