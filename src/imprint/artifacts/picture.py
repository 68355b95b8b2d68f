"""A generated picture and the record of how it came about, which travels inside its file.

Reads: PNG, JPEG, WebP. Writes: PNG, JPEG, WebP. Does not: generate, show, or read other tools' records.

The record is JSON: in a PNG a `tEXt` chunk called "imprint", in JPEG and WebP the maker note of the EXIF block. A file
from elsewhere is hostile: nothing is decompressed to read its record, sizes are capped, and control characters never
reach a terminal.
"""

from __future__ import annotations

import io
import json
import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from imprint.artifacts.exif import find_exif, read_exif
from imprint.artifacts.files import write_bytes
from imprint.artifacts.picture_file import RECORD_KEY, Jpeg, Png, Webp, encoded, format_of
from imprint.artifacts.png_texts import PNG_SIGNATURE, chunks
from imprint.config.base import Config
from imprint.errors import InputError, OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECORD_LIMIT_BYTES = 1 << 20  # two prompts of the greatest length and what they came from, every character escaped


def clean_text(text: str) -> str:
    """Text without what could hide or steer: control, format and unpaired characters become U+FFFD.

    Newline and tab stay. Format characters include those that reverse the reading direction.
    """
    return "".join("\ufffd" if _is_unsafe(character) else character for character in text)


def _is_unsafe(character: str) -> bool:
    # Cc control, Cf format, Cs surrogate. Zero-width joiners (Cf) build emoji, and reverse nothing.
    return character not in "\n\t\u200c\u200d" and unicodedata.category(character) in {"Cc", "Cf", "Cs"}


CleanText = Annotated[str, AfterValidator(clean_text)]
Precision: TypeAlias = Literal["fp32", "bf16", "fp16"]
"""Number formats that pictures are drawn in."""


class _Recorded(Config):
    # A record written by a later version may say more: what is unknown here is left out, not refused.
    model_config = ConfigDict(frozen=True, extra="ignore")


class AdapterRecord(_Recorded):
    """Weights that were applied on top of the base."""

    name: CleanText
    """What the user calls it; a run's name or a file's."""
    kind: CleanText
    """The method that trained it: "lora", "finetune", ..."""
    strength: float = 1.0
    """1 is as trained, 0 is the base."""
    sha256: CleanText = ""
    """Of the weights."""
    short_hash: CleanText = ""
    """Twelve digits by which A1111 knows the file that it would load: the exported one."""


class HiresRecord(_Recorded):
    """A second pass that drew the picture larger; what is None was as in the first."""

    scale: float = 2.0
    """How much wider and higher it became, unless a size was asked for."""
    width_px: int | None = None
    """Width that was asked for."""
    height_px: int | None = None
    """Height that was asked for."""
    strength: float = 0.7
    """How much was drawn anew."""
    steps: int | None = None
    """Network calls."""
    upscaler: CleanText = "latent"
    """How it became larger."""
    upscaler_sha256: CleanText = ""
    """Of that model's file; "" for what is no model."""
    sampler: CleanText | None = None
    """A registered sampler."""
    schedule: CleanText | None = None
    """A registered schedule."""
    cfg_scale: float | None = None
    """Guidance."""
    prompt: CleanText | None = None
    """What was asked for."""
    negative_prompt: CleanText | None = None
    """What was asked to be absent."""


class ImageRecord(_Recorded):
    """The picture that this one began with, and how it was used."""

    source_name: CleanText = ""
    """Its file's name, without the folder."""
    source_sha256: CleanText = ""
    """Of its size and pixels, whatever file they are in."""
    source_md5: CleanText = ""
    """Of its pixels, by which A1111 names it."""
    mask_name: CleanText = ""
    """The mask's file name; "" without a mask."""
    mask_sha256: CleanText = ""
    """Of its size and pixels."""
    keeps_size: bool = False
    """Whether no size was asked for, so that the source's decided."""
    strength: float = 0.75
    """How much was drawn anew."""
    step_rule: CleanText = "exact"
    """How many calls the steps meant."""
    resize: CleanText = "crop"
    """How it came to a size of other proportions."""
    noise_multiplier: float = 1.0
    """Standard deviation of the noise that was put on it."""
    extra_noise: float = 0.0
    """Noise that the network was not told of."""
    invert_mask: bool = False
    """Whether black was drawn."""
    mask_blur_px: float = 4.0
    """How soft the mask's edge was."""
    fill: CleanText = "original"
    """What was under the mask at the beginning."""
    only_masked: bool = False
    """Whether only the region around the mask was drawn."""
    padding_px: int = 32
    """Surroundings that were drawn along with it."""
    soft: dict[str, float] | None = None
    """Soft inpainting's settings; none is none."""
    mask_weight: float = 1.0
    """How far an inpainting model did not see what was under the mask."""


