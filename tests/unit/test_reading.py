"""Prompts on their way to the network: what is encoded, for which steps, and once."""

from __future__ import annotations

import functools
from typing import Any, cast

import pytest
import torch

from imprint.errors import ConfigError
from imprint.generation.reading import Reader, ReadPair, Told
from imprint.prompts.encoding import EncodeSettings
from imprint.prompts.settings import ReadSettings
from make import tiny_family

pytestmark = pytest.mark.unit

family = functools.cache(tiny_family)


def read(prompt: str, negative: str = "", encode: EncodeSettings | None = None, **settings: Any) -> Told:
    how = ReadSettings(**{"steps": 10, **settings})
    return Reader(family()).tell(ReadPair.of(prompt, negative, how), encode or EncodeSettings())


def text_at(told: Told, unit: int) -> torch.Tensor:
    return told.conditioning.positive[0][1].at(unit)


def plain(text: str) -> torch.Tensor:
    return family().encode_text([text]).text_BND


@pytest.mark.parametrize("prompt", ["", "a photo of a dog", "Ein Hund, 🐕"])
def test_a_plain_prompt_is_encoded_as_it_always_was(prompt: str) -> None:
    assert torch.equal(text_at(read(prompt), 0), plain(prompt))


def test_a_long_prompt_is_read_to_its_end_in_windows() -> None:
    many = text_at(read("dog " * 100), 0)
    assert many.shape[1] == 2 * 77
    assert torch.equal(many[:, :77], plain("dog " * 75))
    assert torch.equal(many[:, 77:], plain("dog " * 25))


def test_a_break_begins_a_window() -> None:
    assert torch.equal(text_at(read("a dog BREAK a cat"), 0), torch.cat([plain("a dog"), plain("a cat")], dim=1))


def test_an_edit_changes_the_text_at_its_step() -> None:
    told = read("a [dog:cat:0.5]")
    assert torch.equal(text_at(told, 4), plain("a dog"))
    assert torch.equal(text_at(told, 5), plain("a cat"))


def test_composed_prompts_keep_their_weights() -> None:
    told = read("a dog :1.5 AND a cat")
    assert [weight for weight, _ in told.conditioning.positive] == [1.5, 1.0]


def test_in_a_negative_prompt_and_is_a_word() -> None:
    told = read("a dog", "rain AND snow")
    assert torch.equal(told.conditioning.negative.at(0), plain("rain AND snow"))


def test_a_weighted_word_is_read_otherwise_and_the_words_before_it_are_not() -> None:
    heavy, light = text_at(read("a (dog:1.5)", encode=EncodeSettings("no_norm")), 0), plain("a dog")
    assert torch.equal(heavy[:, :2], light[:, :2])
    torch.testing.assert_close(heavy[:, 2], 1.5 * light[:, 2])


def test_emphasis_can_be_ignored_and_a_layer_skipped() -> None:
    assert torch.equal(text_at(read("a (dog:1.5)", encode=EncodeSettings("ignore")), 0), plain("a dog"))
    skipped = text_at(read("a dog", encode=EncodeSettings(clip_skip=2)), 0)
    assert torch.equal(skipped, family().encode_tokens(family().tokenize(["a dog"]), 2).text_BND)


@pytest.mark.parametrize("emphasis", ["comfy", "compel", "no_norm", "original_per_sample"])
def test_every_way_of_weighing_draws_a_finite_other_text(emphasis: Any) -> None:
    found = text_at(read("a (dog:0.4) (cat:1.4)", encode=EncodeSettings(emphasis)), 0)
    assert bool(torch.isfinite(found).all())
    assert not torch.equal(found, plain("a dog cat"))


def test_an_embedding_stands_in_the_text_under_its_name() -> None:
    vectors = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    reader = Reader(family(), {"zkz": vectors})
    told = reader.tell(ReadPair.of("a zkz dog", "", ReadSettings(steps=10)), EncodeSettings())
    ids = [*family().token_ids("a"), 5, 5, 5, *family().token_ids("dog")]
    rows = torch.tensor(family().text_window.rows([ids]))
    start = 1 + len(family().token_ids("a"))
    wanted = family().encode_tokens(rows, inserted={(0, start + row): vectors[row] for row in range(3)}).text_BND
    torch.testing.assert_close(text_at(told, 0), wanted, rtol=0, atol=0)


def test_an_embedding_of_another_width_is_refused() -> None:
    reader = Reader(family(), {"zkz": torch.zeros(1, 768)})
    with pytest.raises(ConfigError, match="does not fit this text encoder"):
        reader.tell(ReadPair.of("a zkz dog", "", ReadSettings(steps=10)), EncodeSettings())


def test_as_in_a1111_an_edit_comes_a_call_later() -> None:
    told = read("a [dog:cat:5]", compat="a1111")
    assert told.by_calls
    assert told.conditioning.positive[0][1].stretches[0].end == 5


def test_a_text_is_encoded_once_however_often_it_comes() -> None:
    own, calls = tiny_family(), list[int]()
    encode = own.encode_tokens

    def spy(*given: Any, **more: Any) -> Any:
        calls.append(1)
        return encode(*given, **more)

    cast("Any", own).encode_tokens = spy
    reader = Reader(own)
    for prompt in ("a dog", "a cat", "[a dog|a cat]"):
        reader.tell(ReadPair.of(prompt, "blur", ReadSettings(steps=10)), EncodeSettings())
    assert len(calls) == 3
