"""A prompt's explanation as it is shown on a terminal.

Reads: Explanation. Writes: rich renderables. Does not: print.

Warm colours weigh more than 1, cold ones less; the number stands behind the words. Nothing in a prompt is markup here,
and control characters are shown as U+FFFD.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from imprint.artifacts.picture import clean_text
from imprint.prompts.chunking import CHUNK_TOKENS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imprint.prompts.explaining import ExplainedEntry, ExplainedPart, ExplainedText, Explanation
    from imprint.prompts.remarks import Remark
    from imprint.prompts.syntax import Network

REMARKS_SHOWN = 20
SPANS_SHOWN = 4  # of steps in one row
EXCERPT = 48  # characters of a prompt that are shown beside a remark
SHADES = {
    "heavier": ("yellow", "bright_yellow", "bright_red", "red"),
    "lighter": ("bright_cyan", "cyan", "bright_blue", "blue"),
}


def explanation_view(explanation: Explanation) -> Iterator[RenderableType]:
    """Everything, from top to bottom."""
    for expansion in explanation.expansions:
        yield Text.assemble((expansion.role, "bold magenta"), "  drawn  ", (clean_text(expansion.text), "italic"))
        if expansion.remarks:
            yield _remarks(expansion.given, expansion.remarks)
    if explanation.expansions:
        yield ""
    said: set[tuple[str, Remark]] = set()
    for place, text in enumerate(explanation.texts):
        if place:
            yield ""
        yield _heading(text, explanation.compat == "a1111")
        for number, part in enumerate(text.parts, 1):
            if len(text.parts) > 1:
                yield Text(f"part {number} of {len(text.parts)}, weight {part.weight:g}", style="bold")
            elif part.weight != 1:
                yield Text(f"weight {part.weight:g}", style="bold")
            yield _entries(part)
        fresh = [remark for remark in text.remarks if (text.role, remark) not in said]  # the hires pass repeats many
        said |= {(text.role, remark) for remark in fresh}
        if fresh:
            yield _remarks(text.text, fresh)


def _heading(text: ExplainedText, quirks: bool) -> Text:
    place = "hires pass" if text.hires else "first pass"
    line = Text.assemble((text.role, "bold magenta"), f"  {place}, {text.steps} step{'s' if text.steps != 1 else ''}")
    return line.append("  as AUTOMATIC1111 reads it", "dim italic") if quirks else line


def _entries(part: ExplainedPart) -> Table:
    networks = any(entry.networks for entry in part.entries)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("steps", justify="right", no_wrap=True, style="cyan")
    table.add_column("what the model reads", ratio=None, overflow="fold")
    table.add_column("tokens", no_wrap=True)
    if networks:
        table.add_column("networks", overflow="fold")
    for spans, entry in _grouped(part):
        row = [_steps(spans), _words(entry), _tokens(entry)]
        table.add_row(*row, *([_networks(entry.networks)] if networks else []))
    return table


def _grouped(part: ExplainedPart) -> list[tuple[list[str], ExplainedEntry]]:
    """Each different entry once, with all its spans of steps: an alternation has one row for each option."""
    found: dict[object, tuple[list[str], ExplainedEntry]] = {}
    first = 1
    for entry in part.entries:
        spans, _ = found.setdefault((entry.text, entry.networks), ([], entry))
        spans.append(str(first) if first == entry.end else f"{first}–{entry.end}")
        first = entry.end + 1
    return list(found.values())


def _steps(spans: list[str]) -> str:
    shown = spans if len(spans) <= SPANS_SHOWN else [*spans[: SPANS_SHOWN - 1], "…", spans[-1]]
    return ", ".join(shown).replace(", …, ", " … ")


def _words(entry: ExplainedEntry) -> Text:
    line = Text()
    for text, weight in entry.weighted:
        if (text, weight) == ("BREAK", -1.0):
            line.append(" ⏎ BREAK ⏎ ", "black on bright_blue").append(" ")
        elif weight == 1:
            line.append(clean_text(text))
        else:
            line.append(clean_text(text), _colour(weight)).append(f"×{weight:.3g}", "dim")
    return line if line.plain else Text("nothing", style="dim italic")


def _colour(weight: float) -> str:
    """Warmer above 1, colder below: one step of the scale for each 0.15 in the logarithm."""
    if weight <= 0:
        return "bold magenta"
    shades = SHADES["heavier" if weight > 1 else "lighter"]
    return shades[min(int(abs(math.log(weight)) / 0.15), len(shades) - 1)]


def _tokens(entry: ExplainedEntry) -> Text:
    line = Text()
    for place, chunk in enumerate(entry.chunks[:8]):
        full = chunk.count == CHUNK_TOKENS
        line.append(" + " if place else "", "dim").append(str(chunk.count), "yellow" if full else "green")
    if len(entry.chunks) > 8:
        line.append(f" + … {len(entry.chunks)} chunks", "dim")
    return line.append(f" of {CHUNK_TOKENS}", "dim")


def _networks(networks: tuple[Network, ...]) -> Text:
    line = Text()
    for network in networks:
        strength = f"{network.unet:g}"
        if network.kind == "lora" and network.text_encoder != network.unet:
            strength = f"text {network.text_encoder:g}, image {network.unet:g}"
        line.append("\n" if line.plain else "").append(f"{network.kind} ", "dim")
        line.append(clean_text(network.name), "bold green").append(f" {strength}")
    return line


def _remarks(text: str, remarks: Sequence[Remark]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for remark in remarks[:REMARKS_SHOWN]:
        table.add_row(f"at {remark.start + 1}", _excerpt(text, remark), Text(clean_text(remark.text), style="yellow"))
    if (more := len(remarks) - REMARKS_SHOWN) > 0:
        table.add_row("", "", Text(f"… and {more} more; --json has them all", style="dim"))
    return table


def _excerpt(text: str, remark: Remark) -> Text:
    """The remark's characters, underlined, in some of those around them."""
    end = min(remark.end, remark.start + EXCERPT)
    around = max(0, (EXCERPT - (end - remark.start)) // 4)
    before, after = text[max(0, remark.start - around) : remark.start], text[end : end + around]
    return Text.assemble(
        ("…" if remark.start > around else "", "dim"), (_one_line(before), "dim"),
        (_one_line(text[remark.start : end]), "bold underline red"), ("…" if end < remark.end else "", "red"),
        (_one_line(after), "dim"), ("…" if end + around < len(text) else "", "dim"),
    )  # fmt: skip


def _one_line(text: str) -> str:
    return clean_text(text).replace("\n", "⏎").replace("\t", " ")