class ScoreRecord(_Recorded):
    """One score of a picture that was chosen among several."""

    name: CleanText
    """What was scored: "total", "subject", "prompt", or a check for defects."""
    value: float = Field(allow_inf_nan=False)
    """0 to 1; docs/guides/best-of.md says of each which end is good."""


class PictureRecord(_Recorded):
    """All that is needed to make the same picture again."""

    prompt: CleanText
    """What was asked for."""
    negative_prompt: CleanText = ""
    """What was asked to be absent."""
    steps: int = Field(ge=0)
    """Network calls for guided and unguided prediction together counted once."""
    cfg_scale: float
    """Guidance; 1 is none."""
    sampler: CleanText
    """A registered sampler."""
    schedule: CleanText
    """A registered schedule of noise levels."""
    seed: int
    """Of the initial noise and the sampler's."""
    width_px: int = Field(ge=1)
    """At which it was drawn: before a second pass, and before it was put back where only a region was drawn."""
    height_px: int = Field(ge=1)
    """The height of that."""
    base: CleanText = ""
    """SHA-256 over all that decides what the base draws: weights, configurations, tokenizer (`base_hash`)."""
    base_name: CleanText = ""
    """What the base was called: "nano", or the name of its folder."""
    family: CleanText = ""
    """Of the base: "sd1"."""
    precision: CleanText = "fp32"
    """Number format of its U-Net and text encoder: one of `Precision`."""
    adapters: tuple[AdapterRecord, ...] = ()
    """In the order in which they were applied."""
    networks: tuple[AdapterRecord, ...] = ()
    """LoRAs, hypernetworks and embeddings that the prompts named, with their files' hashes."""
    noise_source: CleanText = "imprint"
    """How the seed became noise: "imprint", "cpu", "nv", "nv:46"."""
    variation_seed: int | None = None
    """Of the noise that was mixed into the first."""
    variation_strength: float = 0.0
    """How much of it."""
    ensd: int = 0
    """Added to the seed for the sampler's noise."""
    resize_from_width_px: int | None = Field(default=None, ge=1)
    """The size at which the first noise was drawn, where it is not the picture's."""
    resize_from_height_px: int | None = Field(default=None, ge=1)
    """The height of that size."""
    eta: float | None = None
    """Share of fresh noise in a step; none is the sampler's own."""
    s_noise: float | None = None
    """Standard deviation of fresh noise; none is 1."""
    s_churn: float | None = None
    """Noise put back over all steps; none is 0."""
    s_tmin: float | None = None
    """Lowest level at which it was."""
    s_tmax: float | None = None
    """Highest level at which it was."""
    cfg_start: float = 0.0
    """Share of the steps before which there was no guidance."""
    cfg_end: float = 1.0
    """Share of the steps from which on there was none."""
    cfg_rescale: float = 0.0
    """How far the contrast of guidance was taken back."""
    compat: CleanText = "imprint"
    """Whose reading of the prompts."""
    emphasis: CleanText = "original"
    """What a word's weight did."""
    clip_skip: int = 1
    """Layer of the text encoder, from the last backwards."""
    tiling: CleanText | None = None
    """The axes along which the picture goes on at its other edge: "both", "x", "y"."""
    hires: HiresRecord | None = None
    """The second pass, if there was one."""
    image: ImageRecord | None = None
    """The picture that it began with, if it did."""
    notes: tuple[CleanText, ...] = ()
    """What did not go as usual: a stage that was computed again in higher precision."""
    prompt_template: CleanText | None = None
    """The prompt as it was written, where styles, variants or wildcards made another of it."""
    negative_prompt_template: CleanText | None = None
    """The same of the negative prompt."""
    hires_prompt_template: CleanText | None = None
    """The same of the second pass's own prompt."""
    hires_negative_prompt_template: CleanText | None = None
    """The same of its negative prompt."""
    styles: tuple[CleanText, ...] = ()
    """Names of the styles that were put around them."""
    scores: tuple[ScoreRecord, ...] = ()
    """By which it was chosen; they say nothing about how it was drawn."""
    judge: CleanText = ""
    """Who scored it."""
    chosen_from: int | None = Field(default=None, ge=1)
    """How many were drawn to choose from, with this many seeds in a row."""
    chosen_from_seed: int | None = None
    """The first of these: of `seed`, or of `variation_seed` where that one counted on."""
    kind: Literal["text_to_image", "image_to_image"] = "text_to_image"
    """What was done."""
    imprint: CleanText = ""
    """Version of the package."""


