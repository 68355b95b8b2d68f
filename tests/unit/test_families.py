"""Opening and saving base models: every layout in the wild, and everything that is no model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from imprint.artifacts.files import load_tensors, save_tensors
from imprint.errors import ConfigError, ModelError, OutputError
from imprint.families import Family, open_family
from imprint.families.sd1 import StableDiffusion1
from imprint.families.sd1.networks import build_network
from imprint.families.sd1.scheduler import alphas_cumprod, scheduler_config
from make import tiny_base, tiny_family, write_tiny_base

pytestmark = pytest.mark.unit

UNET, TEXT, VAE = (
    Path("unet/diffusion_pytorch_model.safetensors"),
    Path("text_encoder/model.safetensors"),
    Path("vae/diffusion_pytorch_model.safetensors"),
)
X_Bchw = torch.linspace(-2, 2, 2 * 4 * 4 * 4).reshape(2, 4, 4, 4)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A copy of the tiny base that a test may change."""
    return Path(shutil.copytree(tiny_base(), tmp_path / "ü base (x)"))


def drawn(family: Family) -> torch.Tensor:
    text_BND = family.encode_text(["a dog", "ein Hund 🐕"]).text_BND
    return family.predict(X_Bchw, torch.tensor([10, 700]), text_BND)


def edit_json(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def rename_keys(path: Path, rename: Callable[[str], str], **more: torch.Tensor) -> None:
    save_tensors(path, {rename(name): value for name, value in load_tensors(path).items()} | more, {"format": "pt"})


def test_tokens_are_padded_and_cut_to_77() -> None:
    tokens_BN = tiny_family().tokenize(["", "a photo of a dog", "word " * 200])
    start, end = len(tiny_family().tokenizer) - 2, len(tiny_family().tokenizer) - 1
    assert tokens_BN.shape == (3, 77)
    assert tokens_BN.dtype == torch.int64
    assert tokens_BN[0].tolist() == [start] + [end] * 76
    assert tokens_BN[2, -1] == end


def test_a_window_of_a_text_is_what_the_tokenizer_makes_of_it() -> None:
    family = tiny_family()
    texts = ["", "a dog", "a photo of a dog " * 4]
    rows = family.text_window.rows([family.token_ids(text)[:75] for text in texts])
    assert rows == family.tokenize(texts).tolist()


def test_tokens_of_a_long_text_are_all_there() -> None:
    family = tiny_family()
    once = family.token_ids("dog ")
    family.tokenize(["a dog"])  # which pads and cuts: a tokenizer remembers that
    assert family.token_ids("dog " * 500) == once * 500


def test_a_chunk_that_is_too_long_for_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 75 tokens, got 76"):
        tiny_family().text_window.rows([[5] * 76])


def test_an_inserted_vector_stands_for_its_token() -> None:
    family = tiny_family()
    tokens_BN = family.tokenize(["a dog"])
    table = dict(family.text_encoder.named_parameters())["embeddings.token_embedding.weight"].detach()
    other_BN = tokens_BN.clone()
    other_BN[0, 2] = 7
    same = family.encode_tokens(tokens_BN, inserted={(0, 2): table[7]}).text_BND
    torch.testing.assert_close(same, family.encode_tokens(other_BN).text_BND, rtol=0, atol=0)
    assert not torch.equal(same, family.encode_tokens(tokens_BN).text_BND)


def test_a_vector_of_another_width_is_refused() -> None:
    family = tiny_family()
    with pytest.raises(ConfigError, match="does not fit this text encoder"):
        family.encode_tokens(family.tokenize(["a dog"]), inserted={(0, 1): torch.zeros(5)})


def test_an_unseen_token_changes_nothing_after_it() -> None:
    family = tiny_family()
    one, other = family.tokenize(["a dog"]), family.tokenize(["a dog"])
    other[0, 2] = 7
    seen_BN = torch.ones_like(one)
    seen_BN[0, 2] = 0
    a, b = (family.encode_tokens(tokens, seen_BN=seen_BN).text_BND[0, 3:] for tokens in (one, other))
    torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("layer", [0, 3, -1])
def test_a_layer_that_is_not_there_is_refused(layer: int) -> None:
    with pytest.raises(ConfigError, match=r"clip_skip(.|\n)*allowed: 1..2"):
        tiny_family().encode_tokens(tiny_family().tokenize(["a dog"]), clip_skip=layer)


def test_pictures_go_to_latents_and_back() -> None:
    family = tiny_family()
    moments = family.encode_image(torch.zeros(2, 3, 32, 64))
    assert moments.mean_Bchw.shape == moments.std_Bchw.shape == (2, 4, 4, 8)
    assert bool((moments.std_Bchw > 0).all())
    pixels = family.decode(100 * moments.sample(torch.ones(2, 4, 4, 8)))
    assert pixels.shape == (2, 3, 32, 64)
    assert pixels.abs().max() <= 1
    with pytest.raises(ValueError, match="multiples of 8"):
        family.encode_image(torch.zeros(1, 3, 30, 32))


def test_latents_are_scaled_as_the_vae_says(base: Path) -> None:
    edit_json(base / "vae" / "config.json", scaling_factor=2 * 0.18215)
    pixels = torch.rand(1, 3, 32, 32)
    one, two = tiny_family().encode_image(pixels), open_family(base).encode_image(pixels)
    torch.testing.assert_close(two.mean_Bchw, 2 * one.mean_Bchw)
    torch.testing.assert_close(two.std_Bchw, 2 * one.std_Bchw)


def test_timesteps_may_be_fractional() -> None:
    family = tiny_family()
    text_BND = family.encode_text(["a dog"]).text_BND
    low, between, high = (family.predict(X_Bchw[:1], torch.tensor([t]), text_BND) for t in (10.0, 10.5, 11.0))
    assert not torch.equal(low, between)
    assert not torch.equal(between, high)


def test_dtype_arrives_and_outputs_keep_the_callers() -> None:
    family = StableDiffusion1.open(tiny_base(), torch.bfloat16)
    assert family.dtype == torch.bfloat16
    assert next(family.vae.parameters()).dtype == torch.float32
    assert drawn(family).dtype == torch.float32
    torch.testing.assert_close(drawn(family), drawn(tiny_family()), atol=0.1, rtol=0.1)


def test_nothing_trains_after_opening() -> None:
    family = tiny_family()
    networks = (family.unet, family.text_encoder, family.vae)
    assert not any(value.requires_grad for network in networks for value in network.parameters())
    assert not any(network.training for network in networks)
    assert not drawn(family).requires_grad


def test_text_records_gradients_only_where_the_encoder_trains() -> None:
    family = tiny_family()
    assert not family.encode_text(["a dog"]).text_BND.requires_grad
    next(family.text_encoder.parameters()).requires_grad_(True)
    assert family.encode_text(["a dog"]).text_BND.requires_grad


def test_saved_folder_draws_the_same(tmp_path: Path) -> None:
    family = tiny_family()
    family.save(tmp_path / "copy")
    again = open_family(tmp_path / "copy")
    assert torch.equal(drawn(again), drawn(family))
    assert again.folder == tmp_path / "copy"
    assert not list(tmp_path.glob("*.partial"))


def test_saving_in_half_precision_halves_the_file(tmp_path: Path) -> None:
    tiny_family().save(tmp_path / "half", dtype=torch.float16)
    assert {value.dtype for value in load_tensors(tmp_path / "half" / UNET).values()} == {torch.float16}
    torch.testing.assert_close(drawn(open_family(tmp_path / "half")), drawn(tiny_family()), atol=0.05, rtol=0.05)


def test_saving_refuses_an_existing_folder_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists already"):
        tiny_family().save(tmp_path)
    with pytest.raises(KeyError, match=r"unet\.nothing"):
        tiny_family().save(tmp_path / "new", replaced={"unet.nothing": torch.ones(1)})
    assert not (tmp_path / "new").exists()


def test_base_hash_follows_the_content(base: Path) -> None:
    assert open_family(base).base_hash == tiny_family().base_hash
    edit_json(base / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    changed = open_family(base)
    assert changed.base_hash != tiny_family().base_hash
    assert changed.prediction == "v_prediction"


def test_a_family_made_in_memory_hashes_its_weights() -> None:
    family = tiny_family()
    parts = (family.unet, family.text_encoder, family.vae, family.tokenizer)
    first, second = StableDiffusion1.create(*parts), StableDiffusion1.create(*parts)
    assert first.base_hash == second.base_hash
    next(family.unet.parameters()).data.add_(1)
    assert StableDiffusion1.create(*parts).base_hash != first.base_hash


def test_a_created_family_writes_the_tokenizer_in_its_old_form(tmp_path: Path) -> None:
    write_tiny_base(tmp_path / "base")
    (tmp_path / "base" / "tokenizer" / "tokenizer.json").unlink()
    texts = ["a photo of zkz dog, 1920s", "ÄÖ 🐕"]
    assert torch.equal(open_family(tmp_path / "base").tokenize(texts), tiny_family().tokenize(texts))


def test_parameter_names_are_the_bases() -> None:
    family = tiny_family()
    assert set(family.parameters("unet")) == set(dict(family.unet.named_parameters()))
    assert not any(name.startswith("text_model.") for name in family.parameters("text_encoder"))


# What folders in the wild look like.
def test_text_encoder_without_its_old_prefix_opens(base: Path) -> None:
    assert all(name.startswith("text_model.") for name in load_tensors(base / TEXT))
    rename_keys(base / TEXT, lambda name: name.removeprefix("text_model."))
    assert torch.equal(drawn(open_family(base)), drawn(tiny_family()))


def test_old_position_ids_and_spare_tensors_are_ignored(base: Path) -> None:
    rename_keys(base / TEXT, str, **{"text_model.embeddings.position_ids": torch.arange(77)[None]})
    assert torch.equal(drawn(open_family(base)), drawn(tiny_family()))


def test_autoencoder_with_old_attention_names_opens(base: Path) -> None:
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

    def rename(name: str) -> str:
        for new, before in old.items():
            name = name.replace(new, before)
        return name

    rename_keys(base / VAE, rename)
    assert any(".proj_attn." in name for name in load_tensors(base / VAE))
    pixels = torch.rand(1, 3, 32, 32)
    ours, theirs = open_family(base).encode_image(pixels), tiny_family().encode_image(pixels)
    assert torch.equal(ours.mean_Bchw, theirs.mean_Bchw)


def test_fp16_file_names_open(base: Path) -> None:
    for path in (UNET, TEXT, VAE):
        (base / path).rename((base / path).with_suffix(".fp16.safetensors"))
        shutil.copy(tiny_base() / path, (base / path).with_suffix(".non_ema.safetensors"))
    assert torch.equal(drawn(open_family(base)), drawn(tiny_family()))


def test_weights_in_shards_open(base: Path) -> None:
    tensors = load_tensors(base / UNET)
    (base / UNET).unlink()
    names = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(sorted(tensors))}
    for shard in set(names.values()):
        save_tensors(base / "unet" / shard, {name: tensors[name] for name in tensors if names[name] == shard})
    index = base / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": names}))
    assert torch.equal(drawn(open_family(base)), drawn(tiny_family()))
    (base / "unet" / "part-1.safetensors").unlink()
    with pytest.raises(ModelError, match="a part of the weights is missing"):
        open_family(base)


def test_a_shard_outside_the_folder_is_not_opened(base: Path) -> None:
    (base / UNET).rename(base / "elsewhere.safetensors")
    index = base / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"conv_in.weight": "../elsewhere.safetensors"}}))
    with pytest.raises(ModelError, match="a part of the weights is missing"):
        open_family(base)


