"""From a seed to noise: the first noise of a picture and what its sampler draws afterwards.

Reads: seeds and settings. Writes: tensors on the CPU. Does not: depend on a device, or on a picture's neighbours.

Imprint counts its noise. The sources `nv` and `cpu` imitate the generators that other tools seed, so that a seed from
there is the same picture here: one generator for each picture, whose first draw is the first noise and whose later
draws are the sampler's. A Brownian path is always counted from the seed, whatever the source. Suffixes: B batch,
c channels, h w latent cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Protocol

import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor

from imprint.config.base import Config
from imprint.diffusion.brownian import BrownianPath
from imprint.diffusion.cuda_randomness import THREADS_PER_SM, cuda_normal, grid_threads
from imprint.diffusion.randomness import Purpose, normal

SEED_LIMIT = 2**53 - 1  # the largest integer that every reader of JSON keeps exactly
SOURCES = "imprint, cpu, nv, nv:SMS or nv:SMSxTHREADS (such as nv:46 for an RTX 4070, nv:108x2048 for an A100)"
NEARLY_EQUAL = 0.9995  # mean cosine above which two noises are mixed straight
_SOURCE = re.compile(r"imprint|cpu|nv(?::(?P<sms>[1-9][0-9]{0,3})(?:x(?P<threads>1024|1536|2048))?)?")

Shape = tuple[int, int, int]
"""(c, h, w) of one picture's latents."""


def _source_name(name: str) -> str:
    if not _SOURCE.fullmatch(name.lower()):
        raise ValueError(f"there is no such source of noise; allowed: {SOURCES}")
    return name.lower()


LONGEST_PX = 4096  # of a picture's side
SidePx = Annotated[int, Field(ge=8, le=LONGEST_PX)]
"""A side of a picture; what the base cannot draw is rounded where the base is known (`fitting.drawable`)."""


class SeedSettings(Config):
    """How a seed becomes noise; the defaults are Imprint's own counted noise and nothing else."""

    noise_source: Annotated[str, AfterValidator(_source_name)] = "imprint"
    """Whose seeds: imprint, cpu (ComfyUI, InvokeAI), nv (A1111 with RNG NV), or nv:46, a GPU of 46 multiprocessors."""
    variation_seed: int | None = Field(default=None, ge=0, le=SEED_LIMIT)
    """Seed of a second noise that is mixed into the first by variation_strength."""
    variation_strength: float = Field(default=0.0, ge=0, le=1)
    """How much of the second noise: 0 none, 1 nothing else. Near 0 the picture varies a little."""
    ensd: int = Field(default=0, ge=-(2**31), le=2**31)
    """Added to the seed for what the sampler draws (eta noise seed delta); the first noise keeps the seed."""
    resize_from_width_px: SidePx | None = None
    """With the height: draw the first noise at this size, rounded as a picture's, and put it in the middle, to keep a
    picture's composition."""
    resize_from_height_px: SidePx | None = None
    """The height that goes with resize_from_width_px."""

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> SeedSettings:
        if self.variation_strength and self.variation_seed is None:
            raise ValueError("variation_strength needs variation_seed: the seed of the noise to mix in")
        if (self.resize_from_width_px is None) != (self.resize_from_height_px is None):
            raise ValueError("resize_from_width_px and resize_from_height_px go together: give both or none")
        return self


class _Source(Protocol):
    """One picture's generator."""

    def first(self, seed: int, shape: Shape) -> Tensor:
        """The first draw after seeding."""
        ...

    def later(self, seed: int, draw: int, shape: Shape) -> Tensor:
        """The draw-th of the sampler's, from 0, of a seed to which ENSD has been added."""
        ...


class _Counted:
    """Imprint's own."""

    def first(self, seed: int, shape: Shape) -> Tensor:
        return normal(seed, 0, [0], Purpose.LATENT, shape)[0]

    def later(self, seed: int, draw: int, shape: Shape) -> Tensor:
        return normal(seed, draw, [0], Purpose.SAMPLER, shape)[0]


class _Cuda:
    """What PyTorch draws on an NVIDIA GPU; without a count of multiprocessors, on one without limit."""

    def __init__(self, settings: SeedSettings) -> None:
        match = _SOURCE.fullmatch(settings.noise_source)
        sms, threads = match.group("sms", "threads") if match else (None, None)
        self._threads = grid_threads(int(sms), int(threads or THREADS_PER_SM)) if sms else None
        self._used = 0 if settings.ensd else 1  # draws of this generator before the sampler's first

    def first(self, seed: int, shape: Shape) -> Tensor:
        return cuda_normal(seed, 0, shape, self._threads)

    def later(self, seed: int, draw: int, shape: Shape) -> Tensor:
        return cuda_normal(seed, self._used + draw, shape, self._threads)


class _Cpu:
    """What PyTorch draws on a CPU, in float32. A generator of this kind cannot skip, so it is kept where it stands."""

    def __init__(self, settings: SeedSettings) -> None:
        self._used = 0 if settings.ensd else 1
        self._generator: torch.Generator | None = None
        self._drawn = 0

    def first(self, seed: int, shape: Shape) -> Tensor:
        return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed), dtype=torch.float32)

    def later(self, seed: int, draw: int, shape: Shape) -> Tensor:
        if self._generator is None or draw + self._used < self._drawn:
            self._generator, self._drawn = torch.Generator("cpu").manual_seed(seed), 0
        drawn = torch.empty(0)
        while self._drawn <= draw + self._used:
            drawn = torch.randn(shape, generator=self._generator, dtype=torch.float32)
            self._drawn += 1
        return drawn


