"""The U-Net while pictures are drawn: the same numbers as its own forward pass, whatever hangs on it."""

from __future__ import annotations

import functools
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from imprint.errors import ModelError
from imprint.families.sd1 import StableDiffusion1
from imprint.families.sd1 import drawing as module
from imprint.families.sd1.drawing import CpuLayers, can_pack, can_walk, pack
from imprint.generation.precision import raised
from imprint.generation.tiling import tiled
from imprint.nano import base_folder
from make import tiny_base, tiny_family

pytestmark = pytest.mark.unit

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch was built without oneDNN")
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@functools.cache
def texts(count: int = 2) -> Tensor:
    return tiny_family().encode_text([f"a photo of {number} dogs" for number in range(count)]).text_BND


def latent(height: int = 4, width: int = 4) -> Tensor:
    return torch.linspace(-2, 2, 4 * height * width).reshape(1, 4, height, width)


def predicted(family: Any, x: Tensor, text: Tensor, timestep: float = 500.5) -> Tensor:
    with torch.no_grad():
        return family.predict(x.expand(len(text), -1, -1, -1), torch.tensor([timestep]).expand(len(text)), text)


def both(family: StableDiffusion1, x: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Outside of `drawing` and inside."""
    usual = predicted(family, x, text)
    with family.drawing():
        return usual, predicted(family, x, text)


@pytest.mark.parametrize("size", [(4, 4), (8, 4), (5, 7), (6, 2)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_inside_the_prediction_is_that_of_the_network(size: tuple[int, int], count: int) -> None:
    family = tiny_family()
    usual, quick = both(family, latent(*size), texts(count))
    assert quick.is_contiguous() and quick.shape == usual.shape
    torch.testing.assert_close(quick, usual, **CLOSE)


def test_rows_that_differ_are_not_taken_for_one() -> None:
    family = tiny_family()
    x, timesteps = torch.cat([latent(), -latent()]), torch.tensor([500.5, 20.0])
    with torch.no_grad():
        usual = family.predict(x, timesteps, texts())
        with family.drawing():
            torch.testing.assert_close(family.predict(x, timesteps, texts()), usual, **CLOSE)


def test_the_embedded_base_is_drawn_the_quick_way() -> None:
    family = StableDiffusion1.open(base_folder())
    assert can_walk(family.unet)
    text = family.encode_text(["a dog", "a cat"]).text_BND
    usual, quick = both(family, latent(16, 16), text)
    torch.testing.assert_close(quick, usual, **CLOSE)


def count_calls(layer: nn.Module, calls: list[int]) -> Any:
    forward = layer.forward
    layer.forward = lambda *given: (calls.append(1), forward(*given))[1]
    return layer


def test_keys_of_a_text_are_computed_once() -> None:
    family, calls = tiny_family(), list[int]()
    count_calls(module.text_attentions(family.unet)[0].to_k, calls)
    with family.drawing():
        for text in (texts(), texts(), texts().clone()):
            predicted(family, latent(), text)
    assert len(calls) == 2


def test_a_text_that_was_changed_is_read_again() -> None:
    family, text = tiny_family(), texts().clone()
    with family.drawing():
        first = predicted(family, latent(), text)
        text.mul_(0.5)
        changed = predicted(family, latent(), text)
    assert not torch.equal(first, changed)
    torch.testing.assert_close(changed, predicted(family, latent(), text), **CLOSE)


@pytest.mark.parametrize("kind", ["to_k", "to_q", "conv1", "proj_in", "time_emb_proj", "attn2", "resnets.0"])
def test_hooks_hold_that_come_and_change_and_go(kind: str) -> None:
    family, strength = tiny_family(), [0.0]
    layer = next(layer for name, layer in family.unet.named_modules() if name.endswith(kind))
    with family.drawing():
        base = predicted(family, latent(), texts())
        hook = layer.register_forward_hook(lambda _module, _given, output: output * (1 + strength[0]))
        for strength[0] in (0.5, -0.5):
            inside = predicted(family, latent(), texts())
            family._drawing, kept = None, family._drawing
            torch.testing.assert_close(inside, predicted(family, latent(), texts()), **CLOSE)
            family._drawing = kept
            assert not torch.allclose(inside, base)
        hook.remove()
        assert torch.equal(predicted(family, latent(), texts()), base)


@pytest.mark.parametrize("kind", ["conv1", "attn2.to_k"])
def test_weights_that_were_changed_are_seen(kind: str) -> None:
    family = tiny_family()
    layer = cast("Any", next(layer for name, layer in family.unet.named_modules() if name.endswith(kind)))
    with family.drawing():
        predicted(family, latent(), texts())
        with torch.no_grad():
            layer.weight.mul_(3)
        changed = predicted(family, latent(), texts())
    torch.testing.assert_close(changed, predicted(family, latent(), texts()), **CLOSE)


@needs_onednn
def test_this_pytorch_packs_weights() -> None:
    assert can_pack(torch.float32)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-6)])
@pytest.mark.parametrize(("first", "rows"), [(1, 1), (1, 2), (2, 1), (77, 1), (1, 77), (2, 77), (77, 2)])
def test_packed_matrices_change_no_bit(first: int, rows: int, dtype: torch.dtype, close: float) -> None:
    layers = nn.Linear(40, 24, dtype=dtype), nn.Conv2d(40, 24, 1, dtype=dtype)
    x = torch.linspace(-3, 3, 77 * 40).sin().reshape(77, 40).to(dtype)
    cells = x[:, :, None, None].contiguous(memory_format=torch.channels_last)
    for layer, many in zip(layers, (x, cells), strict=True):
        packs, given = CpuLayers(True), many[:rows]
        with torch.no_grad():
            packs(layer, many[:first])
            assert torch.equal(packs(layer, given), CpuLayers(False)(layer, given))
            torch.testing.assert_close(packs(layer, given), layer(given), rtol=close, atol=close)


def test_in_half_precision_the_prediction_is_that_of_the_network() -> None:
    family = StableDiffusion1.open(tiny_base(), torch.bfloat16)
    text = family.encode_text(["a dog", "a cat"]).text_BND
    usual, quick = both(family, latent(8, 4), text)
    exact = predicted(tiny_family(), latent(8, 4), tiny_family().encode_text(["a dog", "a cat"]).text_BND)
    assert quick.dtype == torch.float32
    # Its error is no larger than that of the network's own way in half precision, but for chance.
    assert (quick - exact).abs().mean() < 2 * (usual - exact).abs().mean()


def test_a_picture_is_the_same_after_others_of_other_sizes() -> None:
    family = tiny_family()
    with family.drawing():
        alone = predicted(family, latent(4, 4), texts(1))
    with family.drawing():
        for side in (8, 5):
            predicted(family, latent(side, side), texts(1))
        assert torch.equal(predicted(family, latent(4, 4), texts(1)), alone)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_that_is_raised_inside_is_float32_there_and_the_same_afterwards(dtype: torch.dtype) -> None:
    family = StableDiffusion1.open(tiny_base(), dtype)
    text = family.encode_text(["a dog", "a cat"]).text_BND.float()
    with family.drawing(), family.drawing():
        before = predicted(family, latent(), text)
        with raised(family):
            inside = predicted(family, latent(), text)
        assert torch.equal(predicted(family, latent(), text), before)
    torch.testing.assert_close(inside, before, rtol=0.1, atol=0.05)
    with raised(family):
        torch.testing.assert_close(inside, predicted(family, latent(), text), **CLOSE)


def test_a_layer_whose_forward_was_exchanged_runs_that() -> None:
    family = tiny_family()
    layer: Any = next(layer for name, layer in family.unet.named_modules() if name.endswith("attn1.to_q"))
    layer.forward = torch.zeros_like
    usual, quick = both(family, latent(), texts())
    torch.testing.assert_close(quick, usual, **CLOSE)


def test_texts_of_one_picture_are_not_kept_for_the_next() -> None:
    family = tiny_family()
    with family.drawing():
        outer: Any = family._drawing
        for _ in range(3):
            with family.drawing():
                predicted(family, latent(), texts().clone())
        assert len(outer._kept) == 0


def test_what_one_drawing_packed_serves_those_inside_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    family, packed = tiny_family(), list[object]()
    monkeypatch.setattr(module, "pack", lambda layer, x: (packed.append(layer), pack(layer, x))[1])
    with family.drawing():
        for _ in range(2):
            with family.drawing():
                predicted(family, latent(), texts())
    assert len(packed) == len(set(packed)) > 0
    assert family._drawing is None


@needs_onednn
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(("channels", "side", "stride"), [(8, 4, 1), (32, 8, 2), (64, 16, 1), (4, 5, 1), (128, 5, 1)])
def test_packed_weights_change_no_bit(channels: int, side: int, stride: int, rows: int) -> None:
    layer = nn.Conv2d(channels, 24, 3, stride=stride, padding=1)
    x = torch.linspace(-3, 3, rows * channels * side * side).sin().reshape(rows, channels, side, side)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert torch.equal(CpuLayers(True)(layer, x), CpuLayers(False)(layer, x))


def test_with_little_memory_the_picture_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_has_room", lambda unet: True)
    packed = _predictions()
    monkeypatch.setattr(module, "_has_room", lambda unet: False)
    assert all(torch.equal(one, other) for one, other in zip(_predictions(), packed, strict=True))


def _predictions() -> list[torch.Tensor]:
    """Of one row without guidance, at sizes that come one after another as in a second pass."""
    family = tiny_family()
    with family.drawing():
        return [predicted(family, latent(side, side), texts(1)) for side in (4, 8, 5)]


def test_tiling_that_comes_and_goes_is_seen() -> None:
    family, x = tiny_family(), latent(8, 6)
    with tiled(family, "both"):
        usual = predicted(family, x, texts())
    with family.drawing():
        plain = predicted(family, x, texts())
        with tiled(family, "both"):
            inside = predicted(family, x, texts())
        assert torch.equal(predicted(family, x, texts()), plain)
    torch.testing.assert_close(inside, usual, **CLOSE)
    assert not torch.allclose(inside, plain, atol=0.01)


def test_raised_precision_is_that_of_a_base_opened_in_it() -> None:
    family, other = tiny_family(), StableDiffusion1.open(tiny_base(), torch.float64)
    with family.drawing():
        before = predicted(family, latent(), texts())
        with raised(family):
            more = predicted(family, latent().double(), texts())
        assert torch.equal(predicted(family, latent(), texts()), before)
    wanted = predicted(other, latent().double(), texts())
    torch.testing.assert_close(more, wanted, rtol=0, atol=1e-12)  # measured: 1e-15; float32 is 5e-7 away


def test_another_attention_processor_is_left_to_the_network() -> None:
    class Mine:
        def __call__(self, attn: Any, hidden: Tensor, *given: Any, **more: Any) -> Tensor:
            return torch.zeros_like(hidden)

    family = tiny_family()
    family.unet.set_attn_processor(Mine())  # type: ignore[operator]
    usual, quick = both(family, latent(), texts())
    assert torch.equal(usual, quick)
    with pytest.raises(ModelError, match="cannot be compiled"), family.compiled():
        pass


def test_where_gradients_are_wanted_nothing_is_different() -> None:
    family = tiny_family()
    usual = family.predict(latent(), torch.tensor([3.0]), texts(1))
    with family.drawing():
        assert torch.equal(family.predict(latent(), torch.tensor([3.0]), texts(1)), usual)


def test_a_compiled_network_draws_the_same_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    family = tiny_family()
    with family.drawing():
        usual = predicted(family, latent(), texts())
    with family.compiled(backend="eager"), family.drawing():
        torch.testing.assert_close(predicted(family, latent(), texts()), usual, **CLOSE)
        hook = family.unet.conv_in.register_forward_hook(lambda _module, _given, output: output * 2)  # type: ignore[union-attr]
        hooked = [predicted(family, latent(), texts()) for _ in range(2)]
        hook.remove()
        torch.testing.assert_close(predicted(family, latent(), texts()), usual, **CLOSE)
    assert not torch.allclose(hooked[0], usual) and torch.equal(*hooked)
    assert sum("drawn uncompiled" in record.message for record in caplog.records) == 1
    with family.drawing():
        assert torch.equal(predicted(family, latent(), texts()), usual)


def test_compile_and_drawing_end_after_an_error() -> None:
    family = tiny_family()
    with pytest.raises(KeyboardInterrupt), family.compiled(backend="eager"), family.drawing():
        raise KeyboardInterrupt
    assert (family._drawing, family._compiled) == (None, None)
