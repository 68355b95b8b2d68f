"""Names of judges and checks as fields of recipes. Reads: names. Writes: the same. Does not: open anything."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from imprint.errors import UnknownNameError
from imprint.evaluation.defects import DEFECTS
from imprint.evaluation.judges import JUDGES


def _judge(name: str) -> str:
    try:
        JUDGES.get(name)
    except UnknownNameError as error:
        raise ValueError(error.render()) from error
    return name


def _check(name: str) -> str:
    try:
        DEFECTS.get(name)
    except UnknownNameError as error:
        raise ValueError(error.render()) from error
    return name


JudgeName = Annotated[str, AfterValidator(_judge)]
DefectName = Annotated[str, AfterValidator(_check)]
