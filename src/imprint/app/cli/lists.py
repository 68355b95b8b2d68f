"""Flags that take several values in a row: `--seeds 1 2 3`, as well as `--seeds 1 --seeds 2` and `--seeds 1,2`.

Reads: arguments. Writes: arguments. Does not: know what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperCommand


class ListCommand(TyperCommand):
    """A verb without arguments, whose repeatable flags take all that follows up to the next flag."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give each further value its flag, then read arguments as ever."""
        several = {flag for option in self.params if getattr(option, "multiple", False) for flag in option.opts}
        return super().parse_args(ctx, list(spelt_out(args, several)))


def spelt_out(args: Iterable[str], several: set[str]) -> Iterable[str]:
    """`--seeds 1 2` as `--seeds 1 --seeds 2`, for the flags that may be repeated."""
    flag, values = "", 0
    for word in args:
        if word.startswith("--"):
            flag, values = word, 0
        elif flag in several:
            if values:
                yield flag
            values += 1
        yield word


def parts(values: Sequence[str] | None) -> tuple[str, ...]:
    """The values of such a flag, those between commas apart."""
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())


def numbers(values: Sequence[str] | None, flag: str) -> tuple[float, ...]:
    """The same as numbers.

    Raises: ConfigError: naming what is no number.
    """
    from imprint.errors import ConfigError

    try:
        return tuple(float(part) for part in parts(values))
    except ValueError as error:
        raise ConfigError("this flag takes numbers", where=flag, got=" ".join(values or ())) from error
