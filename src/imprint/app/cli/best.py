"""The scores of "best of n" as a table. Reads: a BestResult. Writes: a table. Does not: score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.artifacts.picture import clean_text

if TYPE_CHECKING:
    from rich.table import Table

    from imprint.jobs.best_of.keeping import BestPicture, BestResult

ROWS = 40  # of those that are not kept; the manifest has all


def best_table(result: BestResult) -> Table:
    """One row a picture, best first; those that are kept stand out, with their file."""
    from rich.table import Table
    from rich.text import Text

    names = list(dict.fromkeys(name for one in result.pictures for name in one.scores))
    kept = [one for one in result.pictures if one.file is not None]
    others = [one for one in result.pictures if one.file is None]
    left_out = f"and {len(others) - ROWS} more, in {result.manifest}" if len(others) > ROWS else None
    table = Table(title="Best of", title_justify="left", caption=left_out, caption_justify="left")
    table.add_column("rank", justify="right")
    table.add_column("seed", justify="right")
    for name in names:
        table.add_column(clean_text(name), justify="right")
    table.add_column("")
    for one in [*kept, *others[:ROWS]]:
        cells = (f"{one.scores[name]:.3f}" if name in one.scores else "–" for name in names)
        style = "green" if one.file is not None and not one.broken else "" if not one.broken else "red"
        row = (str(one.rank or "–"), _seed(one), *cells, _remark(one))
        table.add_row(*(Text(clean_text(cell)) for cell in row), style=style)
    return table


def _seed(one: BestPicture) -> str:
    return str(one.seed) if one.variation_seed is None else f"{one.seed} + {one.variation_seed}"


def _remark(one: BestPicture) -> str:
    parts = [
        one.file.name if one.file is not None else "",
        f"broken: {'; '.join(one.reasons)}" if one.broken else "",
        "drawn again" if one.rank is None else "",
        f"instead of {one.instead_of}" if one.instead_of is not None else "",
    ]
    return ", ".join(part for part in parts if part)
