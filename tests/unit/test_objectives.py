"""Objectives: against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from imprint.training.objectives import Objective, Plain, PriorPreservation

pytestmark = pytest.mark.unit

ERRORS = torch.tensor([1.0, 3.0, 10.0, 20.0, 60.0])
PRIOR = torch.tensor([False, False, True, True, True])


def test_plain_is_the_mean_of_all() -> None:
    loss = Plain().reduce(ERRORS, PRIOR)
    assert float(loss.total) == pytest.approx(94 / 5)
    assert Plain().prior_weight == 0


@pytest.mark.parametrize(("weight", "wanted"), [(1.0, 2 + 30), (0.5, 2 + 15), (3.0, 2 + 90)])
def test_prior_preservation_is_the_papers_sum_of_two_means(weight: float, wanted: float) -> None:
    loss = PriorPreservation(weight=weight).reduce(ERRORS, PRIOR)
    assert float(loss.total) == pytest.approx(wanted)
    assert loss.parts == {"instance": 2.0, "prior": 30.0}
    assert PriorPreservation(weight=weight).prior_weight == weight


def test_every_sample_gets_the_gradient_of_the_formula() -> None:
    errors = ERRORS.detach().clone().requires_grad_()
    PriorPreservation(weight=0.6).reduce(errors, PRIOR).total.backward()
    assert errors.grad is not None
    assert errors.grad.tolist() == pytest.approx([0.5, 0.5, 0.2, 0.2, 0.2])


def test_order_in_the_batch_does_not_matter() -> None:
    order = torch.tensor([4, 0, 2, 1, 3])
    one = PriorPreservation().reduce(ERRORS[order], PRIOR[order])
    assert float(one.total) == pytest.approx(32)


def test_the_kind_chooses_the_objective() -> None:
    adapter: TypeAdapter[Plain | PriorPreservation] = TypeAdapter(Objective)
    assert adapter.validate_python({"kind": "plain"}) == Plain()
    assert adapter.validate_python({"kind": "prior_preservation", "weight": 2}) == PriorPreservation(weight=2)
    with pytest.raises(ValidationError):
        adapter.validate_python({"kind": "prior_preservation", "weight": 0})
