"""What every model family offers the stages after it.

Reads: nothing. Writes: nothing. Does not: know any one family; `sd1/` and its siblings do.

Shapes: B batch, C channels, H W pixels, c h w latent channels and cells, N tokens, D text width, T training timesteps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Layers: TypeAlias = Literal["all", "attention", "cross_attention"]
Part: TypeAlias = Literal["unet", "text_encoder", "vae"]
PredictionKind: TypeAlias = Literal["epsilon", "v_prediction"]


@dataclass(frozen=True)
class TextEncoding:
    """What the network reads of a prompt."""

    text_BND: Tensor
    """Hidden states for cross-attention."""


@dataclass(frozen=True)
class TextWindow:
    """How one call of a text encoder is laid out: start, up to `content` tokens, end, padding."""

    start: int
    """Token before the content."""
    end: int
    """Token after the content."""
    padding: int
    """Token that fills the rest."""
    content: int
    """Tokens of text that fit: 75 of CLIP's 77."""

    def rows(self, chunks: Sequence[Sequence[int]]) -> list[list[int]]:
        """Each chunk of at most `content` tokens with all that is around it, `content + 2` long.

        Raises: ValueError: if a chunk is longer.
        """
        if any(len(chunk) > self.content for chunk in chunks):
            raise ValueError(f"a chunk holds at most {self.content} tokens, got {max(map(len, chunks))}")
        fill = [[self.padding] * (self.content - len(chunk)) for chunk in chunks]
        return [[self.start, *chunk, self.end, *rest] for chunk, rest in zip(chunks, fill, strict=True)]


@dataclass(frozen=True)
class LatentMoments:
    """A picture's distribution in latent space, already in the family's latent scaling."""

    mean_Bchw: Tensor
    std_Bchw: Tensor

    def sample(self, noise_Bchw: Tensor) -> Tensor:
        """The latent that standard normal `noise_Bchw` picks, same shape."""
        return self.mean_Bchw + self.std_Bchw * noise_Bchw


class Family(Protocol):
    """An opened base model: its networks and all that differs from family to family."""

    alphas_cumprod_T: Tensor
    """Signal power left at every training timestep, float64 of shape (T,), falling."""

    @property
    def name(self) -> str:
        """Registered name: "sd1"."""
        ...

    @property
    def unet(self) -> nn.Module:
        """The network that predicts; frozen unless a method is injected."""
        ...

    @property
    def text_encoder(self) -> nn.Module:
        """The network that reads tokens."""
        ...

    @property
    def vae(self) -> nn.Module:
        """The autoencoder; float32 whatever the others are, or for a while more."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where it was opened; None for one made in memory."""
        ...

    @property
    def base_hash(self) -> str:
        """SHA-256 over everything that decides the base's output."""
        ...

    @property
    def native_px(self) -> int:
        """Side of the pictures it was trained on, in pixels."""
        ...

    @property
    def latent_stride(self) -> int:
        """Pixels per latent cell."""
        ...

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        ...

    @property
    def beside_channels(self) -> int:
        """Channels that the network sees beside the latents: 0, or 5 of an inpainting model (`generation.beside`)."""
        ...

    @property
    def prediction(self) -> PredictionKind:
        """What the network's raw output stands for."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Of the U-Net and the text encoder."""
        ...

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Tokens of each text, padded or cut to the context length: int64 (B, N) on the CPU."""
        ...

    @property
    def text_window(self) -> TextWindow:
        """How a call of the text encoder is laid out."""
        ...

    def token_ids(self, text: str) -> list[int]:
        """Tokens of a text of any length, with nothing before, after or cut."""
        ...

    def encode_tokens(
        self, tokens_BN: Tensor, clip_skip: int = 1, inserted: Mapping[tuple[int, int], Tensor] | None = None,
        seen_BN: Tensor | None = None,
    ) -> TextEncoding:
        """Encode tokens; gradients flow where the text encoder trains.

        Args:
            tokens_BN: from `tokenize` or `text_window.rows`.
            clip_skip: which layer is read, from the last (1) backwards; the final norm is applied to any.
            inserted: vectors (D,) that stand in place of the token's own at (row, place), as embeddings do.
            seen_BN: 0 where no token may attend to this one; left out, all are seen.
        Raises: ConfigError: if the encoder has no such layer, or a vector another width.
        """
        ...

    def encode_text(self, texts: Sequence[str]) -> TextEncoding:
        """`tokenize`, then `encode_tokens`; records no gradient unless the text encoder trains."""
        ...

    def encode_image(self, pixels_BCHW: Tensor) -> LatentMoments:
        """Moments of pictures in -1..1 whose sides are multiples of `latent_stride`, float32; no gradient."""
        ...

    def decode(self, latent_Bchw: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in -1..1, float32; no gradient."""
        ...

    def predict(self, x_Bchw: Tensor, timestep_B: Tensor, text_BND: Tensor) -> Tensor:
        """The raw output for noisy latents, in their shape and dtype; timesteps may be fractional.

        Args:
            x_Bchw: noisy latents; behind them, along dim 1, the `beside_channels`.
            timestep_B: 0..T-1.
            text_BND: what is to be drawn.
        """
        ...

    def drawing(self) -> AbstractContextManager[None]:
        """Predictions without gradients may be faster inside, and differ in their last bits.

        Weights must not change inside. Rows of `x_Bchw` that are one row, expanded, are computed once as far as they
        are alike; the same tensor as `text_BND` again is not read again.
        Around several calls that draw, weights that were put in another order serve all of them.
        """
        ...

    def compiled(self, mode: str = "reduce-overhead") -> AbstractContextManager[None]:
        """Pictures are drawn by a compiled U-Net inside; nothing of it is left afterwards.

        Args:
            mode: of torch.compile.
        """
        ...

    def module_names(self, layers: Layers) -> list[str]:
        """Names, inside the U-Net, of the leaf modules with parameters that a layer filter selects."""
        ...

    def text_module_names(self, layers: Layers) -> list[str]:
        """The same inside the text encoder; the token table is in none of them."""
        ...

    def parameters(self, part: Part) -> Mapping[str, nn.Parameter]:
        """The base's own parameters by their names before any method was injected."""
        ...

    def freeze(self) -> None:
        """No parameter of the base trains; every network in evaluation mode."""
        ...

    def save(
        self,
        folder: Path,
        *,
        dtype: torch.dtype | None = None,
        replaced: Mapping[str, Tensor] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write a complete diffusers folder that stock diffusers opens.

        Args:
            folder: must not exist; appears complete or not at all.
            dtype: of the U-Net and text encoder on disk; None keeps what is in memory.
            replaced: values to write instead of the base's, by "unet.NAME" or "text_encoder.NAME".
            metadata: extra text for the header of the U-Net's file.
        """
        ...
