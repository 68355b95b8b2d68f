"""From what was asked and drawn to the record that travels with a picture.

Reads: requests, passes. Writes: records. Does not: know other tools' records (`record` does), or files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imprint.artifacts.picture import AdapterRecord, PictureRecord
from imprint.families.family import Family
from imprint.generation.masks import Pixels
from imprint.generation.passes import Pass
from imprint.generation.precision import precision_of
from imprint.generation.request import RECORDED, PictureRequest


@dataclass(frozen=True)
class Drawn:
    """A finished picture, and what there is to say of it besides what was asked."""

    pixels_HWC: Pixels
    networks: tuple[AdapterRecord, ...] = ()
    """Networks and embeddings that the prompts named and that were found."""
    notes: tuple[str, ...] = ()
    """What did not go as usual."""


def record_of(
    family: Family, request: PictureRequest, plan: Pass, adapters: tuple[AdapterRecord, ...], drawn: Drawn,
    **more: Any,
) -> PictureRecord:
    """The record of a picture.

    Args:
        family: the base.
        request: what was asked.
        plan: its first pass, or its only one.
        adapters: what is applied to the base.
        drawn: the picture.
        more: further fields of the record.
    """
    from imprint import __version__

    return PictureRecord(
        steps=plan.steps, sampler=plan.sampler, schedule=plan.schedule, width_px=plan.width_px,
        height_px=plan.height_px, base=family.base_hash, family=family.name, precision=precision_of(family),
        adapters=adapters, networks=drawn.networks, notes=drawn.notes,
        **{name: getattr(request, name) for name in RECORDED}, **more, imprint=__version__,
    )  # fmt: skip
