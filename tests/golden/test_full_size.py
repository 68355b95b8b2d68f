"""The same code on a base of SD 1.5's true shape, with random weights: two steps and a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import make
from imprint.jobs.personalize import personalize
from imprint.jobs.recipe import PersonalizeRecipe, Samples
from imprint.methods import Lora
from imprint.nano.world.render import render
from imprint.nano.world.subjects import subject_spec
from imprint.training.loop import LoopConfig
from imprint.training.objectives import Plain

pytestmark = [pytest.mark.golden, pytest.mark.slow]


def test_two_steps_on_the_true_shape_of_stable_diffusion_1_5(tmp_path: Path) -> None:
    make.sd15_shaped(tmp_path / "base", torch.bfloat16)
    for number in range(3):
        picture = Image.fromarray(render(subject_spec("biscuit", number, style="photo")))
        (tmp_path / "photos").mkdir(exist_ok=True)
        picture.resize((512, 512)).save(tmp_path / "photos" / f"{number}.png")
    result = personalize(PersonalizeRecipe(
        photos=tmp_path / "photos", name="zkz", class_word="dog", base=str(tmp_path / "base"), out=tmp_path / "run",
        size_px=128, weights_dtype="bf16", method=Lora(rank=4, alpha=4), objective=Plain(), batch_size=1,
        loop=LoopConfig(steps=2, checkpoint_every=2), samples=Samples(per_prompt=2, steps=1, batch=2),
    ))  # fmt: skip
    assert [score.step for score in result.scorecard.checkpoints] == [2]
    assert result.weights.is_file()
