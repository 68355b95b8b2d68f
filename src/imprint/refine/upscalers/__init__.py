"""A picture at another size, by resampling or by a network that was trained for it.

Reads: pictures, models of upscaling networks. Writes: pictures. Does not: enlarge latents
(`generation.latent_upscaling`).
"""

from imprint.refine.upscalers.contract import MAX_PIXELS, Upscaler
from imprint.refine.upscalers.finding import UpscalerFile, find_upscaler_file, upscaler_files
from imprint.refine.upscalers.model_files import open_upscaling_model
from imprint.refine.upscalers.models import ModelUpscaler, UpscalingModel
from imprint.refine.upscalers.registry import UPSCALERS, UpscalerEntry, open_upscaler

__all__ = [
    # by name
    "UPSCALERS", "Upscaler", "UpscalerEntry", "open_upscaler", "MAX_PIXELS",
    # networks
    "ModelUpscaler", "UpscalingModel", "open_upscaling_model",
    "UpscalerFile", "find_upscaler_file", "upscaler_files",
]  # fmt: skip
