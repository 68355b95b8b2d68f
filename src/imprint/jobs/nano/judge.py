"""The judge stage: learn to name what is in pictures, to match them with captions, to tell individuals apart.

Reads: the rendered world, the tokenizer and, where the recipe says so, the base as far as the build has one. Writes:
`judge/`, its measured accuracy, confidence and identity.

The judge learns from what the build has of its base when the stage begins: the whole model, or, run by itself before
the diffusion stage, the autoencoder alone. Run again when there is more of the base, it puts the old judge aside (in
`earlier-HASH/`) and begins anew, and with nothing new it goes on or is done. A judge that went on from its old weights
would depend on when stages were run; this one is a function of the recipe and of the base.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from imprint.artifacts.files import json_text, sha256_file, sha256_json, write_json, write_text
from imprint.config import Config
from imprint.diffusion.randomness import Purpose, integer, normal, uniform
from imprint.jobs.nano.drawn import Base, Drawn, DrawnWorld, draw_world, open_base, reconstruct_individuals
from imprint.jobs.nano.individuals import HELD_OUT_FAMILY, Families, RenderedIndividuals, render_individuals
from imprint.jobs.nano.judge_measures import (
    LOOK,
    Answers,
    Through,
    accuracy,
    ask,
    calibrated,
    confidence,
    identity_report,
    labels,
)
from imprint.jobs.nano.rendered import CHUNK, HELD_OUT_SEED, RenderedWorld, render_world, to_model_range
from imprint.jobs.nano.stages import World, run_stage, seeded
from imprint.jobs.nano.tokenizer import open_tokenizer
from imprint.jobs.progress import announce
from imprint.nano.judge import Judge, JudgeShape
from imprint.nano.world.captions import caption
from imprint.nano.world.spec import Spec
from imprint.nano.world.vocabulary import COLOUR_ATTRIBUTES
from imprint.training.contrastive import NOBODY, Contrastive, ContrastiveObjective, LabelledBatch
from imprint.training.loop import LoopConfig

log = logging.getLogger(__name__)

LEAST_SHARP = 0.6  # of a side's pixels are left by the strongest blur
ROUGH_SEEDS = 1_000_003  # between the seeds of the roughenings of one step


class Individuals(Config):
    """Random individuals that the judge learns to tell apart, and how many of them are in a step."""

    families: int = Field(default=2000, ge=2)
    """Figures to train on, each with doubles that differ by a mark only."""
    held_out: int = Field(default=100, ge=2)
    """Figures to measure on."""
    members: int = Field(default=3, ge=2, le=9)
    """Individuals of a family: the plain figure and its marked doubles."""
    pictures: int = Field(default=4, ge=2)
    """Pictures of each individual, in different scenes."""
    families_a_step: int = Field(default=8, ge=1)
    """Families in one step."""
    pictures_a_step: int = Field(default=2, ge=2)
    """Pictures of each of their members in one step."""

    @model_validator(mode="after")
    def _enough_pictures(self) -> Self:
        if self.pictures_a_step > self.pictures:
            raise ValueError(f"pictures_a_step must be at most pictures, {self.pictures}")
        return self


class JudgeRecipe(Config):
    """Train the embedded base's judge from nothing."""

    stage: Literal["judge"] = "judge"
    """Which stage of the base this recipe is for."""
    seed: int = Field(default=2, ge=0)
    """Decides every random number of the stage."""
    world: World = World()
    """The pictures."""
    shape: JudgeShape = JudgeShape()
    """Sizes of the network."""
    objective: ContrastiveObjective = ContrastiveObjective()
    """The loss."""
    batch_size: int = Field(default=64, ge=2)
    """Pictures in one step, each with its caption."""
    individuals: Individuals | None = None
    """Pictures of individuals beside those, for the identity head. Empty: nobody is told apart."""
    drawn: Drawn | None = None
    """Pictures that went through the base. Empty: clean renders only."""
    loop: LoopConfig = LoopConfig()
    """Steps, optimiser, schedule, averaging."""

    @model_validator(mode="after")
    def _heads_have_pictures(self) -> Self:
        if (self.shape.identity is None) != (self.individuals is None):
            raise ValueError("[shape.identity] and [individuals] need each other: give both or neither")
        return self


