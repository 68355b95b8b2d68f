"""The names that other tools give to a base's modules.

Reads: a Family's module names. Writes: nothing. Does not: read files.

One module has, for example, these names:
    down_blocks.0.attentions.0.proj_in                  diffusers, peft and here
    lora_unet_down_blocks_0_attentions_0_proj_in        kohya
    input_blocks.1.1.proj_in                            CompVis' latent diffusion (LDM)
    lora_unet_input_blocks_1_1_proj_in                  kohya, when it read the base in that form
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from imprint.families import Family

AdaptedPart: TypeAlias = Literal["unet", "text_encoder"]
KOHYA_UNET, KOHYA_TEXT = "lora_unet_", ("lora_te_", "lora_te1_")
BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)(?:\.(.+))?")
MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
ENDS = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One module of a base."""

    part: AdaptedPart
    module: str
    """Name inside the part, as `Family.module_names` gives it."""


class ModuleNames:
    """Finds a base's modules by the names that files use.

    Args:
        family: the base.
    """

    def __init__(self, family: Family) -> None:
        unet, text = family.module_names("all"), family.text_module_names("all")
        ldm = ldm_names(unet)
        self._dotted = {f"unet.{name}": Target("unet", name) for name in unet}
        self._dotted |= {f"unet.{other}": Target("unet", name) for name, other in ldm.items()}
        self._dotted |= {f"text_encoder.{name}": Target("text_encoder", name) for name in text}
        self._kohya = {KOHYA_UNET + name.replace(".", "_"): Target("unet", name) for name in [*unet]}
        self._kohya |= {KOHYA_UNET + other.replace(".", "_"): Target("unet", name) for name, other in ldm.items()}
        for prefix in KOHYA_TEXT:
            flat = {f"{prefix}text_model_{name.replace('.', '_')}": Target("text_encoder", name) for name in text}
            self._kohya |= flat

    def find(self, name: str) -> Target | None:
        """The module that a name in a file means, or None.

        Args:
            name: without the ending that says which matrix it is.
        """
        if name in self._kohya:
            return self._kohya[name]
        # peft wraps a whole network, which then stands in the name; alone it does not say which one.
        name = re.sub(r"(^|\.)base_model\.model\.", r"\1", name)
        name = name.removeprefix("text_model.") if not name.startswith("text_encoder.") else name
        name = name.replace("text_encoder.text_model.", "text_encoder.")
        for whole in (name, f"unet.{name}", f"text_encoder.{name}"):
            for spelt in (whole, f"{whole}.0" if whole.endswith("to_out") else whole):
                if spelt in self._dotted:
                    return self._dotted[spelt]
        return None


def ldm_names(names: Sequence[str]) -> dict[str, str]:
    """LDM's name of each module of a U-Net in diffusers' names.

    LDM counts all layers of the way down, and of the way up, in one row; diffusers by block. A way down has
    `layers_per_block` layers and a downsampler in each block, a way up one layer more, whose upsampler belongs to its
    last.

    Args:
        names: of all modules, in diffusers' form.
    Source: openaimodel.py of CompVis/latent-diffusion (the order in which UNetModel appends its layers).
    """
    matched = [found for name in names if (found := BLOCK.fullmatch(name))]
    layers = 1 + max((int(found[4]) for found in matched if found[1] == "down" and found[3] == "resnets"), default=0)
    attended = {int(found[2]) for found in matched if found[1] == "up" and found[3] == "attentions"}
    out: dict[str, str] = {}
    for name in names:
        if name in ENDS:
            out[name] = ENDS[name]
        elif found := BLOCK.fullmatch(name):
            out[name] = _in_block(found, layers, attended)
        elif name.startswith("mid_block."):
            kind, number, rest = name.removeprefix("mid_block.").split(".", 2)
            place = MIDDLE.get(f"{kind}.{number}")
            if place:
                out[name] = f"{place}.{_inside(kind, rest)}"
    return out


def _in_block(found: re.Match[str], layers: int, attended: set[int]) -> str:
    """LDM's name of a module in a block of the way down or up."""
    way, block, kind, number, rest = found[1], int(found[2]), found[3], int(found[4]), found[5] or ""
    if kind == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.{rest.replace('conv', 'op', 1)}"
    if kind == "upsamplers":
        return f"output_blocks.{block * (layers + 1) + layers}.{2 if block in attended else 1}.{rest}"
    place = f"input_blocks.{1 + block * (layers + 1) + number}" if way == "down" else (
        f"output_blocks.{block * (layers + 1) + number}"
    )  # fmt: skip
    return f"{place}.{'1' if kind == 'attentions' else '0'}.{_inside(kind, rest)}"


def _inside(kind: str, rest: str) -> str:
    return RESNET.get(rest, rest) if kind == "resnets" else rest
