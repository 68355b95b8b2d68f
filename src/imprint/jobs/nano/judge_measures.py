"""What a judge gets right: attributes, confidence and identity, on pictures that it was not trained on.

Reads: a judge, held-out pictures and their ground truth. Writes: figures, temperatures. Does not: train.
"""

# N pictures, V values of an attribute, D identity width

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imprint.evaluation.identity import area_under_roc
from imprint.jobs.nano.individuals import Families, doubles, placed, settings, stranger
from imprint.jobs.nano.rendered import to_model_range
from imprint.nano.judge import Judge
from imprint.nano.world.captions import class_noun
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec
from imprint.nano.world.subjects import SUBJECTS, subject_spec
from imprint.nano.world.vocabulary import ATTRIBUTES
from imprint.training.calibration import expected_calibration_error, fit_temperature, negative_log_likelihood
from imprint.training.contrastive import NOT_VISIBLE

SUBJECT_PICTURES: Final = 8  # of each held-out subject, of each of its doubles, and as many strangers
SUBJECT_MARKS: Final = 900_000_000  # random marks of the subjects' doubles; no family reaches them
LOOK: Final = 50  # pictures a judge sees at once

Through = Callable[[Tensor], Tensor]  # pictures in -1..1 through something


def labels(specs: Sequence[Spec], hidden: Sequence[Sequence[str]] = ()) -> dict[str, Tensor]:
    """For every attribute of the world the index of its value, (B,), `NOT_VISIBLE` where it cannot be seen.

    Args:
        specs: ground truth.
        hidden: attributes of each picture that are not told, though they could be seen; none left out.
    """
    seen = [spec.visible() for spec in specs]
    for values, left_out in zip(seen, hidden, strict=False):
        for name in left_out:
            values.pop(name, None)
    return {
        name: torch.tensor([values.index(s[name]) if name in s else NOT_VISIBLE for s in seen])
        for name, values in ATTRIBUTES.items()
    }


