"""The diffusion stage: text encoder and U-Net together, from nothing, on captioned latents of the world.

Reads: the rendered world, the autoencoder, the tokenizer. Writes: `model/`, a complete Stable Diffusion 1 folder.
It is family x method x objective like any other run: fine-tuning all layers with the plain objective.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from pydantic import Field
from torch import Tensor

from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import folder_hash, load_tensors, save_tensors, sha256_json
from imprint.config import Config
from imprint.diffusion.randomness import Purpose, integer, uniform
from imprint.families import Family
from imprint.families.sd1 import StableDiffusion1
from imprint.jobs.nano.named import NamedIndividuals, Names, open_named
from imprint.jobs.nano.rendered import RenderedWorld, note_held_out_pairs, render_world, world_key
from imprint.jobs.nano.stages import World, run_stage, seeded
from imprint.jobs.nano.tokenizer import open_tokenizer
from imprint.jobs.progress import announce
from imprint.methods import Finetune, build_method
from imprint.nano.networks import END, START, TextEncoderShape, UNetShape
from imprint.nano.world.captions import caption
from imprint.training.denoising import Denoising, DenoisingBatch, LearningRates, NoiseOptions
from imprint.training.loop import LoopConfig, autocast
from imprint.training.objectives import Plain


class DiffusionRecipe(Config):
    """Train the embedded base's text encoder and U-Net from nothing."""

    stage: Literal["diffusion"] = "diffusion"
    """Which stage of the base this recipe is for."""
    seed: int = Field(default=3, ge=0)
    """Decides every random number of the stage."""
    world: World = World()
    """The pictures."""
    unet: UNetShape = UNetShape()
    """Sizes of the U-Net."""
    text_encoder: TextEncoderShape = TextEncoderShape()
    """Sizes of the text encoder."""
    noise: NoiseOptions = NoiseOptions(min_snr_gamma=5.0)
    """Noise levels and their weights."""
    learning_rates: LearningRates = LearningRates(unet=1e-3, text_encoder=1e-3)
    """Peak learning rates."""
    batch_size: int = Field(default=64, ge=1)
    """Pictures in one step, each with its caption."""
    attribute_dropout: float = Field(default=0.1, ge=0, le=1)
    """Chance that a caption leaves an attribute out."""
    caption_dropout: float = Field(default=0.1, ge=0, le=1)
    """Chance of an empty caption, which classifier-free guidance needs."""
    names: Names | None = None
    """Individuals that captions call by name. Empty: every caption describes."""
    loop: LoopConfig = LoopConfig()
    """Steps, optimiser, schedule, averaging."""


