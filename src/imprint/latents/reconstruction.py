"""How far photos lie outside what a base can draw, measured by its autoencoder alone.

Reads: a dataset and a family. Writes: nothing. Does not: train, or judge likeness.

Nothing that a model draws can be better than what its autoencoder makes of the photo itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.families.family import Family
from imprint.latents.pixels import as_levels, as_tensor

CEILING_DB = 100.0  # of an exact copy, whose PSNR is infinite


@dataclass(frozen=True)
class Reconstruction:
    """PSNR of pictures after the autoencoder, in dB; higher is nearer.

    Attributes:
        psnr_db: by file name in the dataset, in its order.
        mean_db: the mean of these.
    """

    psnr_db: dict[str, float]
    mean_db: float


def reconstruction_error(
    family: Family, dataset: Dataset, roles: Sequence[Role] = (Role.INSTANCE, Role.HELD_OUT)
) -> Reconstruction:
    """Encode and decode pictures of a dataset and compare.

    The value for `roles=(Role.PRIOR,)`, pictures which the base drew itself, says what the autoencoder can do at best.

    Args:
        family: the base.
        dataset: holds the pictures.
        roles: which of them; at least one picture must have one.
    Returns: peak signal-to-noise ratios over 8-bit RGB.
    Raises: PhotoError: if a picture changed or is damaged.
    """
    chosen = dataset.indices(*roles)
    if not chosen:
        raise ValueError(f"no picture of the dataset is in the roles {', '.join(roles)}")
    psnr_db = {dataset.items[index].file_name: picture_psnr_db(family, dataset.pixels(index)) for index in chosen}
    return Reconstruction(psnr_db, sum(psnr_db.values()) / len(psnr_db))


def picture_psnr_db(family: Family, pixels_HWC: NDArray[np.uint8]) -> float:
    """The peak signal-to-noise ratio of one picture after the autoencoder, over 8-bit RGB."""
    pixels_BCHW = as_tensor([pixels_HWC])
    with torch.no_grad():
        latent_Bchw = family.encode_image(pixels_BCHW.to(family.device)).mean_Bchw
        drawn_BCHW = family.decode(latent_Bchw).cpu()
    error = float((as_levels(pixels_BCHW) - as_levels(drawn_BCHW)).square().mean())
    return CEILING_DB if error == 0 else min(CEILING_DB, 10 * math.log10(255**2 / error))
