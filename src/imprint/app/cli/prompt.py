"""The verbs about prompts: `imprint prompt explain`.

Reads: arguments, a base's tokenizer, wildcards. Writes: stdout through `output`. Does not: any work of its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option, Typer

from imprint.app.cli.flags import BaseFlag, JsonFlag, SeedFlag
from imprint.app.cli.output import print_json, print_table

if TYPE_CHECKING:
    from imprint.prompts.explaining import ExplainedExpansion, Role

ROLES: tuple[Role, ...] = ("prompt", "negative prompt")
prompt = Typer(no_args_is_help=True, help="Look at what prompts mean.", rich_markup_mode=None)


@prompt.callback()
def about() -> None:
    """Look at what prompts mean."""


@prompt.command()
def explain(
    text: Annotated[str, Argument(metavar="PROMPT", help="The prompt.")],
    negative: Annotated[str | None, Option("--negative", metavar="TEXT", help="The negative prompt.")] = None,
    steps: Annotated[int, Option("--steps", metavar="N", help="Steps of the first pass.")] = 20,
    hires_steps: Annotated[
        int | None, Option("--hires-steps", metavar="N", help="Steps of the hires pass, if there is one.")
    ] = None,
    compat: Annotated[
        str, Option("--compat", metavar="NAME", help='"a1111" reads with the quirks of AUTOMATIC1111.')
    ] = "imprint",
    wildcards: Annotated[
        Path | None, Option("--wildcards", metavar="DIR", help="Where __names__ are; as `imprint generate` without.")
    ] = None,
    seed: SeedFlag = None,
    base: BaseFlag = "nano",
    json: JsonFlag = False,
) -> None:
    """Show what a prompt means at each step.

    Its texts, weights, chunks and networks, and what was repaired. Variants and wildcards are drawn by the seed first,
    with --compat a1111 only where --wildcards or --seed is given. Nothing is drawn.
    """
    from imprint.app.cli.prompt_view import explanation_view
    from imprint.families.diffusers_folder import read_diffusers_folder
    from imprint.families.sd1.networks import load_tokenizer
    from imprint.jobs.bases import base_path
    from imprint.prompts import ClipTokens, ReadSettings, explain_prompt

    settings = ReadSettings(steps=steps, hires_steps=hires_steps, compat=compat)  # type: ignore[arg-type]
    expansions: list[ExplainedExpansion] = []
    if compat != "a1111" or wildcards is not None or seed is not None:
        text, negative, expansions = _expanded(text, negative, wildcards, seed or 0)
    tokenizer = ClipTokens(load_tokenizer(read_diffusers_folder(base_path(base or "nano"))))
    explanation = replace(explain_prompt(text, negative, settings, tokenizer), expansions=tuple(expansions))
    print_json(explanation) if json else print_table(*explanation_view(explanation))


def _expanded(
    text: str, negative: str | None, folder: Path | None, seed: int
) -> tuple[str, str | None, list[ExplainedExpansion]]:
    """Both prompts with wildcards and variants drawn, and what was said about those that have any."""
    from imprint.jobs.templates import open_wildcards
    from imprint.prompts import expand, explain_expansion

    known = open_wildcards((folder,) if folder else ()) if folder or "__" in text + (negative or "") else None
    texts = text, negative or ""
    drawn, other = (expand(one, seed, wildcards=known, index=seed, stream=at) for at, one in enumerate(texts))
    expansions = [
        explain_expansion(role, given, found)
        for role, given, found in zip(ROLES, texts, (drawn, other), strict=True)
        if found.remarks or found.text != given
    ]
    return drawn.text, None if negative is None else other.text, expansions
