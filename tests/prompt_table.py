"""The table of repairs in docs/guides/prompts.md: what its cells say, and what they should."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from imprint.prompts import Compat, Entry, PromptPart, ReadSettings, read_prompt

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "prompts.md"
SHOWN = 3  # entries of a schedule; more are "…"


def meaning(text: str, compat: Compat) -> str:
    """A prompt at 10 steps in the table's notation."""
    parts = read_prompt(text, ReadSettings(steps=10, compat=compat)).parts
    shown = " and ".join(_part(part, len(parts) > 1) for part in parts)
    return " ".join(shown.split())


def rows() -> list[tuple[str, str, str, str]]:
    """(prompt, in A1111, in Imprint, why) of every row."""
    section = GUIDE.read_text(encoding="utf-8").split("## What is repaired", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [(a.strip("`"), b.strip("`"), c.strip("`"), why) for a, b, c, why in cells]


def _part(part: PromptPart, several: bool) -> str:
    entries = part.schedule.entries
    line = _entry(entries[0])
    for before, entry in list(itertools.pairwise(entries))[: SHOWN - 1]:
        line += f" /{before.end}/ {_entry(entry)}"
    line += " …" if len(entries) > SHOWN else ""
    return f"{part.weight:g} of {line}" if several or part.weight != 1 else line


def _entry(entry: Entry) -> str:
    words = "".join(" ⏎ " if part.is_break else _weighed(part.text, part.weight) for part in entry.weighted)
    return " ".join([words.strip() or "nothing", *(f"+{network.name}" for network in entry.networks)])


def _weighed(text: str, weight: float) -> str:
    return text if weight == 1 else f"{text}({weight:.2g})"
