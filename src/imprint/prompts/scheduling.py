"""Which text a prompt is at which step.

Reads: the tree of one text, ReadSettings. Writes: Schedule. Does not: encode, or know samplers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imprint.prompts.settings import ReadSettings
from imprint.prompts.syntax import Alternation, Comment, Dropped, Edit, Ignored, Network, Node, When, children, walk
from imprint.prompts.weighting import Weighted, weighted_parts


@dataclass(frozen=True, slots=True)
class Entry:
    """What a prompt is up to one step."""

    end: int
    """Where the next entry takes over; the last one ends where the pass does."""
    text: str
    """With its emphasis as written, without edits, comments and networks."""
    weighted: tuple[Weighted, ...]
    """The same, read."""
    networks: tuple[Network, ...]
    """Those that this text asks for, in its order, repeated ones repeated."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The entries of one text in one pass; ends ascend, the last is the length of the pass."""

    entries: tuple[Entry, ...]
    inclusive: bool
    """A1111's quirk: an entry that ends at 5 is used for calls 0 to 5, six of them."""
    calls_per_unit: int
    """Model calls for each unit of `Entry.end`."""

    def at(self, call: int) -> Entry:
        """The entry of a model call.

        Args:
            call: counted from 0 over the pass, with all the calls that the sampler makes at each step.
        """
        return next((entry for entry in self.entries if self._reaches(entry, call)), self.entries[-1])

    def _reaches(self, entry: Entry, call: int) -> bool:
        return call <= entry.end if self.inclusive else call // self.calls_per_unit < entry.end

    def listed(self) -> list[tuple[int, str]]:
        """(end, text) of each entry."""
        return [(entry.end, entry.text) for entry in self.entries]


def change_step(when: When, settings: ReadSettings) -> int:
    """The last unit of the side before an edit's change: below 1 there is none, at the pass's length no other side."""
    length, hires = settings.length, settings.hires_steps is not None
    if settings.old_timelines:
        value = when.value * length if when.value < 1 else when.value
    elif when.fraction:
        value = (when.value - (1.0 if hires else 0.0)) * length
    else:
        value = when.value - (settings.steps * settings.scale if hires else 0)
    return int(max(0.0, min(value, float(length))))


def schedule(source: str, nodes: tuple[Node, ...], settings: ReadSettings, plain: bool) -> Schedule:
    """Resolve the edits of a tree for every step of a pass.

    Args:
        source: the text that the tree was read from.
        nodes: the tree.
        settings: the pass, and whether A1111's quirks are kept.
        plain: whether every edit is plain text: A1111's quirk for a prompt that its grammar does not take.
    """

    @functools.cache
    def weigh(text: str) -> tuple[Weighted, ...]:
        return weighted_parts(text, settings.compat)

    entries: list[Entry] = []
    for end in _ends(nodes, settings, plain):
        writer = _Writer(source, settings, end, plain)
        writer.write(nodes)
        text, networks = "".join(writer.pieces), tuple(writer.networks)
        last = entries[-1] if entries else None
        if last and not settings.quirks and (last.text, last.networks) == (text, networks):
            entries.pop()
        entries.append(Entry(end, text, weigh(text), networks))
    if settings.quirks:  # its networks are taken out of the text before it is scheduled: always on
        every = tuple(node for node in walk(nodes) if isinstance(node, Network))
        entries = [Entry(entry.end, entry.text, entry.weighted, every) for entry in entries]
    return Schedule(tuple(entries), settings.quirks, 1 if settings.quirks else settings.calls_per_step)


def network_schedule(schedules: Sequence[Schedule]) -> list[tuple[int, tuple[Network, ...]]]:
    """(end, networks) of a whole prompt: those of all its parts, since a network changes the model for every part."""
    ends = sorted({entry.end for one in schedules for entry in one.entries})
    found: list[tuple[int, tuple[Network, ...]]] = []
    for end in ends:
        current = (next(entry for entry in one.entries if entry.end >= end) for one in schedules)
        networks = tuple(network for entry in current for network in entry.networks)
        if found and found[-1][1] == networks:
            found.pop()
        found.append((end, networks))
    return found


def obeyed(node: Edit | Alternation, settings: ReadSettings, plain: bool) -> bool:
    """Whether an edit is one, and not text as A1111's quirks would have it."""
    return not plain and (node.strict or not settings.quirks)


def _ends(nodes: tuple[Node, ...], settings: ReadSettings, plain: bool) -> Iterable[int]:
    """Every unit behind which the text may change, ascending; the last is the pass's length."""
    ends = {settings.length}
    for node in walk(nodes):
        if isinstance(node, Alternation) and obeyed(node, settings, plain):
            return range(1, settings.length + 1)
        if isinstance(node, Edit) and obeyed(node, settings, plain):
            ends.add(change_step(node.when, settings))
    return sorted(ends - {0})


class _Writer:
    """Writes the text of one unit of a pass.

    Args:
        source: what the nodes were read from.
        settings: the pass.
        unit: which of it, from 1.
        plain: whether edits are text.
    """

    def __init__(self, source: str, settings: ReadSettings, unit: int, plain: bool) -> None:
        self.source, self.settings, self.unit, self.plain = source, settings, unit, plain
        self.pieces: list[str] = []
        self.networks: list[Network] = []

    def write(self, nodes: Iterable[Node]) -> None:
        """Add nodes that lie side by side."""
        for node in nodes:
            if isinstance(node, Network):
                self.networks.append(node)
            elif isinstance(node, Comment | Dropped | Ignored):
                continue
            elif isinstance(node, Edit | Alternation) and obeyed(node, self.settings, self.plain):
                self.write(self._chosen(node))
            else:
                self._copy(node)

    def _chosen(self, node: Edit | Alternation) -> tuple[Node, ...]:
        if isinstance(node, Alternation):
            return node.options[(self.unit - 1) % len(node.options)]
        return node.before if self.unit <= change_step(node.when, self.settings) else node.after

    def _copy(self, node: Node) -> None:
        """Write a node as it stands, but for the edits and networks inside."""
        cursor = node.start
        for child in children(node):
            self.pieces.append(self.source[cursor : child.start])
            self.write((child,))
            cursor = child.end
        self.pieces.append(self.source[cursor : node.end])


def edits(nodes: tuple[Node, ...]) -> Iterator[Edit | Alternation]:
    """Every edit and alternation of a tree."""
    return (node for node in walk(nodes) if isinstance(node, Edit | Alternation))
