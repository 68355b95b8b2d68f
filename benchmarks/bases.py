"""The base models and pictures that both sides start from.

Reads: model folders. Writes: a data set of smooth random pictures. Does not: train.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from benchmarks.setup import Setup
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from tests.make import SD15_UNET, SD15_VAE, byte_level_tokenizer, cheaply_filled, photo
from torch import nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from imprint.artifacts.dataset_folder import Dataset
from imprint.dataset import build_dataset
from imprint.families.sd1 import StableDiffusion1
from imprint.photos import read_photos

PHOTO_PX = 256  # at least, so that nobody refuses it as too small
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
# openai/clip-vit-large-patch14's text_config, shapes only.
CLIP_L_TEXT: dict[str, Any] = {
    "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "hidden_act": "quick_gelu",
}  # fmt: skip


def open_case(setup: Setup) -> StableDiffusion1:
    """The networks of a case, U-Net and text encoder in the format that the method's frozen or trained weights have."""
    dtype = DTYPES[setup.precision if setup.method == "lora" else setup.weights]
    if setup.case == "sd15":
        return sd15_with_clip_l(dtype)
    return StableDiffusion1.open(Path(setup.base), dtype)


def sd15_with_clip_l(dtype: torch.dtype) -> StableDiffusion1:
    """All networks of Stable Diffusion 1.5 in their true shapes (860 M, 84 M and 123 M weights), filled cheaply.

    The values are the same in every process, so a latent cache that one made fits the next.

    Args:
        dtype: of the U-Net and the text encoder; the autoencoder is float32.
    """
    tokenizer = byte_level_tokenizer()
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**cast("Any", SD15_UNET)), AutoencoderKL(**cast("Any", SD15_VAE))
        text_encoder: nn.Module = CLIPTextModel(CLIPTextConfig(**CLIP_L_TEXT))
    text_encoder = cheaply_filled(text_encoder, dtype)
    for module in text_encoder.modules():
        if "position_ids" in dict(module.named_buffers(recurse=False)):
            module.register_buffer("position_ids", torch.arange(77).expand(1, -1), persistent=False)
    return StableDiffusion1.create(
        cheaply_filled(unet, dtype), text_encoder, cheaply_filled(vae, torch.float32), tokenizer
    )


def pictures(setup: Setup, size_px: int) -> Dataset:
    """The data set of a comparison, made by whoever asks first."""
    folder = Path(setup.work) / f"dataset-{size_px}px"
    if folder.exists():
        return Dataset.open(folder)
    photos = Path(setup.work) / f"photos-{size_px}px"
    photos.mkdir(parents=True)
    for number in range(setup.pictures):
        side_px = max(size_px, PHOTO_PX)
        photo(number, (side_px, side_px)).save(photos / f"{number}.png")
    found = read_photos(photos, minimum=setup.pictures)
    return build_dataset(found, folder, name="zkz", class_word="dog", size_px=size_px, held_out=0)
