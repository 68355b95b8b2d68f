"""Every sampler by name, with what a prompt schedule, a progress bar or a form has to know of it.

Reads: nothing. Writes: nothing. Does not: understand names that also say a schedule (`names`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from imprint.diffusion.schedule import NoiseSchedule
from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.errors import ConfigError
from imprint.generation.samplers.contract import Sampler
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
from imprint.generation.samplers.heun import restart_sigmas, restarts, sample_heun, sample_restart
from imprint.generation.samplers.lcm import sample_lcm
from imprint.generation.samplers.multistep import sample_lms, sample_plms
from imprint.generation.samplers.unipc import sample_unipc, sample_unipc_bh2
from imprint.registry import Registry

CHURN = {"s_churn": 0.0, "s_tmin": 0.0, "s_tmax": math.inf, "s_noise": 1.0}
FRESH = {"eta": 1.0, "s_noise": 1.0}
FRESH_IF_ASKED = {"eta": 0.0, "s_noise": 1.0}


@dataclass(frozen=True)
class SamplerEntry:
    """A sampler as data for the command line and the web form.

    Attributes:
        name: as written in recipes and records.
        title: as shown to people and known from A1111.
        sample: the function.
        schedule: the levels it uses unless told otherwise, a name in `SCHEDULES`.
        order: with which the error of the probability-flow ODE falls, fresh noise aside.
        stochastic: whether it draws noise at its steps unless told otherwise.
        reference: the paper.
        calls_per_step: network calls of most steps; a step to level 0 has one.
        options: numbers that it takes besides, with their defaults.
        discard_penultimate: whether the level before the last is left out (one more is chosen in its place).
        brownian: whether its noise is a Brownian path over the levels, not a draw a step.
        adaptive: whether it chooses its own steps, so that `steps` says little and pictures cannot share a batch.
        arrange: (levels for a number of steps, steps) -> levels, where they are more than a schedule's.
    """

    name: str
    title: str
    sample: Sampler
    schedule: str
    order: int
    stochastic: bool
    reference: str
    calls_per_step: int = 1
    options: Mapping[str, float] = field(default_factory=dict[str, float])
    discard_penultimate: bool = False
    brownian: bool = False
    adaptive: bool = False
    arrange: Callable[[Callable[[int], Tensor], int], Tensor] | None = None

    def sigmas(self, network: NoiseSchedule, schedule: str, steps: int) -> Tensor:
        """The levels that this sampler visits.

        Args:
            network: levels that the network was trained on.
            schedule: a name in `SCHEDULES`.
            steps: >= 1.
        Returns: float64, ready for `sample`; steps + 1 of them, but for `restart` and the schedule `ddim_uniform`.
        Raises: ConfigError: if the schedule has no room for so many steps.
        """
        build = functools.partial(SCHEDULES.get(schedule).sigmas, network)
        if self.discard_penultimate:
            sigmas = build(steps + 1)
            return torch.cat([sigmas[:-2], sigmas[-1:]])
        return self.arrange(build, steps) if self.arrange else build(steps)

    def with_options(self, options: Mapping[str, float]) -> Sampler:
        """The sampler with some of its options set.

        Raises: ConfigError: if it has no such option.
        """
        for name, value in options.items():
            if name not in self.options:
                raise ConfigError(
                    f"the sampler {self.name} has no such option",
                    where=name, got=value, allowed=", ".join(self.options) or "none",
                )
        return cast("Sampler", functools.partial(cast("Callable[..., Tensor]", self.sample), **options))


def _with_restarts(build: Callable[[int], Tensor], steps: int) -> Tensor:
    times, each = restarts(steps)
    once = build(steps)
    levels = restart_sigmas(build(steps - times * each), times, each) if times else once
    return levels if bool((levels.diff() > 0).any()) else once


SAMPLERS: Registry[SamplerEntry] = Registry("sampler")


def _add(entry: SamplerEntry, *aliases: str) -> None:
    SAMPLERS.add(entry.name, entry, aliases=(entry.title, *aliases))


_KARRAS_2022 = "https://arxiv.org/abs/2206.00364"
_SCORE_SDE = "https://arxiv.org/abs/2011.13456"
_DDIM = "https://arxiv.org/abs/2010.02502"
_DPM_SOLVER = "https://arxiv.org/abs/2206.00927"
_DPM_SOLVER_PP = "https://arxiv.org/abs/2211.01095"
_PNDM = "https://arxiv.org/abs/2202.09778"
_RESTART = "https://arxiv.org/abs/2306.14878"
_UNIPC = "https://arxiv.org/abs/2302.04867"
_LCM = "https://arxiv.org/abs/2310.04378"

_add(
    SamplerEntry(
        "euler", "Euler", sample_euler, "uniform", order=1, stochastic=False, reference=_KARRAS_2022, options=CHURN
    ),
    "k_euler", "sample_euler", "EulerDiscreteScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "euler_a", "Euler a", sample_euler_ancestral, "uniform", order=1, stochastic=True, reference=_SCORE_SDE,
        options=FRESH,
    ),
    "k_euler_a", "k_euler_ancestral", "euler_ancestral", "sample_euler_ancestral", "EulerAncestralDiscreteScheduler",
    "ddpm", "DDPM", "DDPMScheduler",
)  # fmt: skip
_add(
    SamplerEntry("lms", "LMS", sample_lms, "uniform", order=4, stochastic=False, reference=_KARRAS_2022),
    "k_lms", "sample_lms", "LMSDiscreteScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "heun", "Heun", sample_heun, "uniform", order=2, stochastic=False, reference=_KARRAS_2022, calls_per_step=2,
        options=CHURN,
    ),
    "k_heun", "sample_heun", "HeunDiscreteScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpm_2", "DPM2", sample_dpm_2, "uniform", order=2, stochastic=False, reference=_DPM_SOLVER, calls_per_step=2,
        options=CHURN, discard_penultimate=True,
    ),
    "k_dpm_2", "sample_dpm_2", "KDPM2DiscreteScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpm_2_a", "DPM2 a", sample_dpm_2_ancestral, "uniform", order=2, stochastic=True, reference=_DPM_SOLVER,
        calls_per_step=2, options=FRESH, discard_penultimate=True,
    ),
    "k_dpm_2_a", "k_dpm_2_ancestral", "dpm_2_ancestral", "sample_dpm_2_ancestral", "KDPM2AncestralDiscreteScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpmpp_2s_a", "DPM++ 2S a", sample_dpmpp_2s_ancestral, "uniform", order=2, stochastic=True,
        reference=_DPM_SOLVER_PP, calls_per_step=2, options=FRESH,
    ),
    "k_dpmpp_2s_a", "dpmpp_2s_ancestral", "sample_dpmpp_2s_ancestral",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpmpp_2m", "DPM++ 2M", sample_dpmpp_2m, "karras", order=2, stochastic=False, reference=_DPM_SOLVER_PP
    ),
    "k_dpmpp_2m", "sample_dpmpp_2m", "DPMSolverMultistepScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpmpp_sde", "DPM++ SDE", sample_dpmpp_sde, "karras", order=2, stochastic=True, reference=_DPM_SOLVER_PP,
        calls_per_step=2, options=FRESH, brownian=True,
    ),
    "k_dpmpp_sde", "dpmpp_sde_gpu", "sample_dpmpp_sde", "DPMSolverSDEScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpmpp_2m_sde", "DPM++ 2M SDE", sample_dpmpp_2m_sde, "exponential", order=2, stochastic=True,
        reference=_DPM_SOLVER_PP, options=FRESH, brownian=True,
    ),
    "k_dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "sample_dpmpp_2m_sde",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpmpp_2m_sde_heun", "DPM++ 2M SDE Heun", sample_dpmpp_2m_sde_heun, "exponential", order=2, stochastic=True,
        reference=_DPM_SOLVER_PP, options=FRESH, brownian=True,
    ),
    "k_dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun_gpu",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpmpp_3m_sde", "DPM++ 3M SDE", sample_dpmpp_3m_sde, "exponential", order=2, stochastic=True,
        reference=_DPM_SOLVER_PP, options=FRESH, discard_penultimate=True, brownian=True,
    ),
    "k_dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "sample_dpmpp_3m_sde",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpm_fast", "DPM fast", sample_dpm_fast, "time_uniform", order=3, stochastic=False, reference=_DPM_SOLVER,
        options=FRESH_IF_ASKED,
    ),
    "k_dpm_fast", "sample_dpm_fast",
)  # fmt: skip
_add(
    SamplerEntry(
        "dpm_adaptive", "DPM adaptive", sample_dpm_adaptive, "time_uniform", order=3, stochastic=False,
        reference=_DPM_SOLVER, calls_per_step=3, options={**FRESH_IF_ASKED, "rtol": 0.05, "atol": 0.0078},
        adaptive=True,
    ),
    "k_dpm_ad", "k_dpm_adaptive", "sample_dpm_adaptive",
)  # fmt: skip
_add(
    SamplerEntry(
        "restart", "Restart", sample_restart, "karras", order=2, stochastic=True, reference=_RESTART, calls_per_step=2,
        options={"s_noise": 1.0}, arrange=_with_restarts,
    ),
)
_add(
    SamplerEntry(
        "ddim", "DDIM", sample_ddim, "ddim", order=1, stochastic=False, reference=_DDIM, options=FRESH_IF_ASKED
    ),
    "DDIMScheduler",
)
_add(
    SamplerEntry("plms", "PLMS", sample_plms, "ddim", order=2, stochastic=False, reference=_PNDM),
    "PNDM", "PNDMScheduler",
)  # fmt: skip
_add(
    SamplerEntry("unipc", "UniPC", sample_unipc, "time_uniform", order=4, stochastic=False, reference=_UNIPC),
    "uni_pc", "UniPCMultistepScheduler",
)  # fmt: skip
_add(
    SamplerEntry(
        "unipc_bh2", "UniPC bh2", sample_unipc_bh2, "time_uniform", order=4, stochastic=False, reference=_UNIPC
    ),
    "uni_pc_bh2",
)
_add(
    SamplerEntry("lcm", "LCM", sample_lcm, "lcm", order=1, stochastic=True, reference=_LCM, options={"s_noise": 1.0}),
    "k_lcm", "sample_lcm", "LCMScheduler",
)  # fmt: skip
