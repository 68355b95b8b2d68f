"""Records as they are shown, and settings that are meant for one.

Reads: FoundRecord, settings. Writes: plain fields. Does not: print.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imprint.artifacts.found_record import FoundRecord
from imprint.artifacts.infotext import Infotext, modernised, old_rules
from imprint.config import Config


def shown_record(found: FoundRecord) -> dict[str, Any]:
    """What is shown of a record, whoever wrote it: the tool, where it stands, then what it says."""
    head = {"tool": found.tool, "place": found.place}
    if found.record is not None:
        scores = {one.name: one.value for one in found.record.scores}
        return head | found.record.model_dump(mode="json") | {"scores": scores}
    return head | (_shown_infotext(found.infotext) if found.infotext else {"graph": dict(found.graph)})


def _shown_infotext(info: Infotext) -> dict[str, Any]:
    said = info.parameters
    filled = {
        key: value
        for key, value in modernised(info).settings().items()
        if key not in said and key.rpartition("-")[0] not in said  # a size in its two parts
    }
    return {
        "prompt": info.prompt, "negative_prompt": info.negative_prompt, "parameters": dict(info.parameters),
        "filled_in": filled, "old_rules": list(old_rules(info)),
    }  # fmt: skip


def split_sets(model: type[Config], sets: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Settings of the recipe itself, and those of the picture that is asked for."""
    own = [text for text in sets if text.partition("=")[0].strip().partition(".")[0] in model.model_fields]
    return own, tuple(text for text in sets if text not in own)
