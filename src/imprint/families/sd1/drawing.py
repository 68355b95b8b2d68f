"""A U-Net while pictures are drawn: what stays the same from step to step is kept.

Reads: a U-Net, noisy latents, texts. Writes: predictions. Does not: draw, or change a weight.

Kept are the keys and values of texts, unless hooks may change them, and on a CPU the weights of convolutions and of
most linear layers in oneDNN's own order, which is otherwise made anew in every call. Both are given up with the
`Drawing`.

Shapes: B rows, C channels, h w latent cells, N tokens, D width.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeGuard, TypeVar, cast

import psutil
import torch
from torch import Tensor, nn
from torch.nn import functional

from imprint.families.sd1.walking import KeyValue, Run, called, text_attentions, walk

log = logging.getLogger(__name__)

Walk: TypeAlias = Callable[[nn.Module, Tensor, Tensor, Sequence[KeyValue], Run], Tensor]
Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
_State: TypeAlias = tuple[int, int, torch.dtype]
TEXTS_KEPT = 8  # of a picture, whose prompt may change with the steps; 15 MB each in Stable Diffusion 1, guided
ROWS = 256  # cells of the embedded base's largest feature map
MATRIX_LIMIT = 2**20  # numbers in float32; packing larger ones gained nothing at Stable Diffusion 1.5's shape
MEMORY_SHARE = 0.5  # of what is free: packed weights may take that much
#: What oneDNN computes fast, and how far two ways to sum 16 values up to 1 may be apart.
QUICK = {torch.float32: 1e-5, torch.bfloat16: 2**-6}
BLOCKS = {
    "DownBlock2D", "CrossAttnDownBlock2D", "UNetMidBlock2DCrossAttn", "UpBlock2D", "CrossAttnUpBlock2D"
}  # fmt: skip
PROCESSORS = {"AttnProcessor", "AttnProcessor2_0", "PlainWithGradients"}  # the same mathematics; others add to it
#: The settings that `walk` does not read, and what it takes them to be; all of Stable Diffusion 1 are so.
TAKEN: dict[str, tuple[object, ...]] = {
    "act_fn": ("silu", "swish"), "addition_embed_type": (None,), "attention_type": ("default",),
    "center_input_sample": (False,), "class_embed_type": (None,), "cross_attention_norm": (None,),
    "downsample_padding": (1,), "dual_cross_attention": (False,), "encoder_hid_dim": (None,),
    "encoder_hid_dim_type": (None,), "mid_block_only_cross_attention": (None, False), "mid_block_scale_factor": (1,),
    "num_class_embeds": (None,), "only_cross_attention": (False,), "resnet_out_scale_factor": (1,),
    "resnet_skip_time_act": (False,), "resnet_time_scale_shift": ("default",), "time_cond_proj_dim": (None,),
    "time_embedding_act_fn": (None,), "time_embedding_type": ("positional",), "upcast_attention": (False,),
}  # fmt: skip


def can_walk(unet: nn.Module) -> bool:
    """Whether `walk` computes what a U-Net's own forward pass does."""
    net: Any = unet
    if type(unet).__name__ != "UNet2DConditionModel" or net.mid_block is None:
        return False
    config: Any = net.config
    blocks = [*net.down_blocks, net.mid_block, *net.up_blocks]
    return (
        all(config.get(name) in taken for name, taken in TAKEN.items())
        and all(type(block).__name__ in BLOCKS for block in blocks)
        and all(type(processor).__name__ in PROCESSORS for processor in net.attn_processors.values())
    )


