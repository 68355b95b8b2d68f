"""Batches of encoded pictures, as a pure function of the step.

Reads: `LatentCache`. Writes: `DenoisingBatch`. Does not: keep loader state, or know what a subject is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from imprint.artifacts.latent_cache import LatentCache
from imprint.diffusion.randomness import Purpose, permutation, uniform
from imprint.training.denoising import DenoisingBatch


@dataclass(frozen=True)
class EncodedPictures:
    """Instance samples, and class images in the same batch where the objective wants them.

    Every sample is seen once before any is seen again; each pass has its own order.

    Attributes:
        cache: latents and texts, by item.
        instance: items that show the subject.
        prior: items that show its class; empty without prior preservation.
        seed: of the run.
        batch_size: instance samples in a step; as many class images join them.
        live_text: give tokens only, because the text encoder is trained.
        caption_dropout: chance that an instance sample has an empty caption.
        flip: chance that a sample is mirrored, if the cache holds mirrored latents.
    """

    cache: LatentCache
    instance: Sequence[int]
    prior: Sequence[int]
    seed: int
    batch_size: int
    live_text: bool = False
    caption_dropout: float = 0.0
    flip: float = 0.0

    def batch(self, step: int) -> DenoisingBatch:
        """The samples of one step: first the instance half, then the prior half."""
        instance = [self._pick(self.instance, step, row, stream=0) for row in range(self.batch_size)]
        prior = [self._pick(self.prior, step, row, stream=1) for row in range(self.batch_size)] if self.prior else []
        items = [*instance, *prior]
        moments = [
            self.cache.moments(item, flipped=self._chance(step, row, Purpose.FLIP) < self.flip)
            for row, item in enumerate(items)
        ]
        empty = [
            row < len(instance) and self._chance(step, row, Purpose.DROPOUT) < self.caption_dropout
            for row in range(len(items))
        ]
        tokens = [self.cache.empty_tokens() if e else self.cache.tokens(i) for i, e in zip(items, empty, strict=True)]
        text = [self.cache.empty_text() if e else self.cache.text(i) for i, e in zip(items, empty, strict=True)]
        return DenoisingBatch(
            mean_Bchw=torch.stack([m.mean_chw for m in moments]),
            std_Bchw=torch.stack([m.std_chw for m in moments]),
            tokens_BN=torch.stack(tokens),
            text_BND=None if self.live_text else torch.stack(text),
            prior_B=torch.tensor([row >= len(instance) for row in range(len(items))]),
            samples=tuple(range(len(items))),
        )

    def _pick(self, items: Sequence[int], step: int, row: int, stream: int) -> int:
        epoch, place = divmod(step * self.batch_size + row, len(items))
        # Two streams share a seed: the second takes the odd epochs' orders, so neither repeats the other's.
        return items[int(permutation(self.seed, 2 * epoch + stream, len(items))[place])]

    def _chance(self, step: int, row: int, purpose: Purpose) -> float:
        return float(uniform(self.seed, step, row, purpose)[0])
