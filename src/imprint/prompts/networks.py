"""Extra networks: what `<lora:name:te:unet:dyn>` and its relatives ask for.

Reads: the text between the angle brackets. Writes: Network nodes. Does not: look for files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from imprint.prompts.remarks import RemarkKind
from imprint.prompts.syntax import Dropped, Network

Say = Callable[[RemarkKind, str], None]
_POSITIONS = ("te", "unet", "dyn")
# Parts between slashes tell files of one name apart; nothing that could lead out of the folders.
_PATHLIKE = re.compile(r"[\\\0]|(?:^|/)(?:\.|/|$)|/$")
_OPTION = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def read_network(text: str, start: int, say: Say) -> Network | Dropped:
    """The node of one `<kind:...>`.

    Args:
        text: with its angle brackets.
        start: where it stands in the prompt.
        say: told what is wrong with it.
    Returns: Dropped for a kind that does not exist and for a name that would be a path.
    """
    end = start + len(text)
    kind, _, rest = text[1:-1].partition(":")
    if kind not in ("lora", "lyco", "hypernet"):
        say("network-kind", f"there is no network of the kind {kind!r}, so this loads nothing; for text write \\<")
        return Dropped(start, end)
    name, *values = (part.strip() for part in rest.split(":"))
    if not name or _PATHLIKE.search(name):
        say("network-name", "a network is called by its name among the networks, not by a path, so this loads nothing")
        return Dropped(start, end)
    placed, options = _sorted_values(values, say)
    first = _number(placed.get("te"), 1.0, say)
    if kind == "hypernet":
        return Network(start, end, "hypernet", name, 1.0, first, None, options)
    unet, rank = _number(placed.get("unet"), first, say), placed.get("dyn")
    return Network(start, end, "lora", name, first, unet, _rank(rank, say), options)


def _sorted_values(values: list[str], say: Say) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Values by what they are for, those without a name in the order te, unet, dyn; and all other named ones."""
    placed: dict[str, str] = {}
    options: list[tuple[str, str]] = []
    free = iter(_POSITIONS)
    for value in values:
        if not (match := _OPTION.fullmatch(value)):
            if (position := next(free, None)) is None:
                say("network-value", f"a fourth value means nothing here and is ignored: {value!r}")
            elif value:
                placed.setdefault(position, value)
        elif match[1] in _POSITIONS:
            placed[match[1]] = match[2].strip()
        else:
            options.append((match[1], match[2].strip()))
    return placed, tuple(options)


def _number(text: str | None, default: float, say: Say) -> float:
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    say("network-value", f"a strength is a number; {text!r} is read as {default:g}")
    return default


def _rank(text: str | None, say: Say) -> int | None:
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,6}", text):
        return int(text)
    say("network-value", f"dyn is a whole number of ranks; {text!r} is ignored")
    return None
