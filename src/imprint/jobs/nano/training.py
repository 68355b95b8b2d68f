"""The stages of the embedded base in order, each by its recipe.

Reads: recipes/nano/*.toml. Writes: the build folder. Does not: ship or measure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imprint.config import Config, load_config
from imprint.errors import ConfigError
from imprint.jobs.nano import STAGES
from imprint.jobs.nano.autoencoder import AutoencoderRecipe, train_autoencoder
from imprint.jobs.nano.diffusion import DiffusionRecipe, train_diffusion
from imprint.jobs.nano.judge import JudgeRecipe, train_judge

log = logging.getLogger(__name__)

RECIPES = Path("recipes/nano")
_BY_NAME: dict[str, tuple[type[Config], Callable[[Any, Path], Path]]] = {
    "autoencoder": (AutoencoderRecipe, train_autoencoder),
    "diffusion": (DiffusionRecipe, train_diffusion),
    "judge": (JudgeRecipe, train_judge),
}


def train_stages(build: Path, stages: Sequence[str] = (), recipes: Path = RECIPES) -> Path:
    """Run stages in their order. See `imprint.jobs.nano.train`."""
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        raise ConfigError("no such stage", got=unknown, allowed=", ".join(STAGES))
    if not recipes.is_dir():
        raise ConfigError(
            "the recipes of the embedded base are not here", where=recipes.absolute(),
            hint="run this in a clone of the repository",
        )
    folder = build
    for stage in STAGES:
        if stages and stage not in stages:
            continue
        model, run = _BY_NAME[stage]
        log.info("stage %s", stage)
        folder = run(load_config(model, recipes / f"{stage}.toml"), build)
    return folder
