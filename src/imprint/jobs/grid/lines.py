"""Prompts from a file: one a line, or lines of options as `--prompt "a dog" --steps 20`.

Reads: a text file. Writes: fields of `GenerateRecipe` by line. Does not: check their values; the recipe does.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint.errors import InputError
from imprint.jobs.grid.fields import field_named, typed
from imprint.registry import nearest

MOST_BYTES = 4 << 20
MOST_SHOWN = 12  # problems in one message
OPTIONS = {
    "sampler_name": "sampler", "sampler_index": "sampler", "sd_model": "base", "width": "width_px",
    "height": "height_px",
}  # fmt: skip
TEXTS = ("prompt", "negative_prompt")  # take every word up to the next option, with quotes or without


@dataclass(frozen=True)
class Line:
    """One line: its number in the file, its text, and the fields it sets."""

    number: int
    text: str
    fields: dict[str, object]


def read_lines(path: Path, taken: Sequence[str] = ()) -> list[Line]:
    """The prompts of a file. Empty lines, and those that begin with `#`, are passed over.

    Args:
        path: UTF-8.
        taken: fields that a line may not set, as they do not belong to one picture.
    Raises: InputError: if the file cannot be read or has no prompts; naming every wrong line with its number.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError("this file of prompts is too large", where=path, allowed=f"{MOST_BYTES >> 20} MB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError("the file of prompts cannot be read", where=path, got=error.strerror) from error
    except UnicodeDecodeError as error:
        raise InputError("this is no text in UTF-8", where=path) from error
    lines, problems = list[Line](), list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            lines.append(Line(number, said, _options(said, taken) if said.startswith("--") else {"prompt": said}))
        except ValueError as error:
            problems.append(f"  line {number}: {error}")
    if problems:
        shown = problems[:MOST_SHOWN] + [f"  and {len(problems) - MOST_SHOWN} more"] * (len(problems) > MOST_SHOWN)
        raise InputError("\n".join([f"{len(problems)} wrong line(s)", *shown]), where=path)
    if not lines:
        raise InputError("there is no prompt in this file", where=path)
    return lines


def _options(text: str, taken: Sequence[str]) -> dict[str, object]:
    """The fields that a line of options sets. Raises: ValueError: saying what is wrong with it."""
    fields: dict[str, object] = {}
    words = shlex.split(text)
    for place, word in enumerate(words):
        if not _is_option(word):
            continue
        said = word.removeprefix("--")
        following = words[place + 1 :]
        count = next((n for n, other in enumerate(following) if _is_option(other)), len(following))
        field = field_named(OPTIONS.get(said, said))
        if field is None or field in taken:
            near = nearest(said, [*OPTIONS, *TEXTS, "seed", "steps", "cfg_scale"])
            raise ValueError(f"unknown option {word}" + (f"; did you mean --{near}?" if near and near != said else ""))
        if not count:
            raise ValueError(f"{word} needs a value")
        if count > 1 and field not in TEXTS:
            raise ValueError(f"{word} takes one value, got {' '.join(following[:count])!r}")
        fields[field] = typed(field, " ".join(following[:count]))
    return fields


def _is_option(word: str) -> bool:
    return word.startswith("--") and word[2:3].isalpha()
