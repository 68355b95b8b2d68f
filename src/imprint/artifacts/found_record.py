"""How a picture from anywhere was made, as far as its file says: our record, or that of another tool.

Reads: PNG, JPEG, WebP. Writes: nothing. Does not: draw, or run what it finds.

Known: Imprint; A1111, Forge and whatever writes an infotext as they do, visibly or hidden in the pixels; NovelAI;
ComfyUI, whose graph is recognised and kept as it is.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from imprint.artifacts.exif import find_exif, read_exif
from imprint.artifacts.image_file import read_regular
from imprint.artifacts.infotext import Infotext, parse_infotext, tool_of
from imprint.artifacts.picture import PictureRecord, clean_text, parsed_record
from imprint.artifacts.picture_file import INFOTEXT_KEY, RECORD_KEY
from imprint.artifacts.png_texts import PNG_SIGNATURE, png_texts
from imprint.artifacts.stealth import stealth_text
from imprint.errors import InputError

COMFY_KEYS = ("prompt", "workflow")
NOVELAI_KEYS = ("Software", "Description", "Comment")
KNOWN_KEYS = frozenset({RECORD_KEY, INFOTEXT_KEY, *COMFY_KEYS, *NOVELAI_KEYS})

#: NovelAI's names of samplers as A1111 calls them; others stay as they are.
NOVELAI_SAMPLERS: Mapping[str, str] = MappingProxyType({
    "k_euler": "Euler", "k_euler_ancestral": "Euler a", "k_lms": "LMS", "k_heun": "Heun", "k_dpm_2": "DPM2",
    "k_dpm_2_ancestral": "DPM2 a", "k_dpmpp_2m": "DPM++ 2M", "k_dpmpp_2s_ancestral": "DPM++ 2S a",
    "k_dpmpp_sde": "DPM++ SDE", "k_dpmpp_2m_sde": "DPM++ 2M SDE", "ddim": "DDIM", "ddim_v3": "DDIM", "plms": "PLMS",
})  # fmt: skip
_NOVELAI_FIELDS = (("Steps", "steps"), ("CFG scale", "scale"), ("Seed", "seed"), ("Denoising strength", "strength"))
HIDDEN = "the last bit of the pixels"


@dataclass(frozen=True)
class FoundRecord:
    """What a file says of how its picture was made.

    Attributes:
        tool: that wrote it, with its version where that is known.
        place: where in the file it stands.
        record: ours, or None.
        infotext: as A1111 writes it, or None.
        graph: ComfyUI's JSON texts by name, unread.
    """

    tool: str
    place: str
    record: PictureRecord | None = None
    infotext: Infotext | None = None
    graph: Mapping[str, str] = field(default_factory=dict[str, str])


def find_record(path: Path) -> FoundRecord:
    """How a picture was made, as its file says.

    Raises: InputError: if the file is missing, no PNG, JPEG or WebP, damaged, or says nothing.
    """
    data = read_regular(path)
    form, texts = _texts(io.BytesIO(data), path)
    found = _understood(texts, form, path)
    if found is None and form != "JPEG":  # whose pixels keep no bits
        hidden = stealth_text(data, path)
        found = _hidden(hidden) if hidden else None
    if found is None:
        raise InputError(
            "this picture carries no record of any tool that is known",
            where=path,
            hint="sharing services often remove it; look for the original file",
        )
    return found


def _texts(file: BinaryIO, path: Path) -> tuple[str, dict[str, str]]:
    """The kind of file, and its texts by the names that they have in a PNG."""
    if file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE:
        return "PNG", png_texts(file, path, KNOWN_KEYS)
    file.seek(0)
    block = find_exif(file)
    if block is None:
        raise InputError("this is no PNG, JPEG or WebP file", where=path)
    form, texts = block[0], read_exif(block[1])
    if texts.own_damaged:
        raise InputError("the record in this picture is damaged (checksum)", where=path)
    # Cameras and phones write comments too: without parameters it is none of ours.
    said = bool(texts.user_comment) and bool(parse_infotext(texts.user_comment).parameters)
    found = {INFOTEXT_KEY: texts.user_comment} if said else {}
    return form, found | ({RECORD_KEY: texts.own.decode("latin-1")} if texts.own is not None else {})


def _understood(texts: Mapping[str, str], form: str, path: Path) -> FoundRecord | None:
    place = "PNG text" if form == "PNG" else f"EXIF of the {form}"
    infotext = parse_infotext(_clean(texts[INFOTEXT_KEY])) if INFOTEXT_KEY in texts else None
    if RECORD_KEY in texts:
        record = parsed_record(texts[RECORD_KEY].encode("latin-1", errors="replace"), path)
        return FoundRecord(f"Imprint {record.imprint}".strip(), place, record, infotext)
    if infotext is not None:
        return FoundRecord(tool_of(infotext), place, infotext=infotext)
    if texts.get("Software") == "NovelAI":
        return FoundRecord("NovelAI", place, infotext=_novelai(texts))
    graph = {name: _clean(texts[name]) for name in COMFY_KEYS if name in texts}
    return FoundRecord("ComfyUI", place, graph=graph) if graph else None


def _hidden(text: str) -> FoundRecord:
    """Forge hides an infotext, NovelAI its texts as one JSON object."""
    texts = _json_object(text)
    if texts.get("Software") == "NovelAI":
        return FoundRecord("NovelAI", HIDDEN, infotext=_novelai({k: str(v) for k, v in texts.items()}))
    infotext = parse_infotext(_clean(text))
    return FoundRecord(tool_of(infotext), HIDDEN, infotext=infotext)


def _novelai(texts: Mapping[str, str]) -> Infotext:
    """NovelAI's settings as an infotext; it skips the text encoder's last layer and has an offset of its own."""
    said = _json_object(texts.get("Comment", ""))
    values = {key: said[name] for key, name in _NOVELAI_FIELDS if name in said}
    sampler = str(said.get("sampler", ""))
    if sampler:
        values["Sampler"] = NOVELAI_SAMPLERS.get(sampler, sampler)
    if "width" in said and "height" in said:
        values["Size"] = f"{said['width']}x{said['height']}"
    values |= {"Clip skip": "2", "ENSD": "31337"}
    prompt = texts.get("Description") or str(said.get("prompt", ""))
    parameters = {key: _clean(str(value)) for key, value in values.items()}
    return Infotext(_clean(prompt).strip(), _clean(str(said.get("uc", ""))), parameters)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _clean(text: str) -> str:
    return clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))
