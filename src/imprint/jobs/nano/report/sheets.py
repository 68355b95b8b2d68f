"""The pictures of the model card: contact sheets and curves of the training logs.

Reads: pictures, `curves/*.jsonl`. Writes: SVG files. Does not: measure.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import write_text
from imprint.evaluation.report.curves import Curve, line_chart

CHART_STYLE = (
    "<style>svg{font:11px sans-serif}.line{fill:none;stroke:#3c4fb0;stroke-width:1.6}.grid{stroke:#ddd}"
    ".axis{stroke:#888}.tick{fill:#666}.dot{fill:#3c4fb0}</style>"
)


def sheet(pictures_NHWC: NDArray[np.uint8], columns: int) -> Image.Image:
    """Pictures side by side, row by row."""
    count, height, width = pictures_NHWC.shape[:3]
    page = Image.new("RGB", (columns * width, -(-count // columns) * height), (255, 255, 255))
    for number, pixels in enumerate(pictures_NHWC):
        page.paste(Image.fromarray(pixels), (number % columns * width, number // columns * height))
    return page


def write_charts(folder: Path) -> list[str]:
    """Curves of the training logs that lie in `curves/`, as SVG files. Returns: their names."""
    names: list[str] = []
    for path in sorted((folder / "curves").glob("*.jsonl")):
        log = EventLog(path)
        series = {"loss": _points(log, "step", "loss"), "psnr_db": _points(log, "held_out", "psnr_db")}
        for key, points in series.items():
            if points:
                chart = str(line_chart(Curve(f"{path.stem} {key}", "", tuple(points))))
                chart = chart.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
                name = f"curves/{path.stem}-{key}.svg"
                write_text(folder / name, chart.replace("</title>", "</title>" + CHART_STYLE, 1))
                names.append(name)
    return names


def _points(log: EventLog, kind: str, key: str) -> list[tuple[float, float]]:
    return [(float(e.step or 0), float(e.fields[key])) for e in log.by_step(kind) if key in e.fields]
