"""The syntax tree of a prompt. Every node knows where it stands in the text: characters start..end-1.

Reads: nothing. Writes: nothing. Does not: decide what a node means at which step.

Children lie inside their parent, in order, without overlap. Trees are at most `DEPTH_LIMIT` levels deep, so that they
can be walked by recursion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

DEPTH_LIMIT = 100  # 1.1 ** 100 is a weight of 13,780: deeper brackets mean nothing


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that mean themselves."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Escape:
    """A backslash and the character that it makes literal; a backslash alone means nothing."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Break:
    """The word BREAK and the white space behind it: a new chunk begins."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Comment:
    """From # to the end of the line."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A bracket below the depth that is read."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Network:
    """`<lora:name:te:unet:dyn>` or `<hypernet:name:weight>`."""

    start: int
    end: int
    kind: Literal["lora", "hypernet"]
    """`lyco` is another name of lora."""
    name: str
    """Of a file or an alias; never a path."""
    text_encoder: float = 1.0
    """Strength in the text encoder."""
    unet: float = 1.0
    """Strength in the U-Net; the only one of a hypernet."""
    rank: int | None = None
    """`dyn=`: how many ranks are used; None for all."""
    options: tuple[tuple[str, str], ...] = ()
    """Other named values, such as `lbw=`, as they were written."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """`<kind:...>` that loads nothing: of an unknown kind, or with a name that is refused."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Emphasis:
    """`( )`, `(x:1.4)` or `[ ]`; without an end it reaches to the end of the text."""

    start: int
    end: int
    bracket: Literal["(", "["]
    children: tuple[Node, ...]
    factor: float
    """What weights inside are multiplied by; 1.1 where an edit gives the weight, which then differs by step."""
    strict: bool
    """Whether A1111's grammar of edits accepts it, with all that is inside."""


@dataclass(frozen=True, slots=True)
class When:
    """The step at which an edit changes."""

    value: float
    fraction: bool
    """Whether the number is a fraction of all steps (it has a decimal point) or a step."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`[before:after:when]`, `[after:when]` or `[before::when]`."""

    start: int
    end: int
    before: tuple[Node, ...]
    after: tuple[Node, ...]
    when: When
    strict: bool


@dataclass(frozen=True, slots=True)
class Alternation:
    """`[a|b|c]`: another option at each step."""

    start: int
    end: int
    options: tuple[tuple[Node, ...], ...]
    strict: bool


Node: TypeAlias = Text | Escape | Break | Comment | Ignored | Network | Dropped | Emphasis | Edit | Alternation
Group: TypeAlias = Emphasis | Edit | Alternation


def children(node: Node) -> tuple[Node, ...]:
    """What stands inside a node, in the order of the text."""
    if isinstance(node, Emphasis):
        return node.children
    if isinstance(node, Edit):
        return (*node.before, *node.after)
    if isinstance(node, Alternation):
        return tuple(child for option in node.options for child in option)
    return ()


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Every node, parents before children, in the order of the text."""
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))
