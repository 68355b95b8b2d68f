"""People, subjects and captions of the world: what is drawn is what is said, every time the same."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from imprint.nano.world.captions import (
    MAX_WORDS,
    PROMPT_WORDS,
    all_captions_corpus,
    caption,
    class_prompt,
    fixed_prompts,
)
from imprint.nano.world.people import draw_person
from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.subjects import SUBJECTS, subject_spec
from imprint.nano.world.vocabulary import KINDS, PERSON, SCENES, STYLES

PLAIN = Spec(
    kind="person",
    attributes={
        "gender": "man", "age": "adult", "skin": "light", "hair_colour": "brown", "hair_length": "short",
        "beard": "none", "glasses": "none", "hat": "none", "clothing": "t-shirt", "clothing_colour": "red",
        "expression": "happy", "eyes": "brown", "holding": "none",
    },
    scene="studio",
    style="photo",
    detail_seed=5,
)


def _share_changed(a: Spec, b: Spec) -> float:
    """Share of the picture's pixels that differ by more than a tenth in any channel."""
    difference = np.abs(draw_person(a, 128).rgba() - draw_person(b, 128).rgba())
    return float((difference.max(axis=-1) > 0.1).mean())


@pytest.mark.parametrize("seed", range(5))
def test_equal_specs_give_equal_bytes(seed: int) -> None:
    spec = sample_spec(seed, "person")
    assert draw_person(spec, 128).rgba().tobytes() == draw_person(replace(spec), 128).rgba().tobytes()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in PERSON.items() for value in values])
def test_every_attribute_value_can_be_seen(name: str, value: str) -> None:
    others = [other for other in PERSON[name] if other != value]
    changed = replace(PLAIN, attributes={**PLAIN.attributes, name: value})
    for other in others:
        reference = replace(PLAIN, attributes={**PLAIN.attributes, name: other})
        assert _share_changed(changed, reference) > 0.002  # 30 pixels: the irises, the smallest of all


def test_the_figure_is_large_and_runs_off_the_lower_edge() -> None:
    alpha = draw_person(PLAIN, 128).rgba()[..., 3]
    assert 0.2 < (alpha > 0.5).mean() < 0.75
    for seed in range(40):
        assert draw_person(sample_spec(seed, "person"), 64).rgba()[-1, :, 3].max() == 1.0


