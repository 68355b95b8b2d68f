"""Our training step, configured as a user would for speed: the package's own Trainer, method, objective and cache.

Reads: networks and pictures. Writes: a latent cache, trained weights. Does not: score or draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from benchmarks.plain_loop import Draws
from benchmarks.setup import Setup

from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.diffusion.randomness import Purpose, normal, permutation, uniform
from imprint.families.sd1 import StableDiffusion1
from imprint.latents import encode_dataset
from imprint.methods import Finetune, Lora, build_method
from imprint.training.denoising import Denoising, LearningRates, NoiseOptions
from imprint.training.events import CheckpointDone, StepDone
from imprint.training.loop import LoopConfig, Trainer, autocast
from imprint.training.objectives import Plain
from imprint.training.sources import EncodedPictures


class OurLoop:
    """The package's loop.

    LoRA: frozen base weights in the wanted precision, matrices and AdamW in float32, autocast. Fine-tuning: weights and
    AdamW in float32, autocast.

    Args:
        family: opened, fresh.
        folder: pictures with captions; encoded here if no run did so before.
        setup: of the comparison.
    """

    def __init__(self, family: StableDiffusion1, folder: Dataset, setup: Setup) -> None:
        cache = encode_dataset(family, folder, Path(setup.work) / "cache")
        method = Lora(rank=setup.rank, alpha=setup.rank, text_encoder=False) if setup.method == "lora" else Finetune()
        self.handle = build_method(method).inject(family, setup.seed)
        self.parameters = self.handle.parameters()
        rates = LearningRates(unet=setup.learning_rate)
        self.trainable = Denoising(family, [self.handle], Plain(), NoiseOptions(), rates, setup.seed)
        config = LoopConfig(steps=setup.total_steps, checkpoint_every=setup.total_steps, precision=setup.precision)
        self.trainer = Trainer(self.trainable, config)
        self.source = EncodedPictures(cache, folder.indices(Role.INSTANCE), (), setup.seed, setup.batch_size)

    def first_loss(self) -> float:
        """The loss of the first step before it is taken; trains nothing."""
        with torch.no_grad(), autocast(self.trainer.config.precision, self.trainable.family.device):
            return float(self.trainable.loss(self.source.batch(0), 0).total)

    def run(self, after_step: Callable[[], None]) -> None:
        """Train to the last step."""
        self.trainer.run(self.source, [_AfterStep(after_step)])


class _AfterStep:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call

    def after_step(self, event: StepDone) -> None:
        self.call()

    def after_checkpoint(self, event: CheckpointDone) -> None:
        pass


def first_draws(setup: Setup, shape: Sequence[int], timesteps: int = 1000) -> Draws:
    """The random numbers that our loop counts for its first step.

    Args:
        setup: gives seed and batch size.
        shape: of one latent, (c, h, w).
        timesteps: of the noise schedule.
    """
    samples = range(setup.batch_size)
    draws = [float(uniform(setup.seed, 0, sample, Purpose.TIMESTEP)[0]) for sample in samples]
    return Draws(
        normal(setup.seed, 0, samples, Purpose.POSTERIOR, shape),
        normal(setup.seed, 0, samples, Purpose.NOISE, shape),
        torch.tensor([int(u * timesteps) for u in draws]),
    )


def first_items(setup: Setup, count: int) -> list[int]:
    """The pictures of our loop's first step, of `count`."""
    return [int(item) for item in permutation(setup.seed, 0, count)[: setup.batch_size]]
