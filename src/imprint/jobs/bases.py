"""Base models by name or folder, and what suits each of them.

Reads: the shipped weights, model folders. Writes: nothing. Does not: download.
"""

from __future__ import annotations

import torch

from imprint.artifacts.picture import Precision
from imprint.errors import ConfigError
from imprint.families import Family, open_family
from imprint.generation.precision import PRECISIONS
from imprint.jobs.base_names import NANO, base_path
from imprint.methods import Finetune, Lora
from imprint.training.denoising import LearningRates

__all__ = ["NANO", "base_path", "default_rates", "open_base"]

SMALL_PX = 256  # bases drawing smaller pictures are small networks, which want larger steps

#: Peak learning rates (U-Net, text encoder) by method and by whether the base is a small one. Those of full-size bases
#: follow today's trainers (LoRA 1e-4 / 1e-5; fine-tuning 2e-6 / 1e-6); those of small ones were chosen on the
#: embedded base (docs/lab-log.md).
RATES = {
    ("lora", True): LearningRates(unet=2e-3, text_encoder=2e-3),
    ("lora", False): LearningRates(unet=1e-4, text_encoder=1e-5),
    ("finetune", True): LearningRates(unet=3e-4, text_encoder=3e-4),
    ("finetune", False): LearningRates(unet=2e-6, text_encoder=1e-6),
}


def open_base(base: str, precision: Precision = "fp32", device: str = "cpu") -> Family:
    """Open a base by name or folder.

    Args:
        base: "nano" or a folder.
        precision: a name of `PRECISIONS`, for the U-Net and the text encoder.
        device: where the networks go.
    Raises:
        ModelError: if it is no model that is supported, or damaged.
        ConfigError: if this torch or machine has no such device.
    """
    path = base_path(base)
    _check_device(device)
    return open_family(path, PRECISIONS[precision], device)


def _check_device(device: str) -> None:
    """Raises: ConfigError: if nothing can be put on the device, before anything large is loaded."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # the second is what CPU builds of torch raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"this device cannot be used: {reason}", where="device", got=device,
            allowed="cpu; cuda or cuda:1 with a GPU and the torch that is built for it", hint="--set device=cpu",
        ) from error


def default_rates(method: Finetune | Lora, family: Family) -> LearningRates:
    """Learning rates for whoever gave none."""
    return RATES[method.kind, family.native_px < SMALL_PX]