def _source(settings: SeedSettings) -> _Source:
    if settings.noise_source == "imprint":
        return _Counted()
    return _Cpu(settings) if settings.noise_source == "cpu" else _Cuda(settings)


class PictureNoise:
    """All noise of one picture. It is a `NoiseSource` for one picture without a batch.

    Args:
        seed: of the picture.
        settings: how the seed becomes noise.
        shape: (c, h, w) of the latents.
        stride: pixels to a latent cell, for the size to resize from.
    """

    def __init__(self, seed: int, settings: SeedSettings, shape: Shape, stride: int) -> None:
        self._seed, self._settings, self._shape, self._stride = seed, settings, shape, stride
        self._source = _source(settings)
        self._path: BrownianPath | None = None

    def first(self) -> Tensor:
        """The noise that the picture begins as, shape (c, h, w), float32."""
        settings, shape = self._settings, self._shape
        if settings.resize_from_width_px and settings.resize_from_height_px:
            height, width = settings.resize_from_height_px, settings.resize_from_width_px
            shape = (shape[0], height // self._stride, width // self._stride)
        noise = self._source.first(self._seed, shape)
        if settings.variation_strength and settings.variation_seed is not None:
            other = self._source.first(settings.variation_seed, shape)
            noise = slerp(settings.variation_strength, noise, other)
        return noise if shape == self._shape else pasted(noise, self._source.first(self._seed, self._shape))

    def under_mask(self) -> Tensor:
        """Noise that is put under a mask before anything is drawn, independent of all other; shape (c, h, w)."""
        return normal(self._seed, 0, [0], Purpose.UNDER_MASK, self._shape)[0]

    def __call__(self, draw: int) -> Tensor:
        """What the sampler draws: 0, 1, ...; shape (c, h, w), float32."""
        return self._source.later(self._seed + self._settings.ensd, draw, self._shape)

    def between(self, sigma_from: float, sigma_to: float) -> Tensor:
        """The increment of the picture's Brownian path (`BrownianPath.between`); ENSD does not change it."""
        self._path = self._path or BrownianPath(self._seed, self._shape)
        return self._path.between(sigma_from, sigma_to)


class BatchNoise:
    """The noise of several pictures at a time, each with its own; a `NoiseSource`.

    Args:
        pictures: the noise of each.
        device: where the tensors are needed; they are always drawn on the CPU.
    """

    def __init__(self, pictures: Sequence[PictureNoise], device: torch.device | str) -> None:
        self._pictures, self._device = tuple(pictures), device

    def first(self) -> Tensor:
        """The noise that the pictures begin as, shape (B, c, h, w)."""
        return torch.stack([picture.first() for picture in self._pictures]).to(self._device)

    def __call__(self, draw: int) -> Tensor:
        """What the sampler draws: 0, 1, ...; shape (B, c, h, w)."""
        return torch.stack([picture(draw) for picture in self._pictures]).to(self._device)

    def between(self, sigma_from: float, sigma_to: float) -> Tensor:
        """The increment of each picture's Brownian path, shape (B, c, h, w)."""
        drawn = [picture.between(sigma_from, sigma_to) for picture in self._pictures]
        return torch.stack(drawn).to(self._device)


def slerp(strength: float, noise_chw: Tensor, other_chw: Tensor) -> Tensor:
    """Turn one noise towards another on the sphere, so that a mixture is still of variance one.

    The angle is taken for each column of cells (along dim 1), as other tools do; whole pictures are nearly orthogonal
    either way. Where two columns are parallel there is nothing to turn, and noises that are all but equal are mixed
    straight, with the weights the other way round as A1111 does.

    Args:
        strength: 0 is `noise_chw`, 1 is `other_chw`.
        noise_chw: shape (c, h, w).
        other_chw: same shape.
    Returns: same shape.
    Source: A1111's variation seeds, from Shoemake, Animating rotation with quaternion curves (SIGGRAPH 1985).
    """
    cosine = torch.cosine_similarity(noise_chw, other_chw, dim=1, eps=1e-12).unsqueeze(1)
    if float(cosine.mean()) > NEARLY_EQUAL:
        return noise_chw * strength + other_chw * (1 - strength)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    parallel = sine < 1e-6
    sine = sine.masked_fill(parallel, 1.0)
    keep = torch.where(parallel, 1 - strength, ((1 - strength) * angle).sin() / sine)
    take = torch.where(parallel, strength, (strength * angle).sin() / sine)
    return keep * noise_chw + take * other_chw


def pasted(noise_chw: Tensor, onto_chw: Tensor) -> Tensor:
    """One noise put centred onto another; what stands over is cut off.

    Args:
        noise_chw: shape (c, h, w).
        onto_chw: shape (c, h', w').
    Returns: shape (c, h', w').
    Source: "resize seed from" of A1111.
    """
    out = onto_chw.clone()
    (top, from_top, rows), (left, from_left, columns) = (
        _overlap(noise_chw.shape[dim], onto_chw.shape[dim]) for dim in (1, 2)
    )
    source = noise_chw[:, from_top : from_top + rows, from_left : from_left + columns]
    out[:, top : top + rows, left : left + columns] = source
    return out


def _overlap(size: int, room: int) -> tuple[int, int, int]:
    """(where it goes, where it is taken from, how much) along one side."""
    spare = (room - size) // 2 if room >= size else -((size - room) // 2)
    return max(0, spare), max(0, -spare), min(size, room)
