"""Styles: prompts that wrap or follow other prompts, in A1111's file of them.

Reads: a CSV file with the columns name, prompt, negative_prompt. Writes: prompts. Does not: read a prompt's grammar.

Styles come first of all: wildcards, comments, networks and edits that a style brings are read like those of the prompt.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from imprint.errors import PromptError
from imprint.registry import nearest

PLACEHOLDER = "{prompt}"
FILE_LIMIT_BYTES = 16 << 20
TEXT_LIMIT = 1_000_000  # characters: a style that holds {prompt} twice doubles it each time


@dataclass(frozen=True, slots=True)
class Style:
    """A named pair of texts; each may hold `{prompt}`, where the prompt goes."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def read_styles(path: Path) -> dict[str, Style]:
    """Read a file of styles, in its order; the last of several with one name counts, as in A1111.

    Raises: PromptError: if it cannot be read or is no such table.
    """
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise PromptError("this file of styles is too large", where=path, allowed=f"{FILE_LIMIT_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), restkey="", restval=""))
    except OSError as error:
        raise PromptError("this file of styles cannot be read", where=path, got=error.strerror) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise PromptError("these styles cannot be read", where=path, got=str(error), allowed="CSV in UTF-8") from error
    if rows and not {"name", "prompt"} <= set(rows[0]):
        allowed = "the columns name, prompt, negative_prompt"
        raise PromptError("this is no table of styles", where=path, got=", ".join(rows[0]), allowed=allowed)
    styles = (Style(row["name"], row["prompt"], row.get("negative_prompt", "")) for row in rows)
    return {style.name: style for style in styles if style.name}


def chosen(styles: Mapping[str, Style], names: Iterable[str]) -> list[Style]:
    """Styles by name, in the order of the names.

    Raises: PromptError: for a name that is not there, with the nearest one.
    """
    found: list[Style] = []
    for name in names:
        if name not in styles:
            near = nearest(name, list(styles))
            hint = f"did you mean `{near}`?" if near else ""
            raise PromptError("there is no style of that name", got=name, hint=hint)
        found.append(styles[name])
    return found


def apply_styles(prompt: str, negative: str, styles: Iterable[Style]) -> tuple[str, str]:
    """Put styles around a prompt and a negative prompt, one after the other.

    Returns: both; `{prompt}` in a style is replaced by what there is so far, any other style follows it behind a comma.
    Raises: PromptError: where styles that repeat the prompt make it longer than `TEXT_LIMIT`.
    """
    for style in styles:
        prompt, negative = _merged(style, style.prompt, prompt), _merged(style, style.negative_prompt, negative)
    return prompt, negative


def _merged(of: Style, style: str, prompt: str) -> str:
    if len(style) + max(1, style.count(PLACEHOLDER)) * len(prompt) > TEXT_LIMIT:
        raise PromptError("styles make this prompt too long", where=of.name, allowed=f"{TEXT_LIMIT} characters")
    if PLACEHOLDER in style:
        return style.replace(PLACEHOLDER, prompt)
    return ", ".join((prompt.strip(), style.strip())) if prompt.strip() and style.strip() else prompt or style
