"""Between our records, A1111's infotext and what is asked of the sampler.

Reads: PictureRecord, Infotext. Writes: infotext, fields of requests. Does not: look for models, or draw.

An infotext from elsewhere is run with the nearest meaning, and whatever of it is not followed is named: a note for
every key that has no place here, none is dropped in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from imprint.artifacts.infotext import (
    DEFAULTS,
    Infotext,
    hashes_of,
    hashes_value,
    hypernetwork_hash,
    modernised,
    old_rules,
    plain_name,
    render_infotext,
    tool_of,
    version_of,
    written,
)
from imprint.artifacts.network_hash import MODEL_DIGITS
from imprint.artifacts.picture import AdapterRecord, PictureRecord
from imprint.diffusion.schedule_registry import SCHEDULES
from imprint.generation.canvas import ImageSettings
from imprint.generation.fitting import drawable
from imprint.generation.hires import Hires
from imprint.generation.image_to_image import ImageToImage
from imprint.generation.record_passes import hires_fields, image_fields, pass_parameters
from imprint.generation.samplers import SAMPLERS
from imprint.generation.seeds import LONGEST_PX, SEED_LIMIT
from imprint.generation.text_to_image import TextToImage
from imprint.prompts.lexing import NETWORK
from imprint.prompts.networks import read_network
from imprint.prompts.syntax import Network

STRIDE_PX = 8
SHOWN = 80  # characters of a key or a value in a note
WEIGHTS_KEY = "Imprint weights"  # what is applied and is no LoRA, which A1111 has no key for
SCORES_KEY = "Imprint scores"  # by which a picture was chosen among several
NETWORK_TAG = re.compile(NETWORK)
SPLIT_SCHEDULES = (1, 9)  # the version since which A1111 writes the schedule apart from the sampler
NAMED_SCHEDULES = ("karras", "exponential")  # those that names of samplers ended in until then

#: A1111's keys that are one number of a record, with that number's bounds; a request may have none of these fields.
_NUMBER_KEYS: Mapping[str, tuple[str, float, float]] = MappingProxyType({
    "Variation seed": ("variation_seed", 0, SEED_LIMIT), "Variation seed strength": ("variation_strength", 0, 1),
    "ENSD": ("ensd", -(2**31), 2**31), "Clip skip": ("clip_skip", 1, 12),
})  # fmt: skip
_WHOLE = frozenset({"variation_seed", "ensd", "clip_skip"})
#: The same for what only some samplers read; of others it is noted.
_SAMPLER_KEYS: Mapping[str, tuple[str, float, float]] = MappingProxyType({
    "Eta": ("eta", 0, 1), "Sigma churn": ("s_churn", 0, 500), "Sigma tmin": ("s_tmin", 0, 1e6),
    "Sigma tmax": ("s_tmax", 0, 1e6), "Sigma noise": ("s_noise", 0.01, 2),
})  # fmt: skip
#: A1111's sources of noise and ours that gives the same numbers. A CUDA card's are those of NV for small latents.
_SOURCES: Mapping[str, str] = MappingProxyType({"GPU": "nv", "NV": "nv", "CPU": "cpu"})
#: A1111's names of what a word's weight does, and two of ours that it does not know.
_EMPHASES: Mapping[str, str] = MappingProxyType({
    "Original": "original", "No norm": "no_norm", "Ignore": "ignore", "Original per sample": "original_per_sample",
    "Comfy": "comfy", "Compel": "compel",
})  # fmt: skip
SAME_ON_CARDS = 30_000  # values of a latent; above, cards with few multiprocessors begin to draw noise of their own

TILINGS: Mapping[str, str] = MappingProxyType({"True": "both", "x": "x", "y": "y"})

#: Keys that are no instructions: what made the picture, and by whom.
_SAID_ELSEWHERE = frozenset({
    "Model", "Model hash", "Version", "User", "App", "Lora hashes", "Template", "Negative Template", SCORES_KEY,
})  # fmt: skip
_WHY: Mapping[str, str] = MappingProxyType({
    "TI hashes": "no names and hashes; left out",
    "First pass size": "a second pass by a rule of its own, which is not drawn",
    "VAE": "the base's own is used", "VAE hash": "the base's own is used",
})  # fmt: skip


@dataclass(frozen=True)
class Note:
    """Something of an infotext that is not followed, or not exactly.

    Attributes:
        key: as it was written.
        value: the same.
        why: what is done instead.
    """

    key: str
    value: str
    why: str

    def __str__(self) -> str:
        return f"{_short(self.key)}: {_short(self.value)} ({self.why})"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


@dataclass(frozen=True)
class NetworkWanted:
    """A network that an infotext names.

    Attributes:
        name: in the tag, or of an embedding in the prompt.
        strength: on the U-Net.
        short_hash: as in `Lora hashes` or `TI hashes`, or "".
        kind: embeddings have no strength.
        text_encoder: strength on the text encoder, where it is another.
    """

    name: str
    strength: float = 1.0
    short_hash: str = ""
    kind: Literal["lora", "hypernetwork", "embedding"] = "lora"
    text_encoder: float | None = None


@dataclass(frozen=True)
class Understood:
    """What an infotext asks for, as near as it can be drawn here.

    Attributes:
        fields: of `TextToImage`.
        networks: those that the prompt had tags of, which are taken out of it, in their order; then embeddings.
        notes: what is not followed.
        image: fields of `ImageSettings`, where it began with a picture.
        source_md5: of that picture's pixels, or "".
    """

    fields: Mapping[str, Any]
    networks: tuple[NetworkWanted, ...] = ()
    notes: tuple[Note, ...] = field(default=())
    image: Mapping[str, Any] | None = None
    source_md5: str = ""


def fields_of(record: PictureRecord) -> dict[str, Any]:
    """What our record asks for, as fields of `TextToImage`, or of `ImageToImage` for a picture from a picture."""
    model = TextToImage if record.image is None else ImageToImage
    said = record.model_dump()
    fields = {name: said[name] for name in model.model_fields if name in said and said[name] is not None}
    if record.hires is not None:
        fields["hires"] = {name: said["hires"][name] for name in Hires.model_fields}
    if record.image is not None:
        fields["image"] = {name: said["image"][name] for name in ImageSettings.model_fields if name in said["image"]}
        if record.image.keeps_size:
            fields |= {"width_px": None, "height_px": None}
    return fields


def infotext_of(record: PictureRecord) -> str:
    """A record as A1111 writes it.

    `Model hash` is the beginning of the base's hash: a base is a folder, and has no one file whose hash A1111 would
    know. The version has no point in it: A1111 takes a number below 1.6 for an old version of itself and draws by its
    rules of then.
    """
    loras = [adapter for adapter in record.adapters if adapter.kind == "lora"]
    other = [adapter for adapter in record.adapters if adapter.kind != "lora"]
    parameters: dict[str, str | float | None] = {
        "Steps": record.steps,
        "Sampler": SAMPLERS.get(record.sampler).title if record.sampler in SAMPLERS else record.sampler,
        "Schedule type": SCHEDULES.get(record.schedule).title if record.schedule in SCHEDULES else record.schedule,
        "CFG scale": record.cfg_scale,
        "Seed": record.seed,
        "Size": f"{record.width_px}x{record.height_px}",
        "Model hash": record.base[:MODEL_DIGITS] or None,
        "Model": record.base_name or None,
        **_seed_parameters(record.model_dump()),
        **pass_parameters(record),
        "Lora hashes": _hashes([*loras, *record.networks], "lora"),
        "TI hashes": _hashes(record.networks, "embedding"),
        "Emphasis": next((t for t, name in _EMPHASES.items() if name == record.emphasis != "original"), None),
        "Template": record.prompt_template or None,  # these two as the dynamic prompts extension writes them
        "Negative Template": record.negative_prompt_template or None,
        WEIGHTS_KEY: ", ".join(f"{plain_name(one.name)}: {one.kind} {written(one.strength)}" for one in other) or None,
        SCORES_KEY: ", ".join(f"{one.name} {one.value:.4g}" for one in record.scores) or None,
        "Version": f"Imprint {record.imprint}".replace(".", "-").strip(),
    }
    return render_infotext(_tagged(record.prompt, loras), record.negative_prompt, parameters)


def _hashes(networks: Sequence[AdapterRecord], kind: str) -> str | None:
    return hashes_value({one.name: one.short_hash for one in networks if one.kind == kind and one.short_hash})


def _seed_parameters(said: Mapping[str, Any]) -> dict[str, str | float | None]:
    """What of a record's fields for seeds and samplers A1111 has a key for; defaults are left out, as it does."""
    source = said.get("noise_source")
    from_size = said.get("resize_from_width_px"), said.get("resize_from_height_px")
    numbers = {key: said.get(name) for key, (name, _, _) in _NUMBER_KEYS.items()}
    numbers["ENSD"] = numbers["ENSD"] or None
    if not numbers["Variation seed strength"]:
        numbers["Variation seed"] = numbers["Variation seed strength"] = None
    if numbers["Clip skip"] == 1:
        numbers["Clip skip"] = None
    return {
        **numbers,
        "Seed resize from": f"{from_size[0]}x{from_size[1]}" if all(from_size) else None,
        "RNG": source.upper() if source in ("cpu", "nv") else None,
        **{key: said.get(name) for key, (name, _, _) in _SAMPLER_KEYS.items()},
    }


