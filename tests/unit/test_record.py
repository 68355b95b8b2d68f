"""Our record as an infotext, and an infotext as what can be drawn here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imprint.artifacts.infotext import KEY_ORDER, Infotext, parse_infotext
from imprint.artifacts.picture import AdapterRecord, PictureRecord
from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.generation import SAMPLERS, TextToImage
from imprint.generation.record import Understood, fields_of, infotext_of, understand
from imprint.prompts import Network, ReadSettings, read_prompt, walk

pytestmark = pytest.mark.unit

SEEDS = (
    "variation_seed", "variation_strength", "ensd", "clip_skip", "noise_source", "resize_from_width_px",
    "resize_from_height_px",
)  # fmt: skip
FOREIGN = {
    "Steps": "20", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": "7", "Seed": "1", "Size": "512x768",
    "Model hash": "6ce0161689", "Model": "v1-5", "Version": "v1.10.1",
}  # fmt: skip


def record(**changes: Any) -> PictureRecord:
    fields = {
        "prompt": "a dog", "negative_prompt": "blur", "steps": 20, "cfg_scale": 7.0, "sampler": "dpmpp_2m",
        "schedule": "karras", "seed": 1, "width_px": 512, "height_px": 768, "base": "ab" * 32, "base_name": "v1-5",
        "family": "sd1", "imprint": "0.1.0",
    }  # fmt: skip
    return PictureRecord(**{**fields, **changes})


def understood(prompt: str = "a dog", known: Any = frozenset(TextToImage.model_fields), **changes: Any) -> Understood:
    """A foreign infotext with some keys changed; None takes one out, and `_` in a name stands for a space."""
    named = {name.replace("_", " "): value for name, value in changes.items()}
    values = {key: value for key, value in {**FOREIGN, **named}.items() if value is not None}
    return understand(Infotext(prompt, "", values), known)


def keys(found: Understood) -> set[str]:
    return {note.key for note in found.notes}


def test_our_record_is_written_as_a1111_would() -> None:
    assert infotext_of(record()) == (
        "a dog\nNegative prompt: blur\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, "
        "Size: 512x768, Model hash: ababababab, Model: v1-5, Version: Imprint 0-1-0"
    )


def test_numbers_keep_every_digit_and_no_point_that_says_nothing() -> None:
    assert "CFG scale: 4.35, " in infotext_of(record(cfg_scale=4.35))
    assert "Seed: 9007199254740991, " in infotext_of(record(seed=2**53 - 1))


def test_a_lora_is_a_tag_and_a_hash() -> None:
    lora = AdapterRecord(name="my: zkz", kind="lora", strength=0.5, sha256="cd" * 32, short_hash="0123456789ab")
    text = infotext_of(record(adapters=(lora,)))
    assert text.startswith("a dog <lora:my zkz:0.5>\nNegative")
    assert ', Lora hashes: "my zkz: 0123456789ab", Version: ' in text


def test_other_weights_have_a_key_of_our_own() -> None:
    text = infotext_of(record(adapters=(AdapterRecord(name="zkz", kind="finetune", strength=1.0),)))
    assert ', Imprint weights: "zkz: finetune 1", Version: ' in text
    assert "<lora" not in text


def test_names_of_later_versions_are_written_as_they_are() -> None:
    text = infotext_of(record(sampler="quantum", schedule="spiral"))
    assert "Sampler: quantum, Schedule type: spiral" in text


def test_a_picture_without_a_base_names_none() -> None:
    assert "Model" not in infotext_of(record(base="", base_name=""))


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"])), st.sampled_from(SAMPLERS.names()),
    st.sampled_from(SCHEDULES.names()), st.integers(0, 2**53 - 1), st.floats(0, 100),
)  # fmt: skip
def test_a_record_comes_back_from_its_infotext(prompt: str, sampler: str, schedule: str, seed: int, cfg: float) -> None:
    prompt = prompt.replace("Negative", "").replace("<", "").rstrip(" ")
    whole = record(prompt=prompt, sampler=sampler, schedule=schedule, seed=seed, cfg_scale=cfg)
    found = understand(parse_infotext(infotext_of(whole)))
    assert found.notes == ()
    assert TextToImage(**found.fields) == TextToImage(**fields_of(whole))


def test_a_foreign_infotext_becomes_a_request() -> None:
    request = TextToImage(**understood().fields)
    assert (request.prompt, request.steps, request.cfg_scale, request.seed) == ("a dog", 20, 7.0, 1)
    assert (request.sampler, request.schedule, request.width_px, request.height_px) == ("dpmpp_2m", "karras", 512, 768)


@pytest.mark.parametrize(
    ("changes", "sampler", "schedule"),
    [
        ({"Sampler": "DPM++ 2M Karras", "Schedule_type": None}, "dpmpp_2m", "karras"),
        ({"Sampler": "Euler a", "Schedule_type": "Automatic"}, "euler_a", None),
        ({"Sampler": "k_euler", "Schedule_type": None}, "euler", None),
        ({"Schedule_type": None, "Version": "v1.8.0"}, "dpmpp_2m", "uniform"),
        ({"Schedule_type": None, "Version": "v1.9.0"}, "dpmpp_2m", None),
        ({"Sampler": "DDIM", "Schedule_type": None, "Version": "v1.8.0"}, "ddim", None),
    ],
)  # fmt: skip
def test_names_of_samplers_mean_what_they_meant(changes: dict[str, Any], sampler: str, schedule: str | None) -> None:
    fields = understood(**changes).fields
    assert (fields["sampler"], fields["schedule"]) == (sampler, schedule)


@pytest.mark.parametrize(
    ("changes", "key", "field", "value"),
    [
        ({"Sampler": "Quantum"}, "Sampler", "sampler", "dpmpp_2m"),
        ({"Schedule_type": "Spiral"}, "Schedule type", "schedule", None),
        ({"Steps": "many"}, "Steps", "steps", 25), ({"Steps": "9" * 5000}, "Steps", "steps", 25),
        ({"Steps": "900"}, "Steps", "steps", 500), ({"Steps": None}, "Steps", "steps", 25),
        ({"CFG_scale": "nan"}, "CFG scale", "cfg_scale", 5.0), ({"CFG_scale": "inf"}, "CFG scale", "cfg_scale", 100),
        ({"Seed": "-1"}, "Seed", "seed", 0), ({"Size": "513x500"}, "Size", "width_px", 512),
        ({"Size": "0x99999"}, "Size", "height_px", 4096), ({"Size": "big"}, "Size", "width_px", None),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_noted_and_replaced(
    changes: dict[str, Any], key: str, field: str, value: Any
) -> None:
    found = understood(**changes)
    assert key in keys(found)
    assert found.fields[field] == value
    TextToImage(**found.fields)


@given(
    st.dictionaries(
        st.sampled_from([*KEY_ORDER, "Hires upscale", "TI hashes", "Foo"]),
        st.text(max_size=20) | st.integers(0, 9).map(str),
    )
)
@example({"Hires upscale": "1", "Denoising strength": "0.5"})
@example({"Clip skip": "2"})
def test_every_key_is_followed_or_noted(more: dict[str, str]) -> None:
    """One that is followed changes what is understood by being there."""

    def understood_of(values: dict[str, str]) -> Understood:
        return understand(Infotext("", "", values), frozenset(TextToImage.model_fields) - {*SEEDS})

    def followed(key: str) -> bool:
        without = understood_of({name: value for name, value in more.items() if name != key})
        return replace(found, notes=()) != replace(without, notes=())

    found = understood_of(more)
    as_ever = {"Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "Model hash"}
    defaults = {"Clip skip": "1", "RNG": "GPU", "Init image hash": ""}
    rest = {key for key, value in more.items() if key not in as_ever and defaults.get(key) != value}
    assert {key for key in rest - keys(found) if not followed(key)} == set()
    TextToImage(**found.fields)


def test_keys_that_say_the_default_are_no_news() -> None:
    assert keys(understood(Clip_skip="1", RNG="GPU", Emphasis="Original")) <= {"Seed"}


def test_loras_are_taken_from_the_prompt_with_their_hashes() -> None:
    prompt = "a <lora:zkz:0.5> dog<lora:b:1:0.25><lyco:c><lora:d:te=0.3:unet=0.7>"
    found = understood(prompt, Lora_hashes="zkz: 0123456789ab, b: ff")
    assert found.fields["prompt"] == "a  dog"
    assert [(one.name, one.strength, one.short_hash) for one in found.networks] == [
        ("zkz", 0.5, "0123456789ab"), ("b", 0.25, "ff"), ("c", 1.0, ""), ("d", 0.7, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("tag", ["<foo:bar>", "<lora:../a:1>", "<lora::1>"])
def test_other_networks_are_noted_and_left_out(tag: str) -> None:
    found = understood(f"a{tag} dog")
    assert (found.fields["prompt"], found.networks) == ("a dog", ())
    assert any(note.value == tag for note in found.notes)


@pytest.mark.parametrize("tag", ["<lora:a:much>", "<lora:a:nan>", "<lora:a:0.5:1:x>"])
def test_strengths_that_are_no_numbers_are_read_as_in_a_prompt(tag: str) -> None:
    found = understood(f"a{tag} dog")
    (node,) = [node for node in walk(read_prompt(tag, ReadSettings()).parts[0].tree) if isinstance(node, Network)]
    assert [(one.name, one.strength) for one in found.networks] == [(node.name, node.unet)] == [("a", 1.0)]
    assert any(note.value == tag for note in found.notes)


def test_hypernetworks_and_embeddings_are_asked_for() -> None:
    old = {"Hypernet": "anime(0123456789)", "Hypernet_strength": "0.4"}
    found = understood("a dog<hypernet:ink:0.6>", TI_hashes="zkz: 0123456789ab, bad: ff", **old)
    assert [(one.kind, one.name, one.strength, one.short_hash) for one in found.networks] == [
        ("hypernetwork", "ink", 0.6, ""), ("hypernetwork", "anime", 0.4, "0123456789"),
        ("embedding", "zkz", 1.0, "0123456789ab"), ("embedding", "bad", 1.0, "ff"),
    ]  # fmt: skip
    assert keys(found) == set()


def test_rules_of_old_versions_are_noted() -> None:
    notes = [str(note) for note in understood("[a:b:3]", Version="v1.5.0").notes]
    assert any("old prompt editing timelines" in note for note in notes)


def test_fields_for_seeds_are_followed_where_a_request_has_them() -> None:
    said = {"Variation_seed": "5", "Variation_seed_strength": "0.3", "ENSD": "31337", "Clip_skip": "2", "RNG": "CPU"}
    found = understood(known=SEEDS, Seed_resize_from="256x512", **said)
    assert keys(found) == set()
    assert {name: found.fields[name] for name in SEEDS} == {
        "variation_seed": 5, "variation_strength": 0.3, "ensd": 31337, "clip_skip": 2, "noise_source": "cpu",
        "resize_from_width_px": 256, "resize_from_height_px": 512,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "source", "noted"),
    [
        ({}, "nv", False), ({"Size": "1024x1024"}, "nv", True), ({"RNG": "NV", "Size": "1024x1024"}, "nv", False),
        ({"RNG": "dice"}, "nv", True), ({"Version": "ComfyUI"}, "cpu", False),
    ],
)  # fmt: skip
def test_a_seed_stands_for_the_noise_of_its_tool(changes: dict[str, Any], source: str, noted: bool) -> None:
    found = understood(known=SEEDS, **changes)
    assert (found.fields["noise_source"], "RNG" in keys(found)) == (source, noted)


@pytest.mark.parametrize(
    ("written", "emphasis"), [("No norm", "no_norm"), ("Ignore", "ignore"), ("Original", "original")]
)
def test_what_a_weight_does_is_taken_over(written: str, emphasis: str) -> None:
    assert understood(Emphasis=written).fields["emphasis"] == emphasis
    ours = infotext_of(record(emphasis=emphasis))
    assert (f", Emphasis: {written}, " in ours) == (emphasis != "original")


def test_prompts_of_other_tools_are_read_with_their_quirks_and_ours_without() -> None:
    assert understood().fields["compat"] == "a1111"
    assert "compat" not in understand(parse_infotext(infotext_of(record()))).fields


def test_numbers_of_a_sampler_are_followed_where_it_has_them() -> None:
    found = understood(Sampler="Euler a", Schedule_type=None, Eta="0.5", Sigma_noise="1.02", Sigma_churn="3")
    assert (found.fields["eta"], found.fields["s_noise"]) == (0.5, 1.02)
    assert TextToImage(**found.fields).options() == {"eta": 0.5, "s_noise": 1.02}
    assert [note.key for note in found.notes if note.key in ("Eta", "Sigma noise", "Sigma churn")] == ["Sigma churn"]


def test_a_second_pass_of_old_versions_is_no_picture_to_begin_with() -> None:
    found = understood(First_pass_size="0x0", Denoising_strength="0.7")
    assert found.image is None
    assert {"First pass size", "Denoising strength"} <= {note.key for note in found.notes}
