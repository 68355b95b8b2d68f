"""The reference pages say exactly what the command line and the errors are. Changing a flag means changing the page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from imprint import errors
from imprint.app.cli.recipes import RECIPES
from imprint.app.cli.verbs import app
from surface.recipe_pages import page
from surface.sampler_page import page as sampler_page

pytestmark = pytest.mark.surface

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def verbs(command: Any = None, name: str = "imprint") -> Iterator[tuple[str, set[str]]]:
    """(full name, its arguments and flags) of every verb."""
    command = command or get_command(app)
    if below := getattr(command, "commands", None):
        for word, verb in below.items():
            yield from verbs(verb, f"{name} {word}")
        return
    words: set[str] = set()
    for parameter in command.params:
        words |= {parameter.metavar or ""} if parameter.param_type_name == "argument" else {*parameter.opts}
    yield name, words - {"--help"}


def documented() -> dict[str, set[str]]:
    """(full name, its arguments and flags) of every verb on the page: the first code of each row of its table."""
    found: dict[str, set[str]] = {}
    for section in (REFERENCE / "cli.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        if title.startswith("`imprint"):
            rows = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", body, flags=re.MULTILINE)
            found[title.strip("`")] = {word.split()[0] for row in rows for word in re.findall(r"`(.*?)`", row)}
    return found


def test_the_page_lists_every_verb_with_exactly_its_flags() -> None:
    assert documented() == dict(verbs())


def test_the_page_of_errors_lists_every_class_with_its_exit_code() -> None:
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    rows = {name: int(code) for name, code in re.findall(r"^\| `(\w+)` \| (\d+) \|", page, flags=re.MULTILINE)}
    classes = dict(inspect.getmembers(errors, inspect.isclass))
    assert rows == {name: cls.exit_code for name, cls in classes.items() if issubclass(cls, errors.ImprintError)}


@pytest.mark.parametrize("verb", RECIPES.names())
def test_the_page_of_a_recipe_is_what_its_models_say(verb: str) -> None:
    written = (REFERENCE / f"recipe-{verb}.md").read_text(encoding="utf-8")
    assert written == page(verb), "write the pages again with `make docs`"


def test_the_page_of_samplers_is_what_the_registries_say() -> None:
    written = (REFERENCE / "samplers.md").read_text(encoding="utf-8")
    assert written == sampler_page(), "write the page again with `make docs`"


def test_no_flag_mirrors_a_field() -> None:
    # Of the verbs' own sentences.
    allowed = {"--name", "--class", "--base", "--out", "--seed", "--count", "--run", "--source", "--mask"}
    allowed |= {"--sweep-cfg", "--method", "--subjects", "--seeds", "--page"}
    # `prompt explain` takes no recipe: these are its only settings.
    allowed |= {"--negative", "--steps", "--hires-steps", "--compat", "--wildcards"}
    shared = {"--config", "--set", "--json", "--recipe", "-n"}
    flags = {word for _, words in verbs() for word in words if word.startswith("-")}
    assert flags <= allowed | shared
