"""A second pass and a source picture, between our records and A1111's keys.

Reads: records, values of infotexts. Writes: values of infotexts, fields of requests. Does not: know the other keys
(`record` does).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from imprint.artifacts.picture import HiresRecord, ImageRecord, PictureRecord
from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.errors import UnknownNameError
from imprint.generation.latent_upscaling import LATENT_UPSCALERS
from imprint.generation.samplers import SAMPLERS, resolve_sampler, resolve_schedule
from imprint.generation.seeds import LONGEST_PX

_SAME = MappingProxyType({"Hires sampler": "Use same sampler", "Hires schedule type": "Use same scheduler"})
_CONTENT = MappingProxyType({"fill": "fill", "noise": "latent noise", "nothing": "latent nothing"})
#: Keys of A1111's soft inpainting, our fields and their bounds.
_SOFT: Mapping[str, tuple[str, float, float]] = MappingProxyType({
    "Soft inpainting schedule bias": ("power", 0, 8), "Soft inpainting preservation strength": ("scale", 0, 8),
    "Soft inpainting transition contrast boost": ("detail_preservation", 1, 32),
    "Soft inpainting mask influence": ("mask_influence", 0, 1),
    "Soft inpainting difference threshold": ("difference_threshold", 0, 8),
    "Soft inpainting difference contrast": ("difference_contrast", 0, 8),
})  # fmt: skip

Values = Mapping[str, str | float | None]
Number = Callable[[str, float, float, float], float]
"""(key, lowest, highest, usual) -> the key's value; notes what cannot be read."""
Note = Callable[[str, str, str], None]
"""(key, value, why): of what is not followed."""


def pass_parameters(record: PictureRecord) -> Values:
    """What an infotext says of a record's second pass, source and tiling; nothing of what was not."""
    out: dict[str, str | float | None] = {}
    if record.tiling:
        out["Tiling"] = "True" if record.tiling == "both" else record.tiling
    if record.hires is not None:
        out |= _hires_parameters(record.hires)
    if record.image is not None:
        out |= _image_parameters(record.image)
    return out


def _hires_parameters(hires: HiresRecord) -> Values:
    sized = hires.width_px or hires.height_px
    upscaler = hires.upscaler
    if of_latents := LATENT_UPSCALERS.find(upscaler):
        upscaler = LATENT_UPSCALERS.get(of_latents).title
    return {
        "Denoising strength": hires.strength,
        "Hires resize": f"{hires.width_px or 0}x{hires.height_px or 0}" if sized else None,
        "Hires upscale": None if sized else hires.scale,
        "Hires steps": hires.steps, "Hires upscaler": upscaler,
        "Hires sampler": _title(SAMPLERS, hires.sampler), "Hires schedule type": _title(SCHEDULES, hires.schedule),
        "Hires CFG Scale": hires.cfg_scale, "Hires prompt": hires.prompt or None,
        "Hires negative prompt": hires.negative_prompt or None,
    }  # fmt: skip


def _title(registry: Any, name: str | None) -> str | None:
    return registry.get(name).title if name in registry else name


def _image_parameters(image: ImageRecord) -> Values:
    out: dict[str, str | float | None] = {
        "Denoising strength": image.strength, "Init image hash": image.source_md5 or None,
        "Noise multiplier": image.noise_multiplier if image.noise_multiplier != 1 else None,
        "Extra noise": image.extra_noise or None,
    }  # fmt: skip
    if not image.mask_sha256:
        return out
    out |= {
        "Conditional mask weight": image.mask_weight if image.mask_weight != 1 else None,
        "Mask blur": image.mask_blur_px, "Masked content": _CONTENT.get(image.fill),
        "Mask mode": "Inpaint not masked" if image.invert_mask else None,
    }  # fmt: skip
    if image.only_masked:
        out |= {"Inpaint area": "Only masked", "Masked area padding": image.padding_px}
    if image.soft is not None:
        out["Soft inpainting enabled"] = "True"
        out |= {key: image.soft.get(name) for key, (name, _, _) in _SOFT.items()}
    return out


