"""How a prompt is to be read.

Reads: nothing. Writes: nothing. Does not: know any prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from imprint.errors import PromptError

Compat: TypeAlias = Literal["imprint", "a1111"]
STEPS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What decides the meaning of a prompt besides its text.

    Raises: PromptError: if a number of steps is out of range, or the compatibility unknown.
    """

    steps: int = 20
    """Sampler steps of the first pass, 1 to 10,000."""
    hires_steps: int | None = None
    """Read for the hires pass of so many steps, behind a first pass of `steps`; None for the first pass."""
    compat: Compat = "imprint"
    """"a1111" reproduces the quirks of AUTOMATIC1111 1.10; "imprint" repairs and reports them."""
    negative: bool = False
    """In a negative prompt the word AND is text."""
    calls_per_step: int = 1
    """Model calls that the sampler makes at each step: 2 for Heun, DPM2 and DPM++ SDE."""
    old_timelines: bool = False
    """A1111's rule before 1.6: a number below 1 is a fraction, any other a step, the hires pass counts anew."""
    comments: bool = True
    """Whether # begins a comment."""

    def __post_init__(self) -> None:
        if self.compat not in get_args(Compat):
            allowed = ", ".join(get_args(Compat))
            raise PromptError("unknown compatibility", where="compat", got=self.compat, allowed=allowed)
        for name in ("steps", "hires_steps", "calls_per_step"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= STEPS_LIMIT:
                raise PromptError("out of range", where=name, got=value, allowed=f"1 to {STEPS_LIMIT}")

    @property
    def quirks(self) -> bool:
        """Whether A1111's quirks are reproduced."""
        return self.compat == "a1111"

    @property
    def scale(self) -> int:
        """Units of the schedule per step: A1111 counts model calls, Imprint steps."""
        return self.calls_per_step if self.quirks else 1

    @property
    def length(self) -> int:
        """Units of the pass that is read."""
        return (self.steps if self.hires_steps is None else self.hires_steps) * self.scale
