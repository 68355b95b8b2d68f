"""The judge stage: learn to name what is in pictures of the world and to match them with captions.

Reads: the rendered world, the tokenizer. Writes: `judge/` and its measured accuracy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from imprint.artifacts.files import sha256_json, write_json
from imprint.config import Config
from imprint.diffusion.randomness import Purpose, integer, normal, uniform
from imprint.jobs.nano.rendered import HELD_OUT_SEED, RenderedWorld, render_world
from imprint.jobs.nano.stages import World, run_stage, seeded
from imprint.jobs.nano.tokenizer import open_tokenizer
from imprint.jobs.progress import announce
from imprint.nano.judge import Judge, JudgeShape
from imprint.nano.world.captions import caption
from imprint.nano.world.spec import Spec
from imprint.nano.world.vocabulary import ATTRIBUTES
from imprint.training.contrastive import NOT_VISIBLE, Contrastive, ContrastiveObjective, LabelledBatch
from imprint.training.loop import LoopConfig


class JudgeRecipe(Config):
    """Train the embedded base's judge from nothing."""

    stage: Literal["judge"] = "judge"
    """Which stage of the base this recipe is for."""
    seed: int = Field(default=2, ge=0)
    """Decides every random number of the stage."""
    world: World = World()
    """The pictures."""
    shape: JudgeShape = JudgeShape()
    """Sizes of the network."""
    objective: ContrastiveObjective = ContrastiveObjective()
    """The loss."""
    batch_size: int = Field(default=64, ge=2)
    """Pictures in one step, each with its caption."""
    loop: LoopConfig = LoopConfig()
    """Steps, optimiser, schedule, averaging."""


@dataclass(frozen=True)
class LabelledSource:
    """Pictures with captions and labels, roughened so that drawn pictures are read as well as clean renders."""

    world: RenderedWorld
    judge: Judge
    seed: int
    batch_size: int

    def batch(self, step: int) -> LabelledBatch:
        """The pictures of one step."""
        first = step * self.batch_size
        indices = [
            integer(self.seed, first + row, 0, Purpose.ORDER, len(self.world)) for row in range(self.batch_size)
        ]
        specs = [self.world.spec(index) for index in indices]
        texts = [caption(spec, first + row) for row, spec in enumerate(specs)]
        pixels = roughened((self.world.batch(indices) + 1) / 2, self.seed, step)
        return LabelledBatch(pixels, *self.judge.tokenize(texts), labels(specs))


def roughened(pixels_BCHW: Tensor, seed: int, step: int) -> Tensor:
    """Blur, brightness and noise of a random strength: an autoencoder's output is never as crisp as a render."""
    blur, gain, grain = uniform(seed, step, 0, Purpose.CROP, 3)
    size = pixels_BCHW.shape[-1]
    small = int(size * (0.4 + 0.6 * blur))
    if small < size:
        pixels_BCHW = functional.interpolate(pixels_BCHW, (small, small), mode="bilinear", antialias=True)
        pixels_BCHW = functional.interpolate(pixels_BCHW, (size, size), mode="bicubic")
    noise = normal(seed, step, [0], Purpose.NOISE, pixels_BCHW.shape[1:])
    return (pixels_BCHW * (0.85 + 0.3 * gain) + 0.06 * grain * noise).clamp(0, 1)


def labels(specs: Sequence[Spec]) -> dict[str, Tensor]:
    """For every attribute of the world the index of its value, (B,), `NOT_VISIBLE` where it cannot be seen."""
    seen = [spec.visible() for spec in specs]
    return {
        name: torch.tensor([values.index(s[name]) if name in s else NOT_VISIBLE for s in seen])
        for name, values in ATTRIBUTES.items()
    }


@torch.no_grad()
def attribute_accuracy(judge: Judge, pictures: Sequence[Tensor], specs: Sequence[Spec]) -> dict[str, float]:
    """Share of right answers for every attribute where it can be seen.

    Args:
        judge: asked.
        pictures: batches of pixels in 0..1.
        specs: ground truth of all pictures, in order.
    """
    truth = labels(specs)
    hits: dict[str, list[Tensor]] = defaultdict(list)
    start = 0
    for pixels in pictures:
        rows = slice(start, start + len(pixels))
        start = rows.stop
        for name, probabilities in judge.attributes(pixels).items():
            wanted = truth[name][rows]
            hits[name].append((probabilities.argmax(1).cpu() == wanted)[wanted != NOT_VISIBLE])
    joined = {name: torch.cat(values).float() for name, values in hits.items()}
    return {name: float(values.mean()) for name, values in joined.items() if len(values)}


def train_judge(recipe: JudgeRecipe, build: Path) -> Path:
    """Run the stage, or what is left of it. Returns: the folder `judge/`."""
    stage = build / "judge"
    world = render_world(build / "world", recipe.world.pictures, 0, recipe.world.size_px, announce("render"))
    held_out = render_world(build / "world", recipe.world.held_out, HELD_OUT_SEED, recipe.world.size_px)
    seeded(recipe.seed)
    judge = Judge(recipe.shape, open_tokenizer(build))
    trainer = run_stage(
        stage, Contrastive(judge, recipe.objective), LabelledSource(world, judge, recipe.seed, recipe.batch_size),
        recipe.loop, {"recipe": sha256_json(recipe.model_dump(mode="json"))},
    )
    with trainer.averaged():
        judge.eval().save(stage / "judge")
        batches = [(pixels + 1) / 2 for pixels in held_out.batches(50)]
        accuracy = attribute_accuracy(judge, batches, [held_out.spec(i) for i in range(len(held_out))])
    measured = {"mean": float(np.mean(list(accuracy.values()))), "attributes": accuracy, "pictures": len(held_out)}
    write_json(stage / "measured.json", measured)
    return stage / "judge"