@dataclass(frozen=True)
class IndividualSource:
    """Pictures of some families for a step: all members, a few pictures of each, the same ones of every member."""

    rendered: RenderedIndividuals
    plan: Individuals
    seed: int

    def rows(self, step: int) -> list[tuple[int, int, int]]:
        """(place of the family, member, picture), the k-th pictures of all together."""
        families = self.rendered.families
        rows: list[tuple[int, int, int]] = []
        places = np.argsort(uniform(self.seed, step, 1, Purpose.ORDER, families.count), kind="stable")
        for row, place in enumerate(places[: self.plan.families_a_step]):
            sample = step * self.plan.families_a_step + row
            order = np.argsort(uniform(self.seed, sample, 2, Purpose.ORDER, families.pictures), kind="stable")
            rows += [
                (int(place), member, int(picture))
                for picture in order[: self.plan.pictures_a_step]
                for member in range(families.members)
            ]
        return rows

    def batch(self, step: int) -> tuple[Tensor, list[Spec], Tensor]:
        """Pictures in 0..1, what they show, and who is in them."""
        rows = self.rows(step)
        pixels = (to_model_range(np.stack([self.rendered.pixels(*row) for row in rows])) + 1) / 2
        members = self.rendered.families.members
        who = torch.tensor([place * members + member for place, member, _ in rows])
        return pixels, [self.rendered.families.spec(*row) for row in rows], who


@dataclass(frozen=True)
class LabelledSource:
    """Pictures with captions and labels, roughened so that drawn pictures are read as well as clean renders.

    Attributes:
        world: clean renders.
        judge: whose tokenizer reads the captions.
        seed: of the stage.
        batch_size: captioned pictures in a step.
        drawn: pictures of the world that went through the base, or None.
        drawn_share: share of the captioned pictures that are taken from them.
        individuals: pictures without captions beside those, or None.
    """

    world: RenderedWorld
    judge: Judge
    seed: int
    batch_size: int
    drawn: DrawnWorld | None = None
    drawn_share: float = 0.0
    individuals: IndividualSource | None = None

    def batch(self, step: int) -> LabelledBatch:
        """The pictures of one step."""
        first = step * self.batch_size
        picked = [self._picture(first + row) for row in range(self.batch_size)]
        specs = [self.world.spec(index) for _, index in picked]
        tokens, padding = self.judge.tokenize([caption(spec, first + row) for row, spec in enumerate(specs)])
        pixels = roughened((to_model_range(np.stack([p for p, _ in picked])) + 1) / 2, self.seed, step)
        if self.individuals is None:
            return LabelledBatch(pixels, tokens, padding, labels(specs))
        others, shown, who = self.individuals.batch(step)
        halves = others.tensor_split(2)  # pictures of one individual are not all roughened alike
        rough = [roughened(half, self.seed + ROUGH_SEEDS * (k + 1), step) for k, half in enumerate(halves)]
        hidden = [COLOUR_ATTRIBUTES if spec.mark else () for spec in (*specs, *shown)]  # a mark may cover any colour
        nobody = torch.full((len(specs),), NOBODY)
        return LabelledBatch(
            torch.cat([pixels, *rough]), tokens, padding, labels([*specs, *shown], hidden), torch.cat([nobody, who]),
        )

    def _picture(self, sample: int) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], int]:
        """Picture number `sample` of the run, and the world's picture that it shows."""
        if self.drawn and uniform(self.seed, sample, 3, Purpose.ORDER)[0] < self.drawn_share:
            return self.drawn.picture(integer(self.seed, sample, 0, Purpose.ORDER, len(self.drawn)))
        index = integer(self.seed, sample, 0, Purpose.ORDER, len(self.world))
        return self.world.pixels(index), index


def roughened(pixels_BCHW: Tensor, seed: int, step: int) -> Tensor:
    """Blur, brightness and noise of a random strength: an autoencoder's output is never as crisp as a render."""
    blur, gain, grain = uniform(seed, step, 0, Purpose.CROP, 3)
    size = pixels_BCHW.shape[-1]
    small = int(size * (LEAST_SHARP + (1 - LEAST_SHARP) * blur))
    if small < size:
        pixels_BCHW = functional.interpolate(pixels_BCHW, (small, small), mode="bilinear", antialias=True)
        pixels_BCHW = functional.interpolate(pixels_BCHW, (size, size), mode="bicubic")
    noise = normal(seed, step, [0], Purpose.NOISE, pixels_BCHW.shape[1:])
    return (pixels_BCHW * (0.85 + 0.3 * gain) + 0.06 * grain * noise).clamp(0, 1)


