"""The verbs about tokens: `imprint token suggest`.

Reads: arguments, a recipe. Writes: stdout through `output`. Does not: any work of its own.
"""

from __future__ import annotations

from typing import Annotated

from typer import Option, Typer

from imprint.app.cli.flags import BaseFlag, ConfigFlag, JsonFlag, SetFlag
from imprint.app.cli.job import job
from imprint.app.cli.output import print_json, print_table
from imprint.config import load_config

token = Typer(no_args_is_help=True, help="Find words to name a subject with.", rich_markup_mode=None)


@token.callback()
def about() -> None:
    """Find words to name a subject with."""


@token.command()
def suggest(
    class_word: Annotated[str | None, Option("--class", metavar="WORD", help="What it is: dog, woman.")] = None,
    count: Annotated[int | None, Option("-n", "--count", metavar="N", help="How many words.")] = None,
    base: BaseFlag = None,
    config: ConfigFlag = None,
    sets: SetFlag = None,
    json: JsonFlag = False,
) -> None:
    """Propose words that mean nothing to a base.

    From its own tokenizer, measured by their texts and then by pictures.
    """
    from imprint.jobs.probe import TokenRecipe

    given = {"class_word": class_word, "count": count, "base": base}
    recipe = load_config(TokenRecipe, config, sets or (), given, explain="imprint explain --recipe token-suggest")
    from imprint.app.cli.probe_view import token_view
    from imprint.jobs.probe import suggest_tokens as run

    with job():
        result = run(recipe)
    print_json(result) if json else print_table(*token_view(result))
