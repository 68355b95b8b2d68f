"""Wildcards: named lists of texts in folders of .txt, .yaml and .json files.

Reads: folders, and nothing outside them. Writes: lines of text. Does not: expand what the lines hold.

A text file is one list, named by its path below the folder without its suffix: `dir/cards.txt` is `__dir/cards__`;
empty lines and those that begin with # count for nothing. In YAML and JSON the keys are the names, nested ones joined
by /; a file that is a list is named like a text file. No part of a name is ever used as a path: files are found first,
names looked up among them.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from imprint.errors import PromptError

FILE_LIMIT_BYTES = 8 << 20
YAML_LIMIT_BYTES = 1 << 20  # reading YAML is slow
TOTAL_LIMIT_BYTES = 64 << 20  # of all files
FILES_LIMIT = 10_000
LINES_LIMIT = 1_000_000
SUFFIXES = frozenset({".txt", ".yaml", ".yml", ".json"})
_WEIGHT = re.compile(r"\s*(\d+\.?\d*|\.\d+)::")


@dataclass(frozen=True, slots=True)
class Line:
    """One of a wildcard's texts; `2::text` comes twice as often as others."""

    text: str
    weight: float = 1.0


class Wildcards:
    """The wildcards of some folders; all files are read when a name is first asked for.

    Args:
        folders: with the files, in folders below them too; lists of one name are one list. Links that lead out of a
            folder are passed over.
    Raises: PromptError: if one is no folder, or they hold more than `FILES_LIMIT` files or `TOTAL_LIMIT_BYTES`.
    """

    def __init__(self, *folders: Path) -> None:
        for folder in folders:
            if not folder.is_dir():
                hint = "make it, name another, or say in IMPRINT_WILDCARDS where yours are"
                raise PromptError("there is no such folder of wildcards", where=folder, hint=hint)
        self.folders = tuple(folder.resolve() for folder in folders)
        self._files = self._found()

    def names(self) -> tuple[str, ...]:
        """Every name, in order.

        Raises: PromptError: if a file cannot be read.
        """
        return tuple(sorted(self._lists))

    def lines(self, name: str) -> tuple[Line, ...] | None:
        """The lines of a wildcard, or of all those that a pattern names: `dir/card*`, `**/cards`.

        Args:
            name: as between the underscores.
        Returns: None if there is no such wildcard.
        Raises: PromptError: if a file cannot be read.
        """
        if name in self._lists:
            return self._lists[name]
        if not any(sign in name for sign in "*?["):
            return None
        pattern = name.split("/")
        names = [one for one in sorted(self._lists) if _matches(one.split("/"), pattern)]
        return tuple(itertools.chain.from_iterable(self._lists[one] for one in names)) if names else None

    def _found(self) -> list[tuple[Path, Path]]:
        """(file, its path below its folder)."""
        files: list[tuple[Path, Path]] = []
        size = 0
        met = ((folder, path) for folder in self.folders for path in sorted(folder.rglob("*")))
        for folder, path in met:
            inside = path.resolve().is_relative_to(folder)
            if path.suffix.lower() not in SUFFIXES or not inside or not path.is_file():
                continue
            files.append((path, path.relative_to(folder)))
            size += path.stat().st_size
            if len(files) > FILES_LIMIT or size > TOTAL_LIMIT_BYTES:
                allowed = f"{FILES_LIMIT} files of wildcards, {TOTAL_LIMIT_BYTES >> 20} MiB"
                raise PromptError("too many wildcards", where=folder, allowed=allowed)
        return files

    @functools.cached_property
    def _lists(self) -> dict[str, tuple[Line, ...]]:
        lists: dict[str, tuple[Line, ...]] = {}
        count = 0
        for path, below in self._files:
            for name, texts in _read(path, below):
                lists[name] = (*lists.get(name, ()), *map(_line, texts))
                count += len(texts)
                if count > LINES_LIMIT:
                    raise PromptError("too many lines of wildcards", where=path, allowed=f"{LINES_LIMIT} in a folder")
        return lists


def refused(name: str) -> bool:
    """Whether a name is written like a path that could lead out of a folder."""
    return name.startswith("/") or "\\" in name or ".." in name.split("/") or "\0" in name


def _line(text: str) -> Line:
    match = _WEIGHT.match(text)
    return Line(text[match.end() :], min(float(match[1]), 1e9)) if match else Line(text)


def _matches(names: list[str], pattern: list[str]) -> bool:
    """Whether a name is one that a pattern means; * stays inside a folder, ** crosses folders."""
    reached = {0}  # how many parts of the pattern may be used up
    for name in names:
        reached = _across(reached, pattern)
        reached = {place for place in reached if pattern[place : place + 1] == ["**"]} | {
            place + 1 for place in reached if place < len(pattern) and fnmatchcase(name, pattern[place])
        }
    return len(pattern) in _across(reached, pattern)


def _across(reached: set[int], pattern: list[str]) -> set[int]:
    """The same places and those behind each ** that stands for no folder."""
    found = set(reached)
    for place in range(len(pattern)):
        if place in found and pattern[place] == "**":
            found.add(place + 1)
    return found


def _read(path: Path, below: Path) -> Iterator[tuple[str, list[str]]]:
    """(name, texts) of each list in a file."""
    own = below.with_suffix("").as_posix()
    text = _text_of(path)
    if path.suffix.lower() == ".txt":
        lines = (line.strip() for line in text.splitlines())
        yield own, [line for line in lines if line and not line.startswith("#")]
        return
    try:
        value = json.loads(text) if path.suffix.lower() == ".json" else _from_yaml(text)
    except (ValueError, RecursionError) as error:
        raise PromptError("these wildcards cannot be read", where=path, got=str(error)[:200]) from error
    folder = "" if below.parent == Path() else f"{below.parent.as_posix()}/"
    yield from _lists_in(value, own, folder, path)


def _text_of(path: Path) -> str:
    limit = YAML_LIMIT_BYTES if path.suffix.lower() in (".yaml", ".yml") else FILE_LIMIT_BYTES
    try:
        if path.stat().st_size > limit:
            raise PromptError("this file of wildcards is too large", where=path, allowed=f"{limit >> 20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError("these wildcards cannot be read", where=path, got=str(error), allowed="UTF-8") from error


def _from_yaml(text: str) -> Any:
    """YAML values by the safe loader, which builds nothing but text, numbers, lists and mappings.

    Raises: ValueError: if it is no YAML.
    """
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _lists_in(value: Any, own: str, folder: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    """Every list below a value, without recursion; aliases of YAML make a value appear many times."""
    waiting: list[tuple[str, Any]] = [("", value)]
    for visited in itertools.count():
        if not waiting:
            return
        if visited > LINES_LIMIT // 10:
            raise PromptError("too many names of wildcards in one file", where=path)
        name, item = waiting.pop()
        if isinstance(item, Mapping):
            pairs = cast("Mapping[Any, Any]", item).items()
            waiting += [(f"{name}/{key}" if name else str(key), below) for key, below in pairs]
            if len(name) > 1_000:
                raise PromptError("wildcards stand too deep inside each other", where=path, got=name[:100])
        elif isinstance(item, list | str | int | float):
            texts = cast("list[Any]", item) if isinstance(item, list) else [item]
            yield (f"{folder}{name}" if name else own), [str(text) for text in texts if text is not None]
        elif item is not None:
            raise PromptError("wildcards are lists of texts", where=path, got=type(item).__name__)
