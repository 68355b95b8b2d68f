"""One contract over every method: a new one needs its rows in CONFIGS, and a test for each of its options."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imprint.families import Family
from imprint.methods import METHODS, Finetune, Handle, Lora, apply, build_method, method_of
from imprint.weights import load_state, save_state
from make import tiny_family

pytestmark = pytest.mark.conformance

CONFIGS = [
    Finetune(),
    Finetune(layers="attention", text_encoder=True),
    Finetune(layers="cross_attention"),
    Finetune(text_encoder=True),
    Lora(rank=4, alpha=4.0, text_encoder=False),
    Lora(rank=3, alpha=8.0, layers="all", text_encoder=True),
    Lora(rank=2, alpha=1.0, layers="cross_attention", dropout=0.5, text_encoder=False),
]
every_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: "-".join(map(str, dict(config).values())))
SEED = 7


def computed(family: Family) -> Tensor:
    """What a family computes from two prompts and two noisy latents, text encoder included."""
    x_Bchw = torch.linspace(-2, 2, 2 * 4 * 4 * 4).reshape(2, 4, 4, 4)
    text_BND = family.encode_text(["a photo of zkz dog", "a pencil drawing"]).text_BND
    return family.predict(x_Bchw, torch.tensor([10, 700]), text_BND)


def drawn(family: Family) -> Tensor:
    """The same as when pictures are drawn: without gradients, where another attention kernel may be faster."""
    with torch.no_grad():
        return computed(family)


def trained(family: Family, config: Finetune | Lora) -> Handle:
    """A method on a family after three steps of plain descent, large enough to see."""
    handle = build_method(config).inject(family, SEED)
    for step in range(3):
        handle.at_step(step)
        computed(family).square().sum().backward()
        for value in handle.parameters():
            assert value.grad is not None
            value.data.sub_(0.05 * value.grad / (value.grad.norm() + 1e-6))
            value.grad = None
    return handle


def all_bits(family: Family) -> dict[str, Tensor]:
    """Every tensor of a family's U-Net and text encoder, copied."""
    parts = {"unet": family.unet, "text_encoder": family.text_encoder}
    return {f"{p}.{n}": v.detach().clone() for p, net in parts.items() for n, v in net.state_dict().items()}


def test_every_registered_method_is_under_contract() -> None:
    assert {config.kind for config in CONFIGS} == set(METHODS)


@every_config
def test_step_0_is_the_base(config: Finetune | Lora) -> None:
    family = tiny_family()
    base, recorded = drawn(family), computed(family)
    build_method(config).inject(family, SEED)
    assert torch.equal(drawn(family), base)
    assert torch.equal(computed(family), recorded)


@every_config
def test_what_would_train_is_counted_and_the_base_left_alone(config: Finetune | Lora) -> None:
    family, method = tiny_family(), build_method(config)
    before = all_bits(family)
    counted = method.trained_numbers(family)
    after = all_bits(family)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert counted == sum(value.numel() for value in method.inject(family, SEED).parameters())


@every_config
def test_only_declared_parameters_get_gradients(config: Finetune | Lora) -> None:
    family = tiny_family()
    handle = trained(family, config)
    computed(family).square().sum().backward()
    networks = (family.unet, family.text_encoder, family.vae)
    moved = {id(v) for net in networks for v in net.parameters() if v.grad is not None or v.requires_grad}
    assert moved == {id(value) for value in handle.parameters()}
    assert all(value.grad is not None and bool(value.grad.any()) for value in handle.parameters())


@every_config
def test_training_moves_the_output(config: Finetune | Lora) -> None:
    family = tiny_family()
    base = drawn(family)
    trained(family, config)
    assert not torch.allclose(drawn(family), base, atol=1e-3)


@every_config
def test_eject_restores_the_base_bit_for_bit(config: Finetune | Lora) -> None:
    family = tiny_family()
    before, base = all_bits(family), drawn(family)
    handle = trained(family, config)
    handle.eject()
    handle.eject()
    after = all_bits(family)
    assert torch.equal(drawn(family), base)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(value.requires_grad for value in family.unet.parameters())


@every_config
def test_saved_and_loaded_draws_the_same(config: Finetune | Lora, tmp_path) -> None:
    family = tiny_family()
    handle = trained(family, config)
    learnt = drawn(family)
    save_state(tmp_path / "state.safetensors", handle.state())
    other = tiny_family()
    applied = apply(other, load_state(tmp_path / "state.safetensors"))
    assert torch.equal(drawn(other), learnt)
    assert applied.parameters() == []


