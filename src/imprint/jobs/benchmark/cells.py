"""One cell of the benchmark: a method, a subject, a seed. Run, drawn, measured, kept.

Reads: a recipe, what an earlier call left. Writes: a run folder, its figures as JSON and a contact sheet beside it.
Does not: make again what is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import sha256_json, write_json
from imprint.artifacts.run_folder import RunFolder
from imprint.config import load_config
from imprint.errors import OutputError
from imprint.evaluation.judges import Pixels
from imprint.families import Family
from imprint.generation.conditioning import GuidanceSettings
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.benchmark.exam import Ask, Asks, CellFigures, Exam, Pictures
from imprint.jobs.benchmark.protocol import VERSION
from imprint.jobs.benchmark.recipe import BenchmarkRecipe
from imprint.jobs.personalize import RESULT, personalize, resume
from imprint.jobs.progress import announce
from imprint.jobs.recipe import PersonalizeRecipe
from imprint.methods import apply
from imprint.weights import load_state

GUIDING = tuple(GuidanceSettings.model_fields)
DRAWING = (
    "photos", "subject_pictures", "per_context", "class_captions", "steps", "cfg_scale", *GUIDING, "sampler", "judge",
)  # fmt: skip
SHEET_COLUMNS = 8


@dataclass(frozen=True)
class Cell:
    """One measured cell: which, its figures, and where its run lies (none for the base and for renders)."""

    method: str
    subject: str
    seed: int
    figures: CellFigures
    run: Path | None = None


def cell_key(recipe: BenchmarkRecipe, base_hash: str, photos: Sequence[str], run: PersonalizeRecipe | None) -> str:
    """The hash of all that decides a cell's figures: protocol, base, photos, drawing, and the run.

    Args:
        recipe: of the benchmark.
        base_hash: of the base's weights.
        photos: hashes of the training pictures.
        run: of a method; None for the base itself and for renders.
    """
    return sha256_json({
        "version": VERSION, "base": base_hash, "photos": list(photos),
        "drawing": recipe.model_dump(mode="json", include=set(DRAWING)),
        "run": run.model_dump(mode="json", exclude={"photos", "out", "base"}) if run else None,
    })  # fmt: skip


def kept_figures(path: Path, key: str) -> CellFigures | None:
    """The figures of a cell that was measured before; None when there are none.

    Raises: OutputError: if they were measured in another way.
    """
    if not path.exists():
        return None
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if kept.get("key") != key:
        raise OutputError(
            "this cell was measured with another base, recipe, judge or protocol", where=path,
            hint="name another folder with --out, or remove what is there",
        )  # fmt: skip
    figures: dict[str, Any] = kept["figures"]
    figures["readable"] = tuple(figures["readable"])
    return CellFigures(**figures)


def keep_figures(path: Path, key: str, cell: Cell) -> None:
    """Write a cell's figures; from then on it is not made again."""
    write_json(path, {
        "method": cell.method, "subject": cell.subject, "seed": cell.seed, "key": key, "figures": asdict(cell.figures),
    })  # fmt: skip


def finished_run(wanted: PersonalizeRecipe) -> RunFolder:
    """The run of a cell, begun, gone on with or found finished.

    Raises: OutputError: if another recipe's run stands there. Interrupted: as `personalize`.
    """
    assert wanted.out is not None
    run = RunFolder(wanted.out)
    if not run.recipe.exists():
        personalize(wanted)
        return run
    if load_config(PersonalizeRecipe, run.recipe) != wanted:
        raise OutputError(
            "the run of another recipe stands here", where=run.path,
            hint="name another folder with --out, or remove what is there",
        )  # fmt: skip
    if not ((run.result / RESULT).exists() and EventLog(run.events).read("finished")):
        resume(run.path)
    return run


def draw_run(family: Family, run: RunFolder, exam: Exam, seed: int, what: str) -> Pictures:
    """What the base draws with a run's result on it."""
    handle = apply(family, load_state(run.result / RESULT))
    try:
        return draw(family, exam.asks(seed), exam.recipe, what)
    finally:
        handle.eject()


def draw(family: Family, asks: Asks, recipe: BenchmarkRecipe, what: str) -> Pictures:
    """Draw every picture of a cell."""
    total = len(asks.subject) + len(asks.contexts) + len(asks.classes)
    tell, done = announce(what), 0

    def group(wanted: Sequence[Ask]) -> list[Pixels]:
        nonlocal done
        shared = recipe.model_dump(include={"steps", "cfg_scale", *GUIDING, "sampler"})
        requests = [TextToImage.model_validate({"prompt": a.prompt, "seed": a.seed, **shared}) for a in wanted]
        out: list[Pixels] = []
        for picture in text_to_image(family, requests, batch=recipe.batch):
            out.append(picture.pixels_HWC)
            done += 1
            tell(done, total)
        return out

    return Pictures(group(asks.subject), group(asks.contexts), group(asks.classes))


def training_seconds(run: RunFolder) -> float:
    """Seconds of the optimiser's steps, without drawing and scoring; of a resumed run those that counted."""
    seconds, before = 0.0, 0
    for event in EventLog(run.events).by_step("step"):
        step = event.step or 0
        seconds += (step - before) * float(event.fields["seconds_a_step"])
        before = step
    return seconds


def tidy(run: RunFolder) -> None:
    """Remove what only a resumed training would need: a finished run is several times smaller without."""
    for folder in (run.checkpoints, run.cache):
        shutil.rmtree(folder, ignore_errors=True)


def write_sheet(path: Path, exam: Exam, pictures: Pictures) -> None:
    """Training pictures, drawings of the subject and of new contexts, a row each."""
    contexts = pictures.contexts[:: exam.recipe.per_context]
    rows = [list(row)[:SHEET_COLUMNS] for row in (exam.photos, pictures.subject, contexts)]
    side = min(len(rows[0][0]), len(pictures.subject[0]))
    page = Image.new("RGB", (SHEET_COLUMNS * side, len(rows) * side), (255, 255, 255))
    for y, row in enumerate(rows):
        for x, pixels in enumerate(row):
            tile = Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side))
            page.paste(tile, (x * side, y * side))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)
