"""A stage that overflowed is computed again in higher precision, and the base is then what it was."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from imprint.errors import NumericsError
from imprint.families import Family
from imprint.families.sd1 import StableDiffusion1
from imprint.generation import TextToImage, text_to_image
from imprint.generation.precision import higher_precision, raised, with_retry
from imprint.generation.reading import Reader, ReadPair
from imprint.methods import Lora, apply, build_method
from imprint.methods.method import MethodState
from imprint.prompts.encoding import EncodeSettings
from imprint.prompts.settings import ReadSettings
from imprint.weights import attach, read_hypernetwork, read_lora
from imprint.weights.applying import LoadedNetwork
from make import tiny_base, tiny_family
from make_networks import adapted, hypernetwork, write_converted, write_lora

pytestmark = pytest.mark.unit

HALF = torch.float16
X_Bchw = torch.linspace(-2, 2, 4 * 4 * 4).reshape(1, 4, 4, 4)
PROMPT = "a photo of zkz dog"
# First weights of up to 5e4, which float16 holds, give activations around 1e5, which it does not (it ends at 65504);
# the norm behind them brings everything back to ordinary size.
TOO_LARGE = 3e5


def overflowing(dtype: torch.dtype) -> StableDiffusion1:
    """A base whose weights are whole float16 numbers in any dtype, and whose U-Net overflows in half precision."""
    family = StableDiffusion1.open(tiny_base(), HALF)
    family.parameters("unet")["conv_in.weight"].mul_(TOO_LARGE)
    for network in (family.unet, family.text_encoder):
        nn.Module.to(network, dtype)
    return family


def finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())


@torch.no_grad()
def predicted(family: Family) -> Tensor:
    return family.predict(X_Bchw, torch.tensor([300]), family.encode_text([PROMPT]).text_BND)


def raw(value: Tensor) -> bytes:
    return value.detach().flatten().view(torch.uint8).numpy().tobytes()


def snapshot(family: Family) -> list[object]:
    """The identity, memory and bytes of every parameter and buffer."""
    networks: Sequence[nn.Module] = (family.unet, family.text_encoder, family.vae)
    tensors = [value for one in networks for value in (*one.parameters(), *one.buffers())]
    return [(id(t), t.dtype, t.data_ptr(), t.requires_grad, raw(t)) for t in tensors]


def lora_state(family: Family) -> MethodState:
    """A trained LoRA on everything with a kernel, in float32."""
    handle = build_method(Lora(rank=2, alpha=2, layers="all", text_encoder=True)).inject(family, seed=1)
    for value in handle.parameters():
        value.data.normal_(0, 0.2, generator=torch.Generator().manual_seed(1))
    state = handle.state()
    handle.eject()
    return state


def networks(family: Family, folder: Path) -> list[LoadedNetwork]:
    """A LoRA on every kernel, and a hypernetwork."""
    lora = write_lora(folder / "a.safetensors", family, modules=adapted(family, convolutions=True))
    hyper = write_converted(folder / "h.safetensors", hypernetwork((8, 16)))
    return [read_lora(lora, family), read_hypernetwork(hyper, family)]


@pytest.mark.parametrize(
    ("low", "high"), [(HALF, torch.float32), (torch.bfloat16, torch.float32), (torch.float32, torch.float64)]
)
def test_one_level_up_and_back_without_a_trace(low: torch.dtype, high: torch.dtype) -> None:
    family = StableDiffusion1.open(tiny_base(), low)
    before, output = snapshot(family), predicted(family)
    with raised(family) as dtype:
        assert dtype == family.dtype == high
        assert {value.dtype for value in family.text_encoder.parameters()} == {high}
        assert {value.dtype for value in family.vae.parameters()} == {torch.float64}
        assert not torch.equal(predicted(family), output)
    assert snapshot(family) == before
    assert torch.equal(predicted(family), output)


def test_an_exception_restores_everything() -> None:
    family = overflowing(HALF)
    before = snapshot(family)
    with pytest.raises(RuntimeError, match="within"), raised(family):
        raise RuntimeError("within")
    assert snapshot(family) == before


def test_a_cast_that_fails_restores_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    family, casts, cast = tiny_family(), iter(range(100)), Tensor.to
    before = snapshot(family)

    def to(self: Tensor, *wanted: Any) -> Tensor:
        if next(casts) == 40:
            raise torch.OutOfMemoryError("no room")
        return cast(self, *wanted)

    monkeypatch.setattr(Tensor, "to", to)
    with pytest.raises(torch.OutOfMemoryError), raised(family):
        pass
    monkeypatch.undo()
    assert next(casts) == 41
    assert snapshot(family) == before


def test_training_goes_on_as_if_nothing_had_been() -> None:
    family, other = tiny_family(), tiny_family()
    handles = [build_method(Lora(rank=2, layers="all")).inject(one, seed=1) for one in (family, other)]
    for one, handle in zip((family, other), handles, strict=True):
        optimiser = torch.optim.SGD(handle.parameters(), lr=0.1)
        for _ in range(2):
            optimiser.zero_grad()
            with torch.no_grad():
                text_BND = one.encode_text([PROMPT]).text_BND
            one.predict(X_Bchw, torch.tensor([300]), text_BND).square().sum().backward()
            if one is family:
                with raised(family):
                    predicted(family)
            optimiser.step()
    trained, wanted = (handle.state().tensors for handle in handles)
    assert all(torch.equal(value, wanted[name]) for name, value in trained.items())


def test_only_the_wanted_networks_are_raised() -> None:
    family = tiny_family()
    with raised(family, ("vae",)) as dtype:
        assert (dtype, family.dtype) == (torch.float64, torch.float32)
        assert {value.dtype for value in family.text_encoder.parameters()} == {torch.float32}


def test_blocks_nest_until_float64() -> None:
    family = StableDiffusion1.open(tiny_base(), HALF)
    before = snapshot(family)
    with raised(family), raised(family) as dtype:
        assert dtype == torch.float64
        with pytest.raises(NumericsError, match="no higher precision"), raised(family):
            pass
    assert snapshot(family) == before


def test_apples_gpus_end_at_float32() -> None:
    assert higher_precision(HALF, torch.device("mps")) is torch.float32
    assert higher_precision(torch.float32, torch.device("mps")) is None
    assert higher_precision(torch.float64, torch.device("cpu")) is None


def test_the_raised_network_is_one_that_was_float32_from_the_beginning() -> None:
    family, other = overflowing(HALF), overflowing(torch.float32)
    assert not finite(predicted(family))
    with raised(family):
        assert torch.equal(predicted(family), predicted(other))


@pytest.mark.parametrize("hires", [None, {"scale": 2}])
def test_a_picture_that_overflows_is_drawn_again_in_higher_precision_and_its_record_says_so(hires: Any) -> None:
    family, other = overflowing(HALF), overflowing(torch.float32)
    request = TextToImage(prompt=PROMPT, seed=3, steps=3, hires=hires)
    (drawn,) = text_to_image(family, [request])
    (wanted,) = text_to_image(other, [request])
    assert (drawn.pixels_HWC == wanted.pixels_HWC).all()
    passes = 2 if hires else 1
    assert drawn.record.notes == ("sampling: NaN in float16, again in float32",) * passes
    assert wanted.record.notes == ()


@pytest.mark.parametrize("low", [HALF, torch.float32])
def test_networks_on_hooks_compute_along(low: torch.dtype, tmp_path: Path) -> None:
    family = overflowing(low)
    other = overflowing(torch.float32) if low == HALF else overflowing(torch.float64)
    with attach(family, networks(family, tmp_path)), attach(other, networks(other, tmp_path)):
        low_bits = raw(predicted(family))
        with raised(family):
            assert torch.equal(predicted(family), predicted(other))
        assert raw(predicted(family)) == low_bits


def test_texts_are_encoded_anew_in_higher_precision() -> None:
    family = StableDiffusion1.open(tiny_base(), HALF)
    reader = Reader(family)

    def told() -> Tensor:
        return reader.tell(ReadPair.of(PROMPT, "", ReadSettings(steps=1)), EncodeSettings()).conditioning.negative.at(0)

    with torch.no_grad():
        low_1ND = told()
        with raised(family):
            assert not torch.equal(told().double(), low_1ND.double())
        assert told() is low_1ND


def test_a_method_computes_along() -> None:
    family, other = overflowing(HALF), overflowing(torch.float32)
    state, before = lora_state(other), predicted(other)
    handle, theirs = apply(family, state), apply(other, state)
    kept = snapshot(family)
    with raised(family):
        assert torch.equal(predicted(family), predicted(other))
        assert not torch.allclose(predicted(other), before, atol=0.01)
    assert snapshot(family) == kept
    with raised(family), raised(family):  # to float64, the method's own float32 too
        assert finite(predicted(family))
    handle.eject()
    theirs.eject()


def test_the_autoencoder_computes_in_float64() -> None:
    family = tiny_family()
    pixels_BCHW = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    decoded, encoded = family.decode(X_Bchw), family.encode_image(pixels_BCHW)
    with raised(family):
        more, moments = family.decode(X_Bchw), family.encode_image(pixels_BCHW)
    assert {more.dtype, moments.mean_Bchw.dtype, moments.std_Bchw.dtype} == {torch.float32}
    for one, other in ((decoded, more), (encoded.mean_Bchw, moments.mean_Bchw), (encoded.std_Bchw, moments.std_Bchw)):
        assert not torch.equal(one, other)
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_decoder_that_overflows_float32_is_drawn_in_float64() -> None:
    family, notes = tiny_family(), list[str]()
    family.vae.get_parameter("decoder.conv_in.weight").data.mul_(1e38)
    before = snapshot(family)
    decode = functools.partial(family.decode, 100 * X_Bchw)
    assert finite(with_retry(family, "decoding", decode, finite, notes, parts=("vae",)))
    assert notes == ["decoding: NaN in float32, again in float64"]
    assert snapshot(family) == before


def test_a_stage_is_computed_again_and_noted(caplog: pytest.LogCaptureFixture) -> None:
    family, notes = overflowing(HALF), list[str]()
    before = snapshot(family)
    with caplog.at_level(logging.WARNING):
        result = with_retry(family, "sampling", functools.partial(predicted, family), finite, notes)
    assert torch.equal(result, predicted(overflowing(torch.float32)))
    assert notes == ["sampling: NaN in float16, again in float32"]
    assert caplog.messages == ["sampling: NaN in float16; it is computed again in float32"]
    assert snapshot(family) == before


def test_what_is_finite_is_computed_once() -> None:
    family, notes, calls = tiny_family(), list[str](), list[torch.dtype]()
    result = with_retry(family, "sampling", lambda: calls.append(family.dtype) or torch.zeros(1), finite, notes)
    assert (result.tolist(), calls, notes) == ([0], [torch.float32], [])


def test_a_stage_that_raises_is_computed_again() -> None:
    family, notes = StableDiffusion1.open(tiny_base(), HALF), list[str]()

    def compute() -> Tensor:
        if family.dtype == HALF:
            raise NumericsError("the adaptive sampler took too many steps", where="dpm_adaptive")
        return torch.ones(1)

    assert with_retry(family, "sampling", compute, finite, notes).tolist() == [1]
    assert notes == ["sampling: the adaptive sampler took too many steps in float16, again in float32"]


def test_what_helps_nowhere_says_so_and_restores() -> None:
    family, notes = StableDiffusion1.open(tiny_base(), HALF), list[str]()
    before = snapshot(family)
    with pytest.raises(NumericsError, match=r"sampling: NaN \(got 'float16, then float32'\)(.|\n)*hint: .*strength"):
        with_retry(family, "sampling", lambda: torch.tensor(float("nan")), finite, notes)
    assert (snapshot(family), notes) == (before, [])


def test_no_memory_for_more_says_so_and_restores() -> None:
    family = StableDiffusion1.open(tiny_base(), HALF)
    before = snapshot(family)

    def compute() -> Tensor:
        if family.dtype == HALF:
            return torch.tensor(float("inf"))
        raise torch.OutOfMemoryError("no room")

    with pytest.raises(NumericsError, match="no memory for higher precision"):
        with_retry(family, "sampling", compute, finite, [])
    assert snapshot(family) == before


def test_nothing_above_float64_is_tried() -> None:
    family = tiny_family()
    with raised(family), pytest.raises(NumericsError, match=r"NaN \(got 'float64'\)"):
        with_retry(family, "sampling", lambda: torch.tensor(float("nan")), finite, [])
