"""A generated picture and the record of how it came about, which travels inside its PNG file.

Reads: PNG. Writes: PNG. Does not: generate, or show.

The record is JSON in a `tEXt` chunk called "imprint". A file from elsewhere is hostile: nothing is decompressed to read
its record, sizes are capped, and control characters never reach a terminal.
"""

from __future__ import annotations

import io
import json
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from imprint.artifacts.files import write_bytes
from imprint.config.base import Config
from imprint.errors import InputError, OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
RECORD_KEY = "imprint"
RECORD_LIMIT_BYTES = 1 << 18  # two prompts of the greatest length, every character escaped, fit in
CHUNK_LIMIT = 100_000  # a 4096 px PNG has about a thousand


def clean_text(text: str) -> str:
    """Text without what could hide or steer: control, format and unpaired characters become U+FFFD.

    Newline and tab stay. Format characters include those that reverse the reading direction.
    """
    return "".join("\ufffd" if _is_unsafe(character) else character for character in text)


def _is_unsafe(character: str) -> bool:
    # Cc control, Cf format, Cs surrogate. Zero-width joiners (Cf) build emoji, and reverse nothing.
    return character not in "\n\t\u200c\u200d" and unicodedata.category(character) in {"Cc", "Cf", "Cs"}


CleanText = Annotated[str, AfterValidator(clean_text)]


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
    """Of the picture."""
    height_px: int = Field(ge=1)
    """Of the picture."""
    base: CleanText = ""
    """SHA-256 over the base's weights (`folder_hash`)."""
    family: CleanText = ""
    """Of the base: "sd1"."""
    adapters: tuple[AdapterRecord, ...] = ()
    """In the order in which they were applied."""
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
    kind: Literal["text_to_image"] = "text_to_image"
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


def png_bytes(picture: Picture) -> bytes:
    """The picture as a PNG file with its record inside; equal pictures give equal bytes."""
    from PIL import Image, PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text(RECORD_KEY, json.dumps(picture.record.model_dump(mode="json")))  # ASCII: tEXt is Latin-1
    buffer = io.BytesIO()
    Image.fromarray(picture.pixels_HWC).save(buffer, format="PNG", pnginfo=text)
    return buffer.getvalue()


def save_picture(path: Path, picture: Picture) -> None:
    """Write a PNG with its record inside, atomically.

    Raises: OutputError: if the place cannot be written.
    """
    try:
        write_bytes(path, png_bytes(picture))
    except OSError as error:
        raise OutputError("the picture cannot be written", where=path, got=str(error)) from error


def read_record(path: Path) -> PictureRecord:
    """How a picture came about, from its PNG file.

    Fields that this version does not know are left out.

    Raises: InputError: if the file is missing, no PNG, cut off, or has no readable record.
    """
    try:
        with path.open("rb") as file:
            data = _record_chunk(file, path)
    except OSError as error:
        raise InputError("the picture cannot be read", where=path, got=str(error)) from error
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
    """The text of the first chunk named `RECORD_KEY`."""
    if file.read(len(PNG_SIGNATURE)) != PNG_SIGNATURE:
        raise InputError("this is no PNG file", where=path)
    for kind, length in _chunks(file, path):
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
    raise InputError(
        "this picture carries no record of Imprint",
        where=path,
        hint="only PNG files written by Imprint have one; sharing services often remove it",
    )


def _chunks(file: io.BufferedReader, path: Path) -> Iterator[tuple[bytes, int]]:
    """(kind, length) of every chunk; between two items the reader must consume data and checksum."""
    for _ in range(CHUNK_LIMIT):
        head = file.read(8)
        if len(head) < 8:
            raise InputError("this PNG file is cut off", where=path)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        yield kind, length
    raise InputError("this PNG file has too many parts", where=path, allowed=f"at most {CHUNK_LIMIT}")
