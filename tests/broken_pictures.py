"""Ways to break a picture, for tests and measurements of checks for defects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from imprint.evaluation.judges import Pixels
from imprint.families import Family
from imprint.latents.pixels import as_pictures, as_tensor

Breaking = Callable[[Family, Pixels, int], Pixels]


def noise_patch(_family: Family, picture: Pixels, seed: int) -> Pixels:
    """A quarter of the picture is noise."""
    rng, broken, half = np.random.default_rng(seed), picture.copy(), picture.shape[0] // 2
    top, left = rng.integers(0, half, 2)
    broken[top : top + half, left : left + half] = rng.integers(0, 256, (half, half, 3), dtype=np.uint8)
    return broken


def shuffled(_family: Family, picture: Pixels, seed: int) -> Pixels:
    """Its sixteen blocks lie in another order."""
    rows = [block for row in np.split(picture, 4) for block in np.split(row, 4, axis=1)]
    order = np.random.default_rng(seed).permutation(16)
    return np.concatenate([np.concatenate([rows[order[4 * y + x]] for x in range(4)], axis=1) for y in range(4)])


def half_empty(family: Family, picture: Pixels, seed: int) -> Pixels:
    """One half of its latent has collapsed to its mean."""
    latent_1chw = family.encode_image(as_tensor([picture])).mean_Bchw.clone()
    width = latent_1chw.shape[-1] // 2
    part = latent_1chw[..., width:] if seed % 2 else latent_1chw[..., :width]
    part[:] = part.mean(dim=(2, 3), keepdim=True)
    return as_pictures(family.decode(latent_1chw))[0]


def noisy_latent(family: Family, picture: Pixels, seed: int) -> Pixels:
    """A quarter of its latent is noise, twice as strong as the latent."""
    latent_1chw = family.encode_image(as_tensor([picture])).mean_Bchw.clone()
    rng, half = np.random.default_rng(seed), latent_1chw.shape[-1] // 2
    top, left = rng.integers(0, half, 2)
    noise = rng.standard_normal((1, latent_1chw.shape[1], half, half))
    latent_1chw[..., top : top + half, left : left + half] = torch.tensor(noise).float() * 2 * latent_1chw.std()
    return as_pictures(family.decode(latent_1chw))[0]


BREAKINGS: dict[str, Breaking] = {
    "noise_patch": noise_patch, "shuffled": shuffled, "half_empty": half_empty, "noisy_latent": noisy_latent,
}  # fmt: skip