@every_config
def test_a_loaded_state_trains_on_the_same(config: Finetune | Lora) -> None:
    family, other = tiny_family(), tiny_family()
    handle = trained(family, config)
    resumed = build_method(config).inject(other, SEED)
    resumed.load_state(handle.state())
    for live, again in zip(handle.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(live, again)
    assert list(handle.named_parameters()) == list(resumed.named_parameters()) == list(handle.state().tensors)


@every_config
def test_strength_0_is_the_base_and_between_is_between(config: Finetune | Lora) -> None:
    family = tiny_family()
    base = drawn(family)
    handle = trained(family, config)
    state = handle.state()
    handle.eject()
    with torch.no_grad():
        outputs = []
        for strength in (0.0, 0.5, 1.0):
            applied = apply(family, state, strength)
            outputs.append(drawn(family))
            applied.eject()
    assert torch.equal(outputs[0], base)
    assert 0 < (outputs[1] - base).norm() < (outputs[2] - base).norm()
    assert torch.equal(drawn(family), base)


@every_config
def test_the_same_seed_starts_the_same(config: Finetune | Lora) -> None:
    torch.manual_seed(1)
    first = build_method(config).inject(tiny_family(), SEED).state().tensors
    torch.manual_seed(2)
    generator = torch.get_rng_state()
    second = build_method(config).inject(tiny_family(), SEED).state().tensors
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), generator)


@every_config
def test_a_state_carries_its_configuration(config: Finetune | Lora) -> None:
    assert method_of(build_method(config).inject(tiny_family(), SEED).state()).config == config


@every_config
def test_a_state_that_does_not_fit_changes_nothing(config: Finetune | Lora) -> None:
    from dataclasses import replace

    from imprint.errors import ModelError

    family = tiny_family()
    state, base = build_method(config).inject(tiny_family(), SEED).state(), drawn(family)
    name = list(state.tensors)[-1]
    short = {key: value for key, value in state.tensors.items() if key != name}
    for tensors in (short, {**state.tensors, "unet.more": torch.ones(1)}, {**state.tensors, name: torch.ones(1, 1, 1)}):
        with pytest.raises(ModelError, match="do not fit"):
            apply(family, replace(state, tensors=tensors))
    assert torch.equal(drawn(family), base)


def test_two_methods_share_a_base_and_leave_in_any_order() -> None:
    family = tiny_family()
    base = drawn(family)
    handles = [build_method(config).inject(family, SEED) for config in (Finetune(), Lora(), Lora(layers="all"))]
    computed(family).square().sum().backward()
    assert all(value.grad is not None for handle in handles for value in handle.parameters())
    for handle in (handles[1], handles[0], handles[2]):
        handle.eject()
    assert torch.equal(drawn(family), base)
    assert not hasattr(family.unet, "peft_config")


# From here on: every option is seen to arrive.


def _names(handle: Handle) -> set[str]:
    return set(handle.named_parameters())


def test_finetune_layers_arrive() -> None:
    counts = {}
    for layers in ("all", "attention", "cross_attention"):
        counts[layers] = _names(build_method(Finetune(layers=layers)).inject(tiny_family(), SEED))
    assert counts["cross_attention"] < counts["attention"] < counts["all"]
    assert counts["all"] == {f"unet.{name}" for name in tiny_family().parameters("unet")}
    assert all(".attn2." in name for name in counts["cross_attention"])


@pytest.mark.parametrize("kind", [Finetune, Lora])
def test_text_encoder_arrives(kind: type[Finetune | Lora]) -> None:
    names = _names(build_method(kind(text_encoder=True)).inject(tiny_family(), SEED))
    assert any(name.startswith("text_encoder.") for name in names)
    assert not any("token_embedding" in name for name in names)
    names = _names(build_method(kind(text_encoder=False)).inject(tiny_family(), SEED))
    assert not any(name.startswith("text_encoder.") for name in names)


def test_lora_rank_and_layers_arrive() -> None:
    handle = build_method(Lora(rank=5, layers="cross_attention", text_encoder=False)).inject(tiny_family(), SEED)
    assert {value.shape[0] for name, value in handle.named_parameters().items() if "lora_A" in name} == {5}
    assert all(".attn2." in name for name in _names(handle))
    assert any("conv" in name for name in _names(build_method(Lora(layers="all")).inject(tiny_family(), SEED)))


def test_lora_alpha_arrives() -> None:
    changes = []
    for alpha in (2.0, 8.0):
        family = tiny_family()
        base = drawn(family)
        handle = build_method(Lora(rank=4, alpha=alpha, layers="cross_attention")).inject(family, SEED)
        for name, value in handle.named_parameters().items():
            value.data.copy_(torch.full_like(value, 1e-3) if "lora_B" in name else value)
        changes.append((drawn(family) - base).norm().item())
    assert changes[1] / changes[0] == pytest.approx(4, rel=1e-2)


def test_lora_dropout_arrives_in_training_alone_and_is_counted() -> None:
    family = tiny_family()
    handle = trained(family, Lora(rank=4, dropout=0.5))
    outputs = []
    for step in (5, 5, 6):
        handle.at_step(step)
        outputs.append(computed(family).detach())
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert torch.equal(drawn(family), drawn(family))
