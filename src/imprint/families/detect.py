"""Which family a model folder belongs to, told from its configuration files alone.

Reads: a DiffusersFolder. Writes: nothing. Does not: load weights or torch.
"""

from __future__ import annotations

from typing import Any

from imprint.errors import ModelError
from imprint.families.diffusers_folder import DiffusersFolder

TEXT_WIDTH_SD2 = 1024  # OpenCLIP ViT-H, the text encoder of Stable Diffusion 2
UNET_INPUTS = {4: "text-to-image", 8: "instruct-pix2pix", 9: "inpainting"}  # channels of the first convolution
SUPPORTED_INPUTS = (4, 9)


def detect_family(folder: DiffusersFolder) -> str:
    """The name of the family: "sd1", or one not supported yet ("sd2", "sdxl").

    Raises: ModelError: if it is no Stable Diffusion, or a variant with other inputs.
    """
    pipeline = str(folder.index.get("_class_name", ""))
    if not folder.has("unet") and "StableDiffusion" not in pipeline:
        raise ModelError("this model is no Stable Diffusion 1, 2 or XL", where=folder.path, got=pipeline)
    unet = folder.config("unet")
    if folder.has("text_encoder_2") or unet.get("addition_embed_type") == "text_time":
        return "sdxl"
    _check_inputs(folder, unet)
    text = folder.config("text_encoder")
    if text.get("hidden_size", text.get("projection_dim")) == TEXT_WIDTH_SD2 or unet.get("use_linear_projection"):
        return "sd2"
    return "sd1"


def _check_inputs(folder: DiffusersFolder, unet: dict[str, Any]) -> None:
    channels = unet.get("in_channels", 4)
    if unet.get("out_channels", 4) != 4 or channels not in SUPPORTED_INPUTS:
        kind = UNET_INPUTS.get(channels, "unknown") if isinstance(channels, int) else "unknown"
        raise ModelError(
            f"this is a model for another task ({kind}): its U-Net takes {channels} channels",
            where=folder.path / "unet",
            allowed="4 latent channels in, or 9 of an inpainting model; 4 out",
            hint="use the text-to-image model that it was made from",
        )
