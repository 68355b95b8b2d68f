"""From a network that predicts noise to a function that denoises, guided by what pictures are told.

Reads: a family, conditionings. Writes: nothing. Does not: choose noise levels or step through them.

Suffixes: B pictures, c channels, h w latent cells, N tokens, D text width.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imprint.diffusion.schedule import NoiseSchedule
from imprint.families.family import Family
from imprint.generation.conditioning import Conditioning, Guidance, Progress, alike
from imprint.generation.samplers import Denoise


@dataclass(frozen=True)
class _Ask:
    """One text for one picture, and what its prediction counts."""

    picture: int
    text_1ND: Tensor
    share: float


def guided_denoiser(
    family: Family, schedule: NoiseSchedule, told: Sequence[Conditioning], guidance: Guidance,
    progress: Progress | None = None, before: Callable[[int], None] | None = None,
    beside_1khw: Tensor | None = None,
) -> Denoise:
    """A denoiser with classifier-free guidance: prediction = negative + scale * sum of w_i * (positive_i - negative).

    All texts of one length are read in one call of the network. At scale 1 with one text of weight 1 the negative has
    no influence and is left out.

    Args:
        family: the network; whatever its dtype, x keeps its own.
        schedule: of the network.
        told: one for each picture of the batch.
        guidance: scale, interval, rescale.
        progress: where the run stands, for texts and guidance that change; left out, all stays as at its beginning.
        before: called before every call of the network with the step (or call) whose texts hold.
        beside_1khw: what an inpainting model sees beside the latents, the same for all pictures and texts.
    Returns: `denoise(x, sigma)` for x = latent + sigma * noise of as many pictures.
    Sources: Ho and Salimans, arXiv:2207.12598, equation 6 (its w is scale - 1); composition: Liu et al.,
        arXiv:2206.01714, equation 11; interval: Kynkäänniemi et al., arXiv:2404.07724; rescale: Lin et al.,
        arXiv:2305.08891, equations 15 and 16.
    """
    stands = progress or Progress(1)
    joined: dict[tuple[int, ...], Tensor] = {}  # texts as the network reads them: the same tensor while they are alike

    def denoise(x_Bchw: Tensor, sigma: float) -> Tensor:
        alpha = 1 / math.sqrt(1 + sigma**2)
        timestep = float(schedule.timestep(torch.tensor(sigma, dtype=torch.float64)))
        if before:
            before(stands.unit)
        scale = guidance.at(stands.step, stands.steps)
        each = [_asks(place, one, scale, stands.unit) for place, one in enumerate(told)]
        asks = [ask for rank in itertools.zip_longest(*each) for ask in rank if ask]  # negatives first
        shown_Bchw = x_Bchw * alpha
        if beside_1khw is not None:
            shown_Bchw = torch.cat([shown_Bchw, beside_1khw.to(x_Bchw).expand(len(told), -1, -1, -1)], dim=1)
        answers = _answers(family, shown_Bchw, timestep, asks, joined)
        prediction_Bchw = torch.stack([_guided(family, asks, answers, place, guidance) for place in range(len(told))])
        stands.calls += 1
        # `denoised_from_prediction`, with x still divided by alpha.
        if family.prediction == "epsilon":
            return x_Bchw - sigma * prediction_Bchw
        return alpha**2 * x_Bchw - (sigma * alpha) * prediction_Bchw

    return denoise


def _asks(picture: int, told: Conditioning, scale: float, unit: int) -> list[_Ask]:
    """First the negative; only the one text where that has no influence."""
    wanted = [_Ask(picture, line.at(unit), weight * scale) for weight, line in told.positive]
    total = sum(ask.share for ask in wanted)
    if len(wanted) == 1 and total == 1:
        return wanted
    return [_Ask(picture, told.negative.at(unit), 1 - total), *wanted]


def _answers(
    family: Family, shown_Bchw: Tensor, timestep: float, asks: Sequence[_Ask], joined: dict[tuple[int, ...], Tensor]
) -> list[Tensor]:
    """The network's prediction (c, h, w) for every ask."""
    out: dict[int, Tensor] = {}
    timestep_1 = torch.full((1,), timestep, dtype=torch.float32, device=shown_Bchw.device)
    for places in alike([ask.text_1ND for ask in asks]).values():
        texts = [asks[place].text_1ND for place in places]
        key = tuple(map(id, texts))
        if key not in joined:
            joined[key] = texts[0] if len(texts) == 1 else torch.cat(texts)
        pictures = [asks[place].picture for place in places]
        if len(set(pictures)) == 1:
            # One row, expanded: the family may see that it is one.
            rows_Bchw = shown_Bchw[pictures[0]].expand(len(places), -1, -1, -1)
        else:
            rows_Bchw = shown_Bchw[torch.tensor(pictures, device=shown_Bchw.device)]
        predicted = family.predict(rows_Bchw, timestep_1.expand(len(places)), joined[key])
        out.update(zip(places, predicted, strict=True))
    return [out[place] for place in range(len(asks))]


def _guided(
    family: Family, asks: Sequence[_Ask], answers: Sequence[Tensor], picture: int, guidance: Guidance
) -> Tensor:
    own = [(ask, answer) for ask, answer in zip(asks, answers, strict=True) if ask.picture == picture]
    if len(own) == 1:
        return own[0][1]
    negative = own[0][1]
    # As a sum of differences: with one text this rounds as equation 6 is usually computed.
    guided = negative + sum((ask.share * (answer - negative) for ask, answer in own[1:]), torch.zeros_like(negative))
    if not guidance.rescale:
        return guided
    wanted = own[1][1] if len(own) == 2 else torch.stack([answer for _, answer in own[1:]]).mean(dim=0)
    matched = guided * (wanted.std() / guided.std().clamp(min=1e-8))
    return torch.lerp(guided, matched, guidance.rescale)
