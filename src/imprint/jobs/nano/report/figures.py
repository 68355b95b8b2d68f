"""The figures of a base: one set for each seed, and what they are together. Reads and writes nothing."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from imprint.jobs.nano.report.plan import Plan

FINE = ("eyes", "glasses")  # the smallest things in a picture: what an autoencoder blurs first


@dataclass(frozen=True)
class Spread:
    """One figure over seeds: its mean, and the sample standard deviation (0 for one seed)."""

    mean: float
    deviation: float
    seeds: int

    def text(self, digits: int = 3) -> str:
        """As it stands in a table."""
        around = f" ± {self.deviation:.{digits}f}" if self.seeds > 1 else ""
        return f"{self.mean:.{digits}f}{around}"


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of at least one value."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return Spread(statistics.fmean(values), deviation, len(values))


@dataclass(frozen=True)
class SeedFigures:
    """What one seed measured; accuracies and shares are 0..1, what was not measured is None.

    Attributes:
        seed: which.
        psnr_db: of held-out renders through the autoencoder.
        renders: the judge's accuracy by attribute on these renders.
        reconstructions: the same after the autoencoder.
        drawn: the same on what the base drew from unseen captions.
        binding: colours that read as asked, in captions with at least two.
        swapped: colours read as one that another thing in the picture was asked to have.
        unseen_pairs: pictures in which both values of a held-out pair read as asked.
        unseen_attributes: mean accuracy of all attributes of these pictures.
        unseen_renders: the first on renders of the same, where only the judge can be wrong.
        face_diversity: variety of the pictures of one caption against that of renders that it goes with.
        face_diversity_anyone: the same against renders of anyone who has what it says.
        judge_ece: the judge's calibration error on renders.
        identity_auc: how surely the judge tells individuals of a class apart.
        seconds: for one picture, drawn alone.
        seconds_guided: the same with guidance in every step.
    """

    seed: int
    psnr_db: float
    renders: Mapping[str, float]
    reconstructions: Mapping[str, float]
    drawn: Mapping[str, float]
    binding: float | None
    swapped: float | None
    unseen_pairs: float | None
    unseen_attributes: float | None
    unseen_renders: float | None
    face_diversity: float
    face_diversity_anyone: float
    judge_ece: float | None
    identity_auc: float | None
    seconds: float
    seconds_guided: float

    def values(self) -> dict[str, float | None]:
        """Every single figure by name, those over attributes included."""
        tables = {"renders": self.renders, "reconstructions": self.reconstructions, "drawn": self.drawn}
        out: dict[str, float | None] = {name: value for name, value in asdict(self).items() if name not in tables}
        out.pop("seed")
        out |= {name: statistics.fmean(table.values()) for name, table in tables.items()}
        out["kept"] = statistics.fmean(self.reconstructions.values()) / statistics.fmean(self.renders.values())
        for name in FINE:
            if self.renders.get(name) and name in self.reconstructions:
                out[f"kept_{name}"] = self.reconstructions[name] / self.renders[name]
        return out


@dataclass(frozen=True)
class Measured:
    """All seeds' figures, and what does not depend on a seed.

    Attributes:
        seeds: one each.
        plan: how they were measured.
        threads: that pictures were drawn with.
        processor: its name.
        base_megabytes: of the base's weights.
        judge_megabytes: of the judge's.
        pairs_held_out: whether the base's training is known to have left out the unseen pairs.
    """

    seeds: tuple[SeedFigures, ...]
    plan: Plan
    threads: int
    processor: str
    base_megabytes: float
    judge_megabytes: float
    pairs_held_out: bool

    @property
    def figures(self) -> dict[str, Spread]:
        """Mean and spread of every figure that each seed measured, the worst attribute's accuracy among them."""
        tables = [seed.values() for seed in self.seeds]
        found: dict[str, Spread] = {}
        for name in tables[0]:
            values = [value for table in tables if (value := table.get(name)) is not None]
            if len(values) == len(tables):
                found[name] = spread(values)
        found["worst"] = self.attribute("drawn", self.worst)
        return found

    @property
    def worst(self) -> str:
        """The attribute that the base draws worst, over all seeds."""
        return min(self.attributes("drawn"), key=lambda name: self.attribute("drawn", name).mean)

    @property
    def ran_on(self) -> str:
        """What the pictures were drawn on: "4 threads of AMD EPYC"."""
        return f"{self.threads} threads of {self.processor}"

    def attributes(self, table: str) -> tuple[str, ...]:
        """The attributes of a table that every seed measured."""
        tables: list[Mapping[str, float]] = [getattr(seed, table) for seed in self.seeds]
        return tuple(name for name in tables[0] if all(name in other for other in tables))

    def attribute(self, table: str, name: str) -> Spread:
        """One attribute's accuracy: `table` is "renders", "reconstructions" or "drawn"."""
        return spread([getattr(seed, table)[name] for seed in self.seeds])

    def as_json(self) -> dict[str, Any]:
        """Everything, as it is kept in measured.json."""
        figures = self.figures
        return {
            "figures": {name: asdict(value) for name, value in figures.items()},
            "psnr_db": figures["psnr_db"].mean,
            "means": {name: figures[name].mean for name in ("renders", "reconstructions", "drawn")},
            "worst": self.worst,
            "seeds": [asdict(seed) for seed in self.seeds],
            "plan": self.plan.model_dump(mode="json"),
            "threads": self.threads,
            "processor": self.processor,
            "megabytes": {"base": self.base_megabytes, "judge": self.judge_megabytes},
            "pairs_held_out": self.pairs_held_out,
        }