class Shown(Protocol):
    """Pictures in a row."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> Tensor:
        """Pictures as float32 (B, 3, H, W) in -1..1."""
        ...


@dataclass(frozen=True)
class CaptionedLatents:
    """Encoded pictures of the world with a fresh caption each time; a pure function of the step.

    The named individuals' pictures follow those of the world.
    """

    world: RenderedWorld
    named: NamedIndividuals | None
    family: Family
    mean_Nchw: Tensor
    std_Nchw: Tensor
    recipe: DiffusionRecipe

    def batch(self, step: int) -> DenoisingBatch:
        """The samples of one step."""
        size = self.recipe.batch_size
        first = step * size
        rows = [self._picked(first + row) for row in range(size)]
        texts = [self._caption(index, first + row) for row, index in enumerate(rows)]
        picked = torch.tensor(rows)
        return DenoisingBatch(
            self.mean_Nchw[picked].float(), self.std_Nchw[picked].float(), self.family.tokenize(texts), None,
            torch.zeros(size, dtype=torch.bool), tuple(range(size)),
        )

    def _picked(self, number: int) -> int:
        seed, names = self.recipe.seed, self.recipe.names
        if names and self.named and uniform(seed, number, 1, Purpose.ORDER)[0] < names.share:
            return len(self.world) + integer(seed, number, 2, Purpose.ORDER, len(self.named))
        return integer(seed, number, 0, Purpose.ORDER, len(self.world))

    def _caption(self, index: int, number: int) -> str:
        if uniform(self.recipe.seed, number, 0, Purpose.DROPOUT)[0] < self.recipe.caption_dropout:
            return ""
        if self.named and index >= len(self.world):
            return self.named.caption(index - len(self.world), number, self.recipe.attribute_dropout)
        return caption(self.world.spec(index), number, self.recipe.attribute_dropout)


@torch.no_grad()
def encode_world(
    family: Family, world: Shown, folder: Path, precision: str = "fp32",
) -> tuple[Tensor, Tensor]:
    """Posterior means and spreads of all pictures, float16 (N, c, h, w), kept in files of 2000."""
    tell = announce("encode")
    parts: list[dict[str, Tensor]] = []
    for start in range(0, len(world), 2000):
        path = folder / f"latents-{start:07d}.safetensors"
        if not path.exists():
            stop = min(start + 2000, len(world))
            with autocast(precision, family.device):
                moments = [
                    family.encode_image(world.batch(range(first, min(first + 16, stop))))
                    for first in range(start, stop, 16)
                ]
            mean = torch.cat([m.mean_Bchw for m in moments]).half()
            std = torch.cat([m.std_Bchw for m in moments]).half()
            save_tensors(path, {"mean": mean, "std": std})
        parts.append(load_tensors(path))
        tell(min(start + 2000, len(world)), len(world))
    return torch.cat([part["mean"] for part in parts]), torch.cat([part["std"] for part in parts])


def create_family(recipe: DiffusionRecipe, build: Path) -> StableDiffusion1:
    """The trained autoencoder with a fresh text encoder and U-Net."""
    tokenizer = open_tokenizer(build)
    vae = cast("Any", AutoencoderKL).from_pretrained(build / "autoencoder" / "vae")
    seeded(recipe.seed)
    shape = recipe.text_encoder
    start, end = cast("tuple[int, int]", cast("Any", tokenizer).convert_tokens_to_ids((START, END)))
    text = shape.build(len(tokenizer), start, end)
    unet = recipe.unet.build(shape.width, recipe.world.size_px // 8)
    family = StableDiffusion1.create(unet, text, vae, tokenizer)
    family.freeze()
    return family


def train_diffusion(recipe: DiffusionRecipe, build: Path) -> Path:
    """Run the stage, or what is left of it. Returns: the folder `model/`."""
    stage = build / "diffusion"
    world = render_world(build / "world", recipe.world.pictures, 0, recipe.world.size_px, announce("render"))
    family = create_family(recipe, build)
    vae_hash = folder_hash(build / "autoencoder" / "vae")
    key = f"{vae_hash[:12]}-{world_key()}"
    mean, std = encode_world(family, world, stage / f"latents-{key}", recipe.loop.precision)
    named = open_named(build / "world", recipe.names, recipe.world.size_px) if recipe.names else None
    if named:
        more = encode_world(family, named, stage / f"named-{len(named)}-{key}", recipe.loop.precision)
        mean, std = torch.cat([mean, more[0]]), torch.cat([std, more[1]])
    method = build_method(Finetune(layers="all", text_encoder=True, token_table=True))
    handle = method.inject(family, recipe.seed)
    trainable = Denoising(family, [handle], Plain(), recipe.noise, recipe.learning_rates, recipe.seed)
    source = CaptionedLatents(world, named, family, mean, std, recipe)
    state = {"recipe": sha256_json(recipe.model_dump(mode="json")), "autoencoder": vae_hash}
    note_held_out_pairs(EventLog(stage / "events.jsonl"))
    trainer = run_stage(stage, trainable, source, recipe.loop, state)
    with trainer.averaged():
        return save_model(family, stage / "model")


def save_model(family: StableDiffusion1, folder: Path) -> Path:
    """Write the base in half precision, replacing an older one."""
    shutil.rmtree(folder, ignore_errors=True)
    family.save(folder, dtype=torch.float16)
    return folder

