"""Noising, targets and weights against closed forms."""

import pytest
import torch

from imprint.diffusion.prediction import add_noise, denoised_from_prediction, min_snr_weight, target
from imprint.diffusion.schedule import NoiseSchedule
from imprint.families.family import PredictionKind

pytestmark = pytest.mark.unit

ABAR_T = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
SD1 = NoiseSchedule.from_alphas_cumprod(ABAR_T)
TIMESTEP_B = torch.tensor([0, 1, 400, 999])
LATENT_BCHW = torch.randn(4, 4, 3, 5, generator=torch.Generator().manual_seed(1))
NOISE_BCHW = torch.randn(4, 4, 3, 5, generator=torch.Generator().manual_seed(2))
KINDS: tuple[PredictionKind, ...] = ("epsilon", "v_prediction")


def test_noising_is_variance_preserving() -> None:
    abar_B = ABAR_T[TIMESTEP_B].float().reshape(4, 1, 1, 1)
    expected = abar_B.sqrt() * LATENT_BCHW + (1 - abar_B).sqrt() * NOISE_BCHW
    torch.testing.assert_close(add_noise(LATENT_BCHW, NOISE_BCHW, TIMESTEP_B, SD1), expected)


def test_noising_agrees_with_diffusers() -> None:
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    theirs = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    noisy = theirs.add_noise(LATENT_BCHW, NOISE_BCHW, TIMESTEP_B)
    velocity = theirs.get_velocity(LATENT_BCHW, NOISE_BCHW, TIMESTEP_B)
    torch.testing.assert_close(add_noise(LATENT_BCHW, NOISE_BCHW, TIMESTEP_B, SD1), noisy, rtol=0, atol=1e-5)
    ours = target("v_prediction", LATENT_BCHW, NOISE_BCHW, TIMESTEP_B, SD1)
    torch.testing.assert_close(ours, velocity, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_answer_gives_back_the_latents(kind: PredictionKind) -> None:
    timestep_B = torch.tensor([0.25, 17.5, 400.0, 998.75])
    x = add_noise(LATENT_BCHW, NOISE_BCHW, timestep_B, SD1)
    answer = target(kind, LATENT_BCHW, NOISE_BCHW, timestep_B, SD1)
    torch.testing.assert_close(
        denoised_from_prediction(kind, answer, x, timestep_B, SD1), LATENT_BCHW, rtol=1e-4, atol=1e-4
    )


def test_noising_keeps_the_dtype_of_the_latents() -> None:
    noisy = add_noise(LATENT_BCHW.bfloat16(), NOISE_BCHW.bfloat16(), TIMESTEP_B, SD1)
    assert noisy.dtype == torch.bfloat16


def test_min_snr_weights_are_those_of_the_paper() -> None:
    sigma_B = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)  # snr 100, 1, 0.01
    assert min_snr_weight(sigma_B, 5.0).tolist() == pytest.approx([0.05, 1, 1])
    assert min_snr_weight(sigma_B, 5.0, "v_prediction").tolist() == pytest.approx([5 / 101, 1 / 2, 0.01 / 1.01])


def test_min_snr_weights_lie_between_0_and_1_at_every_timestep() -> None:
    for kind in KINDS:
        weights = min_snr_weight(SD1.sigmas_T, 5.0, kind)
        assert bool(((weights > 0) & (weights <= 1)).all())


@pytest.mark.parametrize("gamma", [0.0, -1.0, float("nan")])
def test_min_snr_refuses_a_gamma_that_is_not_positive(gamma: float) -> None:
    with pytest.raises(ValueError, match="gamma"):
        min_snr_weight(torch.ones(2), gamma)
