"""Making the embedded base from nothing: render its world, train its networks, measure them, ship them.

Reads: recipes in recipes/nano/. Writes: build-nano/, then src/imprint/nano/weights/. Does not: import any of it before
a function is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

STAGES = ("autoencoder", "diffusion", "judge")  # the judge also learns from what the base draws


def train(build: Path, stages: Sequence[str] = ()) -> Path:
    """Train the base from nothing, or what is left of it, by the shipped recipes.

    Args:
        build: working folder; every stage resumes in it.
        stages: some of `STAGES`, or none for all of them, in their order.
    Returns: the folder of the finished model.
    Raises: ConfigError: for an unknown stage or a broken recipe.
    """
    from imprint.jobs.nano.training import train_stages

    return train_stages(build, stages)


def ship(build: Path, folder: Path | None = None) -> Path:
    """Copy a finished build beside the package's code, in half precision. Returns: the weights' folder."""
    from imprint.jobs.nano.shipping import ship_build

    return ship_build(build, folder)


def render(out: Path, count: int, seed: int = 0) -> Path:
    """Draw pictures of the world with their captions, as an imagefolder. Returns: the folder."""
    from imprint.jobs.nano.rendering import render_imagefolder

    return render_imagefolder(out, count, seed)
