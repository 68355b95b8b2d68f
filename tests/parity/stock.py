"""Stock diffusers beside ours on the same inputs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from imprint.families import Family
from make import tiny_base

TOLERANCE = 1e-5  # absolute, on outputs near 1; float32, the same kernels in another order
PROMPTS = ["a photo of zkz dog", "a pencil drawing"]
X_Bchw = torch.linspace(-2, 2, 2 * 4 * 4 * 4).reshape(2, 4, 4, 4)
TIMESTEPS = torch.tensor([10, 700])


def pipeline(folder: Path | None = None):
    """Stock diffusers on a folder; left out, on the tiny base."""
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(str(folder or tiny_base()), local_files_only=True)


@torch.no_grad()
def stock_outputs(pipe) -> tuple[Tensor, Tensor]:
    """Text encodings and U-Net outputs of a diffusers pipeline."""
    text_BND = torch.cat([pipe.encode_prompt(prompt, "cpu", 1, False)[0] for prompt in PROMPTS])
    return text_BND, pipe.unet(X_Bchw.to(pipe.unet.dtype), TIMESTEPS, encoder_hidden_states=text_BND).sample


@torch.no_grad()
def our_outputs(family: Family) -> tuple[Tensor, Tensor]:
    """The same of ours."""
    text_BND = family.encode_text(PROMPTS).text_BND
    return text_BND, family.predict(X_Bchw.to(family.dtype), TIMESTEPS, text_BND)


def in_float64(family: Family, pipe):
    """Both in double precision: what a network adds is compared, not how a processor rounds it."""
    for network in (family.unet, family.text_encoder):
        network.double()
    return family, pipe.to(torch.float64)


def assert_same(stock: tuple[Tensor, Tensor], ours: tuple[Tensor, Tensor]) -> None:
    """Fails where they differ by more than TOLERANCE."""
    for left, right in zip(stock, ours, strict=True):
        torch.testing.assert_close(left, right, atol=TOLERANCE, rtol=TOLERANCE)
