"""Confidence after training: temperatures lower the likelihood's loss, and errors of calibration are what they say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imprint.training.calibration import (
    COLDEST,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
)

pytestmark = pytest.mark.unit


def overconfident(scale: float, count: int = 4000) -> tuple[Tensor, Tensor]:
    """Logits that are `scale` times too large for the classes drawn from them."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 4, generator=generator)
    truth = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits * scale, truth


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_is_what_the_logits_are_too_large_by(scale: float) -> None:
    assert fit_temperature(*overconfident(scale)) == pytest.approx(scale, rel=0.1)


def test_a_temperature_lowers_likelihood_loss_and_calibration_error() -> None:
    logits, truth = overconfident(3.0)
    temperature = fit_temperature(logits[::2], truth[::2])
    logits, truth = logits[1::2], truth[1::2]
    assert negative_log_likelihood(logits, truth, temperature) < negative_log_likelihood(logits, truth) - 0.1
    before, after = (expected_calibration_error((logits / t).softmax(1), truth) for t in (1.0, temperature))
    assert after < 0.05 < before


def test_no_mistake_is_not_certainty() -> None:
    truth = torch.arange(40) % 2
    logits = torch.nn.functional.one_hot(truth, 2) * 2.0
    assert COLDEST < fit_temperature(logits, truth) < 1


def test_many_classes_do_not_make_a_good_classifier_doubt() -> None:
    truth = torch.arange(96) % 12
    logits = torch.nn.functional.one_hot(truth, 12) * 9.0
    temperature = fit_temperature(logits, truth)
    assert expected_calibration_error((logits / temperature).softmax(1), truth) < 0.015


def test_calibration_error_is_the_distance_between_confidence_and_accuracy() -> None:
    sure = torch.tensor([[0.9, 0.1]] * 10)
    truth = torch.tensor([0] * 7 + [1] * 3)
    assert expected_calibration_error(sure, truth) == pytest.approx(0.2)
