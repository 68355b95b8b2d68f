"""Optimiser and schedule: against numbers worked out by hand, and their state there and back."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from imprint.training.optimiser import (
    AdamW,
    Schedule,
    build_optimiser,
    load_optimiser_state,
    optimiser_state,
    set_learning_rates,
)
from imprint.training.trainable import ParameterGroup

pytestmark = pytest.mark.unit


def groups() -> list[ParameterGroup]:
    return [
        ParameterGroup("unet", {"b": nn.Parameter(torch.ones(2)), "a": nn.Parameter(torch.ones(3))}, 0.1),
        ParameterGroup("text_encoder", {"a": nn.Parameter(torch.ones(2))}, 0.01),
    ]


def step(optimiser: torch.optim.Optimizer, of: list[ParameterGroup], gradient: float) -> None:
    for group in of:
        for parameter in group.parameters.values():
            parameter.grad = torch.full_like(parameter, gradient)
    optimiser.step()


def test_adamw_is_the_papers_formula() -> None:
    of, config = groups(), AdamW(betas=(0.8, 0.9), eps=1e-3, weight_decay=0.5)
    optimiser = build_optimiser(config, of)
    value, mean, square = 1.0, 0.0, 0.0
    for number, gradient in enumerate((0.3, -0.2, 0.7), 1):
        step(optimiser, of, gradient)
        mean, square = 0.8 * mean + 0.2 * gradient, 0.9 * square + 0.1 * gradient**2
        update = (mean / (1 - 0.8**number)) / (math.sqrt(square / (1 - 0.9**number)) + 1e-3)
        value = value * (1 - 0.1 * 0.5) - 0.1 * update
    assert of[0].parameters["a"].tolist() == pytest.approx([value] * 3, rel=1e-5)


def test_each_group_has_its_own_rate_times_the_factor() -> None:
    of = groups()
    optimiser = build_optimiser(AdamW(), of)
    set_learning_rates(optimiser, of, 0.5)
    assert [group["lr"] for group in optimiser.param_groups] == [0.05, 0.005]


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (Schedule(), [1, 1, 1, 1, 1]),
        (Schedule(warmup=4), [0.25, 0.5, 0.75, 1, 1]),
        (Schedule(kind="cosine"), [1, (2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4, 0]),
        (Schedule(kind="cosine", final=0.2), [1, 0.2 + 0.8 * (2 + math.sqrt(2)) / 4, 0.6, None, 0.2]),
        (Schedule(kind="cosine", warmup=2), [0.5, (2 + math.sqrt(2)) / 4, 0.5, None, 0]),
    ],
)
def test_schedules_are_their_formulas(schedule: Schedule, wanted: list[float | None]) -> None:
    for number, value in enumerate(wanted):
        if value is not None:
            assert schedule.factor(number, 5) == pytest.approx(value, abs=1e-12)


def test_a_run_of_one_step_learns() -> None:
    assert Schedule(kind="cosine", warmup=0).factor(0, 1) == 1


def test_state_there_and_back_goes_on_bit_for_bit() -> None:
    one, other = groups(), groups()
    first, second = build_optimiser(AdamW(), one), build_optimiser(AdamW(), other)
    for gradient in (0.3, -0.2):
        step(first, one, gradient)
    for mine, theirs in zip(one, other, strict=True):
        for name, parameter in mine.parameters.items():
            theirs.parameters[name].data.copy_(parameter)
    load_optimiser_state(second, other, optimiser_state(first, one))
    step(first, one, 0.5)
    step(second, other, 0.5)
    for mine, theirs in zip(one, other, strict=True):
        assert all(torch.equal(value, theirs.parameters[name]) for name, value in mine.parameters.items())


def test_state_is_named_by_group_parameter_and_slot() -> None:
    of = groups()
    optimiser = build_optimiser(AdamW(), of)
    assert optimiser_state(optimiser, of) == {}
    step(optimiser, of, 0.1)
    names, slots = ("unet/a", "unet/b", "text_encoder/a"), ("exp_avg", "exp_avg_sq", "step")
    assert optimiser_state(optimiser, of).keys() == {f"{name}::{slot}" for name in names for slot in slots}


def test_loading_copies_and_foreign_state_is_refused() -> None:
    of = groups()
    optimiser = build_optimiser(AdamW(), of)
    step(optimiser, of, 0.1)
    state = {name: value.clone() for name, value in optimiser_state(optimiser, of).items()}
    fresh = build_optimiser(AdamW(), of)
    load_optimiser_state(fresh, of, state)
    step(fresh, of, 0.1)
    assert float(state["unet/a::step"]) == 1
    with pytest.raises(KeyError):
        load_optimiser_state(fresh, of, {"unet/c::step": torch.tensor(1.0)})


def test_up_to_a_restart_a_schedule_is_the_one_that_ends_there() -> None:
    once = Schedule(kind="cosine", warmup=2, final=0.1)
    again = Schedule(kind="cosine", warmup=2, final=0.1, restarts=(6, 9), restart_peak=0.5)
    assert [again.factor(step, 12) for step in range(6)] == [once.factor(step, 6) for step in range(6)]
    assert [again.factor(step, 12) for step in (5, 6, 8, 9, 11)] == pytest.approx([0.1, 0.5, 0.1, 0.25, 0.1])


@pytest.mark.parametrize(
    ("values", "match"),
    [({"restarts": (3,)}, "cosine"), ({"kind": "cosine", "restarts": (5, 3)}, "ascend"),
     ({"kind": "cosine", "restarts": (0,)}, "greater than or equal to 1")],
)  # fmt: skip
def test_restarts_that_mean_nothing_are_refused(values: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        Schedule(**values)
