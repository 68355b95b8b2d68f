"""Training a family: the loss by hand, its randomness, and every option seen to arrive."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import pytest
import torch

from imprint.diffusion.prediction import add_noise
from imprint.diffusion.randomness import Purpose, normal, uniform
from imprint.families.sd1 import StableDiffusion1
from imprint.methods import Finetune, Lora, build_method
from imprint.training.denoising import Denoising, DenoisingBatch, LearningRates, NoiseOptions
from imprint.training.objectives import Plain, PriorPreservation
from make import tiny_family

pytestmark = pytest.mark.unit

SEED, STEP = 11, 4


@functools.cache
def family() -> StableDiffusion1:
    return tiny_family()


def batch(live_text: bool = False) -> DenoisingBatch:
    tokens = family().tokenize(["a dog", "a cat", "zkz dog"])
    mean = normal(1, 0, range(3), Purpose.LATENT, (4, 4, 4))
    text = None if live_text else family().encode_text(["a dog", "a cat", "zkz dog"]).text_BND
    return DenoisingBatch(mean, mean.abs() / 10, tokens, text, torch.tensor([False, False, True]), (0, 1, 2))


def loss(of: DenoisingBatch | None = None, step: int = STEP, seed: int = SEED, **options: Any) -> float:
    """The loss of an untrained LoRA, which is the base's."""
    objective = options.pop("objective", Plain())
    handle = build_method(Lora()).inject(family(), 0)
    try:
        trainable = Denoising(family(), [handle], objective, NoiseOptions(**options), LearningRates(), seed)
        return float(trainable.loss(of or batch(), step).total.detach())
    finally:
        handle.eject()


def test_the_loss_is_the_formula() -> None:
    given = batch()
    schedule = Denoising(family(), [], Plain(), NoiseOptions(), LearningRates(), SEED).schedule
    noise = normal(SEED, STEP, given.samples, Purpose.NOISE, (4, 4, 4))
    latent = given.mean_Bchw + given.std_Bchw * normal(SEED, STEP, given.samples, Purpose.POSTERIOR, (4, 4, 4))
    times = torch.tensor([int(uniform(SEED, STEP, sample, Purpose.TIMESTEP)[0] * 1000) for sample in given.samples])
    assert given.text_BND is not None
    with torch.no_grad():
        predicted = family().predict(add_noise(latent, noise, times, schedule), times, given.text_BND)
    errors = (predicted - noise).square().mean(dim=(1, 2, 3))
    assert loss() == pytest.approx(float(errors.mean()), rel=1e-6)
    weighted = float(errors[:2].mean() + 2 * errors[2:].mean())
    assert loss(objective=PriorPreservation(weight=2)) == pytest.approx(weighted, rel=1e-6)


def test_the_same_step_has_the_same_loss_and_others_another() -> None:
    assert loss() == loss()
    assert len({loss(), loss(step=5), loss(seed=12)}) == 3


def test_a_samples_noise_does_not_depend_on_its_neighbours() -> None:
    given = batch()
    assert given.text_BND is not None
    one = replace(
        given, mean_Bchw=given.mean_Bchw[1:2], std_Bchw=given.std_Bchw[1:2], tokens_BN=given.tokens_BN[1:2],
        text_BND=given.text_BND[1:2], prior_B=given.prior_B[1:2], samples=(1,),
    )
    parts = [float(loss(replace(given, samples=(0, 1, 2)))), loss(one)]
    assert parts[1] == loss(replace(one, prior_B=torch.tensor([True])))
    assert parts[0] != parts[1]


def test_texts_encoded_live_give_the_same_loss() -> None:
    assert loss(batch(live_text=True)) == pytest.approx(loss(), rel=1e-6)


@pytest.mark.parametrize("option", [{"min_snr_gamma": 0.02}, {"offset": 0.1}], ids=["min_snr_gamma", "offset"])
def test_every_option_of_noise_arrives(option: dict[str, float]) -> None:
    assert loss(**option) != loss()
    assert loss(**option) != loss(**{name: value / 2 for name, value in option.items()})


def test_min_snr_weights_each_sample_by_its_noise_level() -> None:
    trainable = Denoising(family(), [], Plain(), NoiseOptions(), LearningRates(), SEED)
    times = torch.tensor([int(uniform(SEED, STEP, sample, Purpose.TIMESTEP)[0] * 1000) for sample in range(3)])
    snr = trainable.schedule.sigma(times) ** -2.0
    if not bool((snr > 0.001).any()):
        pytest.fail("the step of this test has only noise")
    assert loss(min_snr_gamma=1e9) == pytest.approx(loss(), rel=1e-6)
    assert loss(min_snr_gamma=float(snr.min()) / 10) < loss()


def test_no_options_are_untested() -> None:
    assert set(NoiseOptions.model_fields) == {"min_snr_gamma", "offset"}
    assert set(LearningRates.model_fields) == {"unet", "text_encoder"}


@pytest.mark.parametrize("method", [Lora(text_encoder=True), Finetune(text_encoder=True)], ids=["lora", "finetune"])
def test_each_network_has_its_own_learning_rate(method: Lora | Finetune) -> None:
    tuned = tiny_family()
    handle = build_method(method).inject(tuned, 0)
    rates = LearningRates(unet=0.3, text_encoder=0.02)
    groups = Denoising(tuned, [handle], Plain(), NoiseOptions(), rates, SEED).groups()
    assert [(group.name, group.learning_rate) for group in groups] == [("unet", 0.3), ("text_encoder", 0.02)]
    found = [parameter for group in groups for parameter in group.parameters.values()]
    assert {id(parameter) for parameter in found} == {id(parameter) for parameter in handle.parameters()}


def test_only_networks_that_train_have_a_group() -> None:
    tuned = tiny_family()
    handle = build_method(Lora(text_encoder=False)).inject(tuned, 0)
    trainable = Denoising(tuned, [handle], Plain(), NoiseOptions(), LearningRates(), SEED)
    assert [group.name for group in trainable.groups()] == ["unet"]


def test_methods_hear_of_the_step_before_it() -> None:
    tuned = tiny_family()
    handle = build_method(Lora()).inject(tuned, 1)
    heard: list[int] = []
    handle.at_step = heard.append  # type: ignore[method-assign]
    Denoising(tuned, [handle], Plain(), NoiseOptions(), LearningRates(), SEED).loss(batch(), 9)
    assert heard == [9]


def test_a_family_that_predicts_velocity_has_its_own_target() -> None:
    other = tiny_family()
    other.prediction = "v_prediction"
    trainable = Denoising(other, [], Plain(), NoiseOptions(), LearningRates(), SEED)
    with torch.no_grad():
        assert float(trainable.loss(batch(), STEP).total) != pytest.approx(loss(), rel=1e-3)
