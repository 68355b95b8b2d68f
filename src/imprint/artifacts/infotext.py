"""A1111's infotext: the few lines of text by which Stable Diffusion tools tell how a picture was made.

    a dog
    Negative prompt: blurry
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, Version: v1.10.1

Reads: text. Writes: text. Does not: know files, samplers or models.

What is guaranteed: `parse_infotext(render_infotext(...))` gives back prompt, negative prompt and values, whatever is in
them, as long as there are three parameters or more. The format itself has no way to tell apart
- a line of the prompt that begins with "Negative prompt:" from the negative prompt;
- a value that is written like a JSON string already, or begins with white space, from the value inside;
- with fewer than three parameters, those from a last line of the prompt;
and our own JSON beside it has the truth. A prompt whose last line looks like parameters is safe: only the last line of
the whole is taken for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NEGATIVE = "Negative prompt:"
MINIMUM_FOUND = 3  # fewer `key: value` in the last line, and it belongs to the prompt

#: The order in which A1111 1.10 writes; other keys follow in the order given, and `LAST_KEYS` end the line.
KEY_ORDER = (
    "Steps", "Sampler", "Schedule type", "CFG scale", "Image CFG scale", "Seed", "Face restoration", "Size",
    "Model hash", "Model", "FP8 weight", "Cache FP16 weight for LoRA", "VAE hash", "VAE", "Variation seed",
    "Variation seed strength", "Seed resize from", "Denoising strength", "Conditional mask weight", "Clip skip", "ENSD",
    "Token merging ratio", "Token merging ratio hr", "Init image hash", "RNG", "NGMS", "Tiling",
)  # fmt: skip
LAST_KEYS = ("Version", "User")

#: What A1111 takes for a key that is absent.
DEFAULTS: Mapping[str, str] = MappingProxyType({
    "Clip skip": "1", "RNG": "GPU", "Schedule type": "Automatic", "Emphasis": "Original",
    "Hires sampler": "Use same sampler", "Masked area padding": "32", "VAE Encoder": "Full",
})  # fmt: skip

_RANK = {key: rank for rank, key in enumerate(KEY_ORDER)}
# A run of characters that a key may have, and whether a colon ends it. Possessive: hostile text costs linear time.
_RUN = re.compile(r"([\w \-/]++)(:?)")
_VALUE = re.compile(r'\s*+("(?:\\.|[^\\"])++"(?=,|$)|[^,]*+)')
_SIZE = re.compile(r"(\d+)x(\d+)")
_VERSION = re.compile(r"v(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-(\d{1,9}))?")
_HASH_BEHIND = re.compile(r"\([0-9a-f]{8,10}\)$")


@dataclass(frozen=True)
class Infotext:
    """What an infotext says.

    Attributes:
        prompt: may have several lines.
        negative_prompt: the same.
        parameters: values by key, as they were written and in their order; nothing is filled in.
    """

    prompt: str
    negative_prompt: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    def settings(self) -> dict[str, str]:
        """The parameters as A1111 reads them: sizes in two parts (`Size-1`, `Size-2`), defaults filled in."""
        found: dict[str, str] = {}
        for key, value in self.parameters.items():
            size = _SIZE.fullmatch(value)
            found.update({f"{key}-1": size[1], f"{key}-2": size[2]} if size else {key: value})
        return {**{key: value for key, value in DEFAULTS.items() if key not in found}, **found}


def parse_infotext(text: str) -> Infotext:
    """Read an infotext; any text at all is one, if only a prompt."""
    *lines, last = text.rstrip("\n").split("\n")
    pairs = list(_pairs(last))
    if len(pairs) < MINIMUM_FOUND:
        lines, pairs = [*lines, last], []
    first = next((number for number, line in enumerate(lines) if line.startswith(NEGATIVE)), len(lines))
    negative = "\n".join(lines[first:]).removeprefix(NEGATIVE).removeprefix(" ")
    return Infotext("\n".join(lines[:first]), negative, {key: unquoted(value) for key, value in pairs})


def render_infotext(prompt: str, negative_prompt: str, parameters: Mapping[str, str | float | None]) -> str:
    """Write an infotext in A1111's order.

    Args:
        prompt: may have several lines.
        negative_prompt: the same; "" leaves its line out.
        parameters: values by key; those that are None are left out, whole numbers are written without a point, and a
            value that equals its key is written as the key alone.
    """
    values = {key: written(value) for key, value in parameters.items() if value is not None}
    ranked = sorted(values, key=lambda key: _RANK.get(key, len(KEY_ORDER) + (key in LAST_KEYS)))
    line = ", ".join(key if values[key] == key else f"{key}: {quoted(values[key])}" for key in ranked)
    return "\n".join([prompt, *([f"{NEGATIVE} {negative_prompt}"] if negative_prompt else []), line])


def written(value: str | float) -> str:
    """A value as text: 7 and not 7.0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def quoted(value: str) -> str:
    """A value as it stands in the line: a JSON string where a comma, a colon or a newline would end it."""
    return json.dumps(value, ensure_ascii=False) if any(sign in value for sign in ",\n:") else value


