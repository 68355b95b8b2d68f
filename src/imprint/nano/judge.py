"""The judge of the embedded base: says what is in a picture, and how well a text fits it.

Reads: pixels and texts. Writes: unit vectors, attribute probabilities, identities, features. Does not: train itself or
decide anything; recipes/nano/judge.toml and evaluation/ do.

A small residual network sees the picture; a small transformer reads the text; both are trained contrastively, as CLIP
is (Radford et al., arXiv:2103.00020), together with one linear head for each attribute of the world, which may look at
places of its own, and, where its shape has one, a head that tells individuals apart. Probabilities are divided by one
temperature a head before the softmax, fitted after training (Guo et al., arXiv:1706.04599), so that they can be read
as frequencies.
"""

# B batch, C channels, H W pixels, N tokens, D embedding width, F feature width, I identity width, A attributes

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTokenizer

from imprint.artifacts.files import load_tensors, save_tensors, write_text
from imprint.config import Config
from imprint.errors import ModelError
from imprint.nano.identity import IdentityHead, IdentityShape
from imprint.nano.looks import AttributeLooks, AttributeShape
from imprint.nano.networks import POSITIONS
from imprint.nano.world.vocabulary import ATTRIBUTES

WEIGHTS, SHAPE = "judge.safetensors", "judge.json"
MIDDLE_STRIDE = 8  # pixels of a side of the middle map's cells
TEMPERATURES = "temperatures_A"  # one a head, in the order of `attribute_values`; judges made before have none


class JudgeShape(Config):
    """Sizes of the judge."""

    channels: tuple[int, int, int, int] = (24, 48, 96, 160)
    """Channels at half, quarter, eighth and sixteenth resolution."""
    width: int = Field(default=128, ge=16)
    """Width of the text encoder and of the common embedding."""
    text_layers: int = Field(default=2, ge=1)
    """Transformer layers of the text encoder."""
    size_px: int = Field(default=128, ge=32)
    """Pictures are resized to this before they are judged."""
    attributes: AttributeShape | None = None
    """Looks of the attribute heads. Empty: they see means of parts of the picture only."""
    identity: IdentityShape | None = None
    """Tells individuals apart. Empty: this judge knows attributes and captions only."""


