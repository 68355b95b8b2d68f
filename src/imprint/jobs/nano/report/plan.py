"""How much of a base is measured, and how its pictures are drawn. Reads and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from imprint.generation.conditioning import GuidanceSettings
from imprint.generation.sampling import SamplerName

BLOCK = 10_000  # numbers of the world that one seed may ask for: the blocks of different seeds never meet
MOST_SEEDS = 40
Seed = Annotated[int, Field(ge=0, lt=MOST_SEEDS)]


class Plan(GuidanceSettings):
    """Measure the embedded base: how many pictures of what, over which seeds."""

    seeds: tuple[Seed, ...] = Field(default=(1, 2, 3), min_length=1)
    """Each measures other captions, renders and noise; at least 3 give a spread that says something."""
    renders: int = Field(default=1500, ge=2, le=100_000)
    """Held-out renders for the autoencoder and the judge, shared out over the seeds."""
    captions: int = Field(default=2000, ge=2, le=100_000)
    """Unseen captions to draw, shared out over the seeds."""
    unseen: int = Field(default=420, ge=1, le=100_000)
    """Captions with a pair of values that training held out, shared out over the seeds."""
    faces: int = Field(default=16, ge=1, le=1000)
    """Captions of people, for each seed, whose pictures are compared with each other."""
    per_face: int = Field(default=8, ge=2, le=1000)
    """Pictures of each of them."""
    left_out: float = Field(default=0.05, ge=0, le=1)
    """Share of the attributes that the captions of the base's training left out: how far their silence means no. The
    default is the shipped base's; another one needs its own recipe's `attribute_dropout`."""
    individuals: int = Field(default=60, ge=2, le=2000)
    """Individuals of the world, for each seed, that the judge must tell apart."""
    steps: int = Field(default=25, ge=1, le=500)
    """Network calls for each picture."""
    cfg_scale: float = Field(default=2.0, ge=0, le=100)
    """How strongly captions are followed; chosen once by `--sweep-cfg`, on captions that are not reported."""
    cfg_start: float = Field(default=0.4, ge=0, le=1)
    """Share of the steps at the beginning without guidance: they decide who is drawn; guided, they draw all alike."""
    cfg_end: float = Field(default=0.8, ge=0, le=1)
    """Share of the steps from which on nothing guides, which saves time and changes little."""
    sampler: SamplerName = "dpmpp_2m"
    """How noise becomes a picture."""
    batch: int = Field(default=16, ge=1, le=256)
    """Pictures drawn at a time."""
    sweep_captions: int = Field(default=120, ge=1, le=BLOCK)
    """Captions drawn for each value of `--sweep-cfg`."""
    judge: Path | None = None
    """The judge's folder; left out, the one that ships."""

    def share(self, pictures: int) -> int:
        """How many of a number of pictures fall to one seed: at least one, never more than a block."""
        return max(1, min(pictures // len(self.seeds), BLOCK))