class Drawing:
    """A U-Net that `can_walk`, from now until this is dropped; its weights must not change.

    Args:
        unet: where it is and in its dtype.
        compiled: `walk` as torch.compile made it, or None.
    """

    def __init__(self, unet: nn.Module, compiled: Walk | None = None) -> None:
        self.unet, self.compiled = unet, compiled
        self._attentions = text_attentions(unet)
        # `walk` does not call these, so it cannot stand in where somebody listens to one.
        passed = [module for module in unet.modules() if type(module).__module__.startswith("diffusers.")]
        self._passed = [module for module in passed if not type(module).__name__.startswith("Timestep")]
        self._kept: dict[tuple[int, int], tuple[Tensor, dict[tuple[nn.Module, _State, _State], KeyValue]]] = {}
        weight = cast("Tensor", cast("Any", unet).conv_in.weight)
        self._on_cpu = weight.device.type == "cpu"
        self._run: Run = CpuLayers(_has_room(unet)) if self._on_cpu else called
        self._warned = False

    def predict(self, x_Bchw: Tensor, timestep_B: Tensor, text_BND: Tensor) -> Tensor | None:
        """As `Family.predict`; None where hooks ask for the U-Net's own way."""
        if any(_hooked(module) for module in self._passed):
            return None
        given, weight = x_Bchw, cast("Tensor", cast("Any", self.unet).conv_in.weight)
        texts = self._texts(text_BND, weight)
        x_Bchw, timestep_B = _once(x_Bchw).to(weight.device, weight.dtype), _once(timestep_B).to(weight.device)
        compiled = self.compiled if self.compiled and self._may_compile() else None
        if compiled:
            if not self._on_cpu:
                torch.compiler.cudagraph_mark_step_begin()
            # A graph writes its next answer where this one is.
            return compiled(self.unet, x_Bchw, timestep_B, texts, called).clone().to(given.dtype)
        if self._on_cpu:
            x_Bchw = x_Bchw.contiguous(memory_format=torch.channels_last)
        return walk(self.unet, x_Bchw, timestep_B, texts, self._run).contiguous().to(given.dtype)

    def _texts(self, text_BND: Tensor, like: Tensor) -> list[KeyValue]:
        # The text is kept with what was made of it, so that its id is not given to another.
        _, kept = self._kept.setdefault((id(text_BND), text_BND._version), (text_BND, {}))
        while len(self._kept) > TEXTS_KEPT:
            self._kept.pop(next(iter(self._kept)))
        found: list[KeyValue] = []
        for attention in self._attentions:
            stays = _plain(attention.to_k) and _plain(attention.to_v)
            key = (attention, _state(attention.to_k.weight), _state(attention.to_v.weight)) if stays else None
            pair = kept.get(key) if key else None
            if pair is None:
                text = text_BND.to(like.device, like.dtype)
                pair = (attention.to_k(text), attention.to_v(text))
                if key:
                    kept[key] = pair
            found.append(pair)
        return found

    def forget_texts(self) -> None:
        """Give up what was made of texts: other pictures have others, or at least other tensors of the same."""
        self._kept.clear()

    def _may_compile(self) -> bool:
        """Whether the U-Net is as it was compiled; compiled code does not see hooks come and go."""
        if not any(_hooked(module) for module in self.unet.modules()):
            return True
        if not self._warned:
            self._warned = True
            log.warning("networks are on the base, whose strengths may change: these pictures are drawn uncompiled")
        return False


