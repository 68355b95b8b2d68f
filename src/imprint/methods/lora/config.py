"""The configuration of LoRA. Reads and writes nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imprint.config.base import Config


class Lora(Config):
    """Train two small matrices beside each chosen weight: a small file that can be turned up, down and off."""

    kind: Literal["lora"] = "lora"
    """Which method."""

    rank: int = Field(default=16, ge=1, le=1024)
    """Inner width of the two matrices: what it can learn, and the size of the file."""

    alpha: float = Field(default=16.0, gt=0)
    """What is learnt is added alpha/rank times; equal to the rank it is added as it is."""

    layers: Literal["all", "attention", "cross_attention"] = "attention"
    """Which parts of the U-Net: every linear and convolution, all attention, or only what reads the prompt."""

    text_encoder: bool = True
    """Also put matrices on the query, key, value and output of the text encoder's attention: it learns the name."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Chance of hiding each input value of the matrices in a training step."""
