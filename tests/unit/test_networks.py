"""LoRAs and hypernetworks: read, refused, put on and taken off without a trace."""

from __future__ import annotations

import functools
import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imprint.errors import ConfigError, ModelError
from imprint.families import Family
from imprint.methods import Lora, apply, build_method
from imprint.weights import (
    LoadedHypernetwork,
    Strengths,
    attach,
    export_method,
    open_network,
    read_hypernetwork,
    read_lora,
    save_state,
)  # fmt: skip
from imprint.weights.module_names import ldm_names
from make import SD15_UNET, tiny_family
from make_networks import adapted, hypernetwork, write_converted, write_lora

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("own_cache")]

one_family = functools.cache(tiny_family)  # for tests that put on and take off
X_Bchw = torch.linspace(-2, 2, 4 * 4 * 4).reshape(1, 4, 4, 4)
TO_K = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"  # 16 -> 8
CONV = "down_blocks.0.resnets.0.conv1"  # 8 -> 8, 3x3


@torch.no_grad()
def outputs(family: Family) -> tuple[Tensor, Tensor]:
    text_BND = family.encode_text(["a photo of zkz dog"]).text_BND
    return text_BND, family.predict(X_Bchw, torch.tensor([300]), text_BND)


def fingerprint(family: Family) -> str:
    """Of all parameters, buffers, module names, hooks and outputs."""
    digest = hashlib.sha256()
    for network in (family.unet, family.text_encoder):
        for name, module in network.named_modules():
            hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
            digest.update(f"{name} {type(module)} {hooks}".encode())
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            digest.update(f"{name} {value.data_ptr()}".encode() + value.numpy(force=True).tobytes())
    for value in outputs(family):
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def write_hypernetwork(path: Path, **options: Any) -> Path:
    return write_converted(path, hypernetwork(**({"widths": (8, 16)} | options)))


def test_networks_leave_no_trace(tmp_path: Path) -> None:
    family = tiny_family()
    before = fingerprint(family)
    lora = read_lora(write_lora(tmp_path / "a.safetensors", family), family)
    hyper = read_hypernetwork(write_hypernetwork(tmp_path / "h.safetensors"), family)
    applied = attach(family, [lora, hyper, lora])
    assert fingerprint(family) != before
    outer = attach(family, [lora])
    applied.detach()
    applied.detach()
    assert fingerprint(family) != before
    outer.detach()
    assert fingerprint(family) == before


def test_an_exception_leaves_no_trace(tmp_path: Path) -> None:
    family = tiny_family()
    before = fingerprint(family)
    lora = read_lora(write_lora(tmp_path / "a.safetensors", family), family)
    with pytest.raises(RuntimeError, match="within"), attach(family, [lora]), attach(family, [lora, lora]):
        raise RuntimeError("within")
    with pytest.raises(ConfigError, match="finite"):
        attach(family, [lora], {0: Strengths(unet=float("nan"))})
    with pytest.raises(AttributeError):
        attach(family, [lora, LoadedHypernetwork("x", Path(), {8: (None, None)})])  # type: ignore[dict-item]
    assert fingerprint(family) == before


def test_strength_0_is_the_base_exactly(tmp_path: Path) -> None:
    family = tiny_family()
    base = outputs(family)
    lora = read_lora(write_lora(tmp_path / "a.safetensors", family), family)
    hyper = read_hypernetwork(write_hypernetwork(tmp_path / "h.safetensors"), family)
    applied = attach(family, [lora, hyper])
    applied.set_strengths({0: Strengths(0, 0), 1: Strengths(0, 0)})
    assert all(torch.equal(left, right) for left, right in zip(outputs(family), base, strict=True))
    applied.set_strengths({0: Strengths(0, 1)})
    assert torch.equal(outputs(family)[0], base[0])
    assert not torch.allclose(outputs(family)[1], base[1], atol=1e-4)
    assert applied.strengths == (Strengths(0, 1), Strengths(0, 0))


