"""Pictures of a base for the report: drawn, rendered, and through the autoencoder.

Reads: a family, what is asked. Writes: pixels. Does not: judge them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imprint.families import Family
from imprint.generation.conditioning import GuidanceSettings
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.nano.rendered import to_model_range
from imprint.jobs.nano.report.asking import Asked
from imprint.jobs.nano.report.plan import Plan
from imprint.jobs.progress import announce
from imprint.latents.pixels import as_pictures
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec
from imprint.training.autoencoding import psnr_B

TIMED = 4  # pictures in one measurement of time
AT_ONCE = 16  # pictures through the autoencoder together


def rendered(specs: Sequence[Spec], size_px: int) -> NDArray[np.uint8]:
    """Renders, (N, H, W, 3)."""
    return np.stack([render(spec, size_px) for spec in specs])


@torch.no_grad()
def reconstructed(family: Family, pictures_NHWC: NDArray[np.uint8], what: str) -> tuple[float, NDArray[np.uint8]]:
    """Mean PSNR in dB of pictures through the autoencoder, and what came out."""
    tell, values, out = announce(what), list[Tensor](), list[NDArray[np.uint8]]()
    for start in range(0, len(pictures_NHWC), AT_ONCE):
        pixels = to_model_range(pictures_NHWC[start : start + AT_ONCE])
        decoded = family.decode(family.encode_image(pixels).mean_Bchw)
        values.append(psnr_B(decoded, pixels))
        out.append(as_pictures(decoded))
        tell(start + len(pixels), len(pictures_NHWC))
    return float(torch.cat(values).mean()), np.concatenate(out)


def drawn(family: Family, asked: Sequence[Asked], plan: Plan, what: str) -> NDArray[np.uint8]:
    """One picture for each caption, (N, H, W, 3)."""
    requests = [_request(one.prompt, one.seed, plan) for one in asked]
    tell, out = announce(what), list[NDArray[np.uint8]]()
    for picture in text_to_image(family, requests, batch=plan.batch):
        out.append(picture.pixels_HWC)
        tell(len(out), len(requests))
    return np.stack(out)


def seconds_a_picture(family: Family, plan: Plan) -> float:
    """Wall time of one picture, one at a time as `imprint generate` draws: mean of `TIMED`, after one to warm up."""
    requests = [_request("a photo of a dog", n, plan) for n in range(TIMED)]
    with family.drawing():
        list(text_to_image(family, requests[:1]))
        start = time.perf_counter()
        list(text_to_image(family, requests))
        return (time.perf_counter() - start) / TIMED


def guided_throughout(plan: Plan) -> Plan:
    """The same plan with guidance in every step."""
    return plan.model_copy(update={"cfg_start": 0.0, "cfg_end": 1.0})


def _request(prompt: str, seed: int, plan: Plan) -> TextToImage:
    shared = plan.model_dump(include={"steps", "cfg_scale", *GuidanceSettings.model_fields, "sampler"})
    return TextToImage.model_validate({"prompt": prompt, "seed": seed, **shared})
