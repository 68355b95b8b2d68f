"""How many calls a picture from a picture takes, and at which levels, against what each tool does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from imprint.errors import ConfigError
from imprint.generation.image_steps import MAX_LEVELS, StepRule, levels_of_image

pytestmark = pytest.mark.unit

RULES: tuple[StepRule, ...] = ("exact", "a1111", "diffusers", "comfy")


def numbered(steps: int) -> Tensor:
    """Levels that say where in a run they stand: steps, ..., 1, 0."""
    return torch.arange(steps, -1, -1, dtype=torch.float64)


def visited(rule: StepRule, steps: int, strength: float) -> list[float]:
    return levels_of_image(rule, steps, strength, numbered).tolist()


@pytest.mark.parametrize(
    ("strength", "calls", "first_index"),
    [(0.3, 7, 13), (0.4, 9, 11), (0.5, 11, 9), (0.75, 16, 4), (1.0, 20, 0), (0.0, 1, 19)],
)
def test_a1111_runs_one_call_more_than_its_share(strength: float, calls: int, first_index: int) -> None:
    found = visited("a1111", 20, strength)
    assert len(found) == calls + 1
    assert found[0] == 20 - first_index


@pytest.mark.parametrize(("strength", "whole"), [(0.3, 66), (0.4, 50), (0.5, 40), (0.75, 26)])
def test_exact_runs_every_step_at_the_end_of_a_longer_run(strength: float, whole: int) -> None:
    assert visited("exact", 20, strength) == numbered(whole)[whole - 20 :].tolist()


@pytest.mark.parametrize(("strength", "calls"), [(0.3, 6), (0.5, 10), (1.0, 20), (0.04, 0)])
def test_diffusers_runs_its_share(strength: float, calls: int) -> None:
    assert visited("diffusers", 20, strength) == (numbered(20)[20 - calls :].tolist() if calls else [])


def test_comfy_takes_the_end_of_a_longer_run_and_all_of_it_at_one() -> None:
    assert visited("comfy", 20, 0.3) == numbered(66)[46:].tolist()
    assert visited("comfy", 20, 1.0) == numbered(20).tolist()


@pytest.mark.parametrize("rule", ["exact", "diffusers", "comfy"])
def test_no_strength_is_no_call(rule: StepRule) -> None:
    assert visited(rule, 20, 0.0) == []


def test_a_strength_that_would_need_millions_of_levels_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"strength(.|\n)*keeps the picture"):
        visited("comfy", 20, 1e-9)


@given(st.sampled_from(RULES), st.integers(1, 150), st.floats(0.01, 1))
def test_levels_descend_to_the_end_of_a_run(rule: StepRule, steps: int, strength: float) -> None:
    found = visited(rule, steps, strength)
    assert found == sorted(found, reverse=True)
    assert len(found) <= min(steps + 1, MAX_LEVELS)
    assert not found or found[-1] == 0


@pytest.mark.parametrize("rule", ["a1111", "diffusers"])
def test_a_schedule_of_fewer_levels_than_steps_still_has_the_calls_of_a_strength(rule: StepRule) -> None:
    def short(steps: int) -> Tensor:
        return numbered(steps - steps // 10)  # as schedules that visit a level once, however often it is chosen

    calls = {"a1111": 5, "diffusers": 4}[rule]
    assert levels_of_image(rule, 400, 0.01, short).tolist() == numbered(calls).tolist()
    assert levels_of_image(rule, 400, 1.0, short).tolist() == numbered(360).tolist()


def test_a_schedule_of_more_levels_than_steps_is_entered_where_a1111_enters_it() -> None:
    found = levels_of_image("a1111", 30, 0.5, lambda steps: numbered(steps + 1))
    assert found.tolist() == numbered(31)[14:].tolist()


def test_a_strength_whose_whole_run_a_schedule_has_no_room_for_is_named() -> None:
    def scarce(steps: int) -> Tensor:
        if steps > 50:
            raise ConfigError("so many steps do not fit", where="steps", got=steps, allowed="<= 50")
        return numbered(steps)

    with pytest.raises(ConfigError, match=r"strength: 8 steps(.|\n)*end of 80(.|\n)*steps / strength <= 50"):
        levels_of_image("exact", 8, 0.1, scarce)
    assert len(levels_of_image("exact", 8, 0.2, scarce)) == 9