def test_strengths_change_between_steps_and_wrong_ones_change_nothing(tmp_path: Path) -> None:
    family = tiny_family()
    lora = read_lora(write_lora(tmp_path / "a.safetensors", family), family)
    applied = attach(family, [lora], {0: Strengths(1, 0.5)})
    half = outputs(family)[1]
    endless = {0: Strengths(float("inf"))}
    for wrong in ({1: Strengths()}, {-1: Strengths()}, {0: Strengths(2, 2), 1: Strengths()}, endless):
        with pytest.raises(ConfigError):
            applied.set_strengths(wrong)
    assert torch.equal(outputs(family)[1], half)
    applied.set_strengths({0: Strengths(1, 1)})
    assert not torch.allclose(outputs(family)[1], half, atol=1e-4)
    applied.set_strengths({0: Strengths(1, 0.5)})
    assert torch.equal(outputs(family)[1], half)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from([0.25, 0.5, -0.5, 1.0]), min_size=1, max_size=4))
def test_a_lora_several_times_is_one_with_the_sum(parts: list[float], tmp_path: Path) -> None:
    family = one_family()
    lora = read_lora(write_lora(tmp_path / "a.safetensors", family), family)
    with attach(family, [lora] * len(parts), {i: Strengths(v, v) for i, v in enumerate(parts)}):
        several = outputs(family)
    with attach(family, [lora], {0: Strengths(sum(parts), sum(parts))}):
        for left, right in zip(outputs(family), several, strict=True):
            torch.testing.assert_close(left, right, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("naming", ["kohya", "ldm", "diffusers", "old diffusers", "peft"])
def test_every_naming_means_the_same(naming: str, tmp_path: Path) -> None:
    family = tiny_family()
    modules = adapted(family, convolutions=True)
    left = read_lora(write_lora(tmp_path / "kohya.safetensors", family, modules=modules), family)
    right = read_lora(write_lora(tmp_path / naming / "x.safetensors", family, naming, modules=modules), family)
    assert {layer.target for layer in left.layers} == {layer.target for layer in right.layers}
    with attach(family, [left]):
        expected = outputs(family)
    with attach(family, [right]):
        for ours, wanted in zip(outputs(family), expected, strict=True):
            torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)


def test_ldm_names_of_the_full_size_unet_are_its_own() -> None:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**SD15_UNET)
    names = list(dict.fromkeys(name.rpartition(".")[0] for name, _ in unet.named_parameters()))
    ldm = ldm_names(names)
    assert set(ldm) == set(names) and len(set(ldm.values())) == len(names)
    for ours, theirs in {
        "down_blocks.1.attentions.1.proj_in": "input_blocks.5.1.proj_in",
        "down_blocks.2.downsamplers.0.conv": "input_blocks.9.0.op",
        "up_blocks.0.upsamplers.0.conv": "output_blocks.2.1.conv",
        "up_blocks.2.upsamplers.0.conv": "output_blocks.8.2.conv",
        "up_blocks.3.attentions.2.proj_out": "output_blocks.11.1.proj_out",
        "mid_block.resnets.1.conv2": "middle_block.2.out_layers.3",
    }.items():
        assert ldm[ours] == theirs


def test_our_own_files_and_exports_are_read(tmp_path: Path) -> None:
    family = tiny_family()
    handle = build_method(Lora(rank=2, alpha=5.0, text_encoder=True)).inject(family, seed=1)
    for value in handle.parameters():
        value.data.add_(0.1)
    state = handle.state()
    handle.eject()
    save_state(tmp_path / "own.safetensors", state)
    (export,) = export_method(state, family, tmp_path)
    applied = apply(family, state, 1.0)
    expected = outputs(family)
    applied.eject()
    for path in (tmp_path / "own.safetensors", export):
        with attach(family, [read_lora(path, family)]):
            for ours, wanted in zip(outputs(family), expected, strict=True):
                torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)


