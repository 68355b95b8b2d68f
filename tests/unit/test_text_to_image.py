"""Pictures from prompts on a tiny base: promise 7, every option seen to arrive, bad input refused."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from imprint.artifacts.picture import AdapterRecord, Picture
from imprint.diffusion.prediction import add_noise, target
from imprint.diffusion.schedule import NoiseSchedule
from imprint.errors import ConfigError, NumericsError
from imprint.families.family import Family
from imprint.families.sd1 import StableDiffusion1
from imprint.generation.conditioning import Conditioning, Guidance, Line, Progress, Stretch
from imprint.generation.denoiser import guided_denoiser
from imprint.generation.listening import GenerationStep
from imprint.generation.request import PROMPT_LIMIT
from imprint.generation.samplers import SAMPLERS
from imprint.generation.text_to_image import TextToImage, text_to_image
from make import tiny_family, write_tiny_base

pytestmark = pytest.mark.unit

shared_family = functools.cache(tiny_family)


def asked(**changes: Any) -> TextToImage:
    """A small request."""
    return TextToImage(**{"prompt": "a photo of a dog", "seed": 1, "steps": 3, **changes})


def drawn(*requests: TextToImage, family: Family | None = None, **options: Any) -> list[Picture]:
    return list(text_to_image(family or shared_family(), requests, **options))


@functools.cache
def alone(request: TextToImage) -> bytes:
    """The pixels of a request drawn by itself."""
    return drawn(request)[0].pixels_HWC.tobytes()


REQUESTS = st.builds(
    asked,
    prompt=st.sampled_from(["", "a dog", "a photo of a very large dog in space"]),
    negative_prompt=st.sampled_from(["", "blur"]),
    seed=st.sampled_from([0, 1, 2**53 - 1]),
    steps=st.sampled_from([1, 3]),
    cfg_scale=st.sampled_from([1.0, 4.5]),
    sampler=st.sampled_from([*SAMPLERS.names(), "euler_a"]),
    width_px=st.sampled_from([None, 40]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(REQUESTS, min_size=1, max_size=5))
def test_a_picture_among_others_equals_the_picture_alone_bit_for_bit(requests: list[TextToImage]) -> None:
    together = [picture.pixels_HWC.tobytes() for picture in drawn(*requests)]
    assert together == [alone(request) for request in requests]


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_a_larger_batch_changes_nothing_but_the_last_bits(sampler: str) -> None:
    requests = [asked(seed=seed, sampler=sampler) for seed in range(4)]
    for one, other in zip(drawn(*requests), drawn(*requests, batch=3), strict=True):
        assert np.abs(one.pixels_HWC.astype(int) - other.pixels_HWC.astype(int)).max() <= 1


def calls_of(requests: list[TextToImage], batch: int | None = None) -> list[int]:
    """Pictures (guided ones count twice) in every call of the network."""
    family, sizes = tiny_family(), list[int]()
    predict = family.predict

    def spy(x: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        sizes.append(len(x))
        return predict(x, timestep, text)

    cast("Any", family).predict = spy
    drawn(*requests, family=family, batch=batch)
    return sizes


def test_each_picture_has_its_own_network_calls() -> None:
    assert calls_of([asked(seed=1), asked(seed=2)]) == [2] * 6


def test_without_guidance_the_negative_prompt_costs_nothing() -> None:
    assert calls_of([asked(cfg_scale=1)]) == [1] * 3


def test_a_batch_holds_only_neighbours_of_one_shape() -> None:
    requests = [asked(seed=1), asked(seed=2), asked(seed=3, steps=1), asked(seed=4, steps=1), asked(seed=5, steps=1)]
    assert calls_of(requests, batch=2) == [4, 4, 4, 4, 2]


def test_each_prompt_is_encoded_once_in_a_call() -> None:
    family, calls = tiny_family(), list[int]()
    encode = family.encode_tokens

    def spy(tokens_BN: Tensor, *given: Any) -> Any:
        calls.append(len(tokens_BN))
        return encode(tokens_BN, *given)

    cast("Any", family).encode_tokens = spy
    drawn(*[asked(prompt=f"dog {number}", negative_prompt="blur") for number in range(3)], family=family)
    assert calls == [1] * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a cat"},
        {"negative_prompt": "blur"},
        {"steps": 4},
        {"cfg_scale": 9.0},
        {"sampler": "euler"},
        {"sampler": "euler_a"},
        {"sampler": "ddim"},
        {"schedule": "uniform"},
        {"seed": 2},
        {"noise_source": "cpu"},
        {"noise_source": "nv"},
        {"variation_seed": 2, "variation_strength": 0.3},
        {"resize_from_width_px": 16, "resize_from_height_px": 16},
    ],
)
def test_every_option_arrives(changes: dict[str, Any]) -> None:
    assert alone(asked(**changes)) != alone(asked())


@pytest.mark.parametrize(
    ("sampler", "option"),
    [
        ("euler_a", {"ensd": 31337}),
        ("euler_a", {"eta": 0.5}),
        ("euler_a", {"s_noise": 1.5}),
        ("euler", {"s_churn": 2.0}),
        ("dpmpp_2m_sde", {"eta": 0.0}),
    ],
)
def test_every_option_of_a_sampler_arrives(sampler: str, option: dict[str, Any]) -> None:
    assert alone(asked(sampler=sampler, **option)) != alone(asked(sampler=sampler))


def test_churn_arrives_with_its_levels() -> None:
    everywhere, nowhere = asked(sampler="euler", s_churn=2.0), asked(sampler="euler", s_churn=2.0, s_tmin=100.0)
    assert alone(nowhere) == alone(asked(sampler="euler")) != alone(everywhere)
    assert alone(asked(sampler="euler", s_churn=2.0, s_tmax=0.001)) == alone(nowhere)


def test_a_name_that_says_sampler_and_schedule_sets_both() -> None:
    request = asked(sampler="DPM++ 2M SDE Karras")
    assert (request.sampler, request.schedule) == ("dpmpp_2m_sde", "karras")
    assert asked(sampler="Euler a", schedule="Automatic").schedule is None
    assert asked(sampler="LMS Karras", schedule="karras").schedule == "karras"


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS.names() if SAMPLERS.get(name).adaptive])
def test_a_sampler_that_looks_at_the_picture_draws_each_alone(sampler: str) -> None:
    assert max(calls_of([asked(seed=seed, sampler=sampler) for seed in (1, 2)], batch=2)) == 2


def test_levels_of_a_family_are_recorded_by_their_own_name() -> None:
    family = tiny_family()
    cast("Any", family).name = "sdxl"
    record = drawn(asked(schedule="Align Your Steps"), family=family)[0].record
    assert record.schedule == "align_your_steps_xl"


def test_sizes_are_those_asked_for_or_native() -> None:
    wide, native = drawn(asked(width_px=48, height_px=16), asked())
    assert wide.pixels_HWC.shape == (16, 48, 3)
    assert native.pixels_HWC.shape == (32, 32, 3)
    assert native.pixels_HWC.dtype == np.uint8


def test_sizes_that_cannot_be_drawn_are_rounded_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    odd = asked(width_px=45, height_px=12, resize_from_width_px=17, resize_from_height_px=16)
    first, second = drawn(odd, odd)
    even = drawn(asked(width_px=48, height_px=8, resize_from_width_px=16, resize_from_height_px=16))[0]
    assert first.pixels_HWC.tobytes() == second.pixels_HWC.tobytes() == even.pixels_HWC.tobytes()
    assert first.record == even.record
    lines = [record.getMessage() for record in caplog.records]
    told = [line.partition(":")[0] for line in lines if "multiples of 8" in line]
    assert told == ["width_px = 45 becomes 48", "height_px = 12 becomes 8", "resize_from_width_px = 17 becomes 16"]


def test_a_record_is_enough_to_make_the_picture_again() -> None:
    adapter = AdapterRecord(name="zkz", kind="lora", strength=0.8)
    changes = {"variation_seed": 4, "variation_strength": 0.2, "ensd": 9, "noise_source": "nv:2", "eta": 0.7}
    request = asked(sampler="Euler a", negative_prompt="blur", width_px=24, **changes)
    picture = drawn(request, adapters=[adapter])[0]
    fields = picture.record.model_dump()
    assert (fields["sampler"], fields["schedule"], fields["family"]) == ("euler_a", "uniform", "sd1")
    assert picture.record.adapters == (adapter,)
    assert picture.record.base == shared_family().base_hash
    again = TextToImage(**{name: fields[name] for name in TextToImage.model_fields})
    assert drawn(again)[0].pixels_HWC.tobytes() == picture.pixels_HWC.tobytes()


def test_names_of_other_tools_give_the_same_picture() -> None:
    assert alone(asked(sampler="DPM++ 2M", schedule="Karras")) == alone(asked())


def test_pictures_come_one_by_one() -> None:
    told: list[GenerationStep] = []
    pictures = text_to_image(shared_family(), [asked(), asked(seed=2)], on_step=told.append)
    next(pictures)
    assert [(step.pictures_done, step.sampler.index) for step in told] == [(0, 0), (0, 1), (0, 2)]
    next(pictures)
    assert [(step.pictures_done, step.pictures) for step in told[3:]] == [(1, 2)] * 3


def test_networks_in_training_draw_without_dropout_and_go_on_training() -> None:
    family = tiny_family()
    dropout = torch.nn.Dropout(0.5)
    family.unet.add_module("extra", dropout)
    family.unet.train()
    states: list[bool] = []
    drawn(asked(), family=family, on_step=lambda step: states.append(dropout.training))
    assert states == [False] * 3
    assert (dropout.training, family.unet.training, family.vae.training) == (True, True, False)
    assert torch.is_grad_enabled()


def test_a_listener_may_stop_and_leaves_the_networks_as_they_were() -> None:
    family = tiny_family()
    family.unet.train()

    def stop(step: GenerationStep) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn(asked(), family=family, on_step=stop)
    assert family.unet.training


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "dpm_adaptive", "unipc"])
def test_nan_from_the_network_is_an_error_and_no_black_picture(sampler: str) -> None:
    family = tiny_family()
    next(family.unet.parameters()).data.fill_(float("nan"))
    with pytest.raises(NumericsError, match="NaN"):
        drawn(asked(sampler=sampler), family=family)


def test_a_base_in_bfloat16_draws_nearly_the_same() -> None:
    family = StableDiffusion1.open(cast("Any", shared_family().folder), dtype=torch.bfloat16)
    half, full = drawn(asked(), family=family)[0], drawn(asked())[0]
    assert np.abs(half.pixels_HWC.astype(int) - full.pixels_HWC.astype(int)).mean() < 4


def test_a_base_that_predicts_velocity_draws(tmp_path: Any) -> None:
    family = StableDiffusion1.open(write_tiny_base(tmp_path / "base", prediction="v_prediction"))
    assert drawn(asked(), family=family)[0].pixels_HWC.std() > 0


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("cfg_scale", [1.0, 3.0])
def test_the_right_prediction_denoises_exactly(kind: Any, cfg_scale: float) -> None:
    latent, noise = torch.randn(2, 2, 4, 3, 3, generator=torch.Generator().manual_seed(3)).double()
    schedule = NoiseSchedule.from_alphas_cumprod(shared_family().alphas_cumprod_T)
    timestep = torch.tensor([321.5, 321.5])
    answer = target(kind, latent, noise, timestep, schedule)
    shown: list[Tensor] = []

    def predict(x: Tensor, timestep_B: Tensor, text: Tensor) -> Tensor:
        shown.append(x)
        assert timestep_B.tolist() == pytest.approx([321.5] * len(x))
        return answer.repeat(len(x) // 2, 1, 1, 1)

    family = cast("Family", SimpleNamespace(prediction=kind, predict=predict))
    sigma = float(schedule.sigma(timestep)[0])
    told = Conditioning.rows(torch.zeros(2, 77, 4), torch.zeros(2, 77, 4))
    denoised = guided_denoiser(family, schedule, told, Guidance(cfg_scale))(latent + sigma * noise, sigma)
    torch.testing.assert_close(denoised, latent)
    torch.testing.assert_close(shown[0][:2], add_noise(latent, noise, timestep, schedule))


def text(value: float, windows: int = 1) -> Tensor:
    """An encoding that the network below answers with its value."""
    return torch.full((1, 77 * windows, 4), value)


def prediction(told: Conditioning, guidance: Guidance, progress: Progress | None = None) -> list[float]:
    """What is predicted by a network that answers with the number in the text."""

    def predict(x: Tensor, timestep_B: Tensor, text: Tensor) -> Tensor:
        return text[:, :1, :1, None].expand_as(x)

    family = cast("Family", SimpleNamespace(prediction="epsilon", predict=predict))
    schedule = NoiseSchedule.from_alphas_cumprod(shared_family().alphas_cumprod_T)
    denoised = guided_denoiser(family, schedule, [told], guidance, progress)(torch.zeros(1, 4, 2, 2), 2.0)
    return (denoised / -2.0).unique().tolist()


def test_composed_texts_add_up_from_the_negative() -> None:
    parts = ((1.0, Line.always(text(3.0))), (-0.5, Line.always(text(5.0, windows=2))))
    told = Conditioning(parts, Line.always(text(1.0)))
    assert prediction(told, Guidance(4.0)) == [1 + 4 * (3 - 1) - 2 * (5 - 1)]


def test_a_single_text_of_another_weight_is_guided_by_it() -> None:
    told = Conditioning(((2.5, Line.always(text(3.0))),), Line.always(text(1.0)))
    assert prediction(told, Guidance(2.0)) == [1 + 5 * (3 - 1)]


@pytest.mark.parametrize(("step", "wanted"), [(0, 3.0), (1, 3.0), (2, 11.0), (7, 11.0), (8, 3.0)])
def test_outside_its_interval_there_is_no_guidance(step: int, wanted: float) -> None:
    progress = Progress(10)
    progress.step = step
    guidance = Guidance(5.0, start=0.2, end=0.8)
    assert prediction(Conditioning.of(text(3.0), text(1.0)), guidance, progress) == [wanted]


def test_a_sampler_that_takes_more_steps_than_given_stays_guided() -> None:
    assert [Guidance(5.0).at(step, 20) for step in (0, 19, 20, 500)] == [5.0] * 4
    assert Guidance(5.0, end=0.5).at(500, 20) == 1.0


@pytest.mark.parametrize("change", [{"cfg_end": 0.6}, {"prompt": "a [cat:dog:14]"}])
@pytest.mark.parametrize("sampler", ["dpm_fast", "restart"])
def test_the_last_part_of_a_run_comes_whatever_the_steps_of_a_sampler(sampler: str, change: dict[str, Any]) -> None:
    fields = {"prompt": "a cat", "seed": 1, "steps": 24, "sampler": sampler}
    changed, plain = (TextToImage(**{**fields, **more}) for more in (change, {}))
    pictures = [next(text_to_image(shared_family(), [one])).pixels_HWC for one in (changed, plain)]
    assert not np.array_equal(*pictures)


def test_texts_change_with_the_steps() -> None:
    line = Line((Stretch(2, text(3.0)), Stretch(3, text(5.0)), Stretch(9, text(7.0))))
    told, progress, found = Conditioning(((1.0, line),), Line.always(text(0.0))), Progress(5), list[float]()
    for step in range(5):
        progress.step = step
        found += prediction(told, Guidance(1.0), progress)
    assert found == [3.0, 3.0, 5.0, 7.0, 7.0]


def test_counted_by_calls_a_text_holds_one_call_longer() -> None:
    line = Line((Stretch(2, text(3.0)), Stretch(9, text(7.0))))
    told, progress = Conditioning(((1.0, line),), Line.always(text(0.0))), Progress(5, by_calls=True)
    assert [prediction(told, Guidance(1.0), progress)[0] for _ in range(5)] == [3.0, 3.0, 3.0, 7.0, 7.0]


def test_rescaled_guidance_has_the_spread_of_the_unguided_prediction() -> None:
    schedule = NoiseSchedule.from_alphas_cumprod(shared_family().alphas_cumprod_T)
    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(4))

    def predict(x: Tensor, timestep_B: Tensor, text: Tensor) -> Tensor:
        return noise

    family = cast("Family", SimpleNamespace(prediction="epsilon", predict=predict))
    told = [Conditioning.of(text(1.0), text(0.0))]
    denoise = guided_denoiser(family, schedule, told, Guidance(9.0, rescale=1.0))
    assert float(denoise(torch.zeros(1, 4, 8, 8), 1.0).std()) == pytest.approx(float(noise[1].std()), rel=1e-4)


def test_guidance_goes_from_the_negative_through_the_positive() -> None:
    assert prediction(Conditioning.of(text(3.0), text(1.0)), Guidance(5.0)) == [1 + 5 * (3 - 1)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "greater than or equal to 1"),
        ({"steps": 501}, "less than or equal to 500"),
        ({"cfg_scale": float("nan")}, "finite number"),
        ({"cfg_scale": float("inf")}, "finite number"),
        ({"cfg_scale": -1}, "greater than or equal to 0"),
        ({"width_px": 7}, "greater than or equal to 8"),
        ({"height_px": 0}, "greater than or equal to 8"),
        ({"width_px": 8192}, "less than or equal to 4096"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"seed": 2**53}, "less than or equal to"),
        ({"sampler": "dpmp_2m"}, "did you mean `dpmpp_2m`"),
        ({"schedule": "karas"}, "(?i)did you mean `karras`"),
        ({"sampler": "DPM++ 2M Karras", "schedule": "uniform"}, "says the schedule karras, but schedule = 'uniform'"),
        ({"sampler": "euler", "eta": 0.5}, "the sampler euler has no such option"),
        ({"sampler": "ddim", "eta": 1.5}, "less than or equal to 1"),
        ({"noise_source": "gpu"}, "no such source of noise"),
        ({"variation_strength": 0.5}, "needs variation_seed"),
        ({"prompt": "a\0b"}, r"character 2 is U\+0000"),
        ({"prompt": "a\x1b[31m"}, r"U\+001B"),
        ({"prompt": "\ud800"}, "unicode"),
        ({"prompt": "x" * 1_000_000}, f"at most {PROMPT_LIMIT}"),
        ({"negative_prompt": "\0"}, "control character"),
        ({"promt": "a"}, "Extra inputs"),
    ],
)
def test_bad_requests_are_refused_with_the_reason(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        asked(**changes)


def test_prompts_are_used_as_they_are_recorded() -> None:
    request = asked(prompt="a\r\ndog\u200b \u202egod\u202c 👩\u200d🚀")
    assert request.prompt == "a\ndog god 👩\u200d🚀"
    assert drawn(request)[0].record.prompt == request.prompt


@pytest.mark.parametrize("prompt", ["", " ", "dog " * 2500])
def test_empty_and_very_long_prompts_draw(prompt: str) -> None:
    assert drawn(asked(prompt=prompt, steps=1))[0].record.prompt == prompt


def test_no_requests_give_no_pictures() -> None:
    assert drawn() == []


def test_a_batch_below_one_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="batch"):
        text_to_image(shared_family(), [asked()], batch=0)


def test_what_a_prompt_says_reaches_the_picture() -> None:
    assert alone(asked(prompt="a [dog:cat:0.4]", steps=5)) not in {
        alone(asked(prompt="a dog", steps=5)), alone(asked(prompt="a cat", steps=5)),
    }  # fmt: skip
    assert alone(asked(prompt="a [dog:cat:0]")) == alone(asked(prompt="a cat"))
    assert alone(asked(prompt="a dog AND a cat")) != alone(asked(prompt="a dog"))


def test_the_quirk_of_a1111_draws_another_picture() -> None:
    edited = {"prompt": "a [dog:cat:2]", "steps": 4}
    assert alone(asked(**edited, compat="a1111")) != alone(asked(**edited))


@pytest.mark.parametrize(
    "changes", [{"cfg_start": 0.5}, {"cfg_end": 0.5}, {"cfg_rescale": 0.7}, {"clip_skip": 2}, {"emphasis": "comfy"}]
)
def test_guidance_and_reading_arrive_and_are_recorded(changes: dict[str, Any]) -> None:
    request = asked(prompt="a (dog:1.4)", **changes)
    picture = drawn(request)[0]
    assert picture.pixels_HWC.tobytes() != alone(asked(prompt="a (dog:1.4)"))
    assert {name: getattr(picture.record, name) for name in changes} == changes


def test_repairs_of_a_prompt_are_said_with_their_place(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "imprint"):
        drawn(asked(prompt="a dog, (bright:1.5.2)"))
    assert any("prompt, character " in record.message for record in caplog.records)


def test_a_network_in_a_prompt_without_a_shelf_is_said_to_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    drawn(asked(prompt="a dog <lora:zkz:0.7>"))
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 1 and "the network zkz of the prompt is left out" in said[0]
