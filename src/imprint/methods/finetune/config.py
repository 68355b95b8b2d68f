"""The configuration of fine-tuning. Reads and writes nothing."""

from __future__ import annotations

from typing import Literal

from imprint.config.base import Config


class Finetune(Config):
    """Train the base's own weights: the most faithful result, and the largest file."""

    kind: Literal["finetune"] = "finetune"
    """Which method."""

    layers: Literal["all", "attention", "cross_attention"] = "all"
    """Which parts of the U-Net train: all of it, all attention projections, or only those that read the prompt."""

    text_encoder: bool = False
    """Train the text encoder as well: all of it but its token table with `layers = "all"`, else its attention."""

    token_table: bool = False
    """Train the text encoder's token table too: for training from scratch; a subject's few pictures would bend it."""