def unquoted(text: str) -> str:
    """The value that stands in the line; what is no JSON string stays as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    r"""Every key and raw value of a line.

    The same as all matches of `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`, in one pass.
    """
    at = 0
    while run := _RUN.search(line, at):
        key, at = run[1].lstrip(" -/"), run.end()
        if not run[2] or len(key) < 2:
            continue
        value = _VALUE.match(line, at)
        if value is not None:  # always: it may be empty
            at = value.end() + 1
            yield key, value[1]


def modernised(info: Infotext) -> Infotext:
    """The same with the keys of old versions as today's: a hypernetwork in the prompt, the final size as hires.

    A first pass of 0x0 was computed by a rule of its own and stays as it is.
    """
    parameters = dict(info.parameters)
    prompt = info.prompt
    if hypernet := parameters.pop("Hypernet", ""):
        strength = parameters.pop("Hypernet strength", "1")
        prompt += f"<hypernet:{_HASH_BEHIND.sub('', hypernet)}:{strength}>"
    first_pass = parameters.get("First pass size", "")
    if _SIZE.fullmatch(first_pass) and first_pass != "0x0" and "Size" in parameters:
        del parameters["First pass size"]
        parameters["Hires resize"], parameters["Size"] = parameters["Size"], first_pass
    return Infotext(prompt, info.negative_prompt, parameters)


def hypernetwork_hash(info: Infotext) -> str:
    """The hash that old versions wrote behind a hypernetwork's name, or "": the first ten digits of the file's SHA-256,
    before A1111 1.0 eight digits of a hash of their own.
    """
    found = _HASH_BEHIND.search(info.parameters.get("Hypernet", ""))
    return found[0].strip("()") if found else ""


def version_of(info: Infotext) -> tuple[int, ...] | None:
    """The version of A1111, or of the A1111 that a descendant says it follows; None when none is named."""
    found = _VERSION.search(info.parameters.get("Version", ""))
    return tuple(int(part or 0) for part in found.groups()) if found else None


def old_rules(info: Infotext) -> tuple[str, ...]:
    """Behaviour of old versions of A1111 that this picture was made with and later versions have no more."""
    version = version_of(info)
    if version is None:
        return ()
    sampler = info.parameters.get("Sampler", "")
    rules = (
        ("old prompt editing timelines", version < (1, 6) and "[" in info.prompt),
        ("conditioning padded as DDIM and PLMS did (v0)", version < (1, 6) and sampler in ("DDIM", "PLMS")),
        ("noise schedule in half precision", version < (1, 7, 0, 225)),
        ("refiner switched by sampling steps", version < (1, 8) and "Refiner" in info.parameters),
    )
    return tuple(name for name, applies in rules if applies)


def tool_of(info: Infotext) -> str:
    """Which program wrote it, by its version; most of A1111's descendants write as it does."""
    version = info.parameters.get("Version", "")
    if version.startswith("Imprint"):
        return "Imprint"
    if re.match(r"f\d", version):
        return f"Forge {version}"
    if re.match(r"v?\d", version):
        return f"AUTOMATIC1111 {version}"
    return info.parameters.get("App") or version or "AUTOMATIC1111 or a descendant"


def hashes_of(value: str) -> dict[str, str]:
    """The hashes by name in a value such as that of `Lora hashes`: "zkz: abc123, other: def456"."""
    pairs = (part.rpartition(":") for part in value.split(","))
    return {name.strip(): digest.strip() for name, colon, digest in pairs if colon}


def hashes_value(hashes: Mapping[str, str]) -> str | None:
    """Hashes by name as one value, or None for none; what separates is taken out of the names."""
    return ", ".join(f"{plain_name(name)}: {digest}" for name, digest in hashes.items()) or None


def plain_name(name: str) -> str:
    """A name without what separates in `Lora hashes` and in `<lora:name:weight>`."""
    return re.sub(r"[:,<>]", "", name)
