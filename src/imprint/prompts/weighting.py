"""Weights: which words of a text weigh how much.

Reads: the text of one step, with edits resolved. Writes: Weighted. Does not: know tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from imprint.prompts.lexing import lex_weights
from imprint.prompts.parsing import parse
from imprint.prompts.settings import Compat
from imprint.prompts.syntax import Break, Emphasis, Escape, Node, Text

WEIGHT_LIMIT = 1e6  # far above what means anything; keeps weights finite in single precision


@dataclass(frozen=True, slots=True)
class Weighted:
    """Some text and its weight, or a BREAK between two chunks."""

    text: str
    weight: float
    is_break: bool = False


@dataclass(slots=True)
class _Piece:
    text: str
    weight: float
    end: int  # in the text, to know what stands directly before a BREAK
    is_break: bool = False


def weighted_parts(text: str, compat: Compat = "imprint") -> tuple[Weighted, ...]:
    """Read emphasis, escapes and BREAK; any text has parts.

    Args:
        text: of one step: edits, networks and comments in it are plain text.
        compat: "a1111" keeps two quirks: the weight in `(a\\:1.2)`, and the word that BREAK becomes inside brackets.
    Returns: at least one part, neighbours of the same weight joined, weights within +-`WEIGHT_LIMIT`.
    """
    quirks = compat == "a1111"
    tree = parse(text, lex_weights(text, quirks), edits=False, end=len(text)).nodes
    pieces: list[_Piece] = []
    _collect(text, tree, [], quirks, pieces)
    return _joined(pieces)


def _collect(text: str, nodes: tuple[Node, ...], factors: list[float], quirks: bool, pieces: list[_Piece]) -> None:
    weight = 1.0
    for factor in reversed(factors):  # from the inside out, as A1111 multiplies: the same floats to the last bit
        weight *= factor
    for node in nodes:
        match node:
            case Text(start, end):
                pieces.append(_Piece(text[start:end], weight, end))
            case Escape(start, end):
                pieces.append(_Piece(text[start + 1 : end], weight, -1))
            case Emphasis():
                factors.append(node.factor)
                _collect(text, node.children, factors, quirks, pieces)
                factors.pop()
            case Break(start, end):
                if pieces and pieces[-1].end == start:
                    pieces[-1].text = pieces[-1].text.rstrip()
                own = -weight if quirks else -1.0
                pieces.append(_Piece("BREAK", own, end, is_break=own == -1.0))
            case _:
                pass


def _joined(pieces: list[_Piece]) -> tuple[Weighted, ...]:
    parts: list[Weighted] = []
    run: list[str] = []
    for place, piece in enumerate(pieces):
        run.append(piece.text)
        after = pieces[place + 1] if place + 1 < len(pieces) else None
        if after is not None and after.weight == piece.weight and not (piece.is_break or after.is_break):
            continue
        if joined := "".join(run):
            parts.append(Weighted(joined, _limited(piece.weight), piece.is_break))
        run.clear()
    return tuple(parts) or (Weighted("", 1.0),)


def _limited(weight: float) -> float:
    # 0 x infinity, from a zero inside digits without end, is no weight at all.
    return 0.0 if math.isnan(weight) else max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, weight))