class CpuLayers:
    """Convolutions, of inputs in channels_last, and linear layers in float32 or bfloat16 on a CPU.

    Weights are packed in oneDNN's order when they are first met. Convolutions of 1 x 1 are products of matrices, of
    which those of a single row, and large ones in float32, are torch's own.

    Args:
        packs: else weights are packed anew in every call, with the same result bit for bit.
    """

    def __init__(self, packs: bool) -> None:
        self._packs = packs
        self._kept: dict[nn.Module, tuple[Tensor, _State, Tensor]] = {}

    def __call__(self, module: nn.Module, x: Tensor) -> Tensor:
        """Run one; a module with hooks or of another kind in its own way."""
        if _plain(module) and "forward" not in vars(module):
            return self._product(module, x)
        if type(module) is not nn.Conv2d or module.weight.dtype not in QUICK or _changed(module):
            return called(module, x)
        if _is_matrix(module):
            return self._product(module, x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        if not can_pack(module.weight.dtype):
            return called(module, x)
        # Not the module's own way, which for a small picture is no oneDNN: free memory must not decide on bits.
        return convolve_packed(module, x, self._packed(module, lambda: pack(module, x)))

    def _product(self, module: nn.Conv2d | nn.Linear, x_XC: Tensor) -> Tensor:
        weight = module.weight
        # torch's own product is faster for a single row.
        if x_XC.numel() == x_XC.shape[-1] or not _packs_matrix(weight) or not can_pack(weight.dtype):
            return functional.linear(x_XC, weight.flatten(1), module.bias)
        return multiply_packed(module, x_XC, self._packed(module, lambda: pack_matrix(module)))

    def _packed(self, module: nn.Conv2d | nn.Linear, make: Callable[[], Tensor]) -> Tensor:
        if not self._packs:
            return make() if _is_matrix(module) else module.weight.detach()
        weight, state, packed = self._kept.get(module, (None, None, None))
        if packed is None or weight is not module.weight or state != _state(module.weight):
            packed = make()
            self._kept[module] = module.weight, _state(module.weight), packed
        return packed


def pack(module: nn.Conv2d, x_BChw: Tensor) -> Tensor:
    """A convolution's weights in the order that suits inputs of a shape; as torch.utils.mkldnn does."""
    make = cast("Any", torch)._C._nn.mkldnn_reorder_conv2d_weight
    stride, padding, dilation = list(module.stride), _padding(module), list(module.dilation)
    weight = module.weight.detach().to_mkldnn()
    return cast("Tensor", make(weight, padding, stride, dilation, module.groups, list(x_BChw.shape)))


def pack_matrix(module: nn.Conv2d | nn.Linear) -> Tensor:
    """A linear layer's weights, or those of a convolution of 1 x 1, in the order that suits `ROWS` rows.

    One order for any number of rows, or bits would depend on what was drawn before.
    """
    make: Any = torch.ops.mkldnn._reorder_linear_weight
    return cast("Tensor", make(module.weight.detach().flatten(1), ROWS))


def convolve_packed(module: nn.Conv2d, x_BChw: Tensor, packed: Tensor) -> Tensor:
    """What oneDNN answers to an input in channels_last; the same bits from packed weights and from a module's own."""
    run: Any = torch.ops.mkldnn._convolution_pointwise
    stride, dilation = list(module.stride), list(module.dilation)
    return run(
        x_BChw, packed, module.bias, _padding(module), stride, dilation, module.groups, "none", [], ""
    )  # fmt: skip


def multiply_packed(module: nn.Conv2d | nn.Linear, x_XC: Tensor, packed: Tensor) -> Tensor:
    """What oneDNN answers to two or more rows (…, C) with weights of `pack_matrix`."""
    run: Any = torch.ops.mkldnn._linear_pointwise
    return run(x_XC, packed, module.bias, "none", [], "")


@functools.cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this PyTorch packs weights of that dtype on this processor, and computes the same with them.

    Of convolutions to the bit, of linear layers but for rounding. One answer for both: they came with one release.
    """
    with torch.no_grad():
        layer = _counting(nn.Conv2d(16, 16, 3, padding=1, device="meta", dtype=dtype))
        x_BChw = torch.linspace(-1, 1, 2 * 16 * 8 * 8).reshape(2, 16, 8, 8).to(dtype)
        x_BChw = x_BChw.contiguous(memory_format=torch.channels_last)
        try:
            same = torch.equal(convolve_packed(layer, x_BChw, pack(layer, x_BChw)), layer(x_BChw))
            matrix, x_BC = _counting(nn.Linear(16, 16, device="meta", dtype=dtype)), x_BChw.flatten(2)[0].mT
            found = multiply_packed(matrix, x_BC, pack_matrix(matrix))
            # Sums in another order; and rounded once, where the layer's own way may round before the bias as well.
            return same and torch.allclose(found, matrix(x_BC), rtol=QUICK[dtype], atol=QUICK[dtype])
        except (AttributeError, RuntimeError, TypeError):
            return False  # these are not part of PyTorch's promises


def _counting(module: Layer) -> Layer:
    """A layer made on no device, on the CPU with some weights; draws no random numbers."""
    module = module.to_empty(device="cpu")
    for value in module.parameters():
        value.copy_(torch.linspace(-1, 1, value.numel()).reshape(value.shape))
    return module


def _has_room(unet: nn.Module) -> bool:
    layers = [module for module in unet.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    packed = [one.weight for one in layers if not _is_matrix(one) or _packs_matrix(one.weight)]
    return sum(weight.nbytes for weight in packed) <= MEMORY_SHARE * psutil.virtual_memory().available


def _packs_matrix(weight: Tensor) -> bool:
    return weight.dtype == torch.bfloat16 or (weight.dtype == torch.float32 and weight.numel() <= MATRIX_LIMIT)


def _is_matrix(module: nn.Conv2d | nn.Linear) -> bool:
    """Whether a layer is a product of matrices: no neighbour of a cell has a say."""
    if isinstance(module, nn.Linear):
        return True
    return module.kernel_size == (1, 1) and module.stride == (1, 1) and module.padding == (0, 0)


def _padding(module: nn.Conv2d) -> list[int]:
    padding = module.padding
    assert not isinstance(padding, str)
    return list(padding)


def _once(rows: Tensor) -> Tensor:
    """A single row where all are one and the same memory."""
    return rows[:1] if len(rows) > 1 and rows.stride(0) == 0 else rows


def _state(weight: Tensor) -> _State:
    """What changes with a weight: written in place, or exchanged for one of another precision (`.data`)."""
    return weight._version, weight.data_ptr(), weight.dtype


def _changed(module: nn.Conv2d) -> bool:
    """Whether a convolution is more than its weights: hooks, or a way of its own to pad (`generation.tiling`)."""
    return _hooked(module) or "_conv_forward" in vars(module)


def _plain(module: nn.Module) -> TypeGuard[nn.Linear]:
    return type(module) is nn.Linear and not _hooked(module)


def _hooked(module: nn.Module) -> bool:
    hooks: Any = module  # there is no public way to ask
    return bool(hooks._forward_hooks or hooks._forward_pre_hooks)
