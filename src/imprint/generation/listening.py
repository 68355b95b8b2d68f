"""Telling where the drawing of pictures stands.

Reads: steps of samplers. Writes: nothing. Does not: draw, or show anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imprint.generation.samplers import OnStep, SamplerStep


@dataclass(frozen=True)
class GenerationStep:
    """Where a call of `text_to_image` or `image_to_image` stands, for progress bars and previews.

    Attributes:
        pictures_done: finished before this step's batch.
        pictures: in all.
        batch: pictures that this step worked on.
        sampler: the step. A second pass counts its steps from 0 again.
    """

    pictures_done: int
    pictures: int
    batch: int
    sampler: SamplerStep


OnGenerationStep = Callable[[GenerationStep], None]


@dataclass
class Listener:
    """Tells a caller after every step of any sampler.

    Attributes:
        on_step: whom; None for nobody.
        pictures: in all.
        done: finished so far; whoever draws counts on.
    """

    on_step: OnGenerationStep | None
    pictures: int
    done: int = 0

    def of(self, batch: int) -> OnStep | None:
        """For a sampler that works on so many pictures."""
        tell, done, pictures = self.on_step, self.done, self.pictures
        if tell is None:
            return None
        return lambda step: tell(GenerationStep(done, pictures, batch, step))
