"""What we export, opened by stock diffusers, computes what we compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from imprint.artifacts.files import tensor_metadata
from imprint.diffusion.randomness import Purpose, normal
from imprint.families import Family, open_family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.methods import Finetune, Handle, Lora, build_method
from imprint.nano import base_folder
from imprint.weights import export_method
from make import tiny_base, tiny_family
from parity.stock import assert_same, our_outputs, pipeline, stock_outputs

pytestmark = pytest.mark.parity


def shaken(family: Family, config: Finetune | Lora) -> Handle:
    """A method whose every parameter was moved a little."""
    handle = build_method(config).inject(family, seed=3)
    generator = torch.Generator().manual_seed(4)
    for value in handle.parameters():
        value.data.add_(0.05 * torch.randn(value.shape, generator=generator))
    return handle


def test_base_agrees_with_stock_diffusers() -> None:
    assert_same(stock_outputs(pipeline(tiny_base())), our_outputs(tiny_family()))


@pytest.mark.parametrize(
    "config",
    [
        Lora(rank=4, alpha=4.0, text_encoder=False),
        Lora(rank=4, alpha=1.0),
        Lora(rank=3, alpha=8.0, text_encoder=True),
        Lora(rank=2, alpha=5.0, layers="all", text_encoder=True),
        Lora(rank=2, alpha=2.0, layers="cross_attention", text_encoder=False),
    ],
    ids=str,
)
def test_lora_opens_in_diffusers(config: Lora, tmp_path: Path) -> None:
    family = tiny_family()
    base = our_outputs(family)
    state = shaken(family, config).state()
    (path,) = export_method(state, family, tmp_path)
    pipe = pipeline(tiny_base())
    pipe.load_lora_weights(str(tmp_path), weight_name=path.name)
    assert_same(stock_outputs(pipe), our_outputs(family))
    assert not torch.allclose(base[1], our_outputs(family)[1], atol=1e-3)
    assert bool(config.text_encoder) != torch.equal(base[0], our_outputs(family)[0])


def test_lora_strength_is_diffusers_adapter_weight(tmp_path: Path) -> None:
    from imprint.methods import apply

    family = tiny_family()
    handle = shaken(family, Lora(rank=4, alpha=2.0, text_encoder=True))
    state = handle.state()
    handle.eject()
    export_method(state, family, tmp_path)
    pipe = pipeline(tiny_base())
    pipe.load_lora_weights(str(tmp_path), adapter_name="ours")
    pipe.set_adapters(["ours"], [0.4])
    apply(family, state, 0.4)
    assert_same(stock_outputs(pipe), our_outputs(family))


def test_lora_header_says_what_it_is(tmp_path: Path) -> None:
    family = tiny_family()
    (path,) = export_method(shaken(family, Lora(rank=4, alpha=2.0)).state(), family, tmp_path)
    header = tensor_metadata(path)
    assert header["imprint.kind"] == "lora"
    assert header["imprint.base_hash"] == family.base_hash
    assert header["ss_network_dim"] == header["ss_network_alpha"] == "4"
    assert '"alpha":2.0' in header["imprint.config"]


@pytest.mark.parametrize("config", [Finetune(text_encoder=True), Finetune(layers="cross_attention")], ids=str)
def test_finetuned_folder_opens_in_diffusers(config: Finetune, tmp_path: Path) -> None:
    family = tiny_family()
    state = shaken(family, config).state()
    (folder,) = export_method(state, family, tmp_path)
    assert_same(stock_outputs(pipeline(folder)), our_outputs(family))
    assert tensor_metadata(folder / "unet" / "diffusion_pytorch_model.safetensors")["imprint.kind"] == "finetune"


def test_lora_draws_the_same_picture_in_diffusers(tmp_path: Path) -> None:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    family = open_family(base_folder())
    state = shaken(family, Lora(rank=4, alpha=2.0, text_encoder=True)).state()
    export_method(state, family, tmp_path)
    request = TextToImage(prompt="a photo of a dog", seed=3, sampler="ddim", schedule="ddim", steps=8, cfg_scale=3)
    ours = next(text_to_image(family, [request])).pixels_HWC.astype(int)
    pipe = pipeline(base_folder())
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.load_lora_weights(str(tmp_path))
    theirs = pipe(
        request.prompt, num_inference_steps=request.steps, guidance_scale=request.cfg_scale, output_type="np",
        latents=normal(3, 0, [0], Purpose.LATENT, (4, 16, 16)), width=128, height=128,
    ).images[0]  # fmt: skip
    assert np.abs(ours - np.round(theirs * 255).astype(int)).max() <= 1
