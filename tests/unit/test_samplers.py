"""Samplers on a Gaussian, where the ideal denoiser and the exact end of the trajectory are known."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from imprint.diffusion.schedule import SCHEDULES, karras_sigmas
from imprint.errors import UnknownNameError
from imprint.generation.samplers import (
    SAMPLERS,
    Sampler,
    SamplerStep,
    sample_ddim,
    sample_dpmpp_2m,
    sample_euler,
    sample_euler_ancestral,
)

pytestmark = pytest.mark.unit

MEAN, STD = 0.7, 0.5  # of the data


def ideal(x: Tensor, sigma: float) -> Tensor:
    """The expected clean value for data ~ N(MEAN, STD^2)."""
    return (STD**2 * x + sigma**2 * MEAN) / (STD**2 + sigma**2)


def exact(x: Tensor, sigma: float, end: float) -> Tensor:
    """Where the probability-flow ODE takes x from level sigma to level end."""
    return MEAN + (x - MEAN) * math.sqrt((STD**2 + end**2) / (STD**2 + sigma**2))


def no_noise(step: int) -> Tensor:
    raise AssertionError("a deterministic sampler asked for noise")


def counted(shape: tuple[int, ...]) -> Callable[[int], Tensor]:
    return lambda step: torch.randn(shape, generator=torch.Generator().manual_seed(step), dtype=torch.float64)


def error_at(sample: Sampler, steps: int) -> float:
    """Error at a level above 0, in steps of equal ratio."""
    sigmas = torch.logspace(1, -1, steps + 1, dtype=torch.float64)
    x = torch.tensor([-8.0, 3.0, 12.0], dtype=torch.float64)
    return float((sample(ideal, x, sigmas, no_noise) - exact(x, 10.0, 0.1)).abs().max())


@pytest.mark.parametrize(("sample", "order"), [(sample_euler, 1), (sample_ddim, 1), (sample_dpmpp_2m, 2)])
def test_halving_the_steps_divides_the_error_by_two_to_the_order(sample: Sampler, order: int) -> None:
    errors = [error_at(sample, steps) for steps in (64, 128, 256)]
    rates = [math.log2(errors[0] / errors[1]), math.log2(errors[1] / errors[2])]
    assert rates == pytest.approx([order, order], abs=0.15)


def test_second_order_is_nearer_than_first_at_the_default_number_of_steps() -> None:
    assert error_at(sample_dpmpp_2m, 25) < error_at(sample_euler, 25) / 4


def test_ddim_without_fresh_noise_is_euler() -> None:
    sigmas, x = karras_sigmas(12, 0.03, 14.6), torch.linspace(-9, 9, 7, dtype=torch.float64)
    torch.testing.assert_close(sample_ddim(ideal, x, sigmas, no_noise), sample_euler(ideal, x, sigmas, no_noise))


def test_ddim_with_all_noise_fresh_is_euler_ancestral() -> None:
    sigmas, x = karras_sigmas(12, 0.03, 14.6), torch.linspace(-9, 9, 7, dtype=torch.float64)
    ddim = sample_ddim(ideal, x, sigmas, counted((7,)), eta=1.0)
    torch.testing.assert_close(ddim, sample_euler_ancestral(ideal, x, sigmas, counted((7,))))


def test_ancestral_steps_follow_equation_47() -> None:
    x = torch.tensor([2.0], dtype=torch.float64)
    z = counted((1,))(0)
    stepped = sample_euler_ancestral(ideal, x, torch.tensor([3.0, 1.0], dtype=torch.float64), counted((1,)))
    score = (ideal(x, 3.0) - x) / 9
    torch.testing.assert_close(stepped, x + (9 - 1) * score + math.sqrt(1 * (9 - 1) / 9) * z)


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_samples_of_a_gaussian_have_its_mean_and_width(name: str) -> None:
    shape = (20_000,)
    x = 14.6 * counted(shape)(-1) + MEAN
    drawn = SAMPLERS.get(name).sample(ideal, x, karras_sigmas(150, 0.03, 14.6), counted(shape))
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(drawn.std()) == pytest.approx(STD, rel=0.06)


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_a_last_step_to_zero_lands_on_the_denoised(name: str) -> None:
    x = torch.tensor([1.0, -2.0], dtype=torch.float64)
    landed = SAMPLERS.get(name).sample(ideal, x, torch.tensor([2.0, 0.0], dtype=torch.float64), no_noise)
    torch.testing.assert_close(landed, ideal(x, 2.0))


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_every_step_is_told(name: str) -> None:
    told: list[SamplerStep] = []
    sigmas = karras_sigmas(5, 0.1, 10)
    SAMPLERS.get(name).sample(ideal, torch.zeros(3, dtype=torch.float64), sigmas, counted((3,)), told.append)
    assert [step.index for step in told] == [0, 1, 2, 3, 4]
    assert [step.sigma for step in told] == sigmas[:-1].tolist()
    assert {step.steps for step in told} == {5}


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_one_network_call_a_step_and_noise_only_where_declared(name: str) -> None:
    calls: list[float] = []
    asked: list[int] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        calls.append(sigma)
        return ideal(x, sigma)

    def noise(step: int) -> Tensor:
        asked.append(step)
        return torch.zeros(2)

    SAMPLERS.get(name).sample(denoise, torch.zeros(2), karras_sigmas(6, 0.1, 10), noise)
    assert len(calls) == 6
    assert asked == ([0, 1, 2, 3, 4] if SAMPLERS.get(name).stochastic else [])


@pytest.mark.parametrize("sigmas", [[1.0, 2.0], [1.0, 1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_levels_that_do_not_descend_are_refused(sigmas: list[float]) -> None:
    with pytest.raises(ValueError, match="descend"):
        sample_euler(ideal, torch.zeros(1), torch.tensor(sigmas), no_noise)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("Euler a", "euler_a"),
        ("Euler", "euler"),
        ("DPM++ 2M", "dpmpp_2m"),
        ("DPM++ 2M Karras", "dpmpp_2m"),
        ("euler_ancestral", "euler_a"),
        ("EulerDiscreteScheduler", "euler"),
        ("DPMSolverMultistepScheduler", "dpmpp_2m"),
        ("DDIMScheduler", "ddim"),
    ],
)
def test_names_of_other_tools_are_understood(alias: str, name: str) -> None:
    assert SAMPLERS.get(alias).name == name


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_entries_describe_themselves(name: str) -> None:
    entry = SAMPLERS.get(name)
    assert entry.name == name
    assert entry.schedule in SCHEDULES
    assert entry.reference.startswith("https://arxiv.org/abs/")


def test_an_unknown_sampler_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `euler_a`"):
        SAMPLERS.get("eulr_a")
