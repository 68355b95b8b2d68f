"""Measures a base and writes its model card with everything that belongs to it.

Reads: a base, the judge, the world. Writes: README.md, measured.json, contact sheets and curves. Does not: train.
"""

from __future__ import annotations

from pathlib import Path

from imprint.artifacts.files import write_json, write_text
from imprint.jobs.bases import NANO, base_path
from imprint.jobs.nano.report.card import card_text
from imprint.jobs.nano.report.measuring import measure
from imprint.jobs.nano.report.plan import Plan
from imprint.jobs.nano.report.sheets import sheet, write_charts

COLUMNS = 10


def write_card(base: str = NANO, out: Path | None = None, plan: Plan | None = None) -> Path:
    """Measure a base and write its card.

    Args:
        base: "nano" or a folder.
        out: where the card goes; left out, the folder above the base's.
        plan: how much is measured.
    Returns: the card, README.md.
    """
    folder = out or base_path(base).parent
    measured, shown = measure(base, plan or Plan())
    folder.mkdir(parents=True, exist_ok=True)
    sheet(shown.drawn_NHWC, COLUMNS).save(folder / "drawn.png")
    sheet(shown.renders_NHWC, COLUMNS).save(folder / "renders.png")
    write_json(folder / "measured.json", measured.as_json())
    write_text(folder / "README.md", card_text(measured, shown.asked, write_charts(folder)))
    return folder / "README.md"
