"""Attention of the U-Net by two kernels: which one is fast depends on whether gradients are wanted.

Reads and writes: tensors. Does not: choose when it is used; the family does.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import Tensor


class PlainWithGradients:
    """diffusers' plain processor where gradients are recorded, its fused one elsewhere."""

    def __init__(self) -> None:
        self._plain, self._fused = cast("Any", AttnProcessor()), cast("Any", AttnProcessor2_0())

    def __call__(self, attn: Attention, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """As every processor of diffusers."""
        chosen = self._plain if torch.is_grad_enabled() else self._fused
        return chosen(attn, hidden_states, *args, **kwargs)
