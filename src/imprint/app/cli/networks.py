"""`imprint networks`: a table of what is on the shelf. Reads: a NetworkList. Writes: a table. Does not: scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.artifacts.picture import clean_text

if TYPE_CHECKING:
    from rich.table import Table

    from imprint.jobs.networks import NetworkList

TAGS_SHOWN = 4


def networks_table(listed: NetworkList) -> Table:
    """One row a network; what came out of a file cannot steer the terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table("name", "kind", "alias", "hash", "size", "trained on, or a remark", box=None, pad_edge=False)
    table.columns[4].justify = "right"
    for file in listed.networks:
        told = file.remark or ", ".join(file.tags[:TAGS_SHOWN])
        size = f"{file.size_bytes / 1e6:.1f} MB" if file.size_bytes >= 1e5 else f"{file.size_bytes / 1e3:.1f} kB"
        row = (file.spelling, file.kind, file.alias if file.alias != file.name else "", file.short_hash, size, told)
        table.add_row(*(Text(clean_text(word)) for word in row))
    return table
