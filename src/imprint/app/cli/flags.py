"""The flags that several verbs share. No flag mirrors a field of a recipe: `--set` reaches them all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

ConfigFlag = Annotated[
    Path | None, Option("--config", metavar="FILE", help="A recipe in TOML; `imprint explain` describes its fields.")
]
SetFlag = Annotated[
    list[str] | None, Option("--set", metavar="PATH=VALUE", help="Set one field of the recipe; may be repeated.")
]
JsonFlag = Annotated[bool, Option("--json", help="Print the result, or the error, as JSON.")]
OutFlag = Annotated[Path | None, Option("--out", metavar="DIR", help="The folder to write to.")]
SeedFlag = Annotated[int | None, Option("--seed", metavar="N", help="The seed; the same seed is the same picture.")]
BaseFlag = Annotated[
    str | None,
    Option("--base", metavar="NAME|DIR", help='The base model: "nano", or the folder of one in diffusers layout.'),
]
