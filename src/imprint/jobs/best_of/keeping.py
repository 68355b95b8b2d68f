"""What is left of a choice: the kept pictures with their scores inside, and a manifest of all that were drawn.

Reads: a choice. Writes: picture files, one JSON file. Does not: choose.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imprint import __version__
from imprint.artifacts.files import write_json
from imprint.artifacts.picture import Picture, PictureRecord, ScoreRecord
from imprint.errors import OutputError
from imprint.jobs.best_of.appraisal import Appraiser
from imprint.jobs.best_of.choosing import Candidate, Choice
from imprint.jobs.best_of.recipe import BestOf
from imprint.jobs.drawing import save_numbered
from imprint.jobs.recipe import GenerateRecipe

log = logging.getLogger(__name__)

MANIFEST_SUFFIX = ".best.json"
DIGITS = 6  # of a score in files; the rest is rounding


@dataclass(frozen=True)
class BestPicture:
    """One picture that was drawn.

    Attributes:
        rank: 1 is the best; None for a broken one that was drawn again.
        seed: by which it can be drawn once more.
        variation_seed: the same, where noise was mixed.
        scores: by name; "total" is what it was ranked by.
        broken: whether a check says so.
        reasons: why.
        instead_of: the seed (or variation seed, where that counts on) of the broken one that it was drawn for.
        file: where it is kept, or None.
    """

    rank: int | None
    seed: int
    variation_seed: int | None
    scores: dict[str, float]
    broken: bool
    reasons: tuple[str, ...] = ()
    instead_of: int | None = None
    file: Path | None = None


@dataclass(frozen=True)
class BestResult:
    """A finished choice.

    Attributes:
        manifest: a JSON file that says all of this.
        pictures: every picture that was drawn, by rank; then those that were drawn again.
    """

    manifest: Path
    pictures: tuple[BestPicture, ...]


def keep_best(
    recipe: GenerateRecipe, best: BestOf, choice: Choice, appraiser: Appraiser, out: Path, base: str
) -> BestResult:
    """Write the kept pictures, the best first, then the manifest beside the best.

    Args:
        recipe: what was drawn.
        best: its table.
        choice: from `choose_best`; at least one picture is kept.
        appraiser: who scored.
        out: the folder.
        base: what the base is called.
    Raises: OutputError: if something cannot be written.
    """
    counts_on = _counts_on(choice)
    files: dict[int, Path] = {}
    for candidate, picture in choice.kept:
        noted = Picture(picture.pixels_HWC, _noted(picture.record, candidate, choice, best, counts_on))
        files[candidate.number] = save_numbered(out, noted, base, recipe.format)
    if broken := sum(candidate.scores.broken for candidate, _ in choice.kept):
        log.warning("%d of %d kept pictures are broken, by the checks; raise best.redraw or best.draw", broken,
                    len(choice.kept))  # fmt: skip
    ranked = sorted(choice.drawn, key=lambda one: (one.rank is None, one.rank or 0, one.number))
    pictures = tuple(_shown(one, choice, best, counts_on, files.get(one.number)) for one in ranked)
    first = files[choice.kept[0][0].number]
    manifest = first.with_name(first.stem + MANIFEST_SUFFIX)
    try:
        write_json(manifest, _manifest(recipe, best, appraiser, pictures))
    except OSError as error:
        raise OutputError("the manifest cannot be written", where=manifest, got=str(error)) from error
    return BestResult(manifest, pictures)


def _counts_on(choice: Choice) -> str:
    """Which field the numbers count: variations are of one picture, and only then has every one the same seed."""
    return "variation_seed" if len({one.seed for one in choice.drawn}) == 1 else "seed"


def _counted(candidate: Candidate, counts_on: str) -> int:
    return (candidate.variation_seed or 0) if counts_on == "variation_seed" else candidate.seed


def _noted(record: PictureRecord, candidate: Candidate, choice: Choice, best: BestOf, counts_on: str) -> PictureRecord:
    numbers = candidate.scores.numbers(best.weights.plain())
    return record.model_copy(
        update={
            "scores": tuple(ScoreRecord(name=name, value=round(value, DIGITS)) for name, value in numbers.items()),
            "judge": best.judge,
            "chosen_from": len(choice.drawn),
            "chosen_from_seed": _counted(choice.drawn[0], counts_on),
        }
    )


def _shown(one: Candidate, choice: Choice, best: BestOf, counts_on: str, file: Path | None) -> BestPicture:
    numbers = {name: round(value, DIGITS) for name, value in one.scores.numbers(best.weights.plain()).items()}
    instead = None if one.instead_of is None else _counted(choice.drawn[one.instead_of], counts_on)
    return BestPicture(
        one.rank, one.seed, one.variation_seed, numbers, one.scores.broken, one.scores.reasons, instead, file
    )


def _manifest(
    recipe: GenerateRecipe, best: BestOf, appraiser: Appraiser, pictures: tuple[BestPicture, ...]
) -> dict[str, Any]:
    return {
        "imprint": __version__,
        "judge": best.judge,
        "judged_prompt": appraiser.prompt,
        "pictures": [
            {
                "rank": one.rank, "seed": one.seed, "variation_seed": one.variation_seed,
                "file": one.file.name if one.file else None, "scores": one.scores, "broken": one.broken,
                "reasons": list(one.reasons), "instead_of": one.instead_of,
            }
            for one in pictures
        ],
        "recipe": recipe.model_dump(mode="json"),
    }  # fmt: skip
