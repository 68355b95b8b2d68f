"""Batches of encoded pictures: a pure function of the step, every picture as often as every other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from imprint.artifacts.latent_cache import CachedMoments
from imprint.training.denoising import DenoisingBatch
from imprint.training.sources import EncodedPictures

pytestmark = pytest.mark.unit

FLIPPED, EMPTY = 1000, -1


class FakeCache:
    """Item i is full of the number i, mirrored of i + 1000; the empty text is -1."""

    def moments(self, item: int, *, flipped: bool) -> CachedMoments:
        mean = torch.full((1, 2, 2), float(item + FLIPPED * flipped))
        return CachedMoments(mean, mean / 2)

    def tokens(self, item: int) -> torch.Tensor:
        return torch.full((3,), item)

    def text(self, item: int) -> torch.Tensor:
        return torch.full((3, 2), float(item))

    def empty_tokens(self) -> torch.Tensor:
        return torch.full((3,), EMPTY)

    def empty_text(self) -> torch.Tensor:
        return torch.full((3, 2), float(EMPTY))


def source(**changes: Any) -> EncodedPictures:
    plain = EncodedPictures(cast("Any", FakeCache()), instance=(0, 1, 2, 3, 4), prior=(), seed=5, batch_size=2)
    return replace(plain, **changes)


def items(batch: DenoisingBatch) -> list[int]:
    return [int(value) for value in batch.mean_Bchw[:, 0, 0, 0]]


def same(one: DenoisingBatch, other: DenoisingBatch) -> bool:
    assert one.text_BND is not None
    assert other.text_BND is not None
    return (
        torch.equal(one.mean_Bchw, other.mean_Bchw) and torch.equal(one.tokens_BN, other.tokens_BN)
        and torch.equal(one.text_BND, other.text_BND) and one.samples == other.samples
    )


def test_a_batch_is_the_same_in_whatever_order_it_is_asked_for() -> None:
    options = {"prior": (5, 6, 7), "flip": 0.5, "caption_dropout": 0.5}
    forwards = [source(**options).batch(step) for step in range(12)]
    other = source(**options)
    backwards = [other.batch(step) for step in reversed(range(12))][::-1]
    assert all(same(one, two) for one, two in zip(forwards, backwards, strict=True))


def test_every_picture_is_seen_once_before_any_is_seen_again() -> None:
    seen = [item for step in range(15) for item in items(source().batch(step))]
    passes = [seen[start : start + 5] for start in range(0, 30, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes)
    assert len({tuple(one) for one in passes}) > 3


def test_class_images_follow_the_instances_in_an_order_of_their_own() -> None:
    pictures = source(prior=(5, 6, 7, 8, 9))
    batches = [pictures.batch(step) for step in range(15)]
    assert all(batch.prior_B.tolist() == [False, False, True, True] for batch in batches)
    prior = [item for batch in batches for item in items(batch)[2:]]
    instance = [item for batch in batches for item in items(batch)[:2]]
    assert Counter(prior) == dict.fromkeys(range(5, 10), 6)
    assert [item - 5 for item in prior] != instance


def test_fewer_pictures_than_the_batch_are_repeated() -> None:
    assert Counter(items(source(instance=(3,), batch_size=4).batch(0))) == {3: 4}


def test_samples_have_different_numbers_within_a_step() -> None:
    assert source(prior=(5, 6)).batch(3).samples == (0, 1, 2, 3)


def test_texts_go_with_their_pictures() -> None:
    batch = source(prior=(5, 6, 7)).batch(4)
    assert batch.tokens_BN[:, 0].tolist() == items(batch)
    assert batch.text_BND is not None
    assert batch.text_BND[:, 0, 0].tolist() == items(batch)
    assert torch.equal(batch.std_Bchw, batch.mean_Bchw / 2)


def test_another_seed_is_another_order() -> None:
    assert [items(source().batch(s)) for s in range(5)] != [items(source(seed=6).batch(s)) for s in range(5)]


def test_the_batch_size_is_the_number_of_instances() -> None:
    assert len(source(batch_size=3, prior=(5, 6)).batch(0).samples) == 6


def test_live_text_gives_tokens_only() -> None:
    batch = source(live_text=True).batch(0)
    assert batch.text_BND is None
    assert batch.tokens_BN[:, 0].tolist() == items(batch)


@pytest.mark.parametrize(("flip", "lowest", "highest"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_pictures_are_mirrored_as_often_as_asked(flip: float, lowest: int, highest: int) -> None:
    pictures = source(flip=flip)
    mirrored = sum(item >= FLIPPED for step in range(100) for item in items(pictures.batch(step)))
    assert lowest <= mirrored <= highest


@pytest.mark.parametrize(("chance", "lowest", "highest"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_captions_of_instances_only_are_dropped(chance: float, lowest: int, highest: int) -> None:
    pictures = source(caption_dropout=chance, prior=(5, 6))
    batches = [pictures.batch(step) for step in range(100)]
    assert lowest <= sum(int((batch.tokens_BN[:2, 0] == EMPTY).sum()) for batch in batches) <= highest
    assert all(bool((batch.tokens_BN[2:, 0] >= 0).all()) for batch in batches)
