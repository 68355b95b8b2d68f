"""Noise levels against closed forms and against the figures that other tools print."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imprint.diffusion.schedule import SCHEDULES, NoiseSchedule, ddim_sigmas, karras_sigmas, leading_sigmas
from imprint.errors import ConfigError, ModelError, UnknownNameError

pytestmark = pytest.mark.unit

BETAS_T = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
SD1 = NoiseSchedule.from_alphas_cumprod(torch.cumprod(1 - BETAS_T, 0))


def test_sigma_is_noise_over_signal() -> None:
    abar_T = torch.cumprod(1 - BETAS_T, 0)
    torch.testing.assert_close(SD1.sigmas_T**2, (1 - abar_T) / abar_T)
    assert SD1.sigmas_T.dtype == torch.float64


def test_sd1_spans_the_levels_every_tool_prints() -> None:
    assert SD1.sigma_min == pytest.approx(0.0291672, abs=1e-6)
    assert SD1.sigma_max == pytest.approx(14.6146412, abs=1e-5)


@given(st.floats(0, 999))
def test_timestep_inverts_sigma(timestep: float) -> None:
    there = SD1.sigma(torch.tensor([timestep], dtype=torch.float64))
    assert float(SD1.timestep(there)) == pytest.approx(timestep, abs=1e-7)


def test_integer_timesteps_give_the_trained_levels() -> None:
    timesteps = torch.tensor([0, 1, 500, 998, 999])
    torch.testing.assert_close(SD1.sigma(timesteps), SD1.sigmas_T[timesteps], rtol=1e-12, atol=0)


def test_between_timesteps_the_logarithm_is_linear() -> None:
    middle = SD1.sigma(torch.tensor(10.5))
    torch.testing.assert_close(middle, (SD1.sigmas_T[10] * SD1.sigmas_T[11]).sqrt())


def test_levels_outside_the_training_range_count_as_its_ends() -> None:
    assert SD1.timestep(torch.tensor([0.0, 1e-9, 1e9])).tolist() == [0, 0, 999]
    assert SD1.sigma(torch.tensor([-5.0, 2000.0])).tolist() == pytest.approx([SD1.sigma_min, SD1.sigma_max])


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("uniform", [14.6146, 4.0861, 1.6156, 0.6951, 0.0292, 0]),
        ("karras", [14.6146, 4.7965, 1.2741, 0.2479, 0.0292, 0]),
        ("leading", [5.1344, 2.2929, 1.1682, 0.5741, 0.0413, 0]),
        ("ddim", [5.1344, 2.2929, 1.1682, 0.5741, 0.0413, 0.0292]),
    ],
)
def test_five_steps_visit_the_levels_of_a1111_and_diffusers(name: str, levels: list[float]) -> None:
    assert SCHEDULES.get(name).sigmas(SD1, 5).tolist() == pytest.approx(levels, abs=6e-5)


@pytest.mark.parametrize("name", SCHEDULES.names())
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 30, 333, 500])
def test_every_schedule_descends_strictly(name: str, steps: int) -> None:
    sigmas = SCHEDULES.get(name).sigmas(SD1, steps)
    assert sigmas.shape == (steps + 1,)
    assert bool((sigmas.diff() < 0).all())
    assert sigmas[-1] >= 0


def test_karras_is_even_in_the_seventh_root() -> None:
    roots = karras_sigmas(9, 0.1, 10.0)[:-1] ** (1 / 7)
    torch.testing.assert_close(roots.diff(), roots.diff()[:1].expand(8))


def test_ddim_ends_where_training_began() -> None:
    assert ddim_sigmas(SD1, 20)[-1] == SD1.sigma_min
    assert leading_sigmas(SD1, 20)[-1] == 0


def test_more_steps_than_timesteps_are_refused() -> None:
    with pytest.raises(ConfigError, match="steps"):
        leading_sigmas(SD1, 1000)


@pytest.mark.parametrize("abar", [[0.9], [0.9, 0.9], [0.5, 0.6], [1.0, 0.5], [0.5, 0.0], [0.5, float("nan")]])
def test_a_broken_schedule_is_refused(abar: list[float]) -> None:
    with pytest.raises(ModelError, match="noise schedule"):
        NoiseSchedule.from_alphas_cumprod(torch.tensor(abar))


def test_an_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="karras"):
        SCHEDULES.get("karas")
