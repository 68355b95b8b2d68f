"""The embedded base: a procedural world with its ground truth, and a complete small Stable Diffusion trained on it.

Reads: the weights shipped in this package. Writes: nothing. Does not: train; recipes/nano is run by jobs.
"""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


def base_folder() -> Path:
    """The shipped base in diffusers layout; stock `StableDiffusionPipeline.from_pretrained` opens it."""
    return WEIGHTS / "base"


def judge_folder() -> Path:
    """The shipped judge."""
    return WEIGHTS / "judge"
