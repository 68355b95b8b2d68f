"""The networks of the embedded base before they have learnt anything: Stable Diffusion 1 in small.

Reads: sizes. Writes: diffusers and transformers modules with freshly drawn weights. Does not: train or load them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from pydantic import Field
from tokenizers import Tokenizer, normalizers, pre_tokenizers, trainers
from tokenizers import models as bpe_models
from transformers import CLIPTextConfig, CLIPTextModel

from imprint.config import Config

START, END = "<|startoftext|>", "<|endoftext|>"
POSITIONS = 77  # CLIP's context length, as in SD 1.x


class AutoencoderShape(Config):
    """Sizes of the autoencoder: 8 times smaller latents with 4 channels, no attention."""

    channels: tuple[int, int, int, int] = (32, 64, 96, 128)
    """Channels at full, half, quarter and eighth resolution, multiples of `groups`."""
    layers: int = Field(default=1, ge=1)
    """Residual blocks at each resolution."""
    groups: int = Field(default=8, ge=1)
    """Groups of the group norms."""

    def build(self, size_px: int = 128) -> AutoencoderKL:
        """A fresh autoencoder."""
        # Its annotations say tuples of one; any length is meant.
        return cast("Any", AutoencoderKL)(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=self.channels, layers_per_block=self.layers, latent_channels=4,
            norm_num_groups=self.groups, sample_size=size_px, mid_block_add_attention=False,
        )


class UNetShape(Config):
    """Sizes of the U-Net, with SD1's block types."""

    channels: tuple[int, int, int] = (96, 160, 224)
    """Channels at 16, 8 and 4 latent cells across, multiples of `groups`."""
    layers: int = Field(default=1, ge=1)
    """Residual blocks at each resolution on the way down; one more on the way up."""
    heads: int = Field(default=4, ge=1)
    """Attention heads."""
    groups: int = Field(default=16, ge=1)
    """Groups of the group norms."""

    def build(self, text_width: int, latent_cells: int = 16) -> UNet2DConditionModel:
        """A fresh U-Net that listens to text of `text_width` channels."""
        return UNet2DConditionModel(
            sample_size=latent_cells, in_channels=4, out_channels=4,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            block_out_channels=self.channels, layers_per_block=self.layers, cross_attention_dim=text_width,
            attention_head_dim=self.heads, norm_num_groups=self.groups,
        )


class TextEncoderShape(Config):
    """Sizes of the CLIP text encoder."""

    width: int = Field(default=128, ge=8)
    """Channels of a token."""
    layers: int = Field(default=3, ge=1)
    """Transformer layers."""
    heads: int = Field(default=4, ge=1)
    """Attention heads."""

    def build(self, vocabulary: int, start: int, end: int) -> CLIPTextModel:
        """A fresh text encoder for a vocabulary of that many tokens."""
        config = CLIPTextConfig(
            vocab_size=vocabulary, hidden_size=self.width, intermediate_size=4 * self.width,
            num_hidden_layers=self.layers, num_attention_heads=self.heads, max_position_embeddings=POSITIONS,
            hidden_act="quick_gelu", projection_dim=self.width, bos_token_id=start, eos_token_id=end, pad_token_id=end,
        )
        return CLIPTextModel(config)


def train_tokenizer(corpus: Iterable[str], vocabulary: int, folder: Path) -> None:
    """Learn a byte-level BPE from captions and write it as CLIP tokenizer files (`vocab.json`, `merges.txt`).

    Any text tokenises: all 256 bytes are in the alphabet, alone and as word ends.

    Args:
        corpus: captions.
        vocabulary: tokens at most, the two special ones included, >= 514.
        folder: filled with the files that `CLIPTokenizer` reads.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(bpe_models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    # Words are split at spaces before; CLIP drops the spaces and marks word ends instead.
    words = (" ".join(text.lower().split()) for text in corpus)
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 2 - 256, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False,
    )
    learner.train_from_iterator(words, trainer)
    learnt = json.loads(learner.to_str())["model"]
    merges: list[tuple[str, str]] = [(first, second) for first, second in learnt["merges"]]
    letters = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    names = list(dict.fromkeys([*letters, *(first + second for first, second in merges), START, END]))
    folder.mkdir(parents=True, exist_ok=True)
    vocab = {name: index for index, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = "\n".join(f"{first} {second}" for first, second in merges)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}\n", encoding="utf-8")
    special = {
        "tokenizer_class": "CLIPTokenizer", "bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END,
        "model_max_length": POSITIONS, "do_lower_case": True, "add_prefix_space": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(special, indent=1), encoding="utf-8")
    names_only = {key: special[key] for key in ("bos_token", "eos_token", "unk_token", "pad_token")}
    (folder / "special_tokens_map.json").write_text(json.dumps(names_only, indent=1), encoding="utf-8")
