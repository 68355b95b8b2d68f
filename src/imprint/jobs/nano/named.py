"""Named individuals: pictures whose captions say a name and a class and keep the looks to themselves.

Reads: individuals of the world. Writes: `NamedIndividuals`, pictures with captions. Does not: draw a held-out subject.

People, animals and things with names are everywhere in the captions that Stable Diffusion learnt from, so its text
encoder tells one unknown word from the next. A base that only ever saw descriptions learns to ignore every word that
describes nothing, and a new name is then no handle to hang a subject on (docs/lab-log.md, "Names").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from pydantic import Field
from torch import Tensor

from imprint.config import Config
from imprint.jobs.nano.individuals import Families, RenderedIndividuals, render_individuals
from imprint.jobs.nano.rendered import to_model_range
from imprint.jobs.progress import announce
from imprint.nano.world.captions import named_caption
from imprint.nano.world.names import names
from imprint.nano.world.unseen import held


class Names(Config):
    """Pictures of individuals that captions call by a name."""

    families: int = Field(default=100, ge=1)
    """Figures; the base and the judge see the same first ones."""
    members: int = Field(default=3, ge=2)
    """Individuals of a family: the figure as it is, and under marks. Each has its own name."""
    pictures: int = Field(default=4, ge=2)
    """Pictures of each individual."""
    share: float = Field(default=0.15, gt=0, lt=1)
    """Share of a step's pictures that show a named individual."""


@dataclass(frozen=True)
class NamedIndividuals:
    """The pictures of all individuals in a row, with their captions.

    Attributes:
        rendered: the individuals.
        places: family, member and picture of each; those that show a pair of values held out of training are missing.
        names: of the individuals, family by family.
    """

    rendered: RenderedIndividuals
    places: tuple[tuple[int, int, int], ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, indices: Sequence[int]) -> Tensor:
        """Pictures as float32 (B, 3, H, W) in -1..1."""
        return to_model_range(np.stack([self.rendered.pixels(*self.places[index]) for index in indices]))

    def caption(self, index: int, seed: int, drop: float) -> str:
        """What a picture is called; see `named_caption`."""
        family, member, picture = self.places[index]
        name = self.names[family * self.rendered.families.members + member]
        return named_caption(self.rendered.families.spec(family, member, picture), name, seed, drop)


def open_named(folder: Path, recipe: Names, size_px: int) -> NamedIndividuals:
    """The individuals of a recipe, rendered now where they are not yet."""
    families = Families(0, recipe.families, recipe.members, recipe.pictures)
    rendered = render_individuals(folder, families, size_px, announce("render individuals"))
    every = product(range(recipe.families), range(recipe.members), range(recipe.pictures))
    shown = tuple(place for place in every if not held(families.spec(*place)))
    return NamedIndividuals(rendered, shown, names(recipe.families * recipe.members))
