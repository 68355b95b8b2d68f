"""Builds the page: verdict, pictures, curves and recipe in one HTML file that needs nothing else and runs nothing.

Reads: `ReportData` and its pictures. Writes: index.html. Does not: fetch, script, or trust any text it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from imprint.artifacts.files import write_text
from imprint.artifacts.picture import clean_text
from imprint.evaluation.report.curves import Curve, line_chart
from imprint.evaluation.report.data import ReportData
from imprint.evaluation.report.pictures import Embedded, embed
from imprint.evaluation.report.verdict import a_class, verdict
from imprint.evaluation.scorecard import COLUMNS, CheckpointScore

BIG_PX, SMALL_PX = 640, 256


@dataclass(frozen=True)
class Tile:
    """One score as a tile: its value, and where it and the base stand on a bar of 0..1."""

    label: str
    value: str
    share: float
    base_share: float | None
    about: str


def build_report(data: ReportData, folder: Path) -> Path:
    """Write the report of a run.

    Args:
        data: everything that is shown.
        folder: the run's report folder; created if absent.
    Returns: the path of index.html. Building it twice from equal data gives equal bytes.
    Raises: OSError: if the folder cannot be written.
    """
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template("report.html.j2").render(
        data=data,
        card=data.scorecard,
        best=data.scorecard.best,
        verdict=verdict(data),
        tiles=_tiles(data),
        curves=[(curve, line_chart(curve)) for curve in _curves(data)],
        columns=COLUMNS,
        class_prompt=f"a photo of {a_class(data)}",
        picture=_embedder(),
        number=_number,
        big=BIG_PX,
        small=SMALL_PX,
    )
    path = folder / "index.html"
    write_text(path, page)
    return path


def _harmless(value: object) -> object:
    """Plain text without characters that hide or reverse what stands beside them; escaping follows."""
    return clean_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _embedder() -> Callable[[Path, int], Embedded | None]:
    """`embed`, remembering what it read: a picture may stand in several sections."""
    return lru_cache(maxsize=None)(embed)


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"


ABOUT = {
    "subject": "0 any of its class, 1 another photo of it",
    "prompt": "follows prompts in new places and styles",
    "prior_drift": "how far its class has moved; low is good",
    "memorisation": "low is good; 1 is a copy of a photo",
    "diversity": "how varied its pictures are; 1 as the base's",
    "ground_truth": "is it really the subject; known in this world",
}
MOST_LOSSES = 120  # averaged down to so many points, so that the trend can be seen


def _tiles(data: ReportData) -> list[Tile]:
    fields = [(heading, field) for heading, field, _ in COLUMNS]
    if data.scorecard.best.ground_truth is not None:
        fields.insert(1, ("ground truth", "ground_truth"))
    tiles: list[Tile] = []
    for heading, field in fields:
        mine, base = _value(data.scorecard.best, field), _value(data.scorecard.base, field)
        has_base = math.isfinite(base) and field not in ("prior_drift", "diversity")  # 0 and 1 by definition
        tiles.append(Tile(heading, _number(mine), _share(mine), _share(base) if has_base else None, ABOUT[field]))
    return tiles


def _value(score: CheckpointScore, field: str) -> float:
    value = getattr(score, field)
    return math.nan if value is None else float(value)


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def _curves(data: ReportData) -> list[Curve]:
    card = data.scorecard
    fields = [(heading, field) for heading, field, _ in COLUMNS]
    if any(score.ground_truth is not None for score in card.checkpoints):
        fields.append(("ground truth", "ground_truth"))
    curves: list[Curve] = []
    for heading, field in fields:
        points = tuple((float(score.step), _value(score, field)) for score in (card.base, *card.checkpoints))
        base = points[0][1] if field in ("subject", "prompt", "memorisation", "ground_truth") else None
        top = max([1.0, *(y for _, y in points if math.isfinite(y))])
        curves.append(Curve(heading, ABOUT[field], points, base, float(card.chosen.step), (0.0, top)))
    if data.losses:
        curves.append(Curve("training loss", "noisy by nature; it chooses nothing", _averaged(data.losses)))
    return curves


def _averaged(losses: tuple[tuple[int, float], ...]) -> tuple[tuple[float, float], ...]:
    """Neighbouring losses as their mean, at the mean of their steps."""
    size = -(-len(losses) // MOST_LOSSES)
    groups = [losses[start : start + size] for start in range(0, len(losses), size)]
    return tuple((fmean(step for step, _ in group), fmean(loss for _, loss in group)) for group in groups)