@dataclass(frozen=True)
class Answers:
    """A judge's raw answers about pictures, and the truth: name -> logits (N, V) and name -> true class (N,)."""

    logits: Mapping[str, Tensor]
    truth: Mapping[str, Tensor]

    def seen(self, name: str, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Logits and truth of an attribute, where it can be seen."""
        truth_N = self.truth[name][rows]
        visible_N = truth_N != NOT_VISIBLE
        return self.logits[name][rows][visible_N], truth_N[visible_N]


@torch.no_grad()
def ask(judge: Judge, pictures: Iterable[Tensor], specs: Sequence[Spec]) -> Answers:
    """Show pictures (batches in 0..1) of known content to a judge."""
    parts: list[dict[str, Tensor]] = [judge(pixels)[1] for pixels in pictures]
    return Answers({name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}, labels(specs))


def accuracy(answers: Answers) -> dict[str, float]:
    """Share of right answers for every attribute that is seen in some picture."""
    out: dict[str, float] = {}
    for name in answers.logits:
        logits_NV, truth_N = answers.seen(name)
        if len(truth_N):
            out[name] = float((logits_NV.argmax(1) == truth_N).float().mean())
    return out


FIT, CHECK = slice(0, None, 2), slice(1, None, 2)  # every second picture fits temperatures; the others measure them


def calibrated(forms: Mapping[str, Answers]) -> dict[str, float]:
    """One temperature for each attribute, fitted on every second picture of all forms together."""
    out: dict[str, float] = {}
    for name in next(iter(forms.values())).logits:
        parts = [answers.seen(name, FIT) for answers in forms.values()]
        truth_N = torch.cat([truth for _, truth in parts])
        if len(truth_N):
            out[name] = fit_temperature(torch.cat([logits for logits, _ in parts]), truth_N)
    return out


def confidence(answers: Answers, temperatures: Mapping[str, float]) -> dict[str, Any]:
    """Calibration error and likelihood before and after, on the pictures that no temperature was fitted on."""
    rows: dict[str, dict[str, float]] = {}
    for name, temperature in temperatures.items():
        logits_NV, truth_N = answers.seen(name, CHECK)
        if len(truth_N):
            rows[name] = {
                "ece_before": expected_calibration_error(logits_NV.softmax(1), truth_N),
                "ece_after": expected_calibration_error((logits_NV / temperature).softmax(1), truth_N),
                "nll_before": negative_log_likelihood(logits_NV, truth_N),
                "nll_after": negative_log_likelihood(logits_NV, truth_N, temperature),
            }
    keys = ("ece_before", "ece_after", "nll_before", "nll_after")
    return {**{key: float(np.mean([row[key] for row in rows.values()])) for key in keys}, "attributes": rows}


@dataclass(frozen=True)
class Lineup:
    """Pictures of individuals, for asking who is who.

    Attributes:
        specs: the pictures.
        who_N: number of the individual in each.
        family_N: number of its family; members of a family are doubles.
        asked_N: whether pairs begin with this picture.
    """

    specs: Sequence[Spec]
    who_N: NDArray[np.int64]
    family_N: NDArray[np.int64]
    asked_N: NDArray[np.bool_]

    @property
    def classes(self) -> NDArray[np.int64]:
        """Number of the class word in each picture, (N,)."""
        words = [class_noun(spec) for spec in self.specs]
        return np.array([sorted(set(words)).index(word) for word in words])


def families_lineup(families: Families) -> Lineup:
    """Every picture of every member of some families, all of them asked about."""
    rows = [
        (families.spec(place, member, picture), place * families.members + member, place)
        for place in range(families.count)
        for member in range(families.members)
        for picture in range(families.pictures)
    ]
    return Lineup(
        [spec for spec, _, _ in rows], np.array([who for _, who, _ in rows]),
        np.array([family for _, _, family in rows]), np.ones(len(rows), dtype=np.bool_),
    )


def subjects_lineup(names: Iterable[str] = tuple(SUBJECTS), pictures: int = SUBJECT_PICTURES) -> Lineup:
    """Held-out subjects, each with its doubles (unmarked, and under another mark) and strangers of its class.

    Pairs begin with a subject: nobody asks whether two strangers are the same.
    """
    rows: list[tuple[Spec, int, int, bool]] = []
    numbers = count()
    for index, name in enumerate(names):
        figure = subject_spec(name, 0)
        family = next(numbers)
        for member in (figure, *doubles(figure, 2, SUBJECT_MARKS + 1000 * index)):
            who = next(numbers)
            rows += [
                (placed(member, setting), who, family, member is figure)
                for setting in settings(SUBJECT_MARKS + 10 * index + who, pictures)
            ]
        for k, setting in enumerate(settings(SUBJECT_MARKS + 10 * index, pictures)):
            other = stranger(figure, SUBJECT_MARKS + 1000 * (pictures * index + k))
            rows.append((placed(other, setting), next(numbers), next(numbers), False))
    return Lineup(
        [row[0] for row in rows], np.array([row[1] for row in rows]), np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
    )


def rendered(specs: Sequence[Spec], size_px: int) -> list[Tensor]:
    """Pictures of specs in -1..1, `LOOK` at a time."""
    return [
        to_model_range(np.stack([render(spec, size_px) for spec in specs[start : start + LOOK]]))
        for start in range(0, len(specs), LOOK)
    ]


@torch.no_grad()
def identities(judge: Judge, pictures: Iterable[Tensor], through: Through | None = None) -> NDArray[np.float64]:
    """Identity vectors (N, D) of pictures in -1..1, which go through something first or not."""
    parts = [judge.identity(((through(pixels) if through else pixels) + 1) / 2).cpu() for pixels in pictures]
    return torch.cat(parts).double().numpy()


def verification(vectors_ND: NDArray[np.float64], lineup: Lineup) -> dict[str, float]:
    """How well cosines tell "the same individual" from "another one".

    Returns: `auc_doubles` against members of the same family, `auc_strangers` against others of the same class, `auc`
        their mean: half of the impostors of each sort. Figures for which there is no pair are left out.
    """
    similarity = vectors_ND @ vectors_ND.T
    who, family, kind = lineup.who_N, lineup.family_N, lineup.classes
    asked = np.repeat(lineup.asked_N[:, None], len(who), axis=1) & ~np.eye(len(who), dtype=np.bool_)
    same = who[:, None] == who[None, :]
    relatives = (family[:, None] == family[None, :]) & ~same
    alike = (kind[:, None] == kind[None, :]) & ~same & ~relatives
    positive = similarity[asked & same]
    out = {
        f"auc_{name}": area_under_roc(positive, similarity[asked & pairs])
        for name, pairs in (("doubles", relatives), ("strangers", alike))
        if bool((asked & pairs).any())
    }
    return {"auc": float(np.mean(list(out.values()))), **out}


def identity_report(
    judge: Judge, families: Families, size_px: int, ways: Mapping[str, Through | None],
) -> dict[str, Any]:
    """Verification on held-out random individuals and on the held-out subjects, together and one by one.

    Args:
        judge: asked.
        families: random individuals, held out.
        size_px: of the pictures.
        ways: name -> what the pictures go through first, or None.
    Returns: name -> {"random", "subjects", "each_subject"}, each as `verification` gives it.
    """
    random, subjects = families_lineup(families), subjects_lineup()
    shown, subjects_shown = rendered(random.specs, size_px), rendered(subjects.specs, size_px)
    marks = np.array([spec.mark for spec in subjects.specs])
    report: dict[str, Any] = {}
    for way, through in ways.items():
        vectors_ND = identities(judge, subjects_shown, through)
        report[way] = {
            "random": verification(identities(judge, shown, through), random),
            "subjects": verification(vectors_ND, subjects),
            "each_subject": {
                name: verification(vectors_ND, replace(subjects, asked_N=subjects.asked_N & (marks == name)))
                for name in SUBJECTS
            },
        }
    return report
