"""From a finished build to the weights inside the package.

Reads: build-nano/. Writes: src/imprint/nano/weights/. Does not: measure; `report` does, beside the weights.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from imprint.artifacts.files import atomic_folder
from imprint.errors import ModelError
from imprint.nano import WEIGHTS
from imprint.nano.judge import Judge

LIMIT_BYTES = 60_000_000  # what a clone and a wheel may carry


def ship_build(build: Path, folder: Path | None = None) -> Path:
    """Replace the shipped base and judge by those of a build, in half precision.

    Raises: ModelError: if the build is not finished, or larger than `LIMIT_BYTES`.
    """
    target = folder or WEIGHTS
    model, judge = build / "diffusion" / "model", build / "judge" / "judge"
    for part in (model, judge):
        if not part.is_dir():
            raise ModelError("this build is not finished", where=part, hint="`imprint nano train` goes on with it")
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    with atomic_folder(fresh) as partial:
        shutil.copytree(model, partial / "base")
        Judge.open(judge).save(partial / "judge", torch.float16)
        for stage in ("autoencoder", "judge", "diffusion"):
            (partial / "curves").mkdir(exist_ok=True)
            shutil.copyfile(build / stage / "events.jsonl", partial / "curves" / f"{stage}.jsonl")
        size = sum(path.stat().st_size for path in partial.rglob("*.safetensors"))
        if size > LIMIT_BYTES:
            raise ModelError("the build is too large to ship", where=build, got=size, allowed=f"{LIMIT_BYTES} bytes")
    shutil.rmtree(target, ignore_errors=True)
    fresh.replace(target)
    return target
