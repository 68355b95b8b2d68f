"""Averaged weights: against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imprint.training.ema import AveragedWeights, Ema

pytestmark = pytest.mark.unit


def averaged(config: Ema, values: list[float]) -> float:
    """The average of a weight that starts at 0 and then takes these values, one a step."""
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float32))
    average = AveragedWeights(config, {"w": weight})
    for step, value in enumerate(values):
        weight.data.fill_(value)
        average.update(step)
    return float(average.state()["w"])


def test_without_warmup_it_is_the_textbooks_formula() -> None:
    wanted = 0.9 * (0.9 * (0.9 * 0 + 0.1 * 1) + 0.1 * 2) + 0.1 * 3
    assert averaged(Ema(decay=0.9, warmup=False), [1, 2, 3]) == pytest.approx(wanted, rel=1e-6)


def test_warmup_begins_with_a_short_memory() -> None:
    wanted, decays = 0.0, [1 / 10, 2 / 11, 3 / 12]
    for decay, value in zip(decays, [1, 2, 3], strict=True):
        wanted = decay * wanted + (1 - decay) * value
    assert averaged(Ema(decay=0.9), [1, 2, 3]) == pytest.approx(wanted, rel=1e-6)


def test_warmup_never_exceeds_the_decay() -> None:
    assert averaged(Ema(decay=0.05), [1]) == pytest.approx(0.95, rel=1e-6)


def test_rarer_updates_remember_as_many_steps() -> None:
    wanted = 0.9**2 * (0.9**2 * 0 + (1 - 0.9**2) * 2) + (1 - 0.9**2) * 4
    assert averaged(Ema(decay=0.9, every=2, warmup=False), [1, 2, 3, 4, 5]) == pytest.approx(wanted, rel=1e-6)


def test_swapped_shows_the_average_and_gives_back_every_bit() -> None:
    weight = nn.Parameter(torch.randn(100, generator=torch.Generator().manual_seed(1)))
    average = AveragedWeights(Ema(), {"w": weight})
    own = (weight.detach() * 3).clone()
    weight.data.copy_(own)
    with average.swapped():
        assert torch.equal(weight, average.state()["w"])
    assert torch.equal(weight, own)


def test_swapped_gives_back_after_an_exception() -> None:
    weight = nn.Parameter(torch.zeros(2))
    average = AveragedWeights(Ema(), {"w": weight})
    weight.data.fill_(5)
    with pytest.raises(RuntimeError), average.swapped():
        raise RuntimeError
    assert weight.tolist() == [5, 5]


def test_state_there_and_back() -> None:
    weight = nn.Parameter(torch.zeros(2))
    one, other = AveragedWeights(Ema(), {"w": weight}), AveragedWeights(Ema(), {"w": weight})
    weight.data.fill_(5)
    one.update(0)
    other.load_state(one.state())
    assert torch.equal(one.state()["w"], other.state()["w"])
    other.update(1)
    assert not torch.equal(one.state()["w"], other.state()["w"])


def test_half_precision_weights_are_averaged_in_full() -> None:
    weight = nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))
    average = AveragedWeights(Ema(decay=0.999, warmup=False), {"w": weight})
    weight.data.fill_(1)
    average.update(0)
    assert average.state()["w"].tolist() == pytest.approx([0.001] * 2, rel=1e-4)
