"""What a prompt says, for readers that know nothing of its language: judges.

Reads: prompts. Writes: texts. Does not: weigh, or know tokens.
"""

from __future__ import annotations

from imprint.prompts.reading import read_prompt
from imprint.prompts.settings import ReadSettings
from imprint.prompts.weighting import Weighted


def plain_text(prompt: str, settings: ReadSettings | None = None) -> str:
    """A prompt's words at its last step, without weights, edits and networks; what has no positive weight is unsaid.

    Args:
        prompt: in the language of prompts.
        settings: as it is read for drawing; left out, those of `read_prompt`.
    """
    parts = [part for part in read_prompt(prompt, settings).parts if part.weight > 0]
    said = ["".join(_said(piece) for piece in part.schedule.entries[-1].weighted) for part in parts]
    return " ".join(" ".join(said).split())


def _said(piece: Weighted) -> str:
    if piece.is_break:
        return " "
    return piece.text if piece.weight > 0 else ""
