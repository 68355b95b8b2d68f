"""The U-Net's forward pass, written again for drawing: the same layers in the same order, nothing computed twice.

Reads: diffusers' modules, tensors. Writes: tensors. Does not: record gradients with care, or know prompts.

What it leaves out of diffusers' own: divisions by 1, dropout, output objects, the activation of the timestep in every
block, keys and values of texts (from outside, see `drawing.py`). Leaf modules are called as modules, or run by
something that heeds hooks on them. What rows have in common is computed once: where one picture is shown to several
texts, all before the first attention to text is one row, which broadcasts.

Shapes: B rows, C channels, h w latent cells, P positions = h * w, N tokens, D width, k heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

Run: TypeAlias = Callable[[nn.Module, Tensor], Tensor]
"""Runs a convolution or a linear layer; `called` or something faster, the same but for rounding."""
KeyValue: TypeAlias = tuple[Tensor, Tensor]
"""What one attention reads of the texts: keys and values, each (B, N, D)."""


def called(module: nn.Module, x: Tensor) -> Tensor:
    """A module's own way."""
    return cast("Tensor", module(x))


def walk(unet: nn.Module, x_Bchw: Tensor, timestep_B: Tensor, texts: Sequence[KeyValue], run: Run) -> Tensor:
    """The raw output of a U-Net that `can_walk`.

    Args:
        unet: of diffusers.
        x_Bchw: one row for each text, or a single row for all.
        timestep_B: the same.
        texts: keys and values of each attention to text, in the order of `text_attentions`.
        run: runs convolutions and linear layers.
    """
    net: Any = unet
    read = iter(texts)
    emb_BD = net.time_embedding(net.time_proj(timestep_B).to(x_Bchw.dtype))
    emb_BD = functional.silu(emb_BD)
    x_Bchw = run(net.conv_in, x_Bchw)
    skips = [x_Bchw]
    for block in net.down_blocks:
        for resnet, attention in _layers(block):
            x_Bchw = _resnet(resnet, x_Bchw, emb_BD, run)
            x_Bchw = _transformer(attention, x_Bchw, read, run) if attention is not None else x_Bchw
            skips.append(x_Bchw)
        for down in block.downsamplers or ():
            x_Bchw = run(down.conv, x_Bchw)
            skips.append(x_Bchw)
    x_Bchw = _resnet(net.mid_block.resnets[0], x_Bchw, emb_BD, run)
    for attention, resnet in zip(net.mid_block.attentions, net.mid_block.resnets[1:], strict=True):
        x_Bchw = _resnet(resnet, _transformer(attention, x_Bchw, read, run), emb_BD, run)
    for block in net.up_blocks:
        for resnet, attention in _layers(block):
            skip = skips.pop()
            x_Bchw = torch.cat([x_Bchw, skip.expand(len(x_Bchw), -1, -1, -1)], dim=1)
            x_Bchw = _resnet(resnet, x_Bchw, emb_BD, run)
            x_Bchw = _transformer(attention, x_Bchw, read, run) if attention is not None else x_Bchw
        for up in block.upsamplers or ():
            x_Bchw = functional.interpolate(x_Bchw, size=skips[-1].shape[-2:], mode="nearest")
            x_Bchw = run(up.conv, x_Bchw)
    return run(net.conv_out, functional.silu(net.conv_norm_out(x_Bchw)))


def text_attentions(unet: nn.Module) -> list[Any]:
    """The attentions to text of a U-Net that `can_walk`, in the order in which `walk` meets them."""
    net: Any = unet
    blocks = [*net.down_blocks, net.mid_block, *net.up_blocks]
    transformers = [attention for block in blocks for attention in getattr(block, "attentions", ())]
    return [inner.attn2 for transformer in transformers for inner in transformer.transformer_blocks]


def _layers(block: Any) -> Iterator[tuple[Any, Any]]:
    attentions = getattr(block, "attentions", None) or [None] * len(block.resnets)
    return zip(block.resnets, attentions, strict=True)


def _resnet(block: Any, x_BChw: Tensor, emb_BD: Tensor, run: Run) -> Tensor:
    h_BChw = run(block.conv1, functional.silu(block.norm1(x_BChw)))
    h_BChw = h_BChw + run(block.time_emb_proj, emb_BD)[:, :, None, None]
    h_BChw = run(block.conv2, functional.silu(block.norm2(h_BChw)))
    return h_BChw + (x_BChw if block.conv_shortcut is None else run(block.conv_shortcut, x_BChw))


def _transformer(block: Any, x_BChw: Tensor, read: Iterator[KeyValue], run: Run) -> Tensor:
    _, _, height, width = x_BChw.shape
    h_BChw = block.norm(x_BChw)
    if not block.use_linear_projection:
        h_BChw = run(block.proj_in, h_BChw)
    x_BPD = h_BChw.permute(0, 2, 3, 1).flatten(1, 2)
    x_BPD = run(block.proj_in, x_BPD) if block.use_linear_projection else x_BPD
    for inner in block.transformer_blocks:
        normed_BPD = inner.norm1(x_BPD)
        to = inner.attn1
        own = run(to.to_k, normed_BPD), run(to.to_v, normed_BPD)
        x_BPD = _attend(to, normed_BPD, own, run) + x_BPD
        x_BPD = _attend(inner.attn2, inner.norm2(x_BPD), next(read), run) + x_BPD
        value, gate = run(inner.ff.net[0].proj, inner.norm3(x_BPD)).chunk(2, dim=-1)
        x_BPD = run(inner.ff.net[2], value * functional.gelu(gate)) + x_BPD
    x_BPD = run(block.proj_out, x_BPD) if block.use_linear_projection else x_BPD
    h_BChw = x_BPD.reshape(len(x_BPD), height, width, -1).permute(0, 3, 1, 2)
    return (h_BChw if block.use_linear_projection else run(block.proj_out, h_BChw)) + x_BChw


def _attend(attention: Any, x_BPD: Tensor, read: KeyValue, run: Run) -> Tensor:
    """Attention of the positions of one row, or of as many as there are keys, to keys and values."""
    keys_BND, values_BND = read
    heads, rows = int(attention.heads), len(keys_BND)
    whole = (run(attention.to_q, x_BPD), keys_BND, values_BND)
    split = [tensor.reshape(*tensor.shape[:2], heads, -1).transpose(1, 2) for tensor in whole]
    query_BkPd = split[0].expand(rows, -1, -1, -1)
    seen_BkPd = functional.scaled_dot_product_attention(query_BkPd, split[1], split[2])
    return run(attention.to_out[0], seen_BkPd.transpose(1, 2).flatten(2))
