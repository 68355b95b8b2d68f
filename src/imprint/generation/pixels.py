"""Between pictures and the latents of a family.

Reads: uint8 pictures, latents. Writes: latents, uint8 pictures. Does not: resize, or draw.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imprint.families.family import Family
from imprint.generation.masks import Pixels
from imprint.generation.precision import with_retry
from imprint.latents.pixels import as_tensor


def latents_of(family: Family, picture_HWC: Pixels, notes: list[str]) -> Tensor:
    """The most likely latents of a picture, shape (1, c, h, w): the mean of the encoder's answer, which needs no seed.

    Args:
        family: whose autoencoder.
        picture_HWC: sides that are multiples of its `latent_stride`.
        notes: gets a line if it had to be computed in higher precision.
    Raises: NumericsError: if it comes to NaN or infinity there too.
    """
    pixels_1CHW = as_tensor([picture_HWC])
    return with_retry(
        family, "encoding", lambda: family.encode_image(pixels_1CHW).mean_Bchw, all_finite, notes, parts=("vae",)
    )


def picture_of(family: Family, latent_1chw: Tensor, notes: list[str]) -> Pixels:
    """The picture of some latents.

    Args:
        family: whose autoencoder.
        latent_1chw: of one picture.
        notes: gets a line if it had to be computed in higher precision.
    Raises: NumericsError: if it comes to NaN or infinity there too.
    """
    decoded_1CHW = with_retry(
        family, "decoding", lambda: family.decode(latent_1chw), all_finite, notes, parts=("vae",)
    )
    return levels(decoded_1CHW[0].permute(1, 2, 0))


def levels(pixels_HWC: Tensor) -> Pixels:
    """From -1..1 to 0..255, rounded where and in the precision in which the pixels are, any shape.

    `latents.pixels.as_pictures`, by which pictures are scored, rounds in float64, which Apple's GPUs lack. The two are
    not one: halves fall to the other side in 5 of a million values (53 in 200 pictures of the embedded base, each by
    one level), and every picture that was drawn would no longer be drawn again bit for bit.
    """
    rounded = ((pixels_HWC + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(rounded.cpu().numpy())


def all_finite(values: Tensor) -> bool:
    """Whether there is neither NaN nor infinity."""
    return bool(torch.isfinite(values).all())
