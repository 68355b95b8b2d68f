"""Network files of every naming, with random numbers, for the tiny base."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from imprint.families import Family
from imprint.weights.module_names import ldm_names

PAIR = {
    "kohya": ("lora_down.weight", "lora_up.weight"), "ldm": ("lora_down.weight", "lora_up.weight"),
    "diffusers": ("lora_A.weight", "lora_B.weight"), "old diffusers": ("lora.down.weight", "lora.up.weight"),
    "peft": ("lora_A.weight", "lora_B.weight"),
}  # fmt: skip


def adapted(family: Family, *, convolutions: bool = False, text: bool = True) -> list[tuple[str, str]]:
    """(part, module) of what a LoRA is put on: attention, and all that has a kernel where wanted."""
    weights = family.parameters("unet")
    layers = family.module_names("all" if convolutions else "attention")
    names = [("unet", name) for name in layers if weights[f"{name}.weight"].ndim > 1]
    return names + [("text_encoder", name) for name in family.text_module_names("attention") if text]


def module_name(naming: str, part: str, module: str, ldm: dict[str, str]) -> str:
    """A module's name in a file."""
    if naming in ("kohya", "ldm"):
        module = ldm.get(module, module) if naming == "ldm" else module
        prefix = "lora_unet_" if part == "unet" else "lora_te_text_model_"
        return prefix + module.replace(".", "_")
    if naming == "peft":
        return f"base_model.model.{'text_model.' * (part != 'unet')}{module}"
    return f"{part}.{'text_model.' * (part != 'unet')}{module}"


def factors(weight: Tensor, rank: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """down and up for a weight."""
    size = [*weight.shape]
    down = 0.3 * torch.randn([rank, *size[1:]], generator=generator)
    return down, 0.3 * torch.randn([size[0], rank, *(1 for _ in size[2:])], generator=generator)


def write_lora(
    path: Path, family: Family, naming: str = "kohya", *, rank: int = 3, alpha: float | None = 2.0, seed: int = 0,
    modules: Sequence[tuple[str, str]] | None = None, header: dict[str, str] | None = None,
) -> Path:
    """A LoRA file. Alpha goes beside the matrices for kohya, into adapter_config.json for peft, else into B."""
    generator, ldm = torch.Generator().manual_seed(seed), ldm_names(family.module_names("all"))
    tensors: dict[str, Tensor] = {}
    for part, module in modules or adapted(family):
        down, up = factors(family.parameters(part)[f"{module}.weight"], rank, generator)
        name, ends = module_name(naming, part, module, ldm), PAIR[naming]
        if naming == "old diffusers" and part == "text_encoder":
            ends = ("lora_linear_layer.down.weight", "lora_linear_layer.up.weight")
        if naming.endswith("diffusers") and alpha:
            up = up * (alpha / rank)
        tensors |= {f"{name}.{ends[0]}": down, f"{name}.{ends[1]}": up}
        if naming in ("kohya", "ldm") and alpha:
            tensors[f"{name}.alpha"] = torch.tensor(alpha)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, {"format": "pt"} | (header or {}))
    if naming == "peft":
        path.with_name("adapter_config.json").write_text(json.dumps({"lora_alpha": alpha, "r": rank}))
    return path


def write_converted(path: Path, value: dict[object, object]) -> Path:
    """What `pickle_child` writes for a value, without starting it."""
    tensors: dict[str, Tensor] = {}
    told: dict[str, list[object]] = {"tensors": [], "values": []}

    def walk(keys: list[object], inner: object) -> None:
        if isinstance(inner, Tensor):
            tensors[name := ".".join(map(str, keys))] = inner
            told["tensors"].append([keys, name])
        elif isinstance(inner, dict | tuple):
            for key, below in inner.items() if isinstance(inner, dict) else enumerate(inner):
                walk([*keys, key], below)
        else:
            told["values"].append([keys, inner])

    walk([], value)
    save_file(tensors, path, {"imprint.pickle": json.dumps(told)})
    return path


def hypernetwork(
    widths: Sequence[int], structure: Sequence[float] = (1, 2, 1), seed: int = 0, norm: bool = False, **said: object
) -> dict[object, object]:
    """A hypernetwork as A1111 pickles it."""
    generator = torch.Generator().manual_seed(seed)

    def state(width: int) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        sizes, at = [int(width * factor) for factor in structure], 0
        for inputs, outputs in itertools.pairwise(sizes):
            out[f"linear.{at}.weight"] = 0.2 * torch.randn(outputs, inputs, generator=generator)
            out[f"linear.{at}.bias"] = 0.2 * torch.randn(outputs, generator=generator)
            at += 2  # an activation stands between
            if norm:
                out[f"linear.{at}.weight"] = 1 + 0.2 * torch.randn(outputs, generator=generator)
                out[f"linear.{at}.bias"] = 0.2 * torch.randn(outputs, generator=generator)
                at += 1
        return out

    pairs = {width: (state(width), state(width)) for width in widths}
    return {**pairs, "step": 5, "name": "n", "layer_structure": list(structure), "is_layer_norm": norm, **said}
