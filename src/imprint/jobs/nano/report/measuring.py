"""Measures a base over several seeds.

Reads: a base, the judge, the world. Writes: `Measured`, and some of the pictures it was measured on. Does not: choose
pictures; seeds are fixed. Does not: write files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from imprint.artifacts.event_log import EventLog
from imprint.evaluation import ImageJudge
from imprint.evaluation.attributes import accuracies, all_right, calibration_error, colour_binding, mean_accuracy
from imprint.evaluation.identity import identity_auc, identity_vectors
from imprint.evaluation.judges import image_features, read_attributes
from imprint.evaluation.metrics import mean_distance
from imprint.families import Family
from imprint.jobs.bases import base_path, open_base
from imprint.jobs.machine import processor
from imprint.jobs.nano.rendered import holds_out_pairs
from imprint.jobs.nano.report import asking
from imprint.jobs.nano.report.asking import Asked, Face
from imprint.jobs.nano.report.drawing import drawn, guided_throughout, reconstructed, rendered, seconds_a_picture
from imprint.jobs.nano.report.figures import Measured, SeedFigures
from imprint.jobs.nano.report.plan import Plan
from imprint.nano import judge_folder
from imprint.nano.judge import Judge
from imprint.nano.world.spec import Spec
from imprint.nano.world.unseen import held

SHOWN = 60  # pictures of the first seed on each contact sheet


@dataclass(frozen=True)
class Shown:
    """Pictures of the first seed for the card: what was asked and drawn, and renders of the world."""

    asked: Sequence[Asked]
    drawn_NHWC: NDArray[np.uint8]
    renders_NHWC: NDArray[np.uint8]


def measure(base: str, plan: Plan) -> tuple[Measured, Shown]:
    """Measure a base by a plan.

    Args:
        base: "nano" or a folder.
        plan: how much.
    Raises: ModelError: if there is no such base or judge.
    """
    family, judge_at = open_base(base), plan.judge or judge_folder()
    judge, known = Judge.open(judge_at), pairs_held_out(base_path(base))
    results = [measure_seed(family, judge, plan, seed, known) for seed in plan.seeds]
    measured = Measured(
        seeds=tuple(figures for figures, _ in results), plan=plan,
        threads=torch.get_num_threads(), processor=processor(),
        base_megabytes=_megabytes(base_path(base)), judge_megabytes=_megabytes(judge_at), pairs_held_out=known,
    )  # fmt: skip
    return measured, results[0][1]


def measure_seed(
    family: Family, judge: ImageJudge, plan: Plan, seed: int, pairs_known: bool,
) -> tuple[SeedFigures, Shown]:  # fmt: skip
    """Everything that one seed measures.

    Args:
        family: the base.
        judge: who looks.
        plan: how much.
        seed: which captions, renders and noise.
        pairs_known: whether the unseen pairs were held out; where nobody knows, they are not measured.
    """
    specs, asked = asking.held_out(plan, seed), asking.captions(plan, seed)
    pictures = rendered(specs, family.native_px)
    psnr, reconstructions = reconstructed(family, pictures, f"autoencoder, seed {seed}")
    drawings = drawn(family, asked, plan, f"captions, seed {seed}")
    truths, wanted = _visible(specs), _visible([one.spec for one in asked])
    on_renders, on_drawings = read_attributes(judge, list(pictures)), read_attributes(judge, list(drawings))
    binding = colour_binding(on_drawings, wanted)
    variety = face_variety(family, judge, asking.faces(plan, seed), plan, f"faces, seed {seed}")
    pairs = _unseen(family, judge, plan, seed) if pairs_known else (None, None, None)
    figures = SeedFigures(
        seed=seed, psnr_db=psnr,
        renders=accuracies(on_renders, truths),
        reconstructions=accuracies(read_attributes(judge, list(reconstructions)), truths),
        drawn=accuracies(on_drawings, wanted),
        binding=binding.accuracy if binding else None, swapped=binding.swapped if binding else None,
        unseen_pairs=pairs[0], unseen_attributes=pairs[1], unseen_renders=pairs[2],
        face_diversity=variety.renders, face_diversity_anyone=variety.anyone,
        judge_ece=calibration_error(on_renders, truths), identity_auc=_identity(judge, plan, seed, family.native_px),
        seconds=seconds_a_picture(family, plan), seconds_guided=seconds_a_picture(family, guided_throughout(plan)),
    )  # fmt: skip
    return figures, Shown(asked[:SHOWN], drawings[:SHOWN], pictures[:SHOWN])


def pairs_held_out(base: Path) -> bool:
    """Whether the training log beside a base, or shipped with it, says that today's unseen pairs were held out."""
    logs = (base.parent / "events.jsonl", base.parent / "curves" / "diffusion.jsonl")
    return any(holds_out_pairs(EventLog(path)) for path in logs)


@dataclass(frozen=True)
class Variety:
    """How the pictures of one caption differ, against renders: of whom it means, and of anyone who fits its words."""

    renders: float
    anyone: float


def face_variety(family: Family, judge: ImageJudge, faces: Sequence[Face], plan: Plan, what: str) -> Variety:
    """Variety of the pictures of one caption against that of the world's own: mean ratio of mean pairwise distances.

    The renders go through the autoencoder as well, so that its blur does not count.
    """
    size = plan.per_face

    def distances(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        features = image_features(judge, list(pictures))
        return np.array([mean_distance(features[n * size : (n + 1) * size]) for n in range(len(faces))])

    def against(specs: Sequence[Spec], whose: str) -> float:
        _, through = reconstructed(family, rendered(specs, family.native_px), f"{what}, {whose} rendered")
        return float(np.mean(mine / np.maximum(distances(through), 1e-6)))

    mine = distances(drawn(family, [one for face in faces for one in face.asked], plan, what))
    return Variety(
        renders=against([spec for face in faces for spec in face.renders], "whom they mean"),
        anyone=against([spec for face in faces for spec in face.anyone], "anyone"),
    )


def _unseen(family: Family, judge: ImageJudge, plan: Plan, seed: int) -> tuple[float, float | None, float]:
    """Pairs right on drawings, mean accuracy of all their attributes, pairs right on renders."""
    asked = asking.unseen_captions(plan, seed)
    specs = [one.spec for one in asked]
    pairs = [{name: value for pair in held(spec) for name, value in pair} for spec in specs]
    reading = read_attributes(judge, list(drawn(family, asked, plan, f"unseen pairs, seed {seed}")))
    control = read_attributes(judge, list(rendered(specs, family.native_px)))
    return all_right(reading, pairs), mean_accuracy(reading, _visible(specs)), all_right(control, pairs)


def _identity(judge: ImageJudge, plan: Plan, seed: int, size_px: int) -> float | None:
    seen = asking.sightings(plan, seed)
    if identity_vectors(judge, list(rendered([seen[0].spec], size_px))) is None:
        return None  # before hundreds of renders that nobody could look at
    vectors_ND = identity_vectors(judge, list(rendered([one.spec for one in seen], size_px)))
    assert vectors_ND is not None
    return identity_auc(vectors_ND, [one.individual for one in seen], [one.class_noun for one in seen])


def _visible(specs: Sequence[Spec]) -> list[dict[str, str]]:
    return [spec.visible() for spec in specs]


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 1e6
