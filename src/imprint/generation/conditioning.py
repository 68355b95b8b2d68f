"""What the network is told while a picture appears: texts that change with the steps, added up with weights.

Reads: encoded texts. Writes: nothing. Does not: parse or encode prompts, or call the network.

Shapes: N tokens, D text width; a text of several windows has a multiple of 77 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field, model_validator
from torch import Tensor

from imprint.config.base import Config
from imprint.generation.samplers import OnStep, SamplerStep


@dataclass(frozen=True)
class Stretch:
    """A text that holds for a stretch of the run."""

    end: int
    """The first unit (a step, or in A1111's way a model call) for which it no longer holds."""
    text_1ND: Tensor
    """Its encoding."""


@dataclass(frozen=True)
class Line:
    """A text that changes with the steps."""

    stretches: tuple[Stretch, ...]
    """In order; the last one holds to the end, whatever its own says."""

    @classmethod
    def always(cls, text_1ND: Tensor) -> Line:
        """One text from first to last."""
        return cls((Stretch(0, text_1ND),))

    def at(self, unit: int) -> Tensor:
        """The encoding for a step or call, counted from 0."""
        held = (stretch for stretch in self.stretches if unit < stretch.end)
        return next(held, self.stretches[-1]).text_1ND


@dataclass(frozen=True)
class Conditioning:
    """All that one picture is told."""

    positive: tuple[tuple[float, Line], ...]
    """What is wanted, each with its weight; more than one are composed (A1111's AND)."""
    negative: Line
    """What is not."""

    @classmethod
    def of(cls, text_1ND: Tensor, negative_1ND: Tensor) -> Conditioning:
        """One text against one other."""
        return cls(((1.0, Line.always(text_1ND)),), Line.always(negative_1ND))

    @classmethod
    def rows(cls, text_BND: Tensor, negative_BND: Tensor) -> list[Conditioning]:
        """`of` for each row of two batches."""
        return [cls.of(text[None], negative[None]) for text, negative in zip(text_BND, negative_BND, strict=True)]


class GuidanceSettings(Config):
    """When and how the prompt guides; how strongly is `cfg_scale`."""

    cfg_start: float = Field(default=0.0, ge=0, le=1)
    """Share of the steps before which there is no guidance; up to 0.3 gives more variety."""
    cfg_end: float = Field(default=1.0, ge=0, le=1)
    """Share of the steps from which on there is none; from 0.7 on it saves time and changes little."""
    cfg_rescale: float = Field(default=0.0, ge=0, le=1)
    """How far contrast that guidance adds is taken back; 0.7 is usual for zero terminal SNR and high scales."""

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.cfg_start >= self.cfg_end:
            raise ValueError(f"cfg_start must be below cfg_end, {self.cfg_end:g}; cfg_scale = 1 is no guidance at all")
        return self


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance: how strongly the prompt is followed, when, and how its contrast is kept."""

    scale: float
    """CFG scale; 1 is none."""
    start: float = 0.0
    """Share of the steps before which there is none, 0..1."""
    end: float = 1.0
    """Share of the steps from which on there is none, 0..1."""
    rescale: float = 0.0
    """How far the guided prediction gets back the spread of the unguided one, 0..1."""

    def at(self, step: int, steps: int) -> float:
        """The scale of a step, counted from 0; a sampler that takes more than it was given stays at its last."""
        return self.scale if self.start <= min(step, steps - 1) / steps < self.end else 1.0


class Progress:
    """Where a run stands; the sampler's listener moves it on, the denoiser reads it.

    Args:
        steps: in all.
        by_calls: count model calls, one stretch late, as A1111 does: its entry for the units up to n holds for n + 1
            calls.
    """

    def __init__(self, steps: int, by_calls: bool = False) -> None:
        self.steps, self.by_calls = steps, by_calls
        self.step = self.calls = 0

    @property
    def unit(self) -> int:
        """The unit whose texts hold now."""
        return max(self.calls - 1, 0) if self.by_calls else self.step

    def told_to(self, on_step: OnStep | None) -> OnStep:
        """A listener for the sampler that moves this on, and then calls another.

        A sampler may make fewer, longer steps than it was given: each then counts for several.
        """

        def listener(step: SamplerStep) -> None:
            self.step = (step.index + 1) * self.steps // step.steps
            if on_step is not None:
                on_step(step)

        return listener


def alike(texts: Sequence[Tensor]) -> dict[int, list[int]]:
    """Places of the texts by their number of tokens: those that one call of the network can read together."""
    groups: dict[int, list[int]] = {}
    for place, text_1ND in enumerate(texts):
        groups.setdefault(text_1ND.shape[1], []).append(place)
    return groups
