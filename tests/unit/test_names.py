"""Individuals of the world have names: captions say them instead of looks, and no one else has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from imprint.jobs.naming import RARE_NAMES
from imprint.jobs.nano.diffusion import CaptionedLatents, DiffusionRecipe
from imprint.jobs.nano.named import NamedIndividuals, Names, open_named
from imprint.jobs.nano.rendered import RenderedWorld, render_world
from imprint.jobs.nano.stages import World
from imprint.nano.world.captions import class_noun, named_caption
from imprint.nano.world.names import KEPT_FREE, SUBJECT_NAME, names
from imprint.nano.world.spec import sample_spec
from imprint.nano.world.unseen import held
from imprint.nano.world.words import SCENE_PHRASES, STYLE_PHRASES, STYLE_TAILS
from make import tiny_family

pytestmark = pytest.mark.unit

NAMES = Names(families=2, members=2, pictures=2, share=0.25)


def test_names_differ_and_the_first_ones_stay() -> None:
    assert len(set(names(6000))) == 6000
    assert names(6000)[:10] == names(10)


def test_names_to_teach_subjects_by_are_kept_free() -> None:
    assert not KEPT_FREE & set(names(9000))
    assert {word for name in (SUBJECT_NAME, *RARE_NAMES) for word in name.split()} <= KEPT_FREE


def test_more_names_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="at most"):
        names(9001)


@pytest.mark.parametrize("seed", range(40))
def test_a_named_caption_says_nothing_but_name_class_place_and_style(seed: int) -> None:
    spec = sample_spec(seed)
    text = named_caption(spec, "zkz", seed)
    called = f"zkz {class_noun(spec)}"
    assert called in text
    around = (*SCENE_PHRASES[spec.scene], *STYLE_TAILS[spec.style], *STYLE_PHRASES[spec.style], called, "a an {}")
    assert set(text.replace(",", "").split()) <= {word for phrase in around for word in phrase.split()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> CaptionedLatents:
    folder = tmp_path_factory.mktemp("world")
    world = render_world(folder, 500, 0, 64)
    named = open_named(folder, NAMES, 64)
    recipe = DiffusionRecipe(world=World(pictures=500, held_out=500, size_px=64), names=NAMES, caption_dropout=0.0)
    count = len(world) + len(named)
    numbered = torch.arange(count, dtype=torch.float32).reshape(count, 1, 1, 1)
    return CaptionedLatents(world, named, tiny_family(), numbered, torch.zeros_like(numbered), recipe)


def named_rows(source: CaptionedLatents, step: int) -> list[int]:
    """Which pictures of named individuals a step shows."""
    assert isinstance(source.world, RenderedWorld)
    return [int(row) - len(source.world) for row in source.batch(step).mean_Bchw.flatten() if row >= len(source.world)]


def test_a_step_shows_the_share_of_named_individuals(source: CaptionedLatents) -> None:
    shown = [len(named_rows(source, step)) for step in range(40)]
    # 2 560 draws of probability 0.25 spread by 0.009.
    assert np.mean(shown) / source.recipe.batch_size == pytest.approx(NAMES.share, abs=0.035)


def test_every_picture_of_an_individual_comes_and_has_its_name(source: CaptionedLatents) -> None:
    named = source.named
    assert isinstance(named, NamedIndividuals)
    assert {row for step in range(5) for row in named_rows(source, step)} == set(range(len(named)))
    for index, (family, member, _) in enumerate(named.places):
        assert names(4)[2 * family + member] in named.caption(index, seed=index, drop=0.0)


def test_pictures_follow_individuals(source: CaptionedLatents) -> None:
    named = source.named
    assert named is not None
    for index, place in enumerate(named.places):
        wanted = torch.tensor(named.rendered.pixels(*place)).permute(2, 0, 1).float().div(127.5).sub(1)
        assert torch.equal(named.batch([index])[0], wanted)


def test_no_named_individual_shows_a_pair_that_is_held_out(tmp_path: Path) -> None:
    recipe = Names(families=30, members=2, pictures=4)
    named = open_named(tmp_path, recipe, 64)
    assert 200 < len(named) < 240  # some of these 240 do show one
    assert not any(held(named.rendered.families.spec(*place)) for place in named.places)


def test_the_same_step_is_the_same_batch(source: CaptionedLatents, tmp_path: Path) -> None:
    again = CaptionedLatents(
        render_world(tmp_path, 500, 0, 64), open_named(tmp_path, NAMES, 64), source.family, source.mean_Nchw,
        source.std_Nchw, source.recipe,
    )
    assert torch.equal(source.batch(3).mean_Bchw, again.batch(3).mean_Bchw)
    assert torch.equal(source.batch(3).tokens_BN, again.batch(3).tokens_BN)
