"""Pictures of the world that went through the base, their attributes still known: what a judge is asked about later.

Reads: renders, the autoencoder of a build and, once there is one, its diffusion model. Writes: pictures in chunks,
named by the hash of what made them. Does not: train, or choose what is drawn.

Two ways: through the autoencoder alone (its blur, its colours), and redrawn: noise of a middle level on a render's
latent, taken away again by the U-Net under the render's own full caption (SDEdit, Meng et al., arXiv:2108.01073). The
layout survives the noise and the caption says the rest, so the labels still hold.
"""

# B batch, C channels, H W pixels, h w latent cells

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from pydantic import Field
from torch import Tensor

from imprint.artifacts.files import folder_hash, sha256_json
from imprint.config import Config
from imprint.diffusion.randomness import Purpose, normal, uniform
from imprint.diffusion.schedule import NoiseSchedule, karras_sigmas
from imprint.errors import ModelError
from imprint.families import Family, open_family
from imprint.generation.conditioning import Conditioning, Guidance
from imprint.generation.denoiser import guided_denoiser
from imprint.generation.samplers import NO_NOISE, SAMPLERS
from imprint.jobs.nano.autoencoder import posterior_mean
from imprint.jobs.nano.chunks import Pictures, kept
from imprint.jobs.nano.individuals import Families, RenderedIndividuals, chunk_families
from imprint.jobs.nano.rendered import CHUNK, RenderedWorld, to_model_range, world_key
from imprint.jobs.progress import announce
from imprint.latents.pixels import as_pictures
from imprint.nano.world.captions import caption
from imprint.nano.world.spec import Spec
from imprint.training.loop import autocast

BATCH: Final = 25  # a divisor of CHUNK; pictures of one batch share a noise level
LAST_SIGMA: Final = 0.03  # the last level before 0: the first of SD1's schedule
NOISE_SEED: Final = 31


class Drawn(Config):
    """Pictures that went through the base, beside clean renders."""

    share: float = Field(default=0.3, ge=0, le=1)
    """Share of training pictures that went through the base."""
    reconstructed: int = Field(default=4000, ge=500, multiple_of=500)
    """Pictures of the world that go through the autoencoder."""
    redrawn: int = Field(default=2000, ge=500, multiple_of=500)
    """Pictures of the world that are noised and drawn again, once the build has a diffusion model."""
    sigma_from: float = Field(default=0.5, gt=0)
    """Lowest noise level that pictures are redrawn from, noise over signal."""
    sigma_to: float = Field(default=1.5, gt=0)
    """Highest noise level. Above it the base's own errors become wrong labels."""
    steps: int = Field(default=4, ge=1)
    """Network calls for each redrawn picture."""
    cfg_scale: float = Field(default=3.0, ge=1)
    """How strongly the caption is followed."""


@dataclass(frozen=True)
class Base:
    """What a build has of its base by now.

    Attributes:
        vae: the autoencoder, whose hash is `vae_hash`.
        family: the whole model, whose hash is `model_hash`; None (and "") before the diffusion stage.
        precision: of the networks.
    """

    vae: AutoencoderKL
    vae_hash: str
    family: Family | None
    model_hash: str
    precision: str

    @property
    def hashes(self) -> dict[str, str]:
        """What decides the pictures, for a run's state."""
        return {"autoencoder": self.vae_hash, "model": self.model_hash}

    @torch.no_grad()
    def reconstruct(self, pixels_BCHW: Tensor) -> Tensor:
        """Pictures in -1..1 through the autoencoder."""
        with autocast(self.precision, pixels_BCHW.device):
            return cast("Any", self.vae).decode(posterior_mean(self.vae, pixels_BCHW)).sample.float().clamp(-1, 1)

    @torch.no_grad()
    def redraw(self, family: Family, pixels_BCHW: Tensor, texts: Sequence[str], first: int, plan: Drawn) -> Tensor:
        """Pictures in -1..1 noised and drawn again under their captions.

        Args:
            family: the model.
            pixels_BCHW: what to start from.
            texts: full captions.
            first: number of the first picture, which counts the noise.
            plan: noise levels and steps.
        """
        share = float(uniform(NOISE_SEED, 0, first, Purpose.TIMESTEP)[0])
        sigma = plan.sigma_from * (plan.sigma_to / plan.sigma_from) ** share
        sigmas = karras_sigmas(plan.steps, LAST_SIGMA, sigma)
        with autocast(self.precision, family.device):
            latent_Bchw = family.encode_image(pixels_BCHW).mean_Bchw.float()
            samples = range(first, first + len(latent_Bchw))
            noise_Bchw = normal(NOISE_SEED, 0, samples, Purpose.LATENT, latent_Bchw.shape[1:])
            empty = [""] * len(texts)
            told = Conditioning.rows(family.encode_text(texts).text_BND, family.encode_text(empty).text_BND)
            schedule = NoiseSchedule.from_alphas_cumprod(family.alphas_cumprod_T)
            denoise = guided_denoiser(family, schedule, told, Guidance(plan.cfg_scale))
            x_Bchw = SAMPLERS.get("dpmpp_2m").sample(denoise, latent_Bchw + sigma * noise_Bchw, sigmas, NO_NOISE)
            return family.decode(x_Bchw).float().clamp(-1, 1)


