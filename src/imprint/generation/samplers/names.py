"""Names of samplers and schedules as other tools write them, those included that say both at once.

Reads: names. Writes: names. Does not: know what they stand for.

A1111 before 1.9 had "DPM++ 2M Karras" for the sampler DPM++ 2M on the schedule Karras, and clients still send it.
"""

from __future__ import annotations

from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.generation.samplers.registry import SAMPLERS

AUTOMATIC = "automatic"  # A1111's name for the sampler's own schedule


def resolve_sampler(name: str) -> tuple[str, str | None]:
    """What a sampler's name stands for; capitals do not matter.

    Args:
        name: of a sampler, an alias, or either followed by a schedule's ("Euler a", "DPM++ SDE Karras").
    Returns: (the sampler's registered name, the schedule's or None where the name says none).
    Raises: UnknownNameError: naming the nearest.
    """
    if found := SAMPLERS.find(name):
        return found, None
    for place, character in enumerate(name):
        if character in " _" and (sampler := SAMPLERS.find(name[:place])):
            rest = name[place + 1 :]
            schedule = "karras" if rest == "ka" else SCHEDULES.find(rest)  # "k_dpmpp_2m_ka" is A1111's alias
            if schedule:
                return sampler, schedule
            if rest.lower() == AUTOMATIC:
                return sampler, None
    return SAMPLERS.get(name).name, None


def resolve_schedule(name: str | None) -> str | None:
    """What a schedule's name stands for; capitals do not matter.

    Args:
        name: of a schedule or an alias; None or "Automatic" for the sampler's own.
    Returns: the registered name, or None for the sampler's own.
    Raises: UnknownNameError: naming the nearest.
    """
    if name is None or name.lower() == AUTOMATIC:
        return None
    return SCHEDULES.find(name) or SCHEDULES.get(name).name
