"""Stable Diffusion 1's networks, built from a configuration and filled with weights.

Reads: a DiffusersFolder. Writes: modules. Does not: download, or open pickles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor, nn

from imprint.errors import ModelError
from imprint.families.diffusers_folder import DiffusersFolder
from imprint.families.family import Part

if TYPE_CHECKING:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

CLASSES: dict[Part, tuple[str, ...]] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel", "CLIPTextModelWithProjection"),
}
TEXT_PREFIX = "text_model."  # in files always; in modules up to transformers 5.0
# What the libraries' constructors raise on nonsense.
BAD_CONFIG_ERRORS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RuntimeError)
# The names of the autoencoder's attention before diffusers 0.18, in most folders of Stable Diffusion 1.
OLD_VAE_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
OLD_VAE_PATTERN = re.compile(r"(\.attentions\.\d+\.)(query|key|value|proj_attn)(?=\.)")


class Buildable(Protocol):
    """A diffusers class that builds itself from a JSON object."""

    def from_config(self, config: Mapping[str, Any]) -> nn.Module:
        """A module with its initial weights."""
        ...


def load_network(folder: DiffusersFolder, part: Part, dtype: torch.dtype, device: str) -> nn.Module:
    """Build one network and fill it from its memory-mapped files.

    Raises: ModelError: if its configuration or a tensor does not fit.
    """
    network = build_network(part, folder.config(part), folder.path / part)
    read = {native_name(part, name): tensor for name, tensor in folder.tensors(part).items()}
    wanted = {native_name(part, name): name for name in network.state_dict()}
    check_tensors(network, {own: read.get(name) for name, own in wanted.items()}, folder.path / part)
    # A copy, not the mapping itself: a file changed under a running job must not change its weights.
    values = {own: read[name].to(device, dtype, copy=True) for name, own in wanted.items()}
    network.load_state_dict(values, assign=True)
    _fill_position_ids(network, device)
    return network


def build_network(part: Part, config: Mapping[str, Any], where: Path) -> nn.Module:
    """The module that a configuration describes, on the meta device.

    Raises: ModelError: if the configuration names another class or cannot be built.
    """
    named = config.get("_class_name", next(iter(config.get("architectures") or CLASSES[part])))
    if named not in CLASSES[part]:
        raise ModelError("another kind of network", where=where, got=named, allowed=", ".join(CLASSES[part]))
    from huggingface_hub.errors import StrictDataclassError

    try:
        with torch.device("meta"):
            return _construct(part, config)
    except (*BAD_CONFIG_ERRORS, StrictDataclassError) as error:
        raise ModelError("this configuration builds no network", where=where / "config.json", got=str(error)) from error


def _construct(part: Part, config: Mapping[str, Any]) -> nn.Module:
    if part == "text_encoder":
        from transformers.models.clip.configuration_clip import CLIPTextConfig
        from transformers.models.clip.modeling_clip import CLIPTextModel

        fields = {key: value for key, value in config.items() if key not in ("architectures", "torch_dtype", "dtype")}
        return cast("nn.Module", CLIPTextModel(CLIPTextConfig(**fields)))
    if part == "unet":
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel as Network
    else:
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL as Network
    return cast("Buildable", Network).from_config(config)


def native_name(part: Part, name: str) -> str:
    """A tensor's name in the form that all versions of the libraries share."""
    if part == "text_encoder":
        return name.removeprefix(TEXT_PREFIX)
    if part == "vae":
        return OLD_VAE_PATTERN.sub(lambda match: match[1] + OLD_VAE_NAMES[match[2]], name)
    return name


def file_name(part: Part, name: str) -> str:
    """A tensor's name as stock diffusers and every converter expect it in a file."""
    return TEXT_PREFIX + name.removeprefix(TEXT_PREFIX) if part == "text_encoder" else name


def check_tensors(network: nn.Module, read: Mapping[str, Tensor | None], where: Path) -> None:
    """Every tensor that a network needs is there in its shape.

    Raises: ModelError: naming the first that is not.
    """
    for name, wanted in network.state_dict().items():
        tensor = read.get(name)
        if tensor is None:
            raise ModelError("a tensor is missing from the weights", where=where, got=name)
        if tensor.shape != wanted.shape:
            raise ModelError(
                f"a tensor has the wrong shape: {name}",
                where=where,
                got=tuple(tensor.shape),
                allowed=str(tuple(wanted.shape)),
            )


def _fill_position_ids(network: nn.Module, device: str) -> None:
    """Give the text encoder the one buffer that no file holds."""
    for module in network.modules():
        held = dict(module.named_buffers(recurse=False)).get("position_ids")
        if held is not None and held.is_meta:
            module.register_buffer(
                "position_ids", torch.arange(held.shape[-1], device=device).expand(held.shape), persistent=False
            )


def load_tokenizer(folder: DiffusersFolder) -> CLIPTokenizer:
    """The CLIP tokenizer of a model folder.

    Raises: ModelError: if its files are missing or unreadable.
    """
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    place = folder.path / "tokenizer"
    if not (place / "tokenizer.json").is_file():
        for name in ("vocab.json", "merges.txt"):
            if not (place / name).is_file():
                raise ModelError(f"the model is incomplete: tokenizer/{name} is missing", where=folder.path)
    try:
        opened = cast("Any", CLIPTokenizer).from_pretrained(str(place), local_files_only=True)
        return cast("CLIPTokenizer", opened)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("the tokenizer cannot be read", where=place, got=str(error)) from error