def _tagged(prompt: str, loras: list[AdapterRecord]) -> str:
    """A prompt with the tags by which A1111 applies a LoRA."""
    tags = [(f"<lora:{plain_name(lora.name)}:", written(lora.strength)) for lora in loras]
    return prompt + "".join(f" {tag}{strength}>" for tag, strength in tags if tag not in prompt)


def understand(info: Infotext, known: Collection[str] = frozenset(TextToImage.model_fields)) -> Understood:
    """What an infotext asks for; whatever has no place here is in the notes.

    Never fails: a value that cannot be read is noted and a usual one taken.

    Args:
        info: from anywhere.
        known: fields that a request has; what only other fields could hold is noted.
    """
    return _Reader(modernised(info), known, hypernetwork_hash(info)).read()


class _Reader:
    """Takes one infotext apart; `left` holds the keys that nothing has read yet."""

    def __init__(self, info: Infotext, known: Collection[str], hypernetwork: str) -> None:
        self.info, self.known, self.hypernetwork = info, known, hypernetwork
        self.left = dict(info.parameters)
        self.notes: list[Note] = []

    def read(self) -> Understood:
        prompt, networks = self._networks(self.info.prompt.replace("\ufffd", ""))
        sampler, schedule = self._sampler()
        width, height = self._size("Size")
        usual = TextToImage(prompt="", seed=0)
        fields: dict[str, Any] = {
            "prompt": prompt,
            "negative_prompt": self.info.negative_prompt.replace("\ufffd", ""),
            "steps": int(self._number("Steps", 1, 500, usual.steps)),
            "cfg_scale": self._number("CFG scale", 0, 100, usual.cfg_scale),
            "seed": int(self._number("Seed", 0, SEED_LIMIT, 0)),
            "sampler": sampler, "schedule": schedule, "width_px": width, "height_px": height,
            **self._seeds(), **self._options(sampler),
        }  # fmt: skip
        self._noise(fields)
        self._reading(fields)
        if self.left.get("Tiling") in TILINGS:
            fields["tiling"] = TILINGS[self.left.pop("Tiling")]
        if hires := hires_fields(self.left, self._number, self._note):
            fields["hires"] = hires
        source = self.left.get("Init image hash", "")
        image = None if hires else image_fields(self.left, self._number, tool_of(self.info) == "Imprint")
        if image is not None:
            self.left.pop("Init image hash", None)
        self._note_rest()
        return Understood(fields, tuple(networks), tuple(self.notes), image, source)

    def _seeds(self) -> dict[str, Any]:
        """The fields for seeds that a request has and the infotext speaks of."""
        fields: dict[str, Any] = {}
        for key, (name, low, high) in _NUMBER_KEYS.items():
            if name in self.known and key in self.left:
                value = self._number(key, low, high, low if name == "clip_skip" else 0)
                fields[name] = int(value) if name in _WHOLE else value
        if fields.get("variation_strength") and "variation_seed" not in fields:
            fields["variation_seed"] = 0  # A1111's own default
        if "resize_from_width_px" in self.known and "Seed resize from" in self.left:
            width, height = self._size("Seed resize from")
            fields |= {"resize_from_width_px": width, "resize_from_height_px": height}
        return fields

    def _options(self, sampler: str) -> dict[str, Any]:
        """The numbers that this sampler takes; those of others stay, to be noted."""
        taken = SAMPLERS.get(sampler).options
        return {
            name: self._number(key, low, high, taken[name])
            for key, (name, low, high) in _SAMPLER_KEYS.items()
            if key in self.left and name in taken and name in self.known
        }

    def _noise(self, fields: dict[str, Any]) -> None:
        """Whose noise a seed stands for."""
        if (tool := tool_of(self.info)) == "Imprint":
            return
        if "noise_source" not in self.known:
            self._note("Seed", str(fields["seed"]), "the noise is Imprint's own; the composition will be another")
            return
        source = self.left.pop("RNG", "CPU" if tool == "ComfyUI" else "GPU")
        fields["noise_source"] = _SOURCES.get(source, "nv")
        large = 4 * (fields["width_px"] or 0) * (fields["height_px"] or 0) / 64 > SAME_ON_CARDS
        if source not in _SOURCES or (source == "GPU" and large):
            self._note("RNG", source, "drawn as with NV; what a CUDA card draws depends on the card at this size")

    def _reading(self, fields: dict[str, Any]) -> None:
        """How the prompts were read: elsewhere by A1111's rules, quirks included."""
        if tool_of(self.info) != "Imprint":
            fields["compat"] = "a1111"
        if self.left.get("Emphasis") in _EMPHASES:
            fields["emphasis"] = _EMPHASES[self.left.pop("Emphasis")]

    def _note_rest(self) -> None:
        for key, value in self.left.items():
            if key not in _SAID_ELSEWHERE and DEFAULTS.get(key) != value:
                self._note(key, value, _WHY.get(key, "not supported here; left out"))
        for rule in old_rules(self.info):
            self._note("Version", self.info.parameters["Version"], f"made with {rule}; drawn by today's rules")

    def _note(self, key: str, value: str, why: str) -> None:
        self.notes.append(Note(key, value, why))

    def _number(self, key: str, low: float, high: float, usual: float) -> float:
        text = self.left.pop(key, None)
        if text is None:
            self._note(key, "", f"not given; {written(usual)} is taken")
            return usual
        try:
            value = float(text) if not text.strip().isdecimal() else int(text)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            self._note(key, text, f"no number; {written(usual)} is taken")
            return usual
        if not low <= value <= high:
            self._note(key, text, f"outside {written(low)} to {written(high)}; the nearest is taken")
        return min(max(value, low), high)

    def _sampler(self) -> tuple[str, str | None]:
        text, schedule = self.left.pop("Sampler", None), self._schedule()
        usual = TextToImage(prompt="", seed=0).sampler
        if text is None:
            self._note("Sampler", "", f"not given; {SAMPLERS.get(usual).title} is taken")
            return usual, schedule
        name, suffix = _split(text)
        if name not in SAMPLERS:
            self._note("Sampler", text, f"not known here; {SAMPLERS.get(usual).title} is taken")
            return usual, schedule or suffix
        entry = SAMPLERS.get(name)
        version = version_of(self.info)
        if not (schedule or suffix) and version and version < SPLIT_SCHEDULES and entry.schedule in NAMED_SCHEDULES:
            return entry.name, "uniform"  # then "DPM++ 2M Karras" was a name of its own
        return entry.name, schedule or suffix

    def _schedule(self) -> str | None:
        text = self.left.pop("Schedule type", "Automatic")
        titles = {entry.title: entry.name for entry in SCHEDULES.items().values()}
        if text == "Automatic" or text in titles or text in SCHEDULES:
            return None if text == "Automatic" else titles.get(text) or SCHEDULES.get(text).name
        self._note("Schedule type", text, "not known here; the sampler's own is taken")
        return None

    def _size(self, key: str) -> tuple[int | None, int | None]:
        text = self.left.pop(key, None)
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text or "")
        if found is None:
            self._note(key, text or "", "not given or not readable; the base's own is taken")
            return None, None
        asked = int(found[1]), int(found[2])
        width, height = (min(side, LONGEST_PX) for side in drawable(asked, STRIDE_PX))
        if (width, height) != asked:
            self._note(key, f"{asked[0]}x{asked[1]}", f"not possible here; {width}x{height} is taken")
        return width, height

    def _networks(self, prompt: str) -> tuple[str, list[NetworkWanted]]:
        """The prompt without its tags, what they ask for, and the embeddings that were used."""
        hashes = hashes_of(self.left.get("Lora hashes", ""))
        networks: list[NetworkWanted] = []

        def taken(found: re.Match[str]) -> str:
            network = read_network(found[0], found.start(), lambda _, why: self._note("prompt", found[0], why))
            if isinstance(network, Network):
                networks.append(self._wanted(network, hashes))
            return ""

        prompt = NETWORK_TAG.sub(taken, prompt).rstrip(" ")
        if self.hypernetwork and networks and networks[-1].kind == "hypernetwork":  # an old key is now the last tag
            networks[-1] = replace(networks[-1], short_hash=self.hypernetwork)
        if embeddings := hashes_of(self.left.get("TI hashes", "")):
            del self.left["TI hashes"]
            networks += [NetworkWanted(name, 1.0, digest, "embedding") for name, digest in embeddings.items()]
        return prompt, networks

    def _wanted(self, network: Network, hashes: Mapping[str, str]) -> NetworkWanted:
        if network.kind == "hypernet":
            return NetworkWanted(network.name, network.unet, kind="hypernetwork")
        text = None if network.text_encoder == network.unet else network.text_encoder
        return NetworkWanted(network.name, network.unet, hashes.get(plain_name(network.name), ""), "lora", text)


def _split(text: str) -> tuple[str, str | None]:
    """A sampler's name and the schedule at its end: "DPM++ 2M Karras" was one name before A1111 1.9."""
    for entry in SCHEDULES.items().values():
        for title in (entry.title, entry.name):
            head = text[: -len(title) - 1]
            if text.lower().endswith(f" {title.lower()}") and head in SAMPLERS:
                return head, entry.name
    return text, None