@pytest.mark.parametrize("kind", list(KINDS))
def test_captions_name_nothing_that_cannot_be_seen(kind: str) -> None:
    values = {value for allowed in (*KINDS[kind].values(), SCENES, STYLES) for value in allowed} - {"none", "plain"}
    for seed in range(150):
        spec = sample_spec(seed, kind)
        absent = values - set(spec.visible().values())
        text = caption(spec, seed, drop=0.0)
        # "a watercolour of", "film noir" and scene words belong to values that are visible or they fail here
        named = [value for value in absent if re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", text)]
        assert not named, (text, named)
        assert len(text.split()) <= MAX_WORDS
        if spec.visible().get("hair_length") == "bald":
            assert "hair" not in text
        if spec.visible().get("glasses") == "sunglasses":
            assert "eyes" not in text
        assert not re.search(r"\b(no|not|without|none|nothing)\b", text)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_caption_with_everything_dropped_is_still_a_noun(kind: str) -> None:
    expected = {"person": {"a person"}, "animal": {"an animal"}, "thing": {"an object"}, "creature": {"a creature"},
                "couple": {"a couple", "two people"}}
    assert caption(sample_spec(3, kind), seed=1, drop=1.0) in expected[kind]


def test_captions_repeat_and_use_known_words_only() -> None:
    corpus = all_captions_corpus(600)
    assert corpus == all_captions_corpus(600)
    assert {word for text in corpus for word in text.replace(",", "").split()} <= PROMPT_WORDS


def test_subjects_are_twelve_with_valid_attributes() -> None:
    assert len(SUBJECTS) == 12
    kinds = [subject.kind for subject in SUBJECTS.values()]
    assert (kinds.count("person"), kinds.count("animal"), kinds.count("thing")) == (5, 4, 3)
    for subject in SUBJECTS.values():
        assert all(value in KINDS[subject.kind][name] for name, value in subject.attributes.items())
        assert set(subject.attributes) == set(KINDS[subject.kind])
        assert class_prompt(subject).endswith(subject.class_word)
        assert subject.name not in PROMPT_WORDS


COLOURS = {"hair_colour", "clothing_colour", "coat", "object_colour", "eyes"}


@pytest.mark.parametrize("kind", ["person", "animal", "thing", "couple"])
def test_full_captions_name_every_visible_colour_and_object(kind: str) -> None:
    for seed in range(100):
        spec = sample_spec(seed, kind)
        text = caption(spec, seed, drop=0.0).replace("blonde", "blond")
        for name, value in spec.visible().items():
            if name.removeprefix("left_").removeprefix("right_") in {*COLOURS, "holding", "species", "object", "hat"}:
                assert value == "none" or re.search(rf"\b{value}\b", text), (name, value, text)


def test_a_couples_caption_names_the_left_one_first() -> None:
    values = {"left_gender": "man", "left_hair_colour": "red", "left_clothing_colour": "blue",
              "right_gender": "woman", "right_hair_colour": "black", "right_clothing_colour": "yellow"}
    spec = Spec("couple", values, "beach", "photo")
    for seed in range(60):
        words = caption(spec, seed, drop=0.0).replace(",", "").split()
        assert max(words.index("red"), words.index("blue")) < min(words.index("black"), words.index("yellow"))


def test_captions_vary_in_frame_and_order() -> None:
    spec = replace(PLAIN, scene="garden")
    texts = {caption(spec, seed, drop=0.0) for seed in range(100)}
    assert len(texts) > 95
    for part in ("who ", "with ", "wearing ", ", ", "in a garden", "in the garden"):
        assert any(part in text for text in texts), part


def test_full_captions_fit_into_a_clip_prompt() -> None:
    texts = [caption(sample_spec(seed, "person"), seed, drop=0.0) for seed in range(800)]
    # 77 tokens with start and end; CLIP's own tokenizer makes at most 1.3 of one of these words.
    pieces = [len(re.findall(r"[a-z]+|-|,", text)) for text in texts]
    assert max(pieces) * 1.3 <= 75


@pytest.mark.parametrize("name", [name for name, subject in SUBJECTS.items() if subject.kind == "person"])
def test_a_persons_mark_covers_an_eighth_of_the_figure(name: str) -> None:
    shares: list[float] = []
    for seed in range(4):
        spec = subject_spec(name, seed)
        marked, bare = draw_person(spec, 128).rgba(), draw_person(replace(spec, mark=""), 128).rgba()
        # compared where paint is: transparent pixels carry no meaning in their colour
        shares.append(float((np.abs(marked - bare)[..., :3].max(axis=-1) > 0.12)[marked[..., 3] > 0.5].mean()))
        assert np.abs(marked[..., 3] - bare[..., 3]).max() < 0.35  # a mark never grows beyond the figure
    assert np.mean(shares) >= 0.12


def test_subject_spec_takes_scene_and_style_and_refuses_unknown_names() -> None:
    spec = subject_spec("biscuit", 4, scene="snow", style="pencil")
    assert (spec.scene, spec.style, spec.mark) == ("snow", "pencil", "biscuit")
    assert spec == subject_spec("biscuit", 4, scene="snow", style="pencil")
    for wrong in (("nobody", None, None), ("biscuit", "moon", None), ("biscuit", None, "oil")):
        with pytest.raises(ValueError, match="unknown"):
            subject_spec(wrong[0], 0, scene=wrong[1], style=wrong[2])


def test_fixed_prompts_demand_what_they_say() -> None:
    prompts = fixed_prompts("sks", "owl")
    assert len(prompts) == 8
    assert prompts[0].text == "a pencil drawing of a sks owl in the snow"
    assert prompts[0].text_template == "a pencil drawing of {s} in the snow"
    assert fixed_prompts("", "owl")[0].text == "a pencil drawing of an owl in the snow"
    for prompt in prompts:
        assert prompt.demands["scene"] in SCENES and prompt.demands["style"] in STYLES