# Stable Diffusion 1.5's configuration files, as published.
SD15: dict[Any, tuple[dict[str, Any], int]] = {
    "unet": (
        {
            "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu",
            "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": False,
            "cross_attention_dim": 768, "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
            "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4,
            "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32,
            "out_channels": 4, "sample_size": 64, "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        },
        859_520_964,
    ),
    "vae": (
        {
            "_class_name": "AutoencoderKL", "_diffusers_version": "0.6.0", "act_fn": "silu",
            "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4,
            "in_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
            "sample_size": 512, "up_block_types": ["UpDecoderBlock2D"] * 4,
        },
        83_653_863,
    ),
    "text_encoder": (
        {
            "_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"],
            "attention_dropout": 0.0, "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu",
            "hidden_size": 768, "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 3072,
            "layer_norm_eps": 1e-05, "max_position_embeddings": 77, "model_type": "clip_text_model",
            "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1, "projection_dim": 768,
            "torch_dtype": "float32", "transformers_version": "4.22.0.dev0", "vocab_size": 49408,
        },
        123_060_480,
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", list(SD15))
def test_the_published_sd15_configurations_build_its_networks(part: Any) -> None:
    config, parameters = SD15[part]
    network = build_network(part, config, Path("sd15"))
    assert sum(value.numel() for value in network.parameters()) == parameters


def test_schedule_is_that_of_diffusers() -> None:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    stock = DDIMScheduler.from_config(scheduler_config()).alphas_cumprod
    ours = alphas_cumprod(scheduler_config())
    assert ours.dtype == torch.float64
    torch.testing.assert_close(ours.float(), stock, atol=1e-6, rtol=1e-5)
    linear = scheduler_config() | {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}
    torch.testing.assert_close(
        alphas_cumprod(linear).float(), DDIMScheduler.from_config(linear).alphas_cumprod, atol=1e-6, rtol=1e-5
    )


# What is no model. Each breaks a copy of the base: (how, what the error says).
def _pickles_only(base: Path) -> None:
    (base / UNET).unlink()
    (base / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04.")


def _truncated(share: float) -> Callable[[Path], None]:
    def cut(base: Path) -> None:
        data = (base / UNET).read_bytes()
        (base / UNET).write_bytes(data[: int(share * len(data))])

    return cut


def _dropped_tensor(base: Path) -> None:
    tensors = load_tensors(base / UNET)
    save_tensors(base / UNET, {name: value for name, value in tensors.items() if name != "conv_out.bias"})


def _json(file: str, **fields: object) -> Callable[[Path], None]:
    return lambda base: edit_json(base / file, **fields)


def _text(file: str, text: str) -> Callable[[Path], None]:
    return lambda base: (base / file).write_text(text) and None


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (shutil.rmtree, "there is no such folder"),
    "no index": (lambda base: (base / "model_index.json").unlink(), "model_index.json is missing"),
    "index is no JSON": (_text("model_index.json", "{"), "no readable JSON"),
    "index is a list": (_text("model_index.json", "[1]"), "should hold an object"),
    "index is deep": (_text("model_index.json", "[" * 100_000), "no readable JSON"),
    "other pipeline": (_text("model_index.json", '{"_class_name": "FluxPipeline"}'), "no Stable Diffusion"),
    "no unet": (lambda base: shutil.rmtree(base / "unet"), "`unet` is missing"),
    "no vae": (lambda base: shutil.rmtree(base / "vae"), "`vae` is missing"),
    "no text encoder": (lambda base: shutil.rmtree(base / "text_encoder"), "`text_encoder` is missing"),
    "no scheduler": (lambda base: shutil.rmtree(base / "scheduler"), "`scheduler` is missing"),
    "no tokenizer": (lambda base: shutil.rmtree(base / "tokenizer"), "tokenizer/vocab.json is missing"),
    "broken tokenizer": (_text("tokenizer/tokenizer.json", "{}"), "tokenizer cannot be read"),
    "no unet config": (lambda base: (base / "unet" / "config.json").unlink(), "config.json is missing"),
    "no weights": (lambda base: (base / UNET).unlink(), "no weights"),
    "pickles": (_pickles_only, "pickles, which can run code"),
    "empty weights": (_truncated(0), "no readable safetensors"),
    "half weights": (_truncated(0.5), "no readable safetensors"),
    "nearly all weights": (_truncated(0.999), "no readable safetensors"),
    "tensor missing": (_dropped_tensor, "a tensor is missing"),
    "wrong shape": (_json("unet/config.json", block_out_channels=[8, 24]), "wrong shape"),
    "absurd config": (_json("unet/config.json", down_block_types=["Nothing", "Nothing"]), "builds no network"),
    "wrong types": (_json("text_encoder/config.json", hidden_size="wide"), "builds no network"),
    "other network": (_json("unet/config.json", _class_name="UNet3DConditionModel"), "another kind of network"),
    "sd2": (_json("text_encoder/config.json", hidden_size=1024), "Stable Diffusion 2.x is not supported yet"),
    "sdxl": (_json("unet/config.json", addition_embed_type="text_time"), "XL is not supported yet"),
    "pix2pix": (_json("unet/config.json", in_channels=8), r"another task \(instruct-pix2pix\)"),
    "inpainting without its weights": (_json("unet/config.json", in_channels=9), "wrong shape: conv_in.weight"),
    "schedule": (_json("scheduler/scheduler_config.json", beta_schedule="squaredcos"), "unknown noise schedule"),
    "prediction": (_json("scheduler/scheduler_config.json", prediction_type="sample"), "unknown prediction type"),
    "no betas": (_json("scheduler/scheduler_config.json", num_train_timesteps=-3), "makes no sense"),
}


@pytest.mark.parametrize(("how", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_model_is_refused_by_name(base: Path, how: Callable[[Path], object], says: str) -> None:
    how(base)
    with pytest.raises(ModelError, match=says) as caught:
        open_family(base)
    assert str(base) in str(caught.value)


def test_a_file_is_refused_with_the_way_to_convert_it(base: Path) -> None:
    with pytest.raises(ModelError, match="this is a file") as caught:
        open_family(base / UNET)
    assert "from_single_file" in caught.value.hint


def test_a_folder_around_a_model_is_recognised(base: Path) -> None:
    with pytest.raises(ModelError) as caught:
        open_family(base.parent)
    assert str(base) in caught.value.hint


def test_a_folder_of_single_files_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "v1-5-pruned.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        open_family(tmp_path)
    assert "from_single_file" in caught.value.hint
