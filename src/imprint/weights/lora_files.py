"""LoRA in the names of diffusers and peft.

Reads: MethodState. Writes: tensors under other names. Does not: touch disks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.methods import Lora, MethodState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LORA_FILE = "pytorch_lora_weights.safetensors"  # the name that diffusers looks for in a folder
TEXT_PREFIX, TEXT_PREFIX_IN_FILES = "text_encoder.", "text_encoder.text_model."


def diffusers_lora(state: MethodState, config: Lora, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """A LoRA's tensors as `load_lora_weights` reads them.

    alpha / rank is multiplied into B, because readers disagree on where to look for alpha: without one, all of
    them add B·A as it is.

    Args:
        state: of a LoRA, names "unet.MODULE.lora_A.weight".
        config: with its rank and alpha.
        dtype: of the result; None keeps the state's.
    Returns: tensors by "unet.MODULE.lora_A.weight" and "text_encoder.text_model.MODULE.lora_A.weight".
    """
    scale = config.alpha / config.rank
    out: dict[str, Tensor] = {}
    for name, tensor in state.tensors.items():
        value = tensor * scale if name.endswith("lora_B.weight") else tensor
        out[name_in_file(name)] = value.to(dtype or tensor.dtype)
    return out


def name_in_file(name: str) -> str:
    """The text encoder's names keep the level that older libraries have; newer ones take it off."""
    return TEXT_PREFIX_IN_FILES + name.removeprefix(TEXT_PREFIX) if name.startswith(TEXT_PREFIX) else name


def diffusers_lora_header(config: Lora) -> dict[str, str]:
    """What model managers look for in the header. Alpha equals the rank there, since the scale is in B."""
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "ss_base_model_version": "sd_v1",
        "ss_network_dim": str(config.rank),
        "ss_network_alpha": str(config.rank),
    }
