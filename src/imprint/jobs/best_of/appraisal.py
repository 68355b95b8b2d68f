"""Scores of pictures for their recipe: likeness to a run's photos, to the prompt, and what the checks find.

Reads: pictures, a run's photos and the base's samples in it. Writes: scores. Does not: draw, or rank.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imprint.artifacts.dataset_folder import Dataset
from imprint.artifacts.run_folder import RunFolder
from imprint.errors import InputError
from imprint.evaluation import Examiner, ImageJudge, open_judge
from imprint.evaluation.best import PictureScores
from imprint.evaluation.defects import DefectCheck, DefectTools, open_check
from imprint.evaluation.judges import Features, Pixels, image_features, text_features
from imprint.evaluation.metrics import prompt_similarity, subject_similarity
from imprint.evaluation.scoring import NO_CLASS
from imprint.families import Family
from imprint.jobs.best_of.recipe import BestOf
from imprint.jobs.examination import prepare_examiner, read_drawn
from imprint.jobs.personalize import load_recipe
from imprint.jobs.recipe import GenerateRecipe
from imprint.prompts import ReadSettings, plain_text


@dataclass(frozen=True)
class Appraiser:
    """Scores pictures of one recipe. Made by `Appraiser.prepare`.

    Attributes:
        judge: who looks.
        checks: by name.
        prompt: as the judge reads it; "" where it says nothing.
        prompt_1D: the judge's features of it.
        examiner: knows the run's photos; None where no likeness is measured.
    """

    judge: ImageJudge
    checks: Mapping[str, DefectCheck]
    prompt: str = ""
    prompt_1D: Features | None = None
    examiner: Examiner | None = None

    @classmethod
    def prepare(cls, recipe: GenerateRecipe, best: BestOf, family: Family, run: RunFolder | None) -> Appraiser:
        """Open judge and checks, and look once at the run's photos.

        Raises:
            MissingExtraError: if a check needs a package that is not installed.
            ModelError: if a check's model cannot be read.
            InputError: if the run has lost its photos or the base's samples.
        """
        judge = open_judge(best.judge)
        tools = DefectTools(judge, best.hand_model)
        checks = {name: open_check(name, tools) for name in best.defects}
        name, class_word = "", ""
        examiner: Examiner | None = None
        if run is not None:
            trained = load_recipe(run)
            name, class_word = trained.name, trained.class_word
            examiner = _examiner(run, best, family) if best.weights.subject else None
        text = judged_prompt(recipe, name, class_word) if best.weights.prompt else ""
        return cls(judge, checks, text, text_features(judge, [text]) if text else None, examiner)

    def scores(self, pictures: Sequence[Pixels], peers: Sequence[Pixels] = ()) -> list[PictureScores]:
        """Score pictures; at least one.

        Args:
            pictures: of the recipe.
            peers: others of it, found whole.
        """
        found = {name: check.check(pictures, peers) for name, check in self.checks.items()}
        features_ND = image_features(self.judge, pictures)
        subjects = self._subjects(pictures, features_ND)
        return [
            PictureScores(
                subjects[place], self._prompt(features_ND[place : place + 1]),
                {name: findings[place] for name, findings in found.items()},
            )
            for place in range(len(pictures))
        ]  # fmt: skip

    def _subjects(self, pictures: Sequence[Pixels], features_ND: Features) -> list[float] | list[None]:
        if self.examiner is None:
            return [None] * len(pictures)
        rows_ND = self.examiner.likeness.rows(pictures, features_ND)
        return [self.examiner.scale(subject_similarity(row_D[None], self.examiner.reference_MD)) for row_D in rows_ND]

    def _prompt(self, features_1D: Features) -> float | None:
        # At most 1 but for rounding.
        return None if self.prompt_1D is None else min(prompt_similarity(features_1D, self.prompt_1D), 1.0)


def judged_prompt(recipe: GenerateRecipe, name: str = "", class_word: str = "") -> str:
    """A prompt as a judge reads it: what it says at the last step, without marks, networks and the subject's name.

    The judge never met the subject; where its name stands it reads the class, once.

    Args:
        recipe: with the prompt.
        name: of a run's subject, or "".
        class_word: of that subject, or "".
    """
    text = plain_text(recipe.prompt, ReadSettings(steps=recipe.steps, compat=recipe.compat))
    if name:
        named = rf"(?<!\w){re.escape(name)}(?!\w)(?:\s+{re.escape(class_word)}(?!\w))?"
        text = re.sub(named, lambda _found: class_word or NO_CLASS, text)
    return text.strip(" ,")


def _examiner(run: RunFolder, best: BestOf, family: Family) -> Examiner:
    drawn = read_drawn(run.samples_dir(0))
    if not (drawn.prior and drawn.subject and run.dataset.is_dir()):
        raise InputError(
            "this run has lost the photos or the base's samples that likeness is measured with", where=run.path,
            hint="--set best.weights.subject=0 leaves likeness out",
        )
    # The checkpoints' own examiner, without the ground truth, which takes a training of its own.
    recipe = load_recipe(run).model_copy(update={"truth": None, "judge": best.judge})
    return prepare_examiner(recipe, family, Dataset.open(run.dataset), run)
