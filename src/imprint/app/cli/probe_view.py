"""What a probe and a search for tokens found, as shown on a terminal of 80 columns.

Reads: ProbeResult, TokenResult. Writes: rich renderables. Does not: print.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from imprint.artifacts.picture import clean_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imprint.evaluation.concepts import Estimate
    from imprint.jobs.probe import Measured, ProbeResult, TokenFigures, TokenResult, Witness

WIDTH = 80
WORDS_SHOWN = 30  # characters of a phrase in a heading
COLOURS = {"known": "green", "unknown": "yellow", "something else": "red", "unsure": "magenta"}


def probe_view(result: ProbeResult) -> Iterator[RenderableType]:
    """The verdicts, the figures, what they mean, and who was asked."""
    both = [one for one in (result.phrase, result.of_class) if one]
    for one in both:
        yield from _verdict(one)
    yield ""
    yield _figures(both)
    yield ""
    yield from _wrapped("0 is what strings without meaning draw, 1 what words draw that the base knows.", "dim")
    yield _legend({
        "prompt": "the judge reads the phrase in the pictures",
        "effect": "the pictures differ from those of strings without meaning",
        "agreement": "the seeds draw one thing",
    })
    if result.distance:
        yield ""
        yield Text.assemble(("class distance  ", "bold"), _estimate(result.distance))
        yield from _wrapped(f"{result.distance_prompt}: 0 moves nothing, 1 moves as much as ordinary words", "dim")
    yield ""
    yield from _last(result.witness, result.remarks)


def token_view(result: TokenResult) -> Iterator[RenderableType]:
    """A table of the words, those proposed first, then who was asked."""
    funnel = result.funnel
    yield from _wrapped(
        f"{funnel.vocabulary} tokens in the vocabulary, {funnel.whole_words} whole words of 3 to 5 letters and "
        f"{funnel.strings} strings; {funnel.texts} read, {funnel.drawn} drawn", "dim",
    )
    yield ""
    yield _tokens(result)
    yield ""
    yield from _wrapped(
        "text, norm and moves: 1 is as much as ordinary words (the last rows). fit and agree: what the class prompt "
        "and the agreement of its pictures gain or lose.", "dim",
    )
    yield from _last(result.witness, result.remarks)


def _verdict(one: Measured) -> Iterator[Text]:
    found, tokens = one.knowledge, f"{one.tokens} token{'s' if one.tokens != 1 else ''}"
    verdict = (found.verdict, f"bold {COLOURS[found.verdict]}")
    yield Text.assemble((_name(one.words), "bold"), "  ", verdict, (f"  {tokens}", "dim"))
    yield from _wrapped(f"    {found.why}", "dim")


def _figures(both: Sequence[Measured]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("", overflow="fold")
    for heading in ("prompt", "effect", "agreement"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in both:
        found = one.knowledge
        figures = (found.prompt, found.effect, found.agreement)
        table.add_row(Text(_name(one.words), "bold"), *map(_estimate, figures))
    return table


def _legend(meanings: Mapping[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, style="dim")
    for name, meaning in meanings.items():
        table.add_row(name, meaning)
    return table


def _name(words: str) -> str:
    text = clean_text(words).replace("\n", " ")
    return text if len(text) <= WORDS_SHOWN else f"{text[: WORDS_SHOWN - 1]}…"


def _tokens(result: TokenResult) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("word", no_wrap=True)
    for heading in ("tokens", "text", "norm", "moves", "", "fit", "agree"):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    table.add_column("")
    for figures, style in ((result.proposed, "bold green"), (result.refused, "dim"), (result.ordinary, "")):
        for one in figures:
            table.add_row(*_token(one, style, "an ordinary word" if figures is result.ordinary else one.reason))
    return table


def _token(one: TokenFigures, style: str, reason: str) -> list[Text | str]:
    return [
        Text(clean_text(one.text), style), str(one.tokens), f"{one.shift:.2f}", f"{one.norm:.2f}",
        _number(one.distance.value), f"± {one.distance.error:.2f}", f"{one.fit:+.2f}", f"{one.agreement:+.2f}",
        Text(reason, "dim"),
    ]  # fmt: skip


def _last(witness: Witness, remarks: Sequence[str]) -> Iterator[RenderableType]:
    yield from _wrapped(
        f"base {witness.base}, judge {witness.judge} ({witness.judge_knows}), {witness.seeds} seeds a prompt; ± is the "
        "standard error over seeds", "dim",
    )
    for remark in remarks:
        yield from _wrapped(f"note: {remark}", "yellow")


def _wrapped(text: str, style: str) -> Iterator[Text]:
    for line in textwrap.wrap(clean_text(text), WIDTH):
        yield Text(line, style)


def _estimate(estimate: Estimate) -> str:
    return f"{_number(estimate.value)} ± {estimate.error:.2f}"


def _number(value: float) -> str:
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00")
