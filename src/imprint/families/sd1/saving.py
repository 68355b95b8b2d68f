"""A Stable Diffusion 1 folder as stock diffusers, A1111's converters and older tools expect it.

Reads: a StableDiffusion1. Writes: a model folder. Does not: convert to single files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from imprint.artifacts.files import atomic_folder, save_tensors, write_json, write_text
from imprint.artifacts.readback import check_written
from imprint.errors import OutputError
from imprint.families.diffusers_folder import INDEX_FILE
from imprint.families.family import Part
from imprint.families.sd1.networks import file_name

if TYPE_CHECKING:
    from imprint.families.sd1.model import StableDiffusion1

WEIGHTS: dict[Part, str] = {
    "unet": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def save_model(
    family: StableDiffusion1,
    folder: Path,
    *,
    dtype: torch.dtype | None,
    replaced: Mapping[str, Tensor],
    metadata: Mapping[str, str],
) -> None:
    """Write the folder; see `StableDiffusion1.save`.

    Every tensor is read back and compared before the folder takes its name.

    Raises: OutputError: if the folder exists or cannot be written; KeyError: if `replaced` names no parameter.
    """
    parts: tuple[Part, ...] = ("unet", "text_encoder", "vae")
    known = {f"{part}.{name}" for part in parts for name in family.parameters(part)}
    if unknown := sorted(set(replaced) - known):
        raise KeyError(f"no parameter of the base is called {unknown[0]!r}")
    try:
        with atomic_folder(folder) as partial:
            for part in parts:
                tensors = part_tensors(family, part, dtype, replaced)
                header = {"format": "pt"} | (dict(metadata) if part == "unet" else {})
                save_tensors(partial / part / WEIGHTS[part], tensors, header)
                check_written(partial / part / WEIGHTS[part], tensors)
                write_json(partial / part / "config.json", _network_config(family, part))
            _save_tokenizer(family, partial / "tokenizer")
            write_json(partial / "scheduler" / "scheduler_config.json", family.scheduler)
            write_json(partial / INDEX_FILE, _index(family))
    except FileExistsError as error:
        raise OutputError("this folder exists already", where=folder, hint="choose a new name") from error
    except OSError as error:
        raise OutputError("the model cannot be written", where=folder, got=str(error)) from error


def part_tensors(
    family: StableDiffusion1, part: Part, dtype: torch.dtype | None, replaced: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """One network's tensors by their names in a file, with the replaced values and in the wanted precision."""
    own = {name: replaced.get(f"{part}.{name}", value) for name, value in family.parameters(part).items()}
    return {file_name(part, name): value.detach().to(dtype or value.dtype) for name, value in own.items()}


def _index(family: StableDiffusion1) -> dict[str, Any]:
    from diffusers import __version__ as diffusers_version

    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers_version,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", family.scheduler.get("_class_name", "DDIMScheduler")],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def _network_config(family: StableDiffusion1, part: Part) -> dict[str, Any]:
    network: Any = getattr(family, part)
    if part == "text_encoder":
        config = cast("dict[str, Any]", network.config.to_dict())
        unstated = ("_name_or_path", "transformers_version", "dtype", "torch_dtype")
        # Named, or transformers would take that of the file, and a pipeline of half-precision files would mix two.
        return {key: value for key, value in config.items() if key not in unstated} | {
            "dtype": "float32",
            "architectures": ["CLIPTextModel"],
        }
    config = cast("dict[str, Any]", json.loads(network.to_json_string()))
    config.pop("_name_or_path", None)
    return config


def _save_tokenizer(family: StableDiffusion1, folder: Path) -> None:
    source = family.folder / "tokenizer" if family.folder else None
    folder.mkdir()
    if source is not None and source.is_dir():
        # Byte for byte: a tokenizer that was written again by another version may split words differently.
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
        return
    cast("Any", family.tokenizer).save_pretrained(str(folder))
    model: dict[str, Any] = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    # The old form as well, which every tool reads.
    write_json(folder / "vocab.json", model["vocab"])
    write_text(folder / "merges.txt", "\n".join(["#version: 0.2", *merges]) + "\n")
