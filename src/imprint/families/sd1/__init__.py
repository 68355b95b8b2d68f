"""Stable Diffusion 1.x: CLIP ViT-L/14 text encoder, U-Net with cross-attention, 8x autoencoder with 4 channels.

Reads: model folders. Writes: model folders. Does not: know other families.
"""

from __future__ import annotations

from imprint.families.sd1.model import StableDiffusion1

__all__ = ["StableDiffusion1"]
