"""Training a judge: pictures next to their captions, and attributes that can be seen.

Reads: `LabelledBatch`. Writes: gradients on a network with an image side, a text side and heads. Does not: judge.
"""

# B batch, C channels, H W pixels, N tokens, D embedding width

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from imprint.config import Config
from imprint.training.trainable import Loss, ParameterGroup

NOT_VISIBLE = -1


@dataclass(frozen=True)
class LabelledBatch:
    """Pictures, their captions and what is in them.

    Attributes:
        pixels_BCHW: float32 in 0..1.
        tokens_BN: captions as token ids.
        padding_BN: true where a token is padding.
        labels: attribute name -> index of the value, (B,), `NOT_VISIBLE` where it cannot be seen.
    """

    pixels_BCHW: Tensor
    tokens_BN: Tensor
    padding_BN: Tensor
    labels: Mapping[str, Tensor]


class ImageTextNetwork(Protocol):
    """What is trained here; `imprint.nano.judge.Judge` is one."""

    @property
    def log_scale(self) -> nn.Parameter:
        """Logarithm of the factor on similarities."""
        ...

    @property
    def text(self) -> nn.Module:
        """From tokens and their padding to embeddings (B, D)."""
        ...

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Embeddings (B, D), and logits of every attribute."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Everything that trains."""
        ...


class ContrastiveObjective(Config):
    """Captions next to their pictures, attributes named."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate."""
    attribute_weight: float = Field(default=1.0, ge=0)
    """Weight of the mean cross-entropy over the attribute heads, beside the contrastive loss of weight 1."""


class Contrastive:
    """A trainable judge.

    Args:
        network: trained in place.
        objective: the loss.
    """

    def __init__(self, network: ImageTextNetwork, objective: ContrastiveObjective) -> None:
        self.network = network
        self.objective = objective

    def groups(self) -> Sequence[ParameterGroup]:
        """All parameters of the network."""
        return [ParameterGroup("judge", dict(self.network.named_parameters()), self.objective.learning_rate)]

    def loss(self, batch: LabelledBatch, step: int) -> Loss:
        """Loss = symmetric InfoNCE over the batch + attribute_weight · mean cross-entropy of the visible attributes."""
        image_BD, logits = self.network.forward(batch.pixels_BCHW)
        text_BD = self.network.text(batch.tokens_BN, batch.padding_BN)
        image_BD, text_BD = functional.normalize(image_BD.float(), dim=1), functional.normalize(text_BD.float(), dim=1)
        similarity = image_BD @ text_BD.T * self.network.log_scale.exp().clamp(max=100)
        own = torch.arange(len(similarity), device=similarity.device)
        contrastive = (functional.cross_entropy(similarity, own) + functional.cross_entropy(similarity.T, own)) / 2
        entropies = [
            functional.cross_entropy(logits[name].float(), labels, ignore_index=NOT_VISIBLE)
            for name, labels in batch.labels.items()
            if bool((labels != NOT_VISIBLE).any())
        ]
        attributes = torch.stack(entropies).mean()
        total = contrastive + self.objective.attribute_weight * attributes
        return Loss(total, {"contrastive": float(contrastive.detach()), "attributes": float(attributes.detach())})
