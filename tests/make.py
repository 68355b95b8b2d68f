"""Factories that tests share: small models made at once, with nothing downloaded."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from imprint.families.sd1 import StableDiffusion1

SPECIAL_TOKENS = ("<|startoftext|>", "<|endoftext|>")
TINY_MERGES = ("p h", "ph o", "pho t", "phot o</w>", "d o", "do g</w>", "o f</w>")


def byte_level_tokenizer() -> Any:
    """A CLIP tokenizer of single bytes and a few merges: any text tokenises."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [merge.replace(" ", "") for merge in TINY_MERGES] + list(SPECIAL_TOKENS)
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[tuple(m.split()) for m in TINY_MERGES], model_max_length=77)


def clip_text_model(tokenizer: Any, width: int, layers: int) -> nn.Module:
    """A CLIP text encoder with random weights for a tokenizer."""
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    start, end = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=max(2, width // 64), bos_token_id=start, eos_token_id=end, pad_token_id=end,
    )  # fmt: skip
    return CLIPTextModel(config)


def write_tiny_base(folder: Path, prediction: Any = "epsilon", in_channels: int = 4) -> Path:
    """A Stable Diffusion 1 for 32 px pictures (4x4 latents), random weights, in diffusers layout.

    With 9 `in_channels` it is an inpainting model.
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        tokenizer = byte_level_tokenizer()
        unet = UNet2DConditionModel(
            sample_size=4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=16,
            attention_head_dim=2, in_channels=in_channels, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )  # fmt: skip
        vae = AutoencoderKL(
            block_out_channels=(4, 4, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4,
            up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=1, norm_num_groups=4, sample_size=32,
        )  # fmt: skip
        text_encoder = clip_text_model(tokenizer, width=16, layers=2)
    StableDiffusion1.create(unet, text_encoder, vae, tokenizer, prediction=prediction).save(folder)
    return folder


@functools.cache
def tiny_base() -> Path:
    """The folder of one tiny base, written once per test process. Do not change it."""
    return write_tiny_base(Path(tempfile.mkdtemp(prefix="imprint-tiny-")) / "base")


def tiny_family() -> StableDiffusion1:
    """A fresh copy of the tiny base."""
    return StableDiffusion1.open(tiny_base())


# Stable Diffusion 1.5's own config.json files, shapes only.
SD15_UNET = {
    "sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8, "layers_per_block": 2,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}  # fmt: skip
SD15_VAE = {
    "sample_size": 512, "block_out_channels": (128, 256, 512, 512), "latent_channels": 4, "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip


def sd15_shaped(folder: Path | None = None, dtype: torch.dtype = torch.bfloat16) -> StableDiffusion1:
    """Stable Diffusion 1.5's true-shape U-Net (860 M) and autoencoder with random weights and a short text encoder.

    Args:
        folder: where to write it too, or None to keep it in memory.
        dtype: of the U-Net and the text encoder.
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**SD15_UNET), AutoencoderKL(**SD15_VAE)
    tokenizer = byte_level_tokenizer()
    text_encoder = clip_text_model(tokenizer, width=768, layers=2).to(dtype)
    family = StableDiffusion1.create(
        cheaply_filled(unet, dtype), text_encoder, cheaply_filled(vae, torch.float32), tokenizer
    )
    if folder is not None:
        family.save(folder)
    return family


def cheaply_filled(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Give a module on the meta device weights of a sensible size: one block of noise, repeated."""
    nn.Module.to(network, dtype).to_empty(device="cpu")
    noise = torch.randn(1 << 20, generator=torch.Generator().manual_seed(1)).to(dtype)
    for value in network.parameters():
        if value.ndim < 2:
            value.data.zero_()
            continue
        flat = value.data.view(-1)
        for start in range(0, len(flat), len(noise)):
            part = flat[start : start + len(noise)]
            torch.mul(noise[: len(part)], value[0].numel() ** -0.5, out=part)
    for module in network.modules():
        if isinstance(module, nn.GroupNorm | nn.LayerNorm):
            module.weight.data.fill_(1)
    return network


def photo(number: int = 0, size_px: tuple[int, int] = (96, 80)) -> Image.Image:
    """A smooth picture of (width, height), different for each number."""
    coarse = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size_px, Image.Resampling.BICUBIC)


def photo_folder(folder: Path, count: int) -> Path:
    """A folder of `count` different photos, 0.png and following."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        photo(number).save(folder / f"{number}.png")
    return folder


class GridJudge:
    """A judge without weights: it sees a coarse grid of colours, reads colour words and names a picture's colour."""

    WORDS = ("red", "green", "blue")

    @property
    def attribute_values(self) -> dict[str, tuple[str, ...]]:
        return {"colour": self.WORDS}

    def features(self, pixels_BCHW: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(pixels_BCHW, 8).flatten(1)

    def encode_image(self, pixels_BCHW: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.features(pixels_BCHW) - 0.5, dim=1)

    def encode_text(self, texts: Any) -> torch.Tensor:
        flat = [[float(word in text.split()) for word in self.WORDS] for text in texts]
        return self.encode_image(torch.tensor(flat)[:, :, None, None].expand(-1, -1, 8, 8))

    def attributes(self, pixels_BCHW: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"colour": (20 * pixels_BCHW.mean(dim=(2, 3))).softmax(1)}
