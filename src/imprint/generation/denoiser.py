"""From a network that predicts noise to a function that denoises, guided by a prompt.

Reads: a family, text encodings. Writes: nothing. Does not: choose noise levels or step through them.

Suffixes: B batch, c channels, h w latent cells, N tokens, D text width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from imprint.diffusion.schedule import NoiseSchedule
from imprint.families.family import Family
from imprint.generation.samplers import Denoise


def guided_denoiser(
    family: Family, schedule: NoiseSchedule, text_BND: Tensor, negative_BND: Tensor, cfg_scale: float,
) -> Denoise:
    """A denoiser with classifier-free guidance: prediction = negative + cfg * (positive - negative).

    Both predictions come from one call with twice the batch; at guidance 1 the negative prompt has no influence and
    is left out.

    Args:
        family: the network; whatever its dtype, x keeps its own.
        schedule: of the network.
        text_BND: encoding of what is wanted.
        negative_BND: encoding of what is not.
        cfg_scale: guidance, >= 0; 1 is none.
    Returns: `denoise(x, sigma)` for x = latent + sigma * noise of the same batch size.
    Source: Ho and Salimans, arXiv:2207.12598, equation 6 (its w is cfg - 1).
    """
    guided = cfg_scale != 1
    context_BND = torch.cat([negative_BND, text_BND]) if guided else text_BND

    def denoise(x_Bchw: Tensor, sigma: float) -> Tensor:
        alpha = 1 / math.sqrt(1 + sigma**2)
        timestep = float(schedule.timestep(torch.tensor(sigma, dtype=torch.float64)))
        shown_Bchw = x_Bchw * alpha
        if guided:
            shown_Bchw = torch.cat([shown_Bchw, shown_Bchw])
        timestep_B = torch.full((len(shown_Bchw),), timestep, dtype=torch.float32, device=x_Bchw.device)
        prediction_Bchw = family.predict(shown_Bchw, timestep_B, context_BND)
        if guided:
            negative_Bchw, positive_Bchw = prediction_Bchw.chunk(2)
            prediction_Bchw = negative_Bchw + cfg_scale * (positive_Bchw - negative_Bchw)
        # `denoised_from_prediction`, with x still divided by alpha.
        if family.prediction == "epsilon":
            return x_Bchw - sigma * prediction_Bchw
        return alpha**2 * x_Bchw - (sigma * alpha) * prediction_Bchw

    return denoise