def open_base(build: Path, precision: str) -> Base:
    """What a build has of its base.

    Raises: ModelError: if it has no autoencoder yet.
    """
    vae, model = build / "autoencoder" / "vae", build / "diffusion" / "model"
    if not vae.is_dir():
        raise ModelError(
            "the judge learns from pictures that went through the base, and this build has no autoencoder", where=vae,
            hint="`imprint nano train autoencoder` first, or leave [drawn] out of the judge's recipe",
        )
    opened = cast("Any", AutoencoderKL).from_pretrained(vae).eval().requires_grad_(False)
    family = open_family(model) if model.is_dir() else None
    return Base(opened, folder_hash(vae), family, folder_hash(model) if family else "", precision)


@dataclass(frozen=True)
class DrawnWorld:
    """The first pictures of a world, drawn in one way or more; one after another, as one list.

    Attributes:
        world: what was drawn.
        ways: name -> chunks of `CHUNK` pictures, from the world's first on.
    """

    world: RenderedWorld
    ways: dict[str, list[Pictures]]

    def __len__(self) -> int:
        return sum(len(chunk) for chunks in self.ways.values() for chunk in chunks)

    def picture(self, number: int) -> tuple[Pictures, int]:
        """Drawn picture `number` of all ways together, and the world's picture that it shows."""
        for chunks in self.ways.values():
            count = CHUNK * len(chunks)
            if number < count:
                return chunks[number // CHUNK][number % CHUNK], number
            number -= count
        raise IndexError(number)

    def batches(self, way: str, size: int) -> list[Tensor]:
        """All pictures of one way in -1..1."""
        return [
            to_model_range(np.asarray(chunk[start : start + size]))
            for chunk in self.ways[way]
            for start in range(0, CHUNK, size)
        ]


def draw_world(base: Base, world: RenderedWorld, plan: Drawn, folder: Path) -> DrawnWorld:
    """The first `plan.reconstructed` and `plan.redrawn` pictures of a world through the base, or what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{base.vae_hash[:12]}-{world_key()}-{world.size_px}px-{world.first:09d}"

    def reconstruct(first: int, pixels_BCHW: Tensor, specs: Sequence[Spec]) -> Tensor:
        return base.reconstruct(pixels_BCHW)

    ways = {"reconstructions": _chunks(folder / f"reconstructed-{name}", world, plan.reconstructed, reconstruct)}
    if base.family is not None:
        family, how = base.family, sha256_json([base.model_hash, world_key(), plan.model_dump(mode="json", exclude={
            "share", "reconstructed", "redrawn",
        })])

        def redraw(first: int, pixels_BCHW: Tensor, specs: Sequence[Spec]) -> Tensor:
            texts = [caption(spec, world.first + first + row, drop=0.0) for row, spec in enumerate(specs)]
            return base.redraw(family, pixels_BCHW, texts, world.first + first, plan)

        name = f"{how[:12]}-{world.size_px}px-{world.first:09d}"
        ways["redrawn"] = _chunks(folder / f"redrawn-{name}", world, plan.redrawn, redraw)
    return DrawnWorld(world, ways)


def _chunks(
    stem: Path, world: RenderedWorld, pictures: int, draw: Callable[[int, Tensor, Sequence[Spec]], Tensor],
) -> list[Pictures]:
    """The first `pictures` of a world, or all if it has fewer, drawn."""
    tell, stop = announce(stem.name.partition("-")[0]), min(pictures, len(world))

    def chunk(start: int) -> Pictures:
        parts: list[Pictures] = []
        for first in range(start, start + CHUNK, BATCH):
            rows = range(first, first + BATCH)
            parts.append(as_pictures(draw(first, world.batch(rows), [world.spec(row) for row in rows])))
            tell(first + BATCH, stop)
        return np.concatenate(parts)

    return [
        kept(stem.with_name(f"{stem.name}-{start:07d}.npy"), lambda start=start: chunk(start))
        for start in range(0, stop, CHUNK)
    ]


def reconstruct_individuals(
    base: Base, individuals: RenderedIndividuals, pictures: int, folder: Path,
) -> RenderedIndividuals:
    """The same families with the first `pictures` pictures of every member through the autoencoder instead."""
    families = individuals.families
    seen = Families(families.first, families.count, families.members, pictures)
    tell, out = announce("individuals through the autoencoder"), list[Pictures]()
    for part, clean in zip(chunk_families(seen), individuals.chunks, strict=True):
        stem = f"{base.vae_hash[:12]}-{world_key()}-{clean.shape[-2]}px-{part.count}x{part.members}x{families.pictures}"

        def chunk(clean: Pictures = clean) -> Pictures:
            rows = clean[:, :, :pictures].reshape(-1, *clean.shape[3:])
            batches = [to_model_range(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)]
            parts = [as_pictures(base.reconstruct(pixels_BCHW)) for pixels_BCHW in batches]
            return np.concatenate(parts).reshape(*clean.shape[:2], pictures, *clean.shape[3:])

        path = folder / f"individuals-{stem}-first{pictures}-{part.first:09d}.npy"
        out.append(kept(path, chunk))
        tell(part.first + part.count - families.first, families.count)
    return RenderedIndividuals(families, individuals.chunks, out)
