"""The reference pages of recipes, written from the models. `make docs` writes them; a test compares."""

from __future__ import annotations

from pathlib import Path

from imprint.app.cli.recipes import RECIPES, recipe_model
from imprint.config import FieldHelp, describe

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def page(verb: str) -> str:
    """The page of one verb's recipe, in Markdown."""
    model = recipe_model(verb)
    head, *_ = described = describe(model)
    lines = [
        f"# The recipe of `imprint {verb.replace('-', ' ')}`", "",
        head.help, "",
        "Written from the models by `make docs`. In a file, the last part of a path is the field, those before it are",
        "tables; the kind of a choice is the table's field `kind`. More in [the command line](cli.md).", "",
        *_table(described[1:]),
    ]  # fmt: skip
    waiting = [item.path for item in described[1:]]
    while waiting:
        path = waiting.pop(0)
        first, *below = describe(model, path)
        if below:
            lines += ["", f"## `{path}`", "", first.help, "", *_table(below)]
        waiting = [item.path for item in below] + waiting
    return "\n".join(lines) + "\n"


def _table(items: list[FieldHelp]) -> list[str]:
    rows = [f"| `{item.path}` | {_cell(item.facts)} | {_cell(item.help)} |" for item in items]
    return ["| field | type, bounds, default | |", "|---|---|---|", *rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write() -> None:
    """Write every page."""
    for verb in RECIPES:
        (REFERENCE / f"recipe-{verb}.md").write_text(page(verb), encoding="utf-8")


if __name__ == "__main__":
    write()
