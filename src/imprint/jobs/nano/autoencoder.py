"""The autoencoder stage: learn to compress pictures of the world 48 times.

Reads: the rendered world. Writes: `vae/` in diffusers layout, with the latent scaling measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import sha256_json, write_json
from imprint.config import Config
from imprint.diffusion.randomness import Purpose, integer, normal, uniform
from imprint.jobs.nano.rendered import HELD_OUT_SEED, RenderedWorld, render_world, to_model_range
from imprint.jobs.nano.stages import World, run_stage, seeded
from imprint.jobs.progress import announce
from imprint.nano.networks import AutoencoderShape
from imprint.training.autoencoding import Autoencoding, AutoencodingObjective, PixelBatch, psnr_B
from imprint.training.events import CheckpointDone, Listener, StepDone
from imprint.training.loop import LoopConfig

VAE_STRIDE = 8
QUICK_PICTURES, SCALE_PICTURES = 100, 500  # for the curve; for the latent scaling


class AutoencoderRecipe(Config):
    """Train the embedded base's autoencoder from nothing."""

    stage: Literal["autoencoder"] = "autoencoder"
    """Which stage of the base this recipe is for."""
    seed: int = Field(default=1, ge=0)
    """Decides every random number of the stage."""
    world: World = World()
    """The pictures."""
    shape: AutoencoderShape = AutoencoderShape()
    """Sizes of the network."""
    objective: AutoencodingObjective = AutoencodingObjective()
    """The loss."""
    batch_size: int = Field(default=32, ge=1)
    """Crops in one step."""
    crop_px: int = Field(default=64, ge=16, multiple_of=8)
    """Edge length of the random crops."""
    candidates: int = Field(default=1, ge=1, le=16)
    """Random crops that each one is the most detailed of: above 1, less time goes to empty skies."""
    loop: LoopConfig = LoopConfig()
    """Steps, optimiser, schedule, averaging."""


@dataclass(frozen=True)
class CropSource:
    """Random crops of the world; a pure function of the step."""

    world: RenderedWorld
    seed: int
    batch_size: int
    crop_px: int
    candidates: int = 1

    def batch(self, step: int) -> PixelBatch:
        """The crops of one step."""
        crops = [self._crop(step, row) for row in range(self.batch_size)]
        cells = self.crop_px // VAE_STRIDE
        noise = normal(self.seed, step, range(self.batch_size), Purpose.POSTERIOR, (4, cells, cells))
        return PixelBatch(to_model_range(np.stack(crops)), noise)

    def _crop(self, step: int, row: int) -> NDArray[np.uint8]:
        index = integer(self.seed, step * self.batch_size + row, 0, Purpose.ORDER, len(self.world))
        room, picture = self.world.size_px - self.crop_px + 1, self.world.pixels(index)
        flip, *places = uniform(self.seed, step, row, Purpose.CROP, 1 + 2 * self.candidates).tolist()
        corners = [(int(top * room), int(left * room)) for top, left in zip(places[::2], places[1::2], strict=True)]
        crops = [picture[top : top + self.crop_px, left : left + self.crop_px] for top, left in corners]
        crop = max(crops, key=detail) if len(crops) > 1 else crops[0]
        return crop[:, ::-1] if flip < 0.5 else crop


def detail(crop_HWC: NDArray[np.uint8]) -> float:
    """Mean absolute difference of neighbouring pixels."""
    grey = crop_HWC.astype(np.int16).sum(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


class HeldOutPsnr(Listener):
    """Measures reconstruction of held-out pictures at every checkpoint."""

    def __init__(self, vae: AutoencoderKL, held_out: RenderedWorld, events: EventLog) -> None:
        self.vae = vae
        self.held_out = held_out
        self.events = events

    def after_step(self, event: StepDone) -> None:
        """Nothing: only checkpoints are measured."""

    def after_checkpoint(self, event: CheckpointDone) -> None:
        """Log the mean PSNR in dB."""
        with event.averaged():
            self.events.append("held_out", step=event.step, psnr_db=self._psnr_db())

    def _psnr_db(self) -> float:
        return reconstruct_psnr(self.vae, self.held_out.batches(25, QUICK_PICTURES))


@torch.no_grad()
def reconstruct_psnr(vae: AutoencoderKL, batches: Iterable[Tensor]) -> float:
    """Mean PSNR in dB of decode(mean of encode(x)) over batches of pictures in -1..1."""
    values: list[Tensor] = []
    for pixels in batches:
        decoded = cast("Any", vae).decode(posterior_mean(vae, pixels)).sample
        values.append(psnr_B(cast(Tensor, decoded).clamp(-1, 1), pixels))
    return float(torch.cat(values).mean())


@torch.no_grad()
def latent_std(vae: AutoencoderKL, batches: Iterable[Tensor]) -> float:
    """Standard deviation of the latents over pictures; 1 / it is the family's latent scaling."""
    return float(torch.cat([posterior_mean(vae, pixels) for pixels in batches]).std())


def posterior_mean(vae: AutoencoderKL, pixels_BCHW: Tensor) -> Tensor:
    """Means of the latents of pictures in -1..1, not scaled."""
    return cast("Any", vae).encode(pixels_BCHW).latent_dist.mean


def train_autoencoder(recipe: AutoencoderRecipe, build: Path) -> Path:
    """Run the stage, or what is left of it.

    Args:
        recipe: what to do.
        build: working folder of the whole base.
    Returns: the folder `vae/`.
    """

    stage = build / "autoencoder"
    world = render_world(build / "world", recipe.world.pictures, 0, recipe.world.size_px, announce("render"))
    held_out = render_world(build / "world", recipe.world.held_out, HELD_OUT_SEED, recipe.world.size_px)
    seeded(recipe.seed)
    vae = recipe.shape.build(recipe.world.size_px)
    events = EventLog(stage / "events.jsonl")
    source = CropSource(world, recipe.seed, recipe.batch_size, recipe.crop_px, recipe.candidates)
    trainer = run_stage(
        stage, Autoencoding(vae, recipe.objective), source, recipe.loop,
        {"recipe": sha256_json(recipe.model_dump(mode="json"))}, [HeldOutPsnr(vae, held_out, events)],
    )
    with trainer.averaged():
        vae.eval()
        scale = 1 / latent_std(vae, held_out.batches(25, SCALE_PICTURES))
        saved = cast("Any", vae)
        saved.register_to_config(scaling_factor=round(scale, 5))
        saved.save_pretrained(stage / "vae", safe_serialization=True)
        psnr = reconstruct_psnr(vae, held_out.batches(25))
    write_json(stage / "measured.json", {"psnr_db": psnr, "scaling_factor": scale, "pictures": len(held_out)})
    return stage / "vae"