def hires_fields(left: dict[str, str], number: Number, note: Note) -> dict[str, Any] | None:
    """The fields of `Hires` that an infotext speaks of; None where it has no second pass.

    Args:
        left: keys that nothing has read yet; those that are read here are taken out.
        number: reads a number out of `left`.
        note: takes what is not followed.
    """
    if not any(key in left for key in ("Hires upscale", "Hires resize", "Hires upscaler")):
        return None
    out: dict[str, Any] = {"strength": number("Denoising strength", 0, 1, 0.7)}
    asked = left.pop("Hires resize", None)
    if size := re.fullmatch(r"(\d{1,5})x(\d{1,5})", asked or ""):
        out |= {"width_px": _side(size[1]), "height_px": _side(size[2])}
        if max(out["width_px"] or 0, out["height_px"] or 0) > LONGEST_PX:
            note("Hires resize", size[0], f"a side above {LONGEST_PX}; that is taken")
            out |= {name: min(out[name] or 0, LONGEST_PX) or None for name in ("width_px", "height_px")}
    elif asked is not None:
        note("Hires resize", asked, "no size; the scale is taken")
    if "Hires upscale" in left:
        out["scale"] = number("Hires upscale", 1, 8, 2)
    if left.get("Hires steps", "0") == "0":
        left.pop("Hires steps", None)
    else:
        out["steps"] = int(number("Hires steps", 1, 500, 20))
    if "Hires CFG Scale" in left:
        out["cfg_scale"] = number("Hires CFG Scale", 0, 100, 7)
    upscaler = left.pop("Hires upscaler", "Latent")
    out["upscaler"] = LATENT_UPSCALERS.find(upscaler) or upscaler
    out |= _sampler_fields(left)
    for key, name in (("Hires prompt", "prompt"), ("Hires negative prompt", "negative_prompt")):
        if key in left:
            out[name] = left.pop(key)
    return out


def _side(text: str) -> int | None:
    return max(8, round(int(text) / 8) * 8) if int(text) else None


def _sampler_fields(left: dict[str, str]) -> dict[str, Any]:
    """The second pass's own sampler and schedule; names that are not known stay in `left`, to be noted."""
    out: dict[str, Any] = {}
    for key, same in _SAME.items():
        if left.get(key) == same:
            del left[key]
    try:
        if "Hires sampler" in left:
            out["sampler"], schedule = resolve_sampler(left["Hires sampler"])
            out |= {"schedule": schedule} if schedule else {}
            del left["Hires sampler"]
        if "Hires schedule type" in left:
            out["schedule"] = resolve_schedule(left["Hires schedule type"])
            del left["Hires schedule type"]
    except UnknownNameError:
        pass
    return out


def image_fields(left: dict[str, str], number: Number, ours: bool) -> dict[str, Any] | None:
    """The fields of `ImageSettings` that an infotext speaks of; None where it began with no picture.

    Args:
        left: keys that nothing has read yet; those that are read here are taken out.
        number: reads a number out of `left`.
        ours: whether Imprint wrote it; elsewhere the steps are those of A1111.
    """
    if "Denoising strength" not in left or "First pass size" in left:  # the second is a second pass of old versions
        return None
    out: dict[str, Any] = {"strength": number("Denoising strength", 0, 1, 0.75)}
    if not ours:
        out |= {"step_rule": "a1111", "resize": "stretch"}
    numbers = (
        ("Mask blur", "mask_blur_px", 64, 4), ("Conditional mask weight", "mask_weight", 1, 1),
        ("Noise multiplier", "noise_multiplier", 1.5, 1), ("Extra noise", "extra_noise", 1, 0),
    )  # fmt: skip
    out |= {name: number(key, 0, most, usual) for key, name, most, usual in numbers if key in left}
    if left.get("Inpaint area") == "Only masked":
        del left["Inpaint area"]
        out |= {"only_masked": True, "padding_px": int(number("Masked area padding", 0, 1024, 32))}
    if left.pop("Mask mode", "") == "Inpaint not masked":
        out["invert_mask"] = True
    fills = {title: name for name, title in _CONTENT.items()}
    if left.get("Masked content") in fills:
        out["fill"] = fills[left.pop("Masked content")]
    if left.pop("Soft inpainting enabled", "") == "True":
        out["soft"] = {name: number(key, low, high, 1) for key, (name, low, high) in _SOFT.items() if key in left}
    return out