def train_judge(recipe: JudgeRecipe, build: Path) -> Path:
    """Run the stage, or what is left of it. Returns: the folder `judge/`."""
    stage, size_px = build / "judge", recipe.world.size_px
    base = open_base(build, recipe.loop.precision) if recipe.drawn else None
    state: dict[str, Any] = {"recipe": sha256_json(recipe.model_dump(mode="json")), **(base.hashes if base else {})}
    if base:
        begin_anew(stage, base.hashes)
    if finished(stage, state):
        return stage / "judge"
    world = render_world(build / "world", recipe.world.pictures, 0, size_px, announce("render"))
    held_out = render_world(build / "world", recipe.world.held_out, HELD_OUT_SEED, size_px)
    seeded(recipe.seed)
    judge = Judge(recipe.shape, open_tokenizer(build))
    source = LabelledSource(
        world, judge, recipe.seed, recipe.batch_size,
        draw_world(base, world, recipe.drawn, build / "drawn") if base and recipe.drawn else None,
        recipe.drawn.share if recipe.drawn else 0.0, _individuals(recipe, build, base),
    )
    trainer = run_stage(stage, Contrastive(judge, recipe.objective), source, recipe.loop, state)
    with trainer.averaged():
        judge.eval()
        measured = measure(judge, recipe, held_out, base, build / "drawn")
        judge.save(stage / "judge")
    write_json(stage / "measured.json", {**measured, "state": state})
    return stage / "judge"


def finished(stage: Path, state: dict[str, Any]) -> bool:
    """Whether a judge of this recipe and base was trained and measured; its figures are the last thing written."""
    path = stage / "measured.json"
    return path.exists() and json.loads(path.read_text(encoding="utf-8")).get("state") == state


def begin_anew(stage: Path, hashes: dict[str, str]) -> None:
    """Put a judge aside that was trained when the build had less, or something else, of its base."""
    record = stage / "base.json"
    now = json_text(hashes)
    if record.exists() and record.read_text(encoding="utf-8") != now:
        aside = stage / f"earlier-{sha256_file(record)[:12]}"
        log.info("the base has changed since this judge was trained; it is put aside in %s", aside.name)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for name in ("checkpoints", "events.jsonl", "measured.json", "judge"):
            if (stage / name).exists():
                (stage / name).replace(aside / name)
    write_text(record, now)


def _individuals(recipe: JudgeRecipe, build: Path, base: Base | None) -> IndividualSource | None:
    """Pictures of individuals, a share of them through the autoencoder."""
    plan = recipe.individuals
    if plan is None:
        return None
    families = Families(0, plan.families, plan.members, plan.pictures)
    rendered = render_individuals(build / "world", families, recipe.world.size_px, announce("individuals"))
    softened = round(recipe.drawn.share * plan.pictures) if recipe.drawn else 0
    if base and softened:
        rendered = reconstruct_individuals(base, rendered, softened, build / "drawn")
    return IndividualSource(rendered, plan, recipe.seed)


def measure(
    judge: Judge, recipe: JudgeRecipe, held_out: RenderedWorld, base: Base | None, folder: Path,
) -> dict[str, Any]:
    """Everything that is known about a trained judge; fits its temperatures on the way.

    Temperatures are fitted on every second held-out picture in all its forms, for a judge is asked about drawn pictures
    at least as often as about renders; errors of calibration are of the other pictures, accuracies of all.
    """
    forms: dict[str, Answers] = {"renders": _asked(judge, held_out, list(held_out.batches(LOOK)))}
    if base and recipe.drawn:
        plan = recipe.drawn.model_copy(update={"reconstructed": len(held_out), "redrawn": CHUNK})
        drawn = draw_world(base, held_out, plan, folder)
        forms |= {way: _asked(judge, held_out, drawn.batches(way, LOOK)) for way in drawn.ways}
    temperatures = calibrated(forms)
    judge.calibrate(temperatures)
    accuracies = {name: accuracy(answers) for name, answers in forms.items()}
    measured: dict[str, Any] = {
        "mean": _mean(accuracies["renders"]), "attributes": accuracies["renders"], "pictures": len(held_out),
        "forms": {name: {"mean": _mean(each), "attributes": each} for name, each in accuracies.items()},
        "calibration": {
            "temperatures": temperatures,
            **{name: confidence(answers, temperatures) for name, answers in forms.items()},
        },
    }
    if recipe.individuals:
        who = recipe.individuals
        families = Families(HELD_OUT_FAMILY, who.held_out, who.members, who.pictures)
        ways: dict[str, Through | None] = {"renders": None}
        if base:
            ways["reconstructions"] = base.reconstruct
        measured["identity"] = identity_report(judge, families, held_out.size_px, ways)
    return measured


def _asked(judge: Judge, world: RenderedWorld, batches: Sequence[Tensor]) -> Answers:
    """Answers about the first pictures of a world, in batches in -1..1."""
    specs = [world.spec(row) for row in range(sum(map(len, batches)))]
    return ask(judge, [(pixels + 1) / 2 for pixels in batches], specs)


def _mean(values: dict[str, float]) -> float:
    return float(np.mean(list(values.values())))
