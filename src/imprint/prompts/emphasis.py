"""How the weight of a word changes what the network reads: the ways in use, each as its tool computes it.

Reads: hidden states of a window of text, weights of its tokens. Writes: hidden states. Does not: parse or encode.

Shapes: B windows, N tokens, D width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor

EmphasisMode: TypeAlias = Literal["original", "original_per_sample", "no_norm", "comfy", "compel", "ignore"]

TELLING_MEAN = 0.01  # of the spread; CLIP's states have a mean of about a tenth of it
MASKING_LIMIT = 1e4  # of compel's tangent: a word of weight 0 is then gone to within what float32 shows


def weighted(
    states_BND: Tensor, weights_BN: Tensor, way: EmphasisMode, empty_ND: Tensor, without: Callable[[Tensor], Tensor],
) -> Tensor:
    """Hidden states under the weights of their tokens. With all weights 1 they come back as they are.

    The ways:
        original: times the weight, then all scaled back to their mean before, one mean over everything given; A1111's.
            Where a mean is nearly zero nothing is scaled back.
        original_per_sample: the same with a mean for each window, so that no window depends on another.
        no_norm: times the weight.
        comfy: away from the empty prompt or towards it, (z - z_empty) * w + z_empty; ComfyUI's.
        compel: above 1 as comfy; below 1 a blend with the states of a text in which the words are hidden from the
            others, each text of the blend counting tan((1 - w) * pi / 2) against 1 for the whole; compel's, InvokeAI's.
        ignore: no weights.

    Args:
        states_BND: of B windows.
        weights_BN: of every token; 1 for start, end and padding.
        way: one of these.
        empty_ND: the same of the empty prompt's window.
        without: mask (B, N) with 0 for tokens to hide -> states of the same windows; only compel calls it.
    """
    if way == "ignore" or bool((weights_BN == 1).all()):
        return states_BND
    weights_BN1 = weights_BN.to(states_BND)[..., None]
    if way == "comfy":
        return (states_BND - empty_ND) * weights_BN1 + empty_ND
    if way == "compel":
        lessened_BND = _lessened(states_BND, weights_BN, without)
        return (lessened_BND - empty_ND) * weights_BN1.clamp(min=1) + empty_ND
    scaled_BND = states_BND * weights_BN1
    if way == "no_norm":
        return scaled_BND
    over = (0, 1, 2) if way == "original" else (1, 2)
    before, after = states_BND.mean(over, keepdim=True), scaled_BND.mean(over, keepdim=True)
    # A mean near zero says nothing of the size of what it is the mean of: their quotient could be anything.
    telling = torch.minimum(before.abs(), after.abs()) > TELLING_MEAN * states_BND.std(over, keepdim=True)
    return scaled_BND * torch.where(telling, before / after, 1.0)


def _lessened(states_BND: Tensor, weights_BN: Tensor, without: Callable[[Tensor], Tensor]) -> Tensor:
    """Compel's part below 1: for every weight that occurs, the text without the words that have it."""
    total_BND, parts_B11 = states_BND, torch.ones_like(states_BND[:, :1, :1])
    for weight in sorted({float(value) for value in weights_BN.flatten() if value < 1}):
        hidden_BN = weights_BN == weight
        share = min(math.tan((1 - max(weight, 0.0)) * math.pi / 2), MASKING_LIMIT)
        share_B11 = share * hidden_BN.any(dim=1)[:, None, None].to(states_BND)
        total_BND = total_BND + share_B11 * without((~hidden_BN).long())
        parts_B11 = parts_B11 + share_B11
    return total_BND / parts_B11


def needs_empty(way: EmphasisMode) -> bool:
    """Whether a way reads the empty prompt."""
    return way in ("comfy", "compel")
