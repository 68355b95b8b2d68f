"""Dynamic prompts written out: one of all the prompts that a text with variants and wildcards stands for, or every one.

Reads: text, Wildcards, a seed. Writes: Expanded. Does not: read what a prompt's own marks mean.

Each random choice is a function of (seed, which choice it is): the same text and seed are the same prompt, and words
beside a variant do not change what it becomes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from imprint.diffusion.randomness import Purpose, uniform
from imprint.errors import PromptError
from imprint.prompts.dynamic import (
    DynamicNode,
    DynamicText,
    Plain,
    Sampler,
    SetVariable,
    UseVariable,
    Variant,
    Wildcard,
    parse_dynamic,
)
from imprint.prompts.remarks import Remark, RemarkKind, ordered
from imprint.prompts.wildcards import Wildcards, refused

LENGTH_LIMIT = 1_100_000  # characters of one prompt
WORK_LIMIT = 200_000  # nodes written for one prompt; about half a second
PICK_WORK = 25  # what one choice costs, in nodes
SIDES_WORK = 64  # sides of a choice that cost as much as a node
NESTING_LIMIT = 120  # variants inside wildcards inside variables ...
COMBINATIONS = 1_000
COMBINATION_WORK = 250  # nodes for each combination that is allowed, taken together


@dataclass(frozen=True, slots=True)
class Expanded:
    """A prompt without variants, wildcards and variables."""

    text: str
    remarks: tuple[Remark, ...]
    """Positions are those in the text that was expanded."""


def expand(
    text: str, seed: int, *, wildcards: Wildcards | None = None, index: int = 0, stream: int = 0
) -> Expanded:
    """One prompt.

    Args:
        text: with variants and wildcards.
        seed: decides every choice.
        wildcards: where `__name__` is looked up; without, it stays as it is, with a remark.
        index: which prompt of a batch it is: `{@a|b|c}` takes the options in turn.
        stream: a number for each text of one picture, so that prompt and negative prompt choose apart.
    Raises: PromptError: if a wildcard or variable holds itself, or the result passes `LENGTH_LIMIT`.
    """
    return _expanded(_written(text, parse_dynamic(text), _Drawing(seed, stream, index), wildcards))


def expand_all(
    text: str, *, wildcards: Wildcards | None = None, limit: int = COMBINATIONS, seed: int = 0
) -> Iterator[Expanded]:
    """Every prompt that a text stands for, the last choice changing fastest; made as they are asked for.

    Args:
        text: with variants and wildcards; `{2$$a|b|c}` stands for the pairs in their written order.
        wildcards: where `__name__` is looked up.
        limit: how many prompts there may be.
        seed: of `{~a|b}`, which is drawn even here.
    Raises: PromptError: at once, if there are more than `limit`, or to write them takes too long.
    """
    parsed, work = parse_dynamic(text), 0
    hint = "leave some variants out, draw at random with a seed, or allow more"
    too_many = PromptError("this stands for too many prompts", got=text, allowed=f"{limit} combinations", hint=hint)
    if _at_least(parsed) > limit:
        raise too_many
    for count, writer in enumerate(_combinations(text, parsed, wildcards, seed)):
        work += writer.work + writer.length // SIDES_WORK
        if count >= limit:
            raise too_many
        if work > COMBINATION_WORK * max(limit, COMBINATIONS):
            raise PromptError("these prompts grow too long together", got=text, allowed="fewer or shorter variants")
    return (_expanded(writer) for writer in _combinations(text, parsed, wildcards, seed))


def _at_least(parsed: DynamicText) -> int:
    """How many combinations there are at least: those of the variants that stand in nothing else."""
    count = 1
    for node in parsed.nodes:
        if isinstance(node, Variant) and (node.low, node.high, node.sampler) == (1, 1, ""):
            count *= max(1, sum(option.weight > 0 for option in node.options))
    return count


def _combinations(
    text: str, parsed: DynamicText, wildcards: Wildcards | None, seed: int
) -> Iterator[_Writer]:
    """Count through the choices like an odometer: write the text, then turn the last choice that has another side."""
    places: list[int] = []
    for index in range(1 << 62):
        counting = _Counting(places, _Drawing(seed, 0, index))
        yield _written(text, parsed, counting, wildcards)
        while counting.taken and counting.taken[-1] + 1 >= counting.sides[-1]:
            counting.taken.pop()
            counting.sides.pop()
        if not counting.taken:
            return
        places = [*counting.taken[:-1], counting.taken[-1] + 1]


class _Chooser(Protocol):
    """Decides where a text may become several."""

    in_order: bool
    """Whether several options of a variant keep their order."""

    def pick(self, weights: Sequence[float], sampler: Sampler) -> int:
        """One of several, by weight."""
        ...


class _Drawing:
    """Random choices, each counted.

    Args:
        seed: of the prompt.
        stream: which text of a picture it is.
        index: which prompt of a batch it is.
    """

    in_order = False

    def __init__(self, seed: int, stream: int, index: int) -> None:
        self.seed, self.stream, self.index = seed, stream, index
        self.count = 0

    def pick(self, weights: Sequence[float], sampler: Sampler) -> int:
        """Draw by weight; `@` takes what is in turn."""
        if sampler == "@":
            return self.index % len(weights)
        share = float(uniform(self.seed, self.count, self.stream, Purpose.WILDCARD)[0])
        self.count += 1
        total = sum(weights)
        if total <= 0:
            return int(share * len(weights))
        reached = 0.0
        for place, weight in enumerate(weights):
            reached += weight
            if share * total < reached:
                return place
        return max(place for place, weight in enumerate(weights) if weight > 0)


class _Counting:
    """Choices that are given, then the first of each.

    Args:
        places: for the first choices.
        drawing: for those that are drawn or taken in turn.
    """

    in_order = True

    def __init__(self, places: Sequence[int], drawing: _Drawing) -> None:
        self.places, self.drawing = places, drawing
        self.taken: list[int] = []
        self.sides: list[int] = []

    def pick(self, weights: Sequence[float], sampler: Sampler) -> int:
        """The next choice; one of weight 0 is none."""
        if sampler:
            return self.drawing.pick(weights, sampler)
        possible = [place for place, weight in enumerate(weights) if weight > 0] or list(range(len(weights)))
        chosen = self.places[len(self.taken)] if len(self.taken) < len(self.places) else 0
        self.taken.append(chosen)
        self.sides.append(len(possible))
        return possible[chosen]


def _expanded(writer: _Writer) -> Expanded:
    return Expanded("".join(writer.pieces), ordered(writer.remarks))


def _written(text: str, parsed: DynamicText, chooser: _Chooser, wildcards: Wildcards | None) -> _Writer:
    writer = _Writer(text, chooser, wildcards)
    for place in parsed.loose:
        writer.remarks.append(Remark("brace", place, place + 1, "a brace without its other one is text"))
    writer.write(parsed.nodes)
    return writer


class _Writer:
    """Writes one prompt.

    Args:
        source: the text that was given.
        chooser: decides.
        wildcards: looked up.
    """

    def __init__(self, source: str, chooser: _Chooser, wildcards: Wildcards | None) -> None:
        self.source, self.chooser, self.wildcards = source, chooser, wildcards
        self.pieces: list[str] = []
        self.remarks: list[Remark] = []
        self.variables: dict[str, tuple[DynamicNode, ...]] = {}
        self.origin: tuple[int, int] | None = None  # of the wildcard whose lines are being written
        self.depth = self.work = self.length = 0

    def write(self, nodes: Sequence[DynamicNode]) -> None:
        """Add nodes that lie side by side."""
        self.depth += 1
        if self.depth > NESTING_LIMIT:
            hint = "does a wildcard or a variable hold itself?"
            raise PromptError("wildcards and variables stand too deep inside each other", got=self.source, hint=hint)
        for node in nodes:
            self.work += 1
            if self.length > LENGTH_LIMIT or self.work > WORK_LIMIT:
                raise PromptError("this prompt grows too long", got=self.source, allowed=f"{LENGTH_LIMIT} characters")
            match node:
                case Plain():
                    self._text(node.text)
                case Variant():
                    self._variant(node)
                case Wildcard():
                    self._wildcard(node)
                case SetVariable():
                    self.variables[node.name] = (Plain(0, self._apart(node.value)),) if node.once else node.value
                case UseVariable():
                    self._variable(node)
        self.depth -= 1

    def _text(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    def _apart(self, nodes: Sequence[DynamicNode]) -> str:
        """Write nodes into a text of their own."""
        kept, self.pieces = self.pieces, []
        self.write(nodes)
        written, self.pieces = "".join(self.pieces), kept
        return written

    def _variant(self, node: Variant) -> None:
        wildcard = self._only_wildcard(node)
        weights = wildcard[1] if wildcard else [option.weight for option in node.options]
        high = len(weights) if node.high is None else min(node.high, len(weights))
        low = min(node.low, high)
        count = low + self._pick([1.0] * (high - low + 1), node.sampler) if high > low else low
        for place, side in enumerate(self._sample(weights, count, node.sampler)):
            if place:
                self._text(node.joint)
            self.write((replace(wildcard[0], row=side),) if wildcard else node.options[side].nodes)

    def _only_wildcard(self, node: Variant) -> tuple[Wildcard, list[float]] | None:
        """The wildcard of `{2$$__name__}`, whose lines are the options, with their weights."""
        if (node.low, node.high) == (1, 1) or len(node.options) != 1:
            return None
        match node.options[0].nodes:
            case (Wildcard(given=()) as only,) if self.wildcards and (lines := self.wildcards.lines(only.name)):
                return only, [line.weight for line in lines]
            case _:
                return None

    def _sample(self, weights: Sequence[float], count: int, sampler: Sampler) -> Iterator[int]:
        """Places of some of the options, each once."""
        left, weights = list(range(len(weights))), list(weights)
        in_order = self.chooser.in_order and not sampler
        for taken in range(count):
            reachable = weights[: len(left) - (count - taken) + 1] if in_order else weights
            place = 0 if len(reachable) == 1 else self._pick(reachable, sampler)
            yield left[place]
            gone = slice(0 if in_order else place, place + 1)
            del left[gone], weights[gone]

    def _pick(self, weights: Sequence[float], sampler: Sampler) -> int:
        self.work += PICK_WORK + len(weights) // SIDES_WORK
        return self.chooser.pick(weights, sampler)

    def _wildcard(self, node: Wildcard) -> None:
        lines = self.wildcards.lines(node.name) if self.wildcards and not refused(node.name) else None
        if not lines:
            self._say_unknown(node)
            return
        place = node.row or 0
        if node.row is None and len(lines) > 1:
            place = self._pick([line.weight for line in lines], node.sampler)
        kept, self.origin = self.origin, self.origin or (node.start, node.end)
        variables = dict(self.variables)
        self.variables |= {name: parse_dynamic(value).nodes for name, value in node.given}
        self.write(parse_dynamic(lines[place].text).nodes)
        if node.given:
            self.variables = variables
        self.origin = kept

    def _say_unknown(self, node: Wildcard) -> None:
        if refused(node.name):
            text = "a wildcard's name leads to no other folder, so this is text"
            self._say("wildcard-name", node.start, node.end, text)
        else:
            self._say("wildcard-unknown", node.start, node.end, f"there is no wildcard {node.name!r}, so this is text")
        self._text(f"__{node.sampler}{node.name}__")

    def _variable(self, node: UseVariable) -> None:
        value = self.variables.get(node.name, node.default)
        if value is not None:
            self.write(value)
            return
        self._say("variable-unknown", node.start, node.end, f"there is no variable {node.name!r}, so this is text")
        self._text(f"${{{node.name}}}")

    def _say(self, kind: RemarkKind, start: int, end: int, text: str) -> None:
        start, end = self.origin or (start, end)
        self.remarks.append(Remark(kind, start, end, text))

