"""Noise levels against closed forms and against the figures that other tools print."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imprint.diffusion.beta_distribution import beta_cdf, beta_quantile
from imprint.diffusion.schedule import (
    ALIGN_YOUR_STEPS_SD1,
    ALIGN_YOUR_STEPS_SDXL,
    NoiseSchedule,
    beta_sigmas,
    ddim_sigmas,
    exponential_sigmas,
    karras_sigmas,
    leading_sigmas,
)
from imprint.diffusion.schedule_registry import SCHEDULES
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
        ("ddim_uniform", [5.1344, 2.2929, 1.1682, 0.5741, 0.0413, 0]),
        ("exponential", [14.6146, 3.089, 0.6529, 0.138, 0.0292, 0]),
        ("polyexponential", [14.6146, 3.089, 0.6529, 0.138, 0.0292, 0]),
        ("sgm_uniform", [14.6146, 5.0924, 2.2797, 1.1629, 0.5712, 0]),
        ("kl_optimal", [14.6146, 2.6329, 1.2948, 0.7116, 0.3356, 0.0292]),
        ("simple", [14.6146, 5.0878, 2.2765, 1.1606, 0.5693, 0]),
        # Beta and trailing: printed by diffusers 0.36 (EulerDiscreteScheduler), to the digits shown.
        ("beta", [14.6146, 12.0523, 7.3219, 2.5916, 0.0292, 0]),
        ("trailing", [14.6146, 5.0878, 2.2765, 1.1606, 0.5693, 0]),
    ],
)
def test_five_steps_visit_the_levels_of_a1111_and_diffusers(name: str, levels: list[float]) -> None:
    assert SCHEDULES.get(name).sigmas(SD1, 5).tolist() == pytest.approx(levels, abs=6e-5)


@pytest.mark.parametrize(
    ("name", "steps"),
    [(name, steps) for name in SCHEDULES.names() for steps in (1, 2, 3, 7, 30, 50, 333, 500)
     if name != "lcm" or steps <= 50],
)  # fmt: skip
def test_every_schedule_descends_strictly(name: str, steps: int) -> None:
    sigmas = SCHEDULES.get(name).sigmas(SD1, steps)
    # 1000 timesteps in strides of 142 or 33, from timestep 1 on, are one more; quantiles may round to one timestep.
    other = {("ddim_uniform", 7): 1, ("ddim_uniform", 30): 1, ("beta_comfy", 333): -9, ("beta_comfy", 500): -25}
    assert len(sigmas) == steps + 1 + other.get((name, steps), 0)
    assert bool((sigmas.diff() < 0).all())
    assert sigmas[-1] >= 0


def test_karras_is_even_in_the_seventh_root() -> None:
    roots = karras_sigmas(9, 0.1, 10.0)[:-1] ** (1 / 7)
    torch.testing.assert_close(roots.diff(), roots.diff()[:1].expand(8))


def test_ddim_ends_where_training_began() -> None:
    assert ddim_sigmas(SD1, 20)[-1] == SD1.sigma_min
    assert leading_sigmas(SD1, 20)[-1] == 0


@pytest.mark.parametrize(("name", "steps"), [("leading", 1000), ("ddim", 1000), ("ddim_uniform", 1000),
    ("simple", 1001), ("trailing", 1001), ("lcm", 51)])  # fmt: skip
def test_more_steps_than_timesteps_are_refused(name: str, steps: int) -> None:
    with pytest.raises(ConfigError, match="steps"):
        SCHEDULES.get(name).sigmas(SD1, steps)


def test_a_polyexponential_schedule_bends_with_rho() -> None:
    logs = exponential_sigmas(9, 0.1, 10.0, rho=2.0)[:-1].log()
    assert logs.tolist() == pytest.approx(
        [float(np.log(0.1) + ramp**2 * np.log(100)) for ramp in np.linspace(1, 0, 9)]
    )


@pytest.mark.parametrize(("name", "published"), [("align_your_steps", ALIGN_YOUR_STEPS_SD1),
    ("align_your_steps_xl", ALIGN_YOUR_STEPS_SDXL)])  # fmt: skip
def test_ten_steps_are_aligned_as_published(name: str, published: tuple[float, ...]) -> None:
    sigmas = SCHEDULES.get(name).sigmas(SD1, 10)
    assert sigmas.tolist() == pytest.approx([*published[:-1], 0], abs=5e-4)  # they have three decimals


def test_between_the_published_steps_the_logarithm_is_linear() -> None:
    sigmas = SCHEDULES.get("align_your_steps").sigmas(SD1, 20)
    assert sigmas[2::2][:-1].tolist() == pytest.approx(ALIGN_YOUR_STEPS_SD1[1:-1], rel=1e-6)
    assert float(sigmas[3]) == pytest.approx((6.475 * 3.861) ** 0.5, rel=1e-6)


def test_on_another_noise_table_the_same_share_of_the_training_time_is_aligned() -> None:
    other = NoiseSchedule(torch.logspace(-2, 3, 500, dtype=torch.float64))
    there, here = (SCHEDULES.get("align_your_steps").sigmas(network, 10)[:-1] for network in (other, SD1))
    torch.testing.assert_close(other.timestep(there) / 499, SD1.timestep(here) / 999)


def test_families_with_levels_of_their_own_are_named() -> None:
    assert SCHEDULES.get("Align Your Steps").variants == {"sdxl": "align_your_steps_xl"}
    assert all(name in SCHEDULES for entry in SCHEDULES.items().values() for name in entry.variants.values())


def test_lcm_visits_the_timesteps_of_its_distillation() -> None:
    timesteps = SD1.timestep(SCHEDULES.get("lcm").sigmas(SD1, 4)[:-1])
    assert timesteps.tolist() == pytest.approx([999, 759, 499, 259])


# Printed by scipy 1.17.1: scipy.stats.beta.ppf and .cdf.
@pytest.mark.parametrize(("share", "a", "b", "place"), [
    (0.125, 0.6, 0.6, 0.05715636362241408), (0.5, 0.6, 0.6, 0.5), (0.875, 0.6, 0.6, 0.942843636377586),
    (1e-4, 2.5, 0.8, 0.0290295661363355), (0.77, 2.5, 0.8, 0.9360791582038612),
])  # fmt: skip
def test_beta_quantiles_are_those_of_scipy(share: float, a: float, b: float, place: float) -> None:
    assert beta_quantile(np.array([share]), a, b).tolist() == pytest.approx([place], abs=1e-13)
    assert beta_cdf(np.array([place]), a, b).tolist() == pytest.approx([share], abs=1e-13)


# rint(scipy.stats.beta.ppf(1 - linspace(0, 1, 20, endpoint=False), 0.6, 0.6) * 999) by scipy 1.17.1.
COMFY_20 = [999, 986, 959, 922, 876, 823, 765, 703, 637, 569, 500, 430, 362, 296, 234, 176, 123, 77, 40, 13]


def test_betas_of_comfyui_are_those_of_scipy_at_whole_timesteps() -> None:
    sigmas = SCHEDULES.get("beta_comfy").sigmas(SD1, 20)
    assert sigmas.tolist() == pytest.approx([*SD1.sigmas_T[COMFY_20].tolist(), 0], rel=1e-12)
    assert SCHEDULES.find("beta (comfyui)") == "beta_comfy"
    assert SCHEDULES.find("Beta") == "beta"


def test_beta_levels_reach_both_ends_and_are_dense_there() -> None:
    sigmas = beta_sigmas(9, 0.5, 8.5)
    assert (float(sigmas[0]), float(sigmas[-2])) == (8.5, 0.5)
    steps = -sigmas[:-1].diff()
    torch.testing.assert_close(steps, steps.flip(0))
    assert float(steps[0]) < float(steps[3]) / 2


@pytest.mark.parametrize("abar", [[0.9], [0.9, 0.9], [0.5, 0.6], [1.0, 0.5], [0.5, 0.0], [0.5, float("nan")]])
def test_a_broken_schedule_is_refused(abar: list[float]) -> None:
    with pytest.raises(ModelError, match="noise schedule"):
        NoiseSchedule.from_alphas_cumprod(torch.tensor(abar))


def test_an_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="karras"):
        SCHEDULES.get("karas")