def test_a_network_adds_to_a_method_that_was_applied_before(tmp_path: Path) -> None:
    family = tiny_family()
    lora = read_lora(write_lora(tmp_path / "a.safetensors", family), family)
    hyper = read_hypernetwork(write_hypernetwork(tmp_path / "h.safetensors"), family)
    before = fingerprint(family)
    handle = build_method(Lora(rank=2)).inject(family, seed=1)  # adds zero
    with attach(family, [lora, hyper]):
        with_both = outputs(family)
    handle.eject()
    assert fingerprint(family) == before
    with attach(family, [lora, hyper]):
        assert all(torch.equal(left, right) for left, right in zip(outputs(family), with_both, strict=True))


def effective(path: Path, family: Family, module: str, x: Tensor) -> Tensor:
    """What a file adds to one module's output."""
    (layer,) = read_lora(path, family).layers
    assert layer.target.module == module
    return layer.delta(family.unet.get_submodule(module), x) * layer.scale


def test_loha_is_its_formula(tmp_path: Path) -> None:
    family, path = tiny_family(), tmp_path / "x.safetensors"
    a1, b1, a2, b2 = torch.randn(8, 3), torch.randn(3, 16), torch.randn(8, 3), torch.randn(3, 16)
    named = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2, "alpha": torch.tensor(1.5)}
    save_file({f"lora_unet_{TO_K.replace('.', '_')}.{name}": value for name, value in named.items()}, path)
    x = torch.randn(2, 5, 16)
    expected = x @ ((a1 @ b1) * (a2 @ b2)).T * 1.5 / 3
    torch.testing.assert_close(effective(path, family, TO_K, x), expected)


@pytest.mark.parametrize("form", ["whole", "right", "both"])
def test_lokr_is_its_formula(form: str, tmp_path: Path) -> None:
    family, path = tiny_family(), tmp_path / "x.safetensors"
    one, two = torch.randn(2, 4), torch.randn(4, 2, 3, 3)
    named: dict[str, Tensor] = {"lokr_w1": one, "lokr_w2": two, "alpha": torch.tensor(3.0)}
    if form != "whole":
        a, b = torch.randn(4, 2), torch.randn(2, 18)
        two = (a @ b).reshape(4, 2, 3, 3)
        named = {"lokr_w1": one, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(3.0)}
    if form == "both":
        a, b = torch.randn(2, 2), torch.randn(2, 4)
        one = a @ b
        named = {"lokr_w1_a": a, "lokr_w1_b": b, **{k: v for k, v in named.items() if k != "lokr_w1"}}
    save_file({f"lora_unet_{CONV.replace('.', '_')}.{name}": value for name, value in named.items()}, path)
    x, scale = torch.randn(1, 8, 4, 4), 1.0 if form == "whole" else 3 / 2
    weight = torch.stack([torch.stack([torch.kron(one, two[:, :, i, j]) for j in range(3)], -1) for i in range(3)], -2)
    expected = nn.functional.conv2d(x, weight, padding=1) * scale
    torch.testing.assert_close(effective(path, family, CONV, x), expected, atol=1e-4, rtol=1e-4)


def test_locon_with_a_middle_is_its_formula(tmp_path: Path) -> None:
    family, path = tiny_family(), tmp_path / "x.safetensors"
    down, mid, up = torch.randn(3, 8, 1, 1), torch.randn(3, 3, 3, 3), torch.randn(8, 3, 1, 1)
    stem = f"lora_unet_{CONV.replace('.', '_')}"
    save_file({f"{stem}.lora_{k}.weight": v for k, v in {"down": down, "mid": mid, "up": up}.items()}, path)
    x = torch.randn(1, 8, 4, 4)
    weight = torch.einsum("or,rsij,sc->ocij", up[..., 0, 0], mid, down[..., 0, 0])
    expected = nn.functional.conv2d(x, weight, padding=1)
    torch.testing.assert_close(effective(path, family, CONV, x), expected, atol=1e-4, rtol=1e-4)


