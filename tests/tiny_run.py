"""A whole run in seconds: the tiny base, a judge without weights, smooth pictures as photos."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from imprint.artifacts.files import sha256_file
from imprint.config import load_config
from imprint.evaluation import JUDGES
from imprint.evaluation.judges import JudgeEntry
from imprint.jobs.recipe import PersonalizeRecipe
from make import GridJudge, photo_folder, tiny_base

JUDGE = "grid"
STEPS = 8
SETTINGS: dict[str, Any] = {
    "name": "zkz", "class_word": "dog", "judge": JUDGE, "batch_size": 2, "flip": 0.5, "caption_dropout": 0.2,
    "method": {"kind": "lora", "rank": 2, "alpha": 2, "dropout": 0.1},
    "class_images": {"count": 9, "steps": 1},
    "samples": {"per_prompt": 2, "steps": 1},
    "loop": {"steps": STEPS, "checkpoint_every": 2, "ema": {"decay": 0.9}},
}  # fmt: skip

if JUDGE not in JUDGES.names():
    JUDGES.add(JUDGE, JudgeEntry(lambda _folder: GridJudge(), "looks at a grid of colours"))


def tiny_recipe(folder: Path, **settings: Any) -> PersonalizeRecipe:
    """A recipe whose photos, run and class images lie in a folder.

    Args:
        folder: gets `photos`, and when it is run `run` and `class-images`.
        settings: fields that differ from SETTINGS; a field of a table is written table__field.
    """
    os.environ["IMPRINT_CACHE"] = str(folder)
    values: dict[str, Any] = {**SETTINGS, "base": str(tiny_base()), "photos": folder / "photos", "out": folder / "run"}
    if not values["photos"].exists():
        photo_folder(values["photos"], 5)
    values.update({name: value for name, value in settings.items() if "__" not in name})
    for name, value in settings.items():
        table, _, field = name.partition("__")
        if field:
            values[table] = {**values.get(table, {}), field: value}
    return load_config(PersonalizeRecipe, values=values)


def result_hash(run: Path) -> str:
    """SHA-256 of the weights that a run chose."""
    return sha256_file(run / "result" / "weights.safetensors")
