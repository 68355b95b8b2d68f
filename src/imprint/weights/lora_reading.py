"""LoRA files of every common naming, read for one base.

Reads: kohya's, diffusers' and peft's names, LoHa, LoKr, our own files. Writes: nothing. Does not: put them on.

The matrix products and scales are those of the papers: LoRA arXiv:2106.09685 (B A · alpha / rank), LoHa (FedPara)
arXiv:2108.06098 (Hadamard product of two low-rank matrices), LoKr arXiv:2309.14859 (Kronecker product).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from imprint.errors import ModelError
from imprint.families.diffusers_folder import read_json_object
from imprint.weights.deltas import Delta, Full, LowRank, fitted
from imprint.weights.module_names import ModuleNames, Target
from imprint.weights.network_content import NetworkContent, check_numbers, read_network

if TYPE_CHECKING:
    from torch import Tensor

    from imprint.families import Family

#: (ending of a key, what the tensor is); the first group is the module's name.
ROLES = [
    (re.compile(r"(.+)\.(?:lora_down|lora\.down|lora_linear_layer\.down)\.weight"), "down"),
    (re.compile(r"(.+)\.(?:lora_up|lora\.up|lora_linear_layer\.up)\.weight"), "up"),
    (re.compile(r"(.+)\.processor(\.to_(?:q|k|v|out))_lora\.down\.weight"), "down"),
    (re.compile(r"(.+)\.processor(\.to_(?:q|k|v|out))_lora\.up\.weight"), "up"),
    (re.compile(r"(.+)\.lora_A(?:\.[^.]+)?\.weight"), "down"),
    (re.compile(r"(.+)\.lora_B(?:\.[^.]+)?\.weight"), "up"),
    (re.compile(r"(.+)\.lora_mid\.weight"), "mid"),
    (re.compile(r"(.+)\.alpha"), "alpha"),
    *((re.compile(rf"(.+)\.{name}"), name) for name in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")),
    *((re.compile(rf"(.+)\.{name}"), name) for name in ("lokr_w1", "lokr_w1_a", "lokr_w1_b")),
    *((re.compile(rf"(.+)\.{name}"), name) for name in ("lokr_w2", "lokr_w2_a", "lokr_w2_b")),
]
#: Endings of kinds that are not read: without them the rest would draw something else.
UNSUPPORTED = {
    "dora_scale": "DoRA", "lora_magnitude_vector": "DoRA", "hada_t1": "LoHa in Tucker form",
    "hada_t2": "LoHa in Tucker form", "lokr_t2": "LoKr in Tucker form", "oft_blocks": "OFT", "oft_diag": "OFT",
    "on_input": "IA3", "diff": "a full difference", "diff_b": "a full difference", "w_norm": "trained norms",
    "b_norm": "trained norms", "lora_B.bias": "LoRA with biases", "a1.weight": "GLoRA",
}  # fmt: skip
#: What only files of other families hold: in a key, or at the start of what the header says.
FOREIGN_KEYS = [
    (re.compile(r"lora_te2_|^text_encoder_2\.|label_emb|add_embedding|transformer_blocks[._][1-9]"), "SDXL"),
    (re.compile(r"double_blocks|single_transformer_blocks|joint_blocks"), "Flux or Stable Diffusion 3"),
]
FOREIGN_HEADERS = {
    "sdxl": "SDXL", "stable-diffusion-xl": "SDXL", "sd_v2": "Stable Diffusion 2", "sd3": "Stable Diffusion 3",
    "stable-diffusion-v2": "Stable Diffusion 2", "flux": "Flux",
}  # fmt: skip


@dataclass(frozen=True)
class LoraLayer:
    """What a LoRA adds to one module."""

    target: Target
    delta: Delta
    scale: float
    """alpha / rank, finite."""


@dataclass(frozen=True)
class LoadedLora:
    """A LoRA, read for one base and found to fit it."""

    name: str
    path: Path
    layers: tuple[LoraLayer, ...]
    remarks: tuple[str, ...] = ()
    """What of the file was not used, in words."""


@dataclass(frozen=True)
class _Found:
    """The tensors for one module by role, and the first key among them."""

    key: str
    roles: Mapping[str, Tensor]

    def need(self, *names: str) -> list[Tensor]:
        return [self.roles[name] for name in names]


def read_lora(path: Path, family: Family) -> LoadedLora:
    """Read a LoRA, LoCon, LoHa or LoKr for a base.

    Args:
        path: .safetensors, or a pickle, which is converted first.
        family: the base; it stays as it is.
    Raises: ModelError: if it is damaged, of an unsupported kind, for another family of models, or fits nothing here.
    """
    return lora_of(read_network(path), family)


def lora_of(content: NetworkContent, family: Family) -> LoadedLora:
    """`read_lora` for a file that was opened already."""
    path, tensors = content.path, content.flat()
    _refuse_foreign(path, tensors, content.header, family)
    names = ModuleNames(family)
    found: dict[Target, dict[str, tuple[str, Tensor]]] = {}
    unknown: list[str] = []
    for key, tensor in tensors.items():
        role, target = _place(path, key, names)
        if role is None or target is None:
            unknown.append(key)
        elif role in found.setdefault(target, {}):
            raise ModelError("two tensors are for the same place", where=path, got=key, allowed="one of each")
        else:
            found[target][role] = (key, check_numbers(path, key, tensor))
    if not found:
        raise ModelError(
            "nothing in this file fits this base", where=path, got=unknown[0] if unknown else "no tensors",
            hint=f"a LoRA for {family.name} has keys such as lora_unet_... , unet. ... or base_model.model. ...",
        )  # fmt: skip
    alphas = _Alphas(content)
    layers: list[LoraLayer] = []
    for target, by_role in found.items():
        first = next(key for key, _ in by_role.values())
        tensors_of = {role: tensor for role, (_, tensor) in by_role.items()}
        layers.append(_layer(path, target, _Found(first, tensors_of), family, alphas))
    shown = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
    remarks = (f"{len(unknown)} of {len(tensors)} tensors fit nothing in this base: {shown}",) if unknown else ()
    return LoadedLora(path.stem, path, tuple(layers), remarks)


def _place(path: Path, key: str, names: ModuleNames) -> tuple[str | None, Target | None]:
    """What a tensor is, and of which module."""
    for ending, kind in UNSUPPORTED.items():
        if key.endswith((f".{ending}", f".{ending}.weight")) or f".{ending}." in key:
            raise ModelError(
                f"this network is of a kind that is not read: {kind}", where=path, got=key,
                allowed="LoRA, LoCon, LoHa, LoKr", hint="merge it into a base with the tool that made it",
            )  # fmt: skip
    for pattern, role in ROLES:
        if match := pattern.fullmatch(key):
            return role, names.find("".join(match.groups()))
    return None, None


def _refuse_foreign(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str], family: Family) -> None:
    """Refuse what was made for another family, even where some of its names fit."""
    said = [header.get(name, "").lower() for name in ("ss_base_model_version", "modelspec.architecture")]
    titles = (title for start, title in FOREIGN_HEADERS.items() if any(word.startswith(start) for word in said))
    named = next(titles, "")
    key = next((key for key in tensors if any(pattern.search(key) for pattern, _ in FOREIGN_KEYS)), "")
    if key:
        named = next(title for pattern, title in FOREIGN_KEYS if pattern.search(key))
    if named and family.name == "sd1":
        raise ModelError(
            f"this network was trained on {named}", where=path, got=key or " ".join(filter(None, said)),
            allowed="Stable Diffusion 1.x", hint="use it with a base of its own family",
        )  # fmt: skip


def _layer(path: Path, target: Target, found: _Found, family: Family, alphas: _Alphas) -> LoraLayer:
    """One module's delta, checked against the base's weight."""
    weight = family.parameters(target.part)[f"{target.module}.weight"]
    roles = set(found.roles) - {"alpha"}
    builder = next((build for needed, build in BUILDERS if needed(roles)), None)
    if builder is None:
        raise ModelError(
            "a matrix has lost its partner", where=path, got=found.key, hint="the file is incomplete; get it again"
        )
    try:
        delta, rank = builder(found, weight)
    except RuntimeError as error:  # torch's, of shapes that cannot be multiplied
        shapes = {role: list(tensor.shape) for role, tensor in found.roles.items()}
        what = f"the matrices of this network do not fit each other: {found.key}"
        raise ModelError(what, where=path, got=shapes) from error
    scale = alphas.scale(target, found, rank)
    if not math.isfinite(scale):
        raise ModelError("alpha is no finite number", where=path, got=found.key)
    return LoraLayer(target, fitted(delta, weight, path, found.key), scale)


def _low_rank(found: _Found, _weight: Tensor) -> tuple[Delta, int]:
    down, up = found.need("down", "up")
    return LowRank(down, up, found.roles.get("mid")), down.shape[0]


def _loha(found: _Found, weight: Tensor) -> tuple[Delta, int]:
    """(w1_a w1_b) * (w2_a w2_b), element by element."""
    a1, b1, a2, b2 = (value.float() for value in found.need("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"))
    return Full(_shaped((a1 @ b1) * (a2 @ b2), weight)), b1.shape[0]


def _lokr(found: _Found, weight: Tensor) -> tuple[Delta, int]:
    """kron(w1, w2), each whole or the product of two factors; without factors there is no rank, and the scale is 1."""
    rank = 0
    halves: list[Tensor] = []
    for name in ("lokr_w1", "lokr_w2"):
        if name in found.roles:
            halves.append(found.roles[name].float())
            continue
        a, b = (value.float() for value in found.need(f"{name}_a", f"{name}_b"))
        rank = rank or b.shape[0]
        halves.append((a @ b.flatten(1)).reshape(a.shape[0], *b.shape[1:]))
    one, two = halves
    if two.ndim == 2 and weight.ndim == 4 and weight.shape[2:] != (1, 1):
        two = two.reshape(two.shape[0], -1, *weight.shape[2:])
    one = one.reshape(*one.shape, *(1,) * (two.ndim - one.ndim))
    return Full(_shaped(torch.kron(one, two.contiguous()), weight)), rank


def _shaped(delta: Tensor, weight: Tensor) -> Tensor:
    """Of the weight's shape where the numbers are as many; `fitted` tells of any other."""
    return delta.reshape(weight.shape) if delta.numel() == weight.numel() and len(delta) == len(weight) else delta