def test_a_linear_written_as_a_1x1_convolution_fits(tmp_path: Path) -> None:
    family, path = tiny_family(), tmp_path / "x.safetensors"
    down, up, x = torch.randn(3, 16), torch.randn(8, 3), torch.randn(2, 16)
    stem = f"lora_unet_{TO_K.replace('.', '_')}"
    save_file({f"{stem}.lora_down.weight": down[..., None, None], f"{stem}.lora_up.weight": up[..., None, None]}, path)
    torch.testing.assert_close(effective(path, family, TO_K, x), x @ down.T @ up.T)


def changed(path: Path, change: Any) -> Path:
    """A LoRA file, its tensors changed in place."""
    tensors = load_file(write_lora(path, one_family()))
    change(tensors, "lora_unet_" + TO_K.replace("attn2.to_k", "attn1.to_q").replace(".", "_"))
    save_file(tensors, path)
    return path


def nan(tensors: dict[str, Tensor], stem: str) -> None:
    tensors[f"{stem}.lora_down.weight"] = torch.full((3, 8), float("nan"))


def other_rank(tensors: dict[str, Tensor], stem: str) -> None:
    tensors[f"{stem}.lora_up.weight"] = torch.zeros(8, 2)


def wide(tensors: dict[str, Tensor], stem: str) -> None:
    tensors[f"{stem}.lora_down.weight"] = torch.zeros(3, 1024)


def partner(tensors: dict[str, Tensor], stem: str) -> None:
    del tensors[f"{stem}.lora_up.weight"]


def integers(tensors: dict[str, Tensor], stem: str) -> None:
    tensors[f"{stem}.lora_up.weight"] = torch.zeros(8, 3, dtype=torch.int32)


def alphas(tensors: dict[str, Tensor], stem: str) -> None:
    tensors[f"{stem}.alpha"] = torch.zeros(3)


def dora(tensors: dict[str, Tensor], stem: str) -> None:
    tensors[f"{stem}.dora_scale"] = torch.zeros(8)


def sdxl(tensors: dict[str, Tensor], stem: str) -> None:
    tensors["lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"] = torch.zeros(8, 3)


def strangers(tensors: dict[str, Tensor], stem: str) -> None:
    tensors.clear()
    tensors["some.other.weight"] = torch.zeros(2)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (nan, r"NaN or infinity .*attn1_to_q"), (other_rank, "do not fit each other: lora_unet_.*attn1_to_q"),
        (wide, "does not fit this base: lora_unet_.*attn1_to_q.*\n.*8, 8"), (partner, "lost its partner"),
        (integers, "of the wrong kind"), (alphas, "no single number"), (dora, "DoRA"),
        (sdxl, "trained on SDXL .*lora_te2_"), (strangers, "nothing in this file fits .*some.other.weight"),
    ],
)  # fmt: skip
def test_damaged_and_foreign_files_are_named_with_their_first_key(change: Any, match: str, tmp_path: Path) -> None:
    path = changed(tmp_path / "x.safetensors", change)
    with pytest.raises(ModelError, match=f"x.safetensors: .*{match}"):
        read_lora(path, one_family())


def test_a_header_of_another_family_is_believed(tmp_path: Path) -> None:
    family, header = tiny_family(), {"ss_base_model_version": "sdxl_base_v1-0"}
    with pytest.raises(ModelError, match="trained on SDXL"):
        read_lora(write_lora(tmp_path / "x.safetensors", family, header=header), family)


def test_what_fits_nothing_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    more = {"lora_unet_more.alpha": torch.ones(1)}
    lora = read_lora(changed(tmp_path / "x.safetensors", lambda tensors, _: tensors.update(more)), tiny_family())
    assert len(lora.layers) > 20
    assert lora.remarks == ("1 of 121 tensors fit nothing in this base: lora_unet_more.alpha",)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff" * 8 + b"{}"])
def test_files_that_are_no_safetensors_are_refused(content: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="no readable safetensors"):
        open_network(path, tiny_family())
    with pytest.raises(ModelError, match="no such file"):
        open_network(tmp_path / "none.safetensors", tiny_family())


# Hypernetworks


