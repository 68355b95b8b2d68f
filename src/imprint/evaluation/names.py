"""Names of judges and checks as fields of recipes. Reads: names. Writes: the same. Does not: open anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator

from imprint.errors import UnknownNameError
from imprint.evaluation.defects import DEFECTS
from imprint.evaluation.judges import JUDGES
from imprint.registry import Registry


def _known(registry: Registry[Any]) -> Callable[[str], str]:
    """A check that a name is registered, for pydantic."""

    def check(name: str) -> str:
        try:
            registry.get(name)
        except UnknownNameError as error:
            raise ValueError(error.render()) from error
        return name

    return check


JudgeName = Annotated[str, AfterValidator(_known(JUDGES))]
DefectName = Annotated[str, AfterValidator(_known(DEFECTS))]