@dataclass(frozen=True)
class Picture:
    """Pixels and how they came about.

    Attributes:
        pixels_HWC: uint8 RGB, shape (H, W, 3).
        record: how to make it again.
    """

    pixels_HWC: NDArray[np.uint8]
    record: PictureRecord


def record_json(record: PictureRecord) -> str:
    """A record as it stands in a file: in ASCII, which every kind of text in every kind of file can hold."""
    return json.dumps(record.model_dump(mode="json"))


def png_bytes(picture: Picture, infotext: str = "") -> bytes:
    """The picture as a PNG file with its record inside; equal pictures give equal bytes."""
    return encoded(picture.pixels_HWC, Png(), record_json(picture.record), infotext)


def save_picture(path: Path, picture: Picture, infotext: str = "", form: Png | Jpeg | Webp | None = None) -> None:
    """Write a picture with its record inside, atomically.

    Args:
        path: of the file.
        picture: pixels and record.
        infotext: the record as A1111 writes it, for other tools (`imprint.generation.record`); "" leaves it out.
        form: the kind of file; left out, what the name ends in.
    Raises: OutputError: if the place cannot be written, or a JPEG cannot hold so long a record.
    """
    data = encoded(picture.pixels_HWC, form or format_of(path), record_json(picture.record), infotext)
    try:
        write_bytes(path, data)
    except OSError as error:
        raise OutputError("the picture cannot be written", where=path, got=str(error)) from error


def read_record(path: Path) -> PictureRecord:
    """How a picture came about, from its file.

    Fields that this version does not know are left out.

    Raises: InputError: if the file is missing, no PNG, JPEG or WebP, cut off, or has no readable record.
    """
    try:
        with path.open("rb") as file:
            data = _record_chunk(file, path) if file.read(8) == PNG_SIGNATURE else _exif_record(file, path)
    except OSError as error:
        raise InputError("the picture cannot be read", where=path, got=str(error)) from error
    return parsed_record(data, path)


def parsed_record(data: bytes, path: Path) -> PictureRecord:
    """A record from its JSON.

    Raises: InputError: if it is none; with the field.
    """
    try:
        value: object = json.loads(data.decode("latin-1"))
    except (ValueError, RecursionError) as error:  # too deep or too long a number is as malformed as a missing brace
        raise InputError("the record in this picture is not JSON", where=path, got=str(error)) from error
    try:
        return PictureRecord.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "record"
        raise InputError(
            "the record in this picture is damaged", where=path, got=clean_text(f"{place}: {first['msg']}")
        ) from error


def _record_chunk(file: io.BufferedReader, path: Path) -> bytes:
    """The text of the first chunk named `RECORD_KEY`, behind the signature."""
    for kind, length in chunks(file, path):
        if kind != b"tEXt" or length > RECORD_LIMIT_BYTES:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        data, checksum = file.read(length), file.read(4)
        key, _, text = data.partition(b"\0")
        if key != RECORD_KEY.encode():
            continue
        if checksum != zlib.crc32(kind + data).to_bytes(4, "big"):
            raise InputError("the record in this picture is damaged (checksum)", where=path)
        return text
    raise _no_record(path)


def _exif_record(file: io.BufferedReader, path: Path) -> bytes:
    """The record in the EXIF block of a JPEG or WebP file."""
    file.seek(0)
    found = find_exif(file)
    if found is None:
        raise InputError("this is no PNG, JPEG or WebP file", where=path)
    texts = read_exif(found[1])
    if texts.own_damaged:
        raise InputError("the record in this picture is damaged (checksum)", where=path)
    if texts.own is None or len(texts.own) > RECORD_LIMIT_BYTES:
        raise _no_record(path)
    return texts.own


def _no_record(path: Path) -> InputError:
    return InputError(
        "this picture carries no record of Imprint",
        where=path,
        hint="only files written by Imprint have one; sharing services often remove it",
    )
