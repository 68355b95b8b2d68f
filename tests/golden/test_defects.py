"""The check "outlier" on the embedded base: broken pictures are told from ordinary ones."""

from __future__ import annotations

import pytest

from broken_pictures import BREAKINGS
from imprint.evaluation import open_judge
from imprint.evaluation.defects.outlier import OutlierCheck
from imprint.evaluation.judges import Pixels
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.bases import open_base

pytestmark = pytest.mark.golden

PROMPT, STEPS, COUNT = "a photo of a black cat in the city", 6, 10


@pytest.fixture(scope="module")
def drawn() -> tuple[Family, list[Pixels], Pixels]:
    """The base, ordinary pictures, and one drawn with a guidance of 60."""
    family = open_base("nano")
    requests = [TextToImage(prompt=PROMPT, seed=seed, steps=STEPS, cfg_scale=4) for seed in range(COUNT)]
    requests.append(TextToImage(prompt=PROMPT, seed=COUNT, steps=STEPS, cfg_scale=60))
    *ordinary, burnt = (picture.pixels_HWC for picture in text_to_image(family, requests, batch=5))
    return family, ordinary, burnt


def test_ordinary_pictures_are_left_alone(drawn: tuple[Family, list[Pixels], Pixels]) -> None:
    _, ordinary, _ = drawn
    found = OutlierCheck(open_judge("nano")).check(ordinary)
    # 1 of 200 in docs/results.md; here one in ten may be.
    assert sum(finding.broken for finding in found) <= 1


# Measured here: 0.00 whole; burnt 0.57, noise_patch 0.32, shuffled 0.64, half_empty 0.40, noisy_latent 0.85. Over three
# blocks of seeds and four prompts the strong ones are called broken in 0.71 to 1.00 of the cases (docs/results.md).
RISE = 0.15
STRONG = ("burnt", "shuffled", "noisy_latent")


@pytest.mark.parametrize("kind", ["burnt", *BREAKINGS])
def test_a_picture_scores_worse_when_it_is_broken(kind: str, drawn: tuple[Family, list[Pixels], Pixels]) -> None:
    family, ordinary, burnt = drawn
    check = OutlierCheck(open_judge("nano"))
    torn = burnt if kind == "burnt" else BREAKINGS[kind](family, ordinary[0], 1)
    before, after = (check.check([one, *ordinary[1:]])[0] for one in (ordinary[0], torn))
    assert after.score > before.score + RISE
    assert not before.broken
    assert after.broken or kind not in STRONG
