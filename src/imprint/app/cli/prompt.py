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
    from imprint.prompts.explaining import ExplainedExpansion

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
        Path | None, Option("--wildcards", metavar="DIR", help="Expand __names__ and {a|b} with the files of a folder.")
    ] = None,
    seed: SeedFlag = None,
    base: BaseFlag = "nano",
    json: JsonFlag = False,
) -> None:
    """Show what a prompt means at each step.

    Its texts, weights, chunks and networks, and what was repaired. Nothing is drawn.
    """
    from imprint.app.cli.prompt_view import explanation_view
    from imprint.families.diffusers_folder import read_diffusers_folder
    from imprint.families.sd1.networks import load_tokenizer
    from imprint.jobs.bases import base_path
    from imprint.prompts import ClipTokens, ReadSettings, explain_prompt

    settings = ReadSettings(steps=steps, hires_steps=hires_steps, compat=compat)  # type: ignore[arg-type]
    expansions: list[ExplainedExpansion] = []
    if wildcards is not None or seed is not None:
        text, negative, expansions = _expanded(text, negative, wildcards, seed or 0)
    tokenizer = ClipTokens(load_tokenizer(read_diffusers_folder(base_path(base or "nano"))))
    explanation = replace(explain_prompt(text, negative, settings, tokenizer), expansions=tuple(expansions))
    print_json(explanation) if json else print_table(*explanation_view(explanation))


def _expanded(
    text: str, negative: str | None, folder: Path | None, seed: int
) -> tuple[str, str | None, list[ExplainedExpansion]]:
    """Both prompts with wildcards and variants drawn, and what was said about that."""
    from imprint.prompts import Wildcards, expand, explain_expansion

    known = None if folder is None else Wildcards(folder)
    drawn = expand(text, seed, wildcards=known)
    expansions = [explain_expansion("prompt", text, drawn)]
    if negative is None:
        return drawn.text, None, expansions
    other = expand(negative, seed, wildcards=known, stream=1)
    return drawn.text, other.text, [*expansions, explain_expansion("negative prompt", negative, other)]
