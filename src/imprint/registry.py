"""Explicit registries: what can be chosen by name in a recipe, on the command line or over the web.

A file may only name registered ids, never import paths: opening a recipe cannot run foreign code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from imprint.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind, in the order they were added.

    Args:
        kind: what the entries are, for messages ("sampler").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._aliases: dict[str, str] = {}

    def add(self, name: str, entry: T, *, aliases: tuple[str, ...] = ()) -> T:
        """Add one entry under its name and aliases: all of them, or none.

        Raises: ValueError: if the name or an alias is taken.
        """
        taken = [key for key in (name, *aliases) if key in self._entries or key in self._aliases]
        if taken or len({name, *aliases}) != 1 + len(aliases):
            raise ValueError(f"{self.kind} {taken or name!r} is already registered")
        self._entries[name] = entry
        self._aliases.update(dict.fromkeys(aliases, name))
        return entry

    def get(self, name: str) -> T:
        """The entry called `name`, an alias included.

        Raises: UnknownNameError: naming the nearest key.
        """
        key = self._aliases.get(name, name)
        if key not in self._entries:
            near = nearest(name, [*self._entries, *self._aliases])
            raise UnknownNameError(
                f"there is no {self.kind} of that name",
                got=name,
                allowed=", ".join(self._entries),
                hint=f"did you mean `{near}`?" if near else "",
            )
        return self._entries[key]

    def find(self, name: str) -> str | None:
        """The registered name that a name or alias stands for, capitals ignored; None where there is none."""
        if name in self:
            return self._aliases.get(name, name)
        lowered = {alias.lower(): key for alias, key in self._aliases.items()}
        lowered.update((key.lower(), key) for key in self._entries)
        return lowered.get(name.lower())

    def aliases(self, name: str) -> tuple[str, ...]:
        """The other names of an entry, in order of registration."""
        return tuple(alias for alias, key in self._aliases.items() if key == name)

    def names(self) -> tuple[str, ...]:
        """Every name, without aliases, in order of registration."""
        return tuple(self._entries)

    def items(self) -> Mapping[str, T]:
        """A copy of the entries by name."""
        return dict(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)


def nearest(name: str, candidates: list[str]) -> str | None:
    """The candidate most like `name`, or None when nothing is near; of those that differ in capitals the first."""
    lowered = {candidate.lower(): candidate for candidate in reversed(candidates)}
    found = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.5)
    return lowered[found[0]] if found else None
