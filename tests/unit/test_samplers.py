"""Samplers on Gaussians, where the ideal denoiser and the exact end of the trajectory are known."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from imprint.diffusion.brownian import BrownianPath
from imprint.diffusion.schedule import NoiseSchedule, karras_sigmas
from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.errors import ConfigError, NumericsError, UnknownNameError
from imprint.generation.samplers import (
    NO_NOISE,
    SAMPLERS,
    SamplerStep,
    resolve_sampler,
    resolve_schedule,
    restart_sigmas,
    sample_ddim,
    sample_dpm_adaptive,
    sample_dpmpp_2m,
    sample_dpmpp_2m_sde,
    sample_euler,
    sample_euler_ancestral,
    sample_lcm,
    sample_restart,
)

pytestmark = pytest.mark.unit

MEAN, STD = 0.7, 0.5  # of the data
MEANS = torch.tensor([0.7, -0.2, 0.1], dtype=torch.float64)  # of anisotropic data
STDS = torch.tensor([0.3, 0.5, 1.0], dtype=torch.float64)
STARTS = torch.tensor([-8.0, 3.0, 12.0], dtype=torch.float64)
BETAS_T = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
SD1 = NoiseSchedule.from_alphas_cumprod((1 - BETAS_T).cumprod(0))
ENTRIES = list(SAMPLERS.items().values())
WITH_OWN_STEPS = {"dpm_fast", "dpm_adaptive"}
WITHOUT_NOISE = [entry.name for entry in ENTRIES if not entry.stochastic or "eta" in entry.options]


def ideal(x: Tensor, sigma: float) -> Tensor:
    """The expected clean value for data ~ N(MEAN, STD^2)."""
    return (STD**2 * x + sigma**2 * MEAN) / (STD**2 + sigma**2)


def ideal3(x: Tensor, sigma: float) -> Tensor:
    """The same for three independent numbers, each with its own mean and width."""
    return (STDS**2 * x + sigma**2 * MEANS) / (STDS**2 + sigma**2)


def exact3(sigma: float, end: float) -> Tensor:
    """Where the probability-flow ODE takes STARTS from level sigma to level end."""
    return MEANS + (STARTS - MEANS) * ((STDS**2 + end**2) / (STDS**2 + sigma**2)).sqrt()


class Counted:
    """Independent noise for every draw; what was asked for is kept."""

    def __init__(self, *shape: int) -> None:
        self.shape, self.asked = shape, list[object]()

    def __call__(self, draw: int) -> Tensor:
        self.asked.append(draw)
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(draw), dtype=torch.float64)

    def between(self, sigma_from: float, sigma_to: float) -> Tensor:
        self.asked.append((sigma_from, sigma_to))
        generator = torch.Generator().manual_seed(hash((sigma_from, sigma_to)) % 2**63)
        return torch.randn(self.shape, generator=generator, dtype=torch.float64)


class Batch:
    """Pictures that each have noise of their own."""

    def __init__(self, pictures: list[tuple[int, BrownianPath]]) -> None:
        self.pictures = pictures

    def __call__(self, draw: int) -> Tensor:
        return torch.stack([Counted(1, 2, 2)(100 * number + draw) for number, _ in self.pictures])

    def between(self, sigma_from: float, sigma_to: float) -> Tensor:
        return torch.stack([path.between(sigma_from, sigma_to) for _, path in self.pictures])


def without_noise(name: str) -> Callable[..., Tensor]:
    entry = SAMPLERS.get(name)
    return entry.with_options({"eta": 0.0} if "eta" in entry.options else {})


def graded(steps: int) -> Tensor:
    """Levels of equal ratio from 10 to 0.1 between a few short steps, so that the first and last do not decide."""
    short = torch.full((3,), 1 / steps, dtype=torch.float64)
    place = torch.cat([short, torch.ones(steps, dtype=torch.float64), short]).cumsum(0)
    place = torch.cat([torch.zeros(1, dtype=torch.float64), place / place[-1]])
    return (place * math.log(0.01) + math.log(10)).exp()


def error_at(name: str, sigmas: Tensor) -> float:
    return float((without_noise(name)(ideal3, STARTS, sigmas, NO_NOISE) - exact3(10.0, 0.1)).abs().max())


# Measured between the two finest of 64, 128, 256 steps: 1.00 euler, 3.87 lms, 2.01 heun, 2.00 dpm_2, 1.99 dpmpp_2s_a,
# 2.00 dpmpp_2m, 1.99 dpmpp_sde, 2.00 dpmpp_2m_sde, 2.02 dpmpp_3m_sde, 2.00 plms, 3.91 unipc and unipc_bh2.
@pytest.mark.parametrize("name", sorted({*WITHOUT_NOISE} - WITH_OWN_STEPS | {"restart"}))
def test_halving_the_steps_divides_the_error_by_two_to_the_order(name: str) -> None:
    errors = [error_at(name, graded(steps)) for steps in (128, 256)]
    order = SAMPLERS.get(name).order
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.05 * order)


def test_dpm_fast_is_of_third_order_where_its_last_step_is_of_second() -> None:
    errors = [error_at("dpm_fast", torch.logspace(1, -1, calls + 1, dtype=torch.float64)) for calls in (65, 131)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.25)  # measured 3.13


def test_a_smaller_tolerance_of_dpm_adaptive_is_a_smaller_error() -> None:
    ends, errors = torch.tensor([10.0, 0.1], dtype=torch.float64), list[float]()
    for tolerance in (1.0, 0.01, 0.0001):  # measured 4.3e-2, 6.2e-4, 2.3e-5
        end = sample_dpm_adaptive(ideal3, STARTS, ends, NO_NOISE, rtol=0.05 * tolerance, atol=0.0078 * tolerance)
        errors.append(float((end - exact3(10.0, 0.1)).abs().max()))
    assert errors[0] > 20 * errors[1] > 200 * errors[2]


def test_second_order_is_nearer_than_first_at_the_default_number_of_steps() -> None:
    sigmas = torch.logspace(1, -1, 26, dtype=torch.float64)
    assert error_at("dpmpp_2m", sigmas) < error_at("euler", sigmas) / 4


def test_ddim_without_fresh_noise_is_euler() -> None:
    sigmas, x = karras_sigmas(12, 0.03, 14.6), torch.linspace(-9, 9, 7, dtype=torch.float64)
    torch.testing.assert_close(sample_ddim(ideal, x, sigmas, NO_NOISE), sample_euler(ideal, x, sigmas, NO_NOISE))


def test_ddim_with_all_noise_fresh_is_euler_ancestral() -> None:
    sigmas, x = karras_sigmas(12, 0.03, 14.6), torch.linspace(-9, 9, 7, dtype=torch.float64)
    ddim = sample_ddim(ideal, x, sigmas, Counted(7), eta=1.0)
    torch.testing.assert_close(ddim, sample_euler_ancestral(ideal, x, sigmas, Counted(7)))


@pytest.mark.parametrize("name", ["dpmpp_2m_sde", "dpmpp_2m"])
def test_2m_sde_without_noise_is_2m(name: str) -> None:
    sigmas = karras_sigmas(12, 0.03, 14.6)
    torch.testing.assert_close(
        without_noise(name)(ideal3, STARTS, sigmas, NO_NOISE), sample_dpmpp_2m(ideal3, STARTS, sigmas, NO_NOISE)
    )


def test_ancestral_steps_follow_equation_47() -> None:
    x = torch.tensor([2.0], dtype=torch.float64)
    z = Counted(1)(0)
    stepped = sample_euler_ancestral(ideal, x, torch.tensor([3.0, 1.0], dtype=torch.float64), Counted(1))
    score = (ideal(x, 3.0) - x) / 9
    torch.testing.assert_close(stepped, x + (9 - 1) * score + math.sqrt(1 * (9 - 1) / 9) * z)


# A consistency function takes a sample to a sample; the ideal denoiser takes it to a mean.
@pytest.mark.parametrize("name", [name for name in SAMPLERS.names() if name != "lcm"])
def test_samples_of_a_gaussian_have_its_mean_and_width(name: str) -> None:
    noise = Counted(20_000)
    drawn = SAMPLERS.get(name).sample(ideal, 14.6 * noise(-1) + MEAN, karras_sigmas(150, 0.03, 14.6), noise)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(drawn.std()) == pytest.approx(STD, rel=0.06)


@pytest.mark.parametrize(("name", "option", "value"), [("euler", "s_churn", 10), ("heun", "s_churn", 40),
    ("dpm_2", "s_churn", 40), ("dpm_fast", "eta", 1), ("dpm_adaptive", "eta", 1), ("ddim", "eta", 1),
    ("dpmpp_2m_sde", "eta", 0.5), ("dpmpp_sde", "eta", 0.5)])  # fmt: skip
def test_samples_with_more_or_less_noise_have_the_same_mean_and_width(name: str, option: str, value: float) -> None:
    noise = Counted(20_000)
    sample = SAMPLERS.get(name).with_options({option: value})
    drawn = sample(ideal, 14.6 * noise(-1) + MEAN, karras_sigmas(150, 0.03, 14.6), noise)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(drawn.std()) == pytest.approx(STD, rel=0.06)


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_a_last_step_to_zero_lands_on_the_denoised(name: str) -> None:
    x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    landed = SAMPLERS.get(name).sample(ideal, x, torch.tensor([2.0, 0.0], dtype=torch.float64), NO_NOISE)
    torch.testing.assert_close(landed, ideal(x, 2.0))


@pytest.mark.parametrize("name", [name for name in SAMPLERS.names() if name not in WITH_OWN_STEPS])
def test_every_step_is_told(name: str) -> None:
    told: list[SamplerStep] = []
    sigmas = karras_sigmas(5, 0.1, 10)
    SAMPLERS.get(name).sample(ideal, torch.zeros(3, dtype=torch.float64), sigmas, Counted(3), told.append)
    assert [step.index for step in told] == [0, 1, 2, 3, 4]
    assert [step.sigma for step in told] == sigmas[:-1].tolist()
    assert {step.steps for step in told} == {5}


@pytest.mark.parametrize("name", sorted(WITH_OWN_STEPS))
def test_samplers_with_steps_of_their_own_tell_them_in_order(name: str) -> None:
    told: list[SamplerStep] = []
    SAMPLERS.get(name).sample(ideal3, STARTS, karras_sigmas(12, 0.1, 10), NO_NOISE, told.append)
    assert [step.index for step in told] == list(range(len(told)))
    assert told[0].sigma == pytest.approx(10)
    assert told[-1].sigma == pytest.approx(0.1)
    assert all(step.index < step.steps for step in told)


def calls_and_noise(name: str, steps: int) -> tuple[int, int]:
    """(network calls, draws of noise) on Karras levels."""
    calls: list[float] = []
    noise = Counted(2)

    def denoise(x: Tensor, sigma: float) -> Tensor:
        calls.append(sigma)
        return ideal(x, sigma)

    SAMPLERS.get(name).sample(denoise, torch.zeros(2), karras_sigmas(steps, 0.1, 10), noise)
    return len(calls), len(noise.asked)


@pytest.mark.parametrize("name", [name for name in SAMPLERS.names() if name != "dpm_adaptive"])
def test_as_many_network_calls_and_draws_as_the_entry_says(name: str) -> None:
    entry = SAMPLERS.get(name)
    calls, draws = calls_and_noise(name, 6)
    assert calls == (7 if name == "plms" else 1 + 5 * entry.calls_per_step)
    assert draws == (0 if not entry.stochastic or name == "restart" else 10 if name == "dpmpp_sde" else 5)


@pytest.mark.parametrize("sigmas", [[1.0, 2.0], [1.0, 1.0], [1.0, -1.0], [1.0, float("nan")]])
@pytest.mark.parametrize("name", [name for name in SAMPLERS.names() if name != "restart"])
def test_levels_that_do_not_descend_are_refused(name: str, sigmas: list[float]) -> None:
    with pytest.raises(ValueError, match="descend"):
        SAMPLERS.get(name).sample(ideal, torch.zeros(1), torch.tensor(sigmas), NO_NOISE)


@pytest.mark.parametrize("sigmas", [[1.0, 1.0], [1.0, -1.0], [1.0, float("nan")], [1.0, 0.0, 2.0]])
def test_restart_refuses_levels_that_no_noise_leads_to(sigmas: list[float]) -> None:
    with pytest.raises(ValueError, match="sigmas must change"):
        sample_restart(ideal, torch.zeros(1), torch.tensor(sigmas), Counted(1))


def test_restart_goes_back_up_once_from_20_steps_and_twice_from_36() -> None:
    for steps, times in ((19, 0), (20, 1), (35, 1), (36, 2), (80, 2)):
        sigmas = SAMPLERS.get("restart").sigmas(SD1, "karras", steps)
        assert int((sigmas.diff() > 0).sum()) == times
        assert int((sigmas.diff() < 0).sum()) == steps


def test_restarts_are_between_the_level_nearest_to_a_tenth_and_two() -> None:
    sigmas = restart_sigmas(torch.tensor([10.0, 1.0, 0.13, 0.02, 0.0], dtype=torch.float64), times=2, steps=3)
    assert sigmas[[0, 1, 2, 6, 10, 11, 12]].tolist() == [10.0, 1.0, 0.13, 0.13, 0.13, 0.02, 0.0]
    assert sigmas[[3, 7]].tolist() == pytest.approx([2.0, 2.0])


def test_levels_that_were_never_high_have_no_restart() -> None:
    sigmas = karras_sigmas(9, 0.03, 1.5)
    assert restart_sigmas(sigmas, times=2, steps=3) is sigmas


def test_restart_adds_the_noise_that_is_missing() -> None:
    x, noise = torch.zeros(50_000, dtype=torch.float64), Counted(50_000)
    up = sample_restart(lambda x, sigma: x, x, torch.tensor([0.1, 2.0, 1.0], dtype=torch.float64), noise)
    assert float(up.var()) == pytest.approx(2.0**2 - 0.1**2, rel=0.02)


def test_a_consistency_step_is_the_answer_with_fresh_noise() -> None:
    x, sigmas = torch.tensor([2.0], dtype=torch.float64), torch.tensor([3.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(sample_lcm(ideal, x, sigmas, Counted(1)), ideal(x, 3.0) + Counted(1)(0))


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES if entry.discard_penultimate])
def test_the_level_before_the_last_is_left_out(name: str) -> None:
    sigmas = SAMPLERS.get(name).sigmas(SD1, "karras", 5).tolist()
    assert sigmas == pytest.approx([14.6146, 6.0821, 2.2322, 0.6926, 0.1698, 0], abs=6e-5)


def test_those_of_dpm2_and_3m_sde_are() -> None:
    assert {entry.name for entry in ENTRIES if entry.discard_penultimate} == {"dpm_2", "dpm_2_a", "dpmpp_3m_sde"}


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
@pytest.mark.parametrize("schedule", SCHEDULES.names())
@pytest.mark.parametrize("last_abar", [None, 4.8973e-8])
def test_every_sampler_draws_on_every_schedule(schedule: str, steps: int, last_abar: float | None) -> None:
    abar_T = (1 - BETAS_T).cumprod(0)
    if last_abar:  # rescaled to a terminal signal of nearly zero, arXiv:2305.08891, algorithm 1
        root = abar_T.sqrt()
        abar_T = ((root - root[-1]) * (root[0] / (root[0] - root[-1]))).square().clamp(min=last_abar)
    network = NoiseSchedule.from_alphas_cumprod(abar_T)
    for entry in ENTRIES:
        sigmas = entry.sigmas(network, schedule, steps)
        end = entry.sample(ideal, float(sigmas[0]) * Counted(5)(0), sigmas, Counted(5))
        assert bool(torch.isfinite(end).all()), entry.name


# The steps of an adaptive one depend on the whole batch: `text_to_image` gives each picture its own.
@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES if not entry.adaptive])
def test_a_picture_in_a_batch_is_that_picture_alone(name: str) -> None:
    sigmas = SAMPLERS.get(name).sigmas(SD1, SAMPLERS.get(name).schedule, 24)
    paths = [BrownianPath(seed, (1, 2, 2)) for seed in range(3)]

    def drawn(*pictures: int) -> Tensor:
        x = torch.stack([Counted(1, 2, 2)(-1 - p) for p in pictures]) * float(sigmas[0])
        return SAMPLERS.get(name).sample(ideal, x, sigmas, Batch([(p, paths[p]) for p in pictures]))

    together = drawn(0, 1, 2)
    assert all(torch.equal(together[p : p + 1], drawn(p)) for p in range(3))


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES if entry.brownian])
def test_more_steps_of_an_sde_sampler_follow_the_same_path(name: str) -> None:
    path = BrownianPath(7, (500,))
    x = (10 * Counted(500)(0)).float()
    ends = [
        SAMPLERS.get(name).sample(ideal, x, torch.logspace(1, -1, steps + 1, dtype=torch.float64), Between(path))
        for steps in (8, 16, 32, 64)
    ]
    errors = [float((end - ends[-1]).std()) for end in ends[:-1]]
    assert errors[0] > 1.4 * errors[1] > 1.4**2 * errors[2]
    other = SAMPLERS.get(name).sample(ideal, x, torch.logspace(1, -1, 33, dtype=torch.float64), Counted(500))
    assert float((other - ends[-1]).std()) > 3 * errors[2]


class Between:
    """A path and nothing else."""

    def __init__(self, path: BrownianPath) -> None:
        self.between = path.between

    def __call__(self, draw: int) -> Tensor:
        raise AssertionError("an SDE sampler follows its path")


def test_fresh_noise_of_strength_zero_is_none() -> None:
    sigmas = karras_sigmas(6, 0.1, 10)
    assert bool(torch.isfinite(sample_dpmpp_2m_sde(ideal, STARTS, sigmas, NO_NOISE, eta=0)).all())


def test_dpm_adaptive_says_that_the_network_is_broken_and_does_not_try_for_ever() -> None:
    with pytest.raises(NumericsError, match="NaN"):
        sample_dpm_adaptive(lambda x, sigma: x * math.nan, STARTS, torch.tensor([10.0, 0.1]), NO_NOISE)
    jumps = iter(range(10**9))
    with pytest.raises(NumericsError, match="too many steps"):
        sample_dpm_adaptive(
            lambda x, sigma: x * 0 + 1000 * math.sin(next(jumps)), STARTS, torch.tensor([10.0, 0.1]), NO_NOISE
        )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_options_are_the_functions_own_with_their_defaults(entry: Any) -> None:
    sigmas, x = karras_sigmas(6, 0.1, 10), STARTS
    plain = entry.sample(ideal3, x, sigmas, Counted(3))
    assert torch.equal(entry.with_options(entry.options)(ideal3, x, sigmas, Counted(3)), plain)
    with pytest.raises(ConfigError, match="no such option"):
        entry.with_options({"s_chrun": 1.0})


@pytest.mark.parametrize(("name", "option", "value"), [("euler", "s_churn", 3), ("heun", "s_churn", 3),
    ("dpm_2", "s_churn", 3), ("euler_a", "eta", 0.5), ("dpm_2_a", "s_noise", 0.9), ("dpmpp_2s_a", "eta", 0.5),
    ("dpmpp_sde", "eta", 0.5), ("dpmpp_2m_sde", "s_noise", 0.9), ("dpmpp_3m_sde", "eta", 0.5), ("ddim", "eta", 0.5),
    ("dpm_fast", "eta", 1), ("dpm_adaptive", "eta", 1), ("lcm", "s_noise", 0.9)])  # fmt: skip
def test_every_option_arrives(name: str, option: str, value: float) -> None:
    sigmas, entry = karras_sigmas(6, 0.1, 10), SAMPLERS.get(name)
    changed = entry.with_options({option: value})(ideal3, STARTS, sigmas, Counted(3))
    assert not torch.equal(changed, entry.sample(ideal3, STARTS, sigmas, Counted(3)))


def test_noise_is_put_back_only_between_the_levels_asked_for() -> None:
    noise = Counted(3)
    sample_euler(ideal3, STARTS, karras_sigmas(8, 0.1, 10), noise, s_churn=4, s_tmin=0.5, s_tmax=5)
    inside = [step for step, sigma in enumerate(karras_sigmas(8, 0.1, 10).tolist()) if 0.5 <= sigma <= 5]
    assert noise.asked == inside


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Euler a", ("euler_a", None)),
        ("Euler", ("euler", None)),
        ("DPM++ 2M", ("dpmpp_2m", None)),
        ("DPM++ 2M Karras", ("dpmpp_2m", "karras")),
        ("DPM++ 2M SDE Exponential", ("dpmpp_2m_sde", "exponential")),
        ("DPM++ 2M SDE Heun Karras", ("dpmpp_2m_sde_heun", "karras")),
        ("DPM2 a Karras", ("dpm_2_a", "karras")),
        ("DPM++ SDE SGM Uniform", ("dpmpp_sde", "sgm_uniform")),
        ("LMS Align Your Steps", ("lms", "align_your_steps")),
        ("Euler Automatic", ("euler", None)),
        ("dpm++ 2m karras", ("dpmpp_2m", "karras")),
        ("k_dpmpp_2m_ka", ("dpmpp_2m", "karras")),
        ("euler_ancestral", ("euler_a", None)),
        ("dpmpp_2m_sde_gpu", ("dpmpp_2m_sde", None)),
        ("uni_pc_bh2", ("unipc_bh2", None)),
        ("EulerDiscreteScheduler", ("euler", None)),
        ("DPMSolverMultistepScheduler", ("dpmpp_2m", None)),
        ("PNDMScheduler", ("plms", None)),
        ("DDIMScheduler", ("ddim", None)),
    ],
)
def test_names_of_other_tools_are_understood(name: str, found: tuple[str, str | None]) -> None:
    assert resolve_sampler(name) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [("Automatic", None), (None, None), ("SGM Uniform", "sgm_uniform"), ("normal", "uniform"),
     ("Align Your Steps", "align_your_steps"), ("KL Optimal", "kl_optimal"), ("ddim_uniform", "ddim_uniform")],
)  # fmt: skip
def test_schedules_of_other_tools_are_understood(name: str | None, found: str | None) -> None:
    assert resolve_schedule(name) == found


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_entries_describe_themselves(name: str) -> None:
    entry = SAMPLERS.get(name)
    assert entry.name == name
    assert resolve_sampler(entry.title) == (name, None)
    assert entry.schedule in SCHEDULES
    assert entry.reference.startswith("https://arxiv.org/abs/")


@pytest.mark.parametrize(("name", "near"), [("eulr_a", "euler_a"), ("DPM++ 2MM", r"DPM\+\+ 2M")])
def test_an_unknown_sampler_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean `{near}`"):
        resolve_sampler(name)
    with pytest.raises(UnknownNameError, match="karras"):
        resolve_schedule("karas")
