"""A model folder in the diffusers layout, opened without running anything in it.

Reads: model_index.json, config.json files and safetensors. Writes: nothing. Does not: build networks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from imprint.artifacts.files import load_tensors, sha256_file, sha256_json
from imprint.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

INDEX_FILE = "model_index.json"
WEIGHT_STEMS = ("diffusion_pytorch_model", "model")  # diffusers' file name and transformers'
HASHED = ("unet", "text_encoder", "vae", "tokenizer", "scheduler")
PICKLES = (".bin", ".ckpt", ".pt", ".pth")
CONVERT_HINT = (
    "convert it once in a place you trust, with diffusers: `StableDiffusionPipeline.{how}.save_pretrained(FOLDER)`"
)


@dataclass(frozen=True)
class DiffusersFolder:
    """A folder with a readable `model_index.json`."""

    path: Path
    index: dict[str, Any]

    def has(self, component: str) -> bool:
        """Whether the index names the component and its folder exists."""
        entry = self.index.get(component)
        named = isinstance(entry, list) and any(value is not None for value in cast("list[Any]", entry))
        return named and (self.path / component).is_dir()

    def config(self, component: str, file: str = "config.json") -> dict[str, Any]:
        """The JSON configuration of one component.

        Raises: ModelError: if the folder or file is missing or no JSON object.
        """
        folder = self.path / component
        if not folder.is_dir():
            raise ModelError(
                f"the model is incomplete: its folder `{component}` is missing",
                where=self.path,
                hint="copy or download the whole model folder again",
            )
        return read_json_object(folder / file)

    def weight_files(self, component: str) -> list[Path]:
        """The safetensors files of one component; full precision preferred to a variant such as fp16.

        Raises: ModelError: if there are none, naming pickles that were found instead.
        """
        folder = self.path / component
        for stem in WEIGHT_STEMS:
            if (plain := folder / f"{stem}.safetensors").is_file():
                return [plain]
            for index in sorted(folder.glob(f"{stem}*.safetensors.index*.json")):
                shards = cast("dict[str, str]", read_json_object(index).get("weight_map", {}))
                return [self._shard(folder, name) for name in sorted(set(shards.values()))]
            # EMA weights are the ones to draw with, so a `non_ema` variant is taken only when alone.
            variants = sorted(folder.glob(f"{stem}.*.safetensors"), key=lambda path: ("non_ema" in path.name, path))
            if variants:
                return variants[:1]
        raise self._no_weights(folder)

    def tensors(self, component: str) -> dict[str, Tensor]:
        """Every tensor of one component, memory-mapped from its files.

        Raises: ModelError: if a file is missing, truncated or not safetensors.
        """
        return {name: tensor for path in self.weight_files(component) for name, tensor in load_tensors(path).items()}

    def content_hash(self, components: tuple[str, ...]) -> str:
        """SHA-256 over the weights, configurations and tokenizer files of some components."""
        files = [path for name in components for path in self._deciding_files(name)]
        return sha256_json([[path.relative_to(self.path).as_posix(), sha256_file(path)] for path in sorted(files)])

    def base_hash(self) -> str:
        """SHA-256 over everything that decides what the model draws; loads no network (seconds for a full-size one).

        Raises: ModelError: if a part of it is missing.
        """
        return self.content_hash(HASHED)

    def _deciding_files(self, component: str) -> list[Path]:
        folder = self.path / component
        texts = [path for path in folder.glob("*") if path.suffix in (".json", ".txt") and ".index" not in path.name]
        has_weights = component not in ("tokenizer", "scheduler")
        return [*texts, *(self.weight_files(component) if has_weights else [])]

    def _shard(self, folder: Path, name: str) -> Path:
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise ModelError("a part of the weights is missing", where=folder, got=name)
        return path

    def _no_weights(self, folder: Path) -> ModelError:
        pickles = [path.name for path in sorted(folder.glob("*")) if path.suffix in PICKLES]
        if pickles:
            return ModelError(
                "the weights are pickles, which can run code when opened; they are refused",
                where=folder,
                got=pickles[0],
                allowed="*.safetensors",
                hint=CONVERT_HINT.format(how=f"from_pretrained({str(self.path)!r})"),
            )
        return ModelError(
            "the model is incomplete: no weights",
            where=folder,
            allowed=f"{WEIGHT_STEMS[0]}.safetensors",
            hint="copy or download the whole model folder again",
        )


def read_diffusers_folder(path: Path) -> DiffusersFolder:
    """Open a folder by its `model_index.json`.

    Raises: ModelError: saying what is there instead, and what to do about it.
    """
    if not path.exists():
        raise ModelError("there is no such folder", where=path, hint="a base is a model folder in diffusers layout")
    if path.is_file():
        how = f"from_single_file({str(path)!r})"
        known = path.suffix in (".safetensors", *PICKLES)
        raise ModelError(
            "this is a file; a base is a folder in diffusers layout",
            where=path,
            hint=CONVERT_HINT.format(how=how) if known else "give the folder that holds model_index.json",
        )
    if not (path / INDEX_FILE).is_file():
        raise ModelError(
            f"this folder is no diffusers model: {INDEX_FILE} is missing", where=path, hint=_index_hint(path)
        )
    return DiffusersFolder(path, read_json_object(path / INDEX_FILE))


def _index_hint(path: Path) -> str:
    """Where the model may be instead."""
    nested = sorted(path.glob(f"*/{INDEX_FILE}")) + sorted(path.glob(f"snapshots/*/{INDEX_FILE}"))
    if nested:
        return f"did you mean {nested[0].parent}?"
    single = [file for file in sorted(path.glob("*")) if file.suffix in (".safetensors", ".ckpt")]
    if single:
        return CONVERT_HINT.format(how=f"from_single_file({str(single[0])!r})")
    return "give the folder that holds model_index.json, unet/, vae/, text_encoder/, tokenizer/ and scheduler/"


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises: ModelError: if the file is missing, unreadable or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"the model is incomplete: {path.name} is missing",
            where=path.parent,
            hint="copy or download the whole model folder again",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("this is no readable JSON file", where=path, got=str(error)) from error
    if not isinstance(value, dict):
        raise ModelError("this JSON file should hold an object", where=path, got=value)
    return cast("dict[str, Any]", value)
