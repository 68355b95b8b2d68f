"""What inpainting models see beside the latents: the mask, and the latents of what is kept.

Reads: a family, pictures, masks. Writes: tensors for the network's first layer. Does not: call the network.

Such a model has nine input channels, in this order: four latents, the mask (1 where it is drawn), and four latents of
the picture with what is drawn made grey. Source: Stable Diffusion 1.5's inpainting model, as diffusers and A1111 feed
it. Suffixes: k the channels beside the latents, h w latent cells.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imprint.families.family import Family
from imprint.generation.masks import Mask, Pixels, latent_mask
from imprint.generation.passes import Pass
from imprint.generation.pixels import latents_of

GREY = 127.5  # 0 in the range of -1 to 1 that networks see


def beside_noise(family: Family, plan: Pass, notes: list[str]) -> Tensor | None:
    """For a picture of which nothing is kept, shape (1, k, h, w); None for a model that sees only latents."""
    if not family.beside_channels:
        return None
    size = plan.height_px, plan.width_px
    return beside_picture(family, np.zeros((*size, 3), np.uint8), np.ones(size, np.float32), 1.0, notes)


def beside_picture(
    family: Family, picture_HWC: Pixels, mask_HW: Mask, weight: float, notes: list[str]
) -> Tensor | None:
    """For a picture that is drawn anew inside a mask, shape (1, k, h, w); None for a model that sees only latents.

    Args:
        family: the base.
        picture_HWC: at the size that is drawn.
        mask_HW: same size; 1 is drawn.
        weight: how far what is drawn is hidden from the network, 0 to 1; A1111's "conditional mask weight".
        notes: gets a line if it had to be computed in higher precision.
    """
    if not family.beside_channels:
        return None
    hidden_HW1 = (mask_HW > 0.5).astype(np.float32)[..., None] * np.float32(weight)
    shown = np.rint(picture_HWC * (1 - hidden_HW1) + GREY * hidden_HW1).astype(np.uint8)
    latents = latents_of(family, shown, notes)
    mask_11hw = latent_mask(mask_HW, family.latent_stride).to(latents)
    return torch.cat([mask_11hw, latents], dim=1)
