"""A judge's losses: individuals are told apart by supervised contrast, captions and attributes as before."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from imprint.training.contrastive import (
    NOBODY,
    NOT_VISIBLE,
    Contrastive,
    ContrastiveObjective,
    LabelledBatch,
    supervised_contrastive,
)

pytestmark = pytest.mark.unit
WHO = torch.tensor([0, 0, 1, 1])


class Toy(nn.Module):
    """A network of one layer on 4 x 4 pictures; its text side ignores the text."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.log_scale = nn.Parameter(torch.tensor(1.0))
        self.image, self.head, self.identity = nn.Linear(48, 8), nn.Linear(48, 2), nn.Linear(48, 8)
        self.words = nn.Embedding(8, 8)

    def text(self, tokens_TN: Tensor, padding_TN: Tensor) -> Tensor:
        return self.words(tokens_TN).mean(1)

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        flat = pixels_BCHW.flatten(1)
        return self.image(flat), {"colour": self.head(flat)}, self.identity(flat)


def toy_batch(seed: int) -> LabelledBatch:
    """Two captioned pictures of nobody, and four individuals twice: a mark of their own under much louder noise."""
    generator = torch.Generator().manual_seed(seed)
    who = torch.tensor([NOBODY, NOBODY, *[0, 1, 2, 3] * 2])
    pixels = torch.rand(len(who), 3, 4, 4, generator=generator)
    pixels.view(len(who), -1)[torch.arange(2, len(who)), who[2:] * 7] = 4.0
    labels = {"colour": torch.tensor([0, 1, *[NOT_VISIBLE] * 8])}
    return LabelledBatch(pixels, torch.tensor([[1], [2]]), torch.zeros(2, 1, dtype=torch.bool), labels, who)


def test_perfect_vectors_cost_what_the_paper_says() -> None:
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    expected = math.log(1 + 2 * math.exp(-1 / 0.5))  # one partner at cosine 1, two impostors at 0
    assert float(supervised_contrastive(vectors, WHO, 0.5)) == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_lower_where_individuals_are_apart() -> None:
    apart, mixed = torch.eye(2)[[0, 0, 1, 1]], torch.eye(2)[[0, 1, 0, 1]]
    assert supervised_contrastive(apart, WHO, 0.1) < supervised_contrastive(mixed, WHO, 0.1)


def test_pictures_without_a_partner_are_impostors_only() -> None:
    vectors = torch.eye(3).requires_grad_()
    loss = supervised_contrastive(vectors, torch.tensor([0, 1, 2]), 0.1)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert vectors.grad is not None
    assert bool(vectors.grad.isfinite().all())


def test_training_tells_individuals_apart() -> None:
    toy = Toy()
    trainable = Contrastive(toy, ContrastiveObjective())
    optimiser = torch.optim.Adam(toy.parameters(), lr=3e-2)
    first = trainable.loss(toy_batch(0), 0).parts["identity"]
    for step in range(60):
        optimiser.zero_grad()
        trainable.loss(toy_batch(step), step).total.backward()
        optimiser.step()
    unseen = toy_batch(999)
    vectors = nn.functional.normalize(toy(unseen.pixels_BCHW)[2][2:], dim=1)
    nearest = (vectors @ vectors.T).fill_diagonal_(-1).argmax(1)
    assert trainable.loss(unseen, 0).parts["identity"] < first / 2
    assert nearest.tolist() == [4, 5, 6, 7, 0, 1, 2, 3]


def test_the_identity_weight_arrives() -> None:
    toy, batch = Toy(), toy_batch(0)
    light, heavy = (
        Contrastive(toy, ContrastiveObjective(identity_weight=weight)).loss(batch, 0) for weight in (0.0, 2.0)
    )
    assert float((heavy.total - light.total).detach()) == pytest.approx(2 * heavy.parts["identity"], rel=1e-4)
