"""Training a judge: pictures next to their captions, attributes that can be seen, individuals told apart.

Reads: `LabelledBatch`. Writes: gradients on a network with an image side, a text side and heads. Does not: judge.
"""

# B batch, T the pictures of it with captions, C channels, H W pixels, N tokens, D embedding width

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
NOBODY = -1


@dataclass(frozen=True)
class LabelledBatch:
    """Pictures, the captions of the first T of them, and what is in all of them.

    Attributes:
        pixels_BCHW: float32 in 0..1.
        tokens_TN: captions of the first T pictures as token ids.
        padding_TN: true where a token is padding.
        labels: attribute name -> index of the value, (B,), `NOT_VISIBLE` where it cannot be seen.
        individuals_B: who is in the picture, `NOBODY` where that is not known; None when it never is.
    """

    pixels_BCHW: Tensor
    tokens_TN: Tensor
    padding_TN: Tensor
    labels: Mapping[str, Tensor]
    individuals_B: Tensor | None = None


class ImageTextNetwork(Protocol):
    """What is trained here; `imprint.nano.judge.Judge` is one."""

    @property
    def log_scale(self) -> nn.Parameter:
        """Logarithm of the factor on similarities."""
        ...

    @property
    def text(self) -> nn.Module:
        """From tokens and their padding to embeddings (T, D)."""
        ...

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """Embeddings (B, D), logits of every attribute, and identities (B, I) or None."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Everything that trains."""
        ...


class ContrastiveObjective(Config):
    """Captions next to their pictures, attributes named, individuals told apart."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate."""
    attribute_weight: float = Field(default=1.0, ge=0)
    """Weight of the mean cross-entropy over the attribute heads, beside the contrastive loss of weight 1."""
    identity_weight: float = Field(default=1.0, ge=0)
    """Weight of the supervised contrastive loss over individuals; without effect on a judge that has no such head."""
    identity_temperature: float = Field(default=0.1, gt=0)
    """Of the similarities in that loss: the smaller, the more the hardest impostors count. 0.1 is the paper's."""


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
        """Loss = symmetric InfoNCE + attribute_weight · cross-entropy + identity_weight · supervised contrastive."""
        image_BD, logits, identity_BD = self.network.forward(batch.pixels_BCHW)
        text_TD = self.network.text(batch.tokens_TN, batch.padding_TN)
        parts = {
            "contrastive": info_nce(image_BD[: len(text_TD)], text_TD, self.network.log_scale.exp().clamp(max=100)),
            "attributes": attribute_entropy(logits, batch.labels),
        }
        total = parts["contrastive"] + self.objective.attribute_weight * parts["attributes"]
        if identity_BD is not None and batch.individuals_B is not None:
            known = batch.individuals_B != NOBODY
            parts["identity"] = supervised_contrastive(
                identity_BD[known], batch.individuals_B[known], self.objective.identity_temperature,
            )
            total = total + self.objective.identity_weight * parts["identity"]
        return Loss(total, {name: float(value.detach()) for name, value in parts.items()})


def info_nce(image_BD: Tensor, text_BD: Tensor, scale: Tensor) -> Tensor:
    """Every picture picks its caption out of the batch's, and every caption its picture; the mean of both losses.

    Args:
        image_BD: embeddings of pictures, of any length.
        text_BD: embeddings of their captions.
        scale: factor on cosines.
    Source: CLIP, arXiv:2103.00020, figure 3.
    """
    image_BD, text_BD = functional.normalize(image_BD.float(), dim=1), functional.normalize(text_BD.float(), dim=1)
    similarity_BB = image_BD @ text_BD.T * scale
    own = torch.arange(len(similarity_BB), device=similarity_BB.device)
    return (functional.cross_entropy(similarity_BB, own) + functional.cross_entropy(similarity_BB.T, own)) / 2


def attribute_entropy(logits: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
    """Mean over the attributes that are seen in the batch of their mean cross-entropy."""
    entropies = [
        functional.cross_entropy(logits[name].float(), wanted, ignore_index=NOT_VISIBLE)
        for name, wanted in labels.items()
        if bool((wanted != NOT_VISIBLE).any())
    ]
    return torch.stack(entropies).mean()


def supervised_contrastive(vectors_BD: Tensor, individuals_B: Tensor, temperature: float) -> Tensor:
    """Every picture picks the other pictures of its own individual out of the batch.

    Args:
        vectors_BD: of any length; compared by cosine.
        individuals_B: who is in each picture; pictures without another of the same individual are only impostors.
        temperature: of the cosines, > 0.
    Returns: the mean over pictures of -1/|P| sum over p in P of log softmax; 0 where no individual comes twice.
    Source: SupCon, Khosla et al., arXiv:2004.11362, equation 2 (L_out).
    """
    unit_BD = functional.normalize(vectors_BD.float(), dim=1)
    itself_BB = torch.eye(len(unit_BD), dtype=torch.bool, device=unit_BD.device)
    with torch.autocast(unit_BD.device.type, enabled=False):  # bfloat16 tells cosines near 1 no closer than 0.004 apart
        similarity_BB = (unit_BD @ unit_BD.T / temperature).masked_fill(itself_BB, -torch.inf)
    log_share_BB = similarity_BB.log_softmax(1)
    same_BB = (individuals_B[:, None] == individuals_B[None, :]) & ~itself_BB
    partners_B = same_BB.sum(1)
    each_B = -log_share_BB.masked_fill(~same_BB, 0.0).sum(1) / partners_B.clamp_min(1)
    return each_B.sum() / (partners_B > 0).sum().clamp_min(1)
