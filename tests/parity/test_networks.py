"""Networks beside the weights compute what diffusers and peft compute with the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor

from imprint.weights import Strengths, attach, read_lora
from make import tiny_family
from make_networks import adapted, write_lora
from parity.stock import TOLERANCE, assert_same, in_float64, our_outputs, pipeline, stock_outputs

pytestmark = pytest.mark.parity


def assert_moved(ours: tuple[Tensor, Tensor], base: tuple[Tensor, Tensor]) -> None:
    assert all((left - right).abs().max() > 100 * TOLERANCE for left, right in zip(ours, base, strict=True))


@pytest.mark.parametrize(
    ("naming", "rank", "alpha", "convolutions"),
    [("kohya", 3, 1.5, False), ("kohya", 2, 8.0, True), ("diffusers", 4, 2.0, True), ("old diffusers", 2, None, False)],
)
def test_a_file_is_read_as_diffusers_reads_it(
    naming: str, rank: int, alpha: float | None, convolutions: bool, tmp_path: Path
) -> None:
    family, pipe = in_float64(tiny_family(), pipeline())
    modules = adapted(family, convolutions=convolutions)
    path = write_lora(tmp_path / "x.safetensors", family, naming, rank=rank, alpha=alpha, modules=modules)
    base = our_outputs(family)
    pipe.load_lora_weights(str(tmp_path), weight_name=path.name)
    with attach(family, [read_lora(path, family)]):
        assert_same(stock_outputs(pipe), our_outputs(family))
        assert_moved(our_outputs(family), base)


def test_ldm_block_names_are_those_that_diffusers_maps(tmp_path: Path) -> None:
    family, pipe = tiny_family(), pipeline()
    modules = [(part, name) for part, name in adapted(family, convolutions=True, text=False) if "block" in name]
    modules = [(part, name) for part, name in modules if "samplers" not in name]  # theirs expects real SD1's there
    path = write_lora(tmp_path / "x.safetensors", family, "ldm", modules=modules)
    state, alphas = pipe.lora_state_dict(str(path), unet_config=pipe.unet.config)
    pipe.load_lora_into_unet(state, alphas, pipe.unet)
    with attach(family, [read_lora(path, family)]):
        assert_same(stock_outputs(pipe), our_outputs(family))


@pytest.mark.parametrize("options", [{}, {"use_rslora": True}, {"alpha_pattern": {"to_k": 7}}], ids=str)
def test_a_file_of_peft_is_read_as_peft_reads_it(options: dict, tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    family, pipe = tiny_family(), pipeline()
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["to_k", "to_q", "conv1"], init_lora_weights=False, **options)
    get_peft_model(pipe.unet, config).save_pretrained(str(tmp_path))
    again = pipeline()
    again.unet = PeftModel.from_pretrained(again.unet, str(tmp_path))
    base = our_outputs(family)
    with attach(family, [read_lora(tmp_path / "adapter_model.safetensors", family)]):
        assert_same(stock_outputs(again), our_outputs(family))
        assert (our_outputs(family)[1] - base[1]).abs().max() > 100 * TOLERANCE


def test_alpha_in_the_header_that_diffusers_writes_is_found(tmp_path: Path) -> None:
    from diffusers.training_utils import _collate_lora_metadata
    from peft import LoraConfig, get_peft_model_state_dict

    family, pipe = tiny_family(), pipeline()
    pipe.unet.add_adapter(LoraConfig(r=4, lora_alpha=10, target_modules=["to_k", "to_out.0"], init_lora_weights=False))
    pipe.save_lora_weights(
        str(tmp_path), unet_lora_layers=get_peft_model_state_dict(pipe.unet),
        **_collate_lora_metadata({"unet": pipe.unet}),
    )  # fmt: skip
    with attach(family, [read_lora(tmp_path / "pytorch_lora_weights.safetensors", family)]):
        assert_same(stock_outputs(pipe), our_outputs(family))


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # peft's remark on every second adapter
def test_two_loras_are_two_adapters_with_their_weights(tmp_path: Path) -> None:
    family, pipe = tiny_family(), pipeline()
    one = write_lora(tmp_path / "one.safetensors", family, "kohya", seed=1)
    two = write_lora(tmp_path / "two.safetensors", family, "diffusers", rank=2, seed=2)
    for path in (one, two):
        pipe.load_lora_weights(str(tmp_path), weight_name=path.name, adapter_name=path.stem)
    applied = attach(family, [read_lora(one, family), read_lora(two, family)])
    for left, right in ((0.7, -0.4), (1.0, 1.0), (0.0, 1.5)):
        pipe.set_adapters(["one", "two"], [left, right])
        applied.set_strengths({0: Strengths(left, left), 1: Strengths(right, right)})
        assert_same(stock_outputs(pipe), our_outputs(family))


def test_parts_have_strengths_of_their_own(tmp_path: Path) -> None:
    family, pipe = tiny_family(), pipeline()
    path = write_lora(tmp_path / "x.safetensors", family)
    pipe.load_lora_weights(str(tmp_path), weight_name=path.name, adapter_name="x")
    pipe.set_adapters(["x"], [{"text_encoder": 0.3, "unet": 1.2}])
    with attach(family, [read_lora(path, family)], {0: Strengths(0.3, 1.2)}):
        assert_same(stock_outputs(pipe), our_outputs(family))