def reference(net: dict[Any, Any], activation: Any, width: int, half: int, x: Tensor, *, output: bool) -> Tensor:
    """x + mlp(x), from torch's own modules in A1111's order."""
    state, layers, at = net[width][half], [], 0
    sizes = [int(width * factor) for factor in net["layer_structure"]]
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        layers.append(linear := nn.Linear(inputs, outputs))
        linear.load_state_dict({k: state[f"linear.{at}.{k}"] for k in ("weight", "bias")})
        if activation and (output or number < len(sizes) - 2):
            layers.append(activation())
        at += 2
        if net["is_layer_norm"]:
            layers.append(norm := nn.LayerNorm(outputs))
            norm.load_state_dict({k: state[f"linear.{at}.{k}"] for k in ("weight", "bias")})
            at += 1
    return x + nn.Sequential(*layers)(x)


@pytest.mark.parametrize(
    ("name", "activation", "options"),
    [
        ("linear", None, {"structure": (1, 2, 1)}),
        ("swish", nn.Hardswish, {"structure": (1, 1.5, 2, 1), "norm": True, "activate_output": False}),
        ("leakyrelu", nn.LeakyReLU, {"structure": (1, 1), "activate_output": True, "use_dropout": True}),
    ],
)
def test_keys_and_values_read_a_changed_context(name: str, activation: Any, options: Any, tmp_path: Path) -> None:
    family = tiny_family()
    net, x = hypernetwork((8, 16, 40), activation_func=name, **options), torch.randn(2, 5, 16)
    hyper = open_network(write_converted(tmp_path / "h.safetensors", net), family)
    assert hyper.remarks == ("its widths 40 do not occur in this base",)
    with torch.no_grad(), attach(family, [hyper]):
        for half, end in enumerate((".to_k", ".to_v")):
            module = family.unet.get_submodule(TO_K.replace(".to_k", end))
            context = reference(net, activation, 16, half, x, output=options.get("activate_output", True))
            torch.testing.assert_close(module(x), nn.functional.linear(context, module.weight), atol=1e-5, rtol=1e-5)


def test_several_hypernetworks_follow_each_other_each_with_its_strength(tmp_path: Path) -> None:
    family, x = tiny_family(), torch.randn(2, 5, 16)
    nets = [hypernetwork((8, 16), seed=seed) for seed in (1, 2)]
    paths = [write_converted(tmp_path / f"{number}.safetensors", net) for number, net in enumerate(nets)]
    module = family.unet.get_submodule(TO_K)
    with torch.no_grad(), attach(
        family, [read_hypernetwork(path, family) for path in paths], {0: Strengths(9, 0.5), 1: Strengths(9, -2)}
    ):
        first = x + 0.5 * (reference(nets[0], None, 16, 0, x, output=True) - x)
        second = first - 2 * (reference(nets[1], None, 16, 0, first, output=True) - first)
        torch.testing.assert_close(module(x), nn.functional.linear(second, module.weight), atol=1e-5, rtol=1e-5)


def test_the_oldest_files_name_their_layers_otherwise(tmp_path: Path) -> None:
    net, family, names = hypernetwork((16,)), tiny_family(), {"linear.0": "linear1", "linear.2": "linear2"}
    halves = [{names[key[:8]] + key[8:]: value for key, value in state.items()} for state in net[16]]
    write_converted(tmp_path / "old.safetensors", {16: tuple(halves)})
    write_converted(tmp_path / "new.safetensors", net)
    x = torch.randn(1, 3, 16)
    paths = (tmp_path / "old.safetensors", tmp_path / "new.safetensors")
    left, right = (read_hypernetwork(path, family).pairs[16][0](x) for path in paths)
    assert torch.equal(left, right)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"activation_func": "prelu"}, "not supported"), ({"widths": (7,)}, "fits no attention"),
        ({"structure": (1, 2)}, "another structure"), ({"layer_structure": [1, 3, 1]}, "another structure"),
    ],
)  # fmt: skip
def test_hypernetworks_that_cannot_be_applied_are_refused(options: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=match):
        read_hypernetwork(write_hypernetwork(tmp_path / "h.safetensors", **options), one_family())
