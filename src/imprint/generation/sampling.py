"""Which sampler on which levels, as fields that requests and recipes share.

Reads: names as any tool writes them. Writes: registered names. Does not: sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, cast

from pydantic import AfterValidator, Field, model_validator

from imprint.config.base import Config
from imprint.errors import ConfigError, UnknownNameError
from imprint.generation.samplers import SAMPLERS, resolve_sampler, resolve_schedule


def _sampler_name(name: str) -> str:
    try:
        sampler, schedule = resolve_sampler(name)
    except UnknownNameError as error:
        raise ValueError(error.render()) from error
    if schedule not in (None, SAMPLERS.get(sampler).schedule):
        raise ValueError(f"this name also says the schedule {schedule}, which cannot be chosen here; use {sampler}")
    return sampler


def _schedule_name(name: str | None) -> str | None:
    try:
        return resolve_schedule(name)
    except UnknownNameError as error:
        raise ValueError(error.render()) from error


SAMPLER_OPTIONS = ("eta", "s_noise", "s_churn", "s_tmin", "s_tmax")  # fields, named as in `SamplerEntry.options`

SamplerName = Annotated[str, AfterValidator(_sampler_name)]
ScheduleName = Annotated[str | None, AfterValidator(_schedule_name)]


class SamplerSettings(Config):
    """How noise becomes a picture. What is left out is the sampler's own."""

    sampler: SamplerName = "dpmpp_2m"
    """How noise becomes a picture: docs/reference/samplers.md; names of A1111, ComfyUI and diffusers work too."""
    schedule: ScheduleName = None
    """Which noise levels are visited: karras, uniform, exponential, sgm_uniform, ...; left out, the sampler's own."""
    eta: float | None = Field(default=None, ge=0, le=1)
    """Share of the noise that is drawn afresh in a step; of samplers that draw any."""
    s_noise: float | None = Field(default=None, gt=0, le=2)
    """Standard deviation of noise that is drawn in a step; 1 is the theory's, a little more adds texture."""
    s_churn: float | None = Field(default=None, ge=0, le=500)
    """Noise put back over all steps; of euler, heun and dpm_2. 0 is none, above 0.41 * steps nothing changes."""
    s_tmin: float | None = Field(default=None, ge=0)
    """Lowest noise level at which s_churn puts noise back."""
    s_tmax: float | None = Field(default=None, ge=0)
    """Highest noise level at which s_churn puts noise back."""

    @model_validator(mode="before")
    @classmethod
    def _names_that_say_both(cls, data: object) -> object:
        """ "DPM++ 2M Karras" is a sampler and a schedule."""
        if not isinstance(data, Mapping):
            return data
        fields = cast("Mapping[str, object]", data)
        name, schedule = fields.get("sampler"), fields.get("schedule")
        if not isinstance(name, str) or not isinstance(schedule, str | None):
            return fields
        try:
            sampler, implied = resolve_sampler(name)
            wanted = resolve_schedule(schedule)
        except UnknownNameError:
            return fields  # the field's own validator says so, with its place
        if implied and wanted not in (None, implied):
            raise ValueError(f"sampler = {name!r} says the schedule {implied}, but schedule = {schedule!r}")
        return {**fields, "sampler": sampler, "schedule": implied or wanted}

    @model_validator(mode="after")
    def _options_apply(self) -> SamplerSettings:
        try:
            SAMPLERS.get(self.sampler).with_options(self.options())
        except ConfigError as error:
            raise ValueError(error.render()) from error
        return self

    def options(self) -> dict[str, float]:
        """The options of the sampler that were set."""
        given = ((name, cast("float | None", getattr(self, name))) for name in SAMPLER_OPTIONS)
        return {name: value for name, value in given if value is not None}
