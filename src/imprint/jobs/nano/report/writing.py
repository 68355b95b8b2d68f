"""Measures a base and writes its model card with everything that belongs to it.

Reads: a base, the judge, the world. Writes: README.md, measured.json, contact sheets and curves. Does not: train.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from imprint.artifacts.files import write_json, write_text
from imprint.jobs.bases import NANO, base_path
from imprint.jobs.nano.report.card import CAPTIONS_SHOWN, card_text
from imprint.jobs.nano.report.drawing import rendered
from imprint.jobs.nano.report.measuring import Shown, measure
from imprint.jobs.nano.report.plan import Plan
from imprint.jobs.nano.report.sheets import sheet, write_charts

COLUMNS = 10
PAIRS_A_ROW = 5


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
    beside_the_world(shown).save(folder / "beside.png")
    sheet(shown.drawn_NHWC, COLUMNS).save(folder / "drawn.png")
    sheet(shown.renders_NHWC, COLUMNS).save(folder / "renders.png")
    write_json(folder / "measured.json", measured.as_json())
    write_text(folder / "README.md", card_text(measured, shown.asked, write_charts(folder)))
    return folder / "README.md"


def beside_the_world(shown: Shown) -> Image.Image:
    """The captions that the card prints: the world's picture of each, and on its right the base's."""
    drawn_NHWC = shown.drawn_NHWC[:CAPTIONS_SHOWN]
    specs = [one.spec for one in shown.asked[: len(drawn_NHWC)]]
    pairs_N2HWC = np.stack([rendered(specs, drawn_NHWC.shape[1]), drawn_NHWC], axis=1)
    return sheet(pairs_N2HWC.reshape(-1, *drawn_NHWC.shape[1:]), 2 * PAIRS_A_ROW)
