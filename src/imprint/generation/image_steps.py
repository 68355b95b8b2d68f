"""Which noise levels a picture that starts from another one visits: four rules that are in use.

Reads: levels of whole runs. Writes: the levels of this one. Does not: draw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from torch import Tensor

from imprint.errors import ConfigError

StepRule: TypeAlias = Literal["exact", "a1111", "diffusers", "comfy"]
MAX_LEVELS = 100_000  # of the whole run that a rule takes its end from
NEARLY_WHOLE = 0.999  # A1111's cap of the strength: at 1 it would start from noise alone


def levels_of_image(
    rule: StepRule, steps: int, strength: float, levels: Callable[[int], Tensor]
) -> Tensor:
    """The levels to visit from a picture at a denoising strength.

    The rules, with d the strength:
        exact: `steps` calls at the end of a run of int(steps / min(d, 0.999)); A1111's "exactly the number of steps",
            and what its hires pass always does.
        a1111: int(min(d, 0.999) * steps) + 1 calls at the end of a run of `steps`; A1111's default.
        diffusers: int(d * steps) calls at the end of a run of `steps`.
        comfy: `steps` calls at the end of a run of int(steps / d).

    Args:
        rule: one of these.
        steps: >= 1.
        strength: 0..1. At 0 there is nothing to do, but in A1111, which makes one call.
        levels: steps of a whole run -> its descending levels, shape (steps + 1,).
    Returns: descending levels, shape (calls + 1,); empty for no calls.
    Raises: ConfigError: if the whole run would have more than `MAX_LEVELS` steps, or more than `levels` has room for.
    """
    if rule == "a1111":
        return _behind(levels(steps), steps, int(min(strength, NEARLY_WHOLE) * steps) + 1)
    calls = int(strength * steps) if rule == "diffusers" else steps
    if strength <= 0 or calls == 0:
        return levels(steps)[:0]
    if rule == "diffusers":
        return _behind(levels(steps), steps, calls)
    whole = steps / (min(strength, NEARLY_WHOLE) if rule == "exact" else strength)
    if whole > MAX_LEVELS:
        raise ConfigError(
            "so small a strength leaves nothing to draw", where="strength", got=strength,
            allowed=f">= {steps / MAX_LEVELS:g} with {steps} steps, or 0", hint="0 keeps the picture as it is",
        )  # fmt: skip
    try:
        return levels(int(whole))[-(steps + 1) :]
    except ConfigError as error:
        if whole < steps + 1:
            raise
        raise ConfigError(
            f"{steps} steps at so small a strength are the end of {int(whole)}, for which this schedule has no room",
            where="strength", got=strength, allowed=f"steps / strength {error.allowed}, or 0",
            hint="use a higher strength, fewer steps or another schedule",
        ) from error  # fmt: skip


def _behind(whole: Tensor, steps: int, calls: int) -> Tensor:
    """The end of a run, entered so many calls before its nominal last; with at least `calls`, if it has them.

    Schedules differ from their number of steps: DDIM uniform may visit one level more, ComfyUI's beta some fewer.
    """
    return whole[max(0, min(steps - calls, len(whole) - 1 - calls)) :]