class _Block(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(8, outer)
        self.second = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(8, outer)
        same = stride == 1 and inner == outer
        self.shortcut = nn.Identity() if same else nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inside = self.norm2(self.second(functional.silu(self.norm1(self.first(x)))))
        return functional.silu(inside + self.shortcut(x))


class _TextEncoder(nn.Module):
    """Tokens to one vector: the mean over the tokens before the end mark."""

    def __init__(self, vocabulary: int, width: int, layers: int, positions: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.zeros(positions, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.out = nn.Linear(width, width)

    def forward(self, tokens_BN: Tensor, padding_BN: Tensor) -> Tensor:
        hidden = self.tokens(tokens_BN) + self.positions[: tokens_BN.shape[1]]
        hidden = self.layers(hidden, src_key_padding_mask=padding_BN)
        kept = (~padding_BN).unsqueeze(-1).to(hidden.dtype)
        return self.out((hidden * kept).sum(1) / kept.sum(1).clamp_min(1))


class Judge(nn.Module):
    """Image encoder, text encoder, attribute heads and, where the shape has one, an identity head.

    Args:
        shape: sizes.
        tokenizer: of the embedded base.
        attributes: names and values of the heads.
    """

    def __init__(
        self, shape: JudgeShape, tokenizer: CLIPTokenizer, attributes: Mapping[str, Sequence[str]] = ATTRIBUTES,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.tokenizer = tokenizer
        self.attribute_values = {name: tuple(values) for name, values in attributes.items()}
        a, b, c, d = shape.channels
        self.stem = nn.Sequential(nn.Conv2d(3, a, 5, 2, 2, bias=False), nn.GroupNorm(8, a), nn.SiLU())
        self.stages = nn.ModuleList([
            nn.Sequential(_Block(a, b, 2)),
            nn.Sequential(_Block(b, c, 2), _Block(c, c, 1)),
            nn.Sequential(_Block(c, d, 2), _Block(d, d, 1)),
        ])
        # Averages over a 2 x 4 grid keep "above" and "below" apart: a hat from a scarf, sky from ground.
        self.project = nn.Linear(d * 9, 256)
        self.image_out = nn.Linear(256, shape.width)
        self.looks = self._attribute_looks((b, c, d))
        seen = 256 + (self.looks.width if self.looks else 0)
        self.heads = nn.ModuleDict({name: nn.Linear(seen, len(v)) for name, v in self.attribute_values.items()})
        self.identity_head = IdentityHead((b, c, d), shape.identity) if shape.identity else None
        self.register_buffer(TEMPERATURES, torch.ones(len(self.attribute_values)))
        self.text = _TextEncoder(len(tokenizer), shape.width, shape.text_layers, POSITIONS)
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def _attribute_looks(self, channels: Sequence[int]) -> AttributeLooks | None:
        shape, side = self.shape.attributes, self.shape.size_px // MIDDLE_STRIDE
        return AttributeLooks(channels, shape, len(self.attribute_values), side * side) if shape else None

    @property
    def device(self) -> torch.device:
        """Where the judge lives."""
        return self.log_scale.device

    @property
    def temperatures(self) -> dict[str, float]:
        """What the logits of each attribute are divided by; 1 before calibration."""
        return {name: float(t) for name, t in zip(self.attribute_values, self.get_buffer(TEMPERATURES), strict=True)}

    def calibrate(self, temperatures: Mapping[str, float]) -> None:
        """Set temperatures by attribute name, each > 0; attributes left out keep theirs."""
        together = {**self.temperatures, **temperatures}
        self.get_buffer(TEMPERATURES).copy_(torch.tensor([together[name] for name in self.attribute_values]))

    def _maps(self, pixels_BCHW: Tensor) -> list[Tensor]:
        size = self.shape.size_px
        if pixels_BCHW.shape[-2:] != (size, size):
            pixels_BCHW = functional.interpolate(pixels_BCHW, (size, size), mode="bilinear", antialias=True)
        x = self.stem(pixels_BCHW.to(self.device) * 2 - 1)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def _hidden(self, last: Tensor) -> Tensor:
        grid = functional.adaptive_avg_pool2d(last, (4, 2)).flatten(1)
        peak = last.amax(dim=(2, 3))
        return functional.silu(self.project(torch.cat([grid, peak], dim=1)))

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """What is trained: image embeddings (B, D), attribute logits (B, values), identities (B, I) or None.

        Neither is normalised, nor divided by a temperature.
        """
        maps = self._maps(pixels_BCHW)
        hidden = self._hidden(maps[-1])
        identity = self.identity_head(maps) if self.identity_head else None
        return self.image_out(hidden), self._logits(maps, hidden), identity

    def _logits(self, maps: Sequence[Tensor], hidden: Tensor) -> dict[str, Tensor]:
        if self.looks is None:
            return {name: head(hidden) for name, head in self.heads.items()}
        looked = self.looks(maps).unbind(1)
        return {
            name: head(torch.cat([hidden, seen], dim=1))
            for (name, head), seen in zip(self.heads.items(), looked, strict=True)
        }

    def encode_image(self, pixels_BCHW: Tensor) -> Tensor:
        """Unit vectors (B, D) comparable with `encode_text`.

        Args:
            pixels_BCHW: 0..1, any size.
        """
        return functional.normalize(self.image_out(self._hidden(self._maps(pixels_BCHW)[-1])).float(), dim=1)

    def identity(self, pixels_BCHW: Tensor) -> Tensor:
        """Unit vectors (B, I), near each other for pictures of one individual, whatever its pose, scene or style.

        Args:
            pixels_BCHW: 0..1, any size.
        Raises: ModelError: if this judge has no identity head.
        """
        if self.identity_head is None:
            raise ModelError(
                "this judge was trained without an identity head", got="no [shape.identity] in its description",
                hint="train it again: `imprint nano train judge` with [shape.identity] and [individuals] in its recipe",
            )
        return functional.normalize(self.identity_head(self._maps(pixels_BCHW)).float(), dim=1)

    def features(self, pixels_BCHW: Tensor) -> Tensor:
        """Means and spreads of every stage, (B, F): colours, patterns and shapes that no caption names.

        Args:
            pixels_BCHW: 0..1, any size.
        """
        pooled = [part for m in self._maps(pixels_BCHW) for part in (m.mean((2, 3)), m.std((2, 3)))]
        return torch.cat(pooled, dim=1).float()

    def attributes(self, pixels_BCHW: Tensor) -> dict[str, Tensor]:
        """Calibrated probabilities of every attribute's values, name -> (B, values) in `attribute_values`' order."""
        maps = self._maps(pixels_BCHW)
        logits = self._logits(maps, self._hidden(maps[-1]))
        return {name: (logits[name].float() / value).softmax(1) for name, value in self.temperatures.items()}

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids (B, N) and where they are padding (B, N)."""
        found = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        return found["input_ids"].to(self.device), (found["attention_mask"] == 0).to(self.device)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (B, D) comparable with `encode_image`."""
        return functional.normalize(self.text(*self.tokenize(texts)).float(), dim=1)

    def save(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write weights in `dtype`, temperatures in float32, sizes and tokenizer."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.to(dtype) for name, value in self.state_dict().items()}
        save_tensors(folder / WEIGHTS, {**weights, TEMPERATURES: self.get_buffer(TEMPERATURES)})
        description = {"shape": self.shape.model_dump(mode="json"), "attributes": self.attribute_values}
        write_text(folder / SHAPE, json.dumps(description, indent=1))
        cast("Any", self.tokenizer).save_pretrained(folder)

    @classmethod
    def open(cls, folder: Path, device: str = "cpu") -> Judge:
        """Read what `save` wrote; float32, frozen.

        Raises: ModelError: if files are missing or do not fit.
        """
        try:
            description = json.loads((folder / SHAPE).read_text(encoding="utf-8"))
            tokenizer = cast("Any", CLIPTokenizer).from_pretrained(folder)
            judge = cls(JudgeShape.model_validate(description["shape"]), tokenizer, description["attributes"])
            weights = {name: value.float() for name, value in load_tensors(folder / WEIGHTS).items()}
            judge.load_state_dict({TEMPERATURES: judge.get_buffer(TEMPERATURES), **weights})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise ModelError(
                "this folder holds no judge that this version can open", where=folder, got=str(error),
                hint="train it again: `imprint nano train judge`",
            ) from error
        return judge.to(device).eval().requires_grad_(False)