LOKR_HALVES = ({"lokr_w1"}, {"lokr_w1_a", "lokr_w1_b"}), ({"lokr_w2"}, {"lokr_w2_a", "lokr_w2_b"})
BUILDERS: list[tuple[Callable[[set[str]], bool], Callable[[_Found, Tensor], tuple[Delta, int]]]] = [
    (lambda roles: {"down", "up"} <= roles <= {"down", "up", "mid"}, _low_rank),
    (lambda roles: roles == {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}, _loha),
    (lambda roles: any(roles == one | two for one in LOKR_HALVES[0] for two in LOKR_HALVES[1]), _lokr),
]


class _Alphas:
    """Where a file keeps alpha: beside each matrix, in its header, in peft's JSON beside the file, or nowhere."""

    def __init__(self, content: NetworkContent) -> None:
        self._path, self._settings = content.path, self._read_settings(content)

    def scale(self, target: Target, found: _Found, rank: int) -> float:
        """alpha / rank; 1 where nothing is said, or where there is no rank."""
        if rank == 0:
            return 1.0
        if (tensor := found.roles.get("alpha")) is not None:
            if tensor.numel() != 1:
                raise ModelError("alpha is no single number", where=self._path, got=found.key)
            return float(tensor) / rank
        settings = self._settings.get(target.part, self._settings.get("", {}))
        alpha: Any = _matching(settings.get("alpha_pattern"), target.module) or settings.get("lora_alpha")
        if alpha is None:
            return 1.0
        if isinstance(alpha, bool) or not isinstance(alpha, int | float):
            raise ModelError("alpha is no number", where=self._path, got=alpha)
        return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)

    def _read_settings(self, content: NetworkContent) -> dict[str, dict[str, Any]]:
        """peft's settings by part; "" is for all parts."""
        header = content.header
        if header.get("imprint.kind") == "lora" and "ss_network_dim" not in header:  # exports have alpha in B
            return {"": {"lora_alpha": self._json(header.get("imprint.config", "{}")).get("alpha")}}
        if "lora_adapter_metadata" in header:  # diffusers', since 0.34
            told, parts = self._json(header["lora_adapter_metadata"]), dict[str, dict[str, Any]]()
            for name, value in told.items():
                part, _, field = name.partition(".")
                parts.setdefault(part, {})[field] = value
            return parts
        beside = content.path.with_name("adapter_config.json")
        if beside.is_file() and any(".lora_A." in name for name in content.flat()):
            return {"": read_json_object(beside)}
        return {}

    def _json(self, text: str) -> dict[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError("the settings in its header cannot be read", where=self._path, got=text) from error
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _matching(pattern: object, module: str) -> object:
    """peft's setting for one module: the key is the end of its name."""
    if not isinstance(pattern, dict):
        return None
    named = cast("dict[str, object]", pattern)
    ends = (key for key in named if module == key.lstrip("^") or module.endswith("." + key.lstrip("^")))
    return next((named[key] for key in ends), None)
