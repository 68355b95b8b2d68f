"""Scoring a checkpoint: from pictures to the five numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imprint.evaluation import Drawn, Examiner, Photos, class_prompt, fixed_prompts, subject_prompt
from imprint.evaluation.judges import Pixels
from imprint.evaluation.scoring import FixedPrompt
from make import GridJudge

pytestmark = pytest.mark.unit

Colour = tuple[int, int, int]
PROMPTS = (FixedPrompt("a red zkz dog", "a red dog", {"colour": "red"}),)
RED, GREEN, BLUE = (220, 20, 20), (20, 220, 20), (20, 20, 220)


def flat(colour: Colour, seed: int = 0) -> Pixels:
    """One colour with coarse noise, so that no two seeds are equal."""
    noise = np.random.default_rng(seed).integers(-20, 21, (8, 8, 3))
    return np.kron(np.clip(np.array(colour) + noise, 0, 255), np.ones((4, 4, 1), int)).astype(np.uint8)


def drawn(subject: Colour, context: Colour, prior: Colour, seed: int) -> Drawn:
    return Drawn(
        [flat(subject, seed + i) for i in range(3)], [[flat(context, seed)]], [flat(prior, seed + i) for i in range(3)],
    )


def examiner(held_out: int = 0) -> Examiner:
    photos = Photos([flat(BLUE, 100 + i) for i in range(4)], [flat(BLUE, 200 + i) for i in range(held_out)])
    return Examiner.prepare(GridJudge(), photos, PROMPTS, drawn(GREEN, RED, GREEN, seed=0))


def test_the_base_scores_as_the_scales_say() -> None:
    base = examiner().base_score()
    assert (base.step, base.subject, base.diversity) == (0, 0.0, 1.0)
    assert base.prior_drift == pytest.approx(0.0, abs=1e-12)
    assert base.prompt > 0.9
    assert base.ground_truth is None


def test_a_checkpoint_that_learnt_scores_high_and_keeps_the_rest() -> None:
    score = examiner().score(40, drawn(BLUE, RED, GREEN, seed=0))
    assert score.step == 40
    assert score.subject > 0.9
    assert score.prompt > 0.9
    assert score.prior_drift < 0.01


def test_a_checkpoint_that_forgot_its_class_drifts_and_leaks() -> None:
    score = examiner().score(40, drawn(BLUE, RED, BLUE, seed=0))
    assert score.prior_drift > 0.5
    assert score.detail["class_likeness"] > 0.9


def test_a_checkpoint_that_ignores_prompts_loses_prompt_only() -> None:
    score = examiner().score(40, drawn(BLUE, BLUE, GREEN, seed=0))
    assert score.prompt < 0.3
    assert score.detail["prompt_attributes"] < 0.1


def test_copies_of_photos_are_counted() -> None:
    exam = examiner()
    copies = Drawn(exam.photos.instance[:3], [[flat(RED)]], exam.base.prior)
    assert exam.score(40, copies).memorisation == pytest.approx(1.0)
    assert exam.copies(copies).copied == 3


def test_likeness_is_measured_on_held_out_photos_where_there_are_enough() -> None:
    assert len(examiner(held_out=0).reference_MD) == 4
    assert len(examiner(held_out=1).reference_MD) == 5
    assert len(examiner(held_out=2).reference_MD) == 2


class Knowing(GridJudge):
    """Knows an individual by the middle of a picture alone, whatever stands around it."""

    def identity(self, pixels_BCHW: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(pixels_BCHW[:, :, 8:-8, 8:-8].mean(dim=(2, 3)) - 0.5, dim=1)


def placed(subject: Colour, place: Colour, seed: int) -> Pixels:
    """A square of one colour before another."""
    picture = flat(place, seed)
    picture[8:-8, 8:-8] = flat(subject, seed)[8:-8, 8:-8]
    return picture


def test_likeness_is_of_the_individual_where_the_judge_knows_it_and_not_of_its_place() -> None:
    photos = Photos([placed(BLUE, RED, 100 + i) for i in range(4)])
    strangers = [placed(GREEN, GREEN, i) for i in range(3)]
    base = Drawn(strangers, [[flat(RED)]], strangers)
    there = Drawn([placed(BLUE, GREEN, i) for i in range(3)], base.contexts, base.prior)
    another = Drawn([placed(GREEN, RED, i) for i in range(3)], base.contexts, base.prior)
    knows, sees = (Examiner.prepare(judge, photos, PROMPTS, base) for judge in (Knowing(), GridJudge()))
    assert knows.score(40, there).subject > 0.95
    assert knows.score(40, another).subject < 0.05
    assert sees.score(40, another).subject > sees.score(40, there).subject


class Mistaken(GridJudge):
    """Takes whatever has the same brightness for one individual, which tells nothing here."""

    def identity(self, pixels_BCHW: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(pixels_BCHW.mean(dim=(1, 2, 3), keepdim=True)[:, :, 0, 0] + 1, dim=1)


def test_an_identity_that_does_not_tell_the_subject_from_its_class_is_not_asked() -> None:
    photos = Photos([flat(BLUE, 100 + i) for i in range(4)])
    strangers = [flat(GREEN, i) for i in range(3)]
    base = Drawn(strangers, [[flat(RED)]], strangers)
    examiner = Examiner.prepare(Mistaken(), photos, PROMPTS, base)
    assert not examiner.likeness.by_identity
    found = examiner.score(40, Drawn([flat(BLUE, i) for i in range(3)], base.contexts, base.prior))
    assert found.subject > 0.95 and found.separation == 1.0


def test_photos_that_are_no_nearer_to_each_other_than_to_the_class_have_a_low_separation() -> None:
    photos = Photos([flat(colour, 100 + i) for i, colour in enumerate((BLUE, RED, GREEN))])
    strangers = [flat(GREEN, i) for i in range(3)]
    examiner = Examiner.prepare(GridJudge(), photos, PROMPTS, Drawn(strangers, [[flat(RED)]], strangers))
    assert examiner.base_score().separation < 0.7


def test_one_photo_has_no_separation() -> None:
    strangers = [flat(GREEN, i) for i in range(3)]
    examiner = Examiner.prepare(GridJudge(), Photos([flat(BLUE)]), PROMPTS, Drawn(strangers, [[flat(RED)]], strangers))
    assert examiner.likeness.separation is None and examiner.base_score().separation == 1.0


def test_prompts_carry_the_name_for_the_base_and_not_for_the_judge() -> None:
    prompts = fixed_prompts("zkz", "dog")
    assert len(prompts) == 8
    assert all("zkz dog" in prompt.text and "zkz" not in prompt.plain and prompt.demands for prompt in prompts)
    assert (subject_prompt("zkz", "dog"), class_prompt("owl")) == ("a photo of a zkz dog", "a photo of an owl")
