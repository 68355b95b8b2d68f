"""Encode every picture and text of a dataset once. Reads: Dataset, Family. Writes: files. Returns: LatentCache."""

from imprint.artifacts.latent_cache import CachedMoments, LatentCache
from imprint.latents.encoding import encode_dataset
from imprint.latents.reconstruction import Reconstruction, picture_psnr_db, reconstruction_error

__all__ = [
    "encode_dataset",
    "LatentCache", "CachedMoments",
    "reconstruction_error", "picture_psnr_db", "Reconstruction",
]  # fmt: skip
