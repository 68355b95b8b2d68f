"""Objectives: how the errors of single samples become one loss.

Reads: an error for each sample. Writes: one scalar. Does not: know the method or the family.

With e_i the (weighted) mean squared error of sample i:

    plain:               loss = mean over all samples of e_i
    prior preservation:  loss = mean over instance samples of e_i  +  w · mean over class samples of e_i

Both halves of the second are in one batch. "w = 1" therefore means a full second loss, as in the DreamBooth paper
(Ruiz et al., arXiv:2208.12242, equation 2), not samples mixed into one mean.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from imprint.config import Config
from imprint.training.trainable import Loss


class Plain(Config):
    """The mean squared error of the network's prediction, nothing else."""

    kind: Literal["plain"] = "plain"

    @property
    def prior_weight(self) -> float:
        """Weight of class images: none are used."""
        return 0.0

    def reduce(self, error_B: Tensor, prior_B: Tensor) -> Loss:
        """The mean over all samples."""
        return Loss(error_B.mean(), {})


class PriorPreservation(Config):
    """Learn the subject while class images, drawn by the base itself, hold the rest of the class in its place."""

    kind: Literal["prior_preservation"] = "prior_preservation"
    weight: float = Field(default=1.0, gt=0)
    """w in `mean(instance) + w · mean(class images)`."""

    @property
    def prior_weight(self) -> float:
        """Weight of class images."""
        return self.weight

    def reduce(self, error_B: Tensor, prior_B: Tensor) -> Loss:
        """mean(instance) + w · mean(prior); both kinds must be in the batch."""
        instance, prior = error_B[~prior_B].mean(), error_B[prior_B].mean()
        parts = {"instance": float(instance.detach()), "prior": float(prior.detach())}
        return Loss(instance + self.weight * prior, parts)


Objective = Annotated[Plain | PriorPreservation, Field(discriminator="kind")]
