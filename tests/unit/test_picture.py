"""Records inside PNG files: what is written comes back, and hostile files only ever raise InputError."""

from __future__ import annotations

import contextlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint.artifacts.picture import (
    PNG_SIGNATURE,
    RECORD_LIMIT_BYTES,
    AdapterRecord,
    Picture,
    PictureRecord,
    clean_text,
    png_bytes,
    read_record,
    save_picture,
)
from imprint.errors import InputError, OutputError

pytestmark = pytest.mark.unit

PIXELS = np.arange(8 * 16 * 3, dtype=np.uint8).reshape(8, 16, 3)


def record(**changes: Any) -> PictureRecord:
    fields = {
        "prompt": "a dog", "steps": 3, "cfg_scale": 5.0, "sampler": "euler", "schedule": "uniform", "seed": 1,
        "width_px": 16, "height_px": 8, "base": "ab" * 32, "imprint": "0.1.0",
    }  # fmt: skip
    return PictureRecord(**{**fields, **changes})


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png_with(tmp_path: Path, *chunks: bytes) -> Path:
    path = tmp_path / "hostile.png"
    path.write_bytes(PNG_SIGNATURE + b"".join(chunks) + chunk(b"IEND", b""))
    return path


def text_chunk(text: str | bytes, key: bytes = b"imprint") -> bytes:
    return chunk(b"tEXt", key + b"\0" + (text.encode() if isinstance(text, str) else text))


def test_a_record_from_before_seeds_had_settings_reads_as_their_defaults(tmp_path: Path) -> None:
    old = {"prompt": "a dog", "steps": 3, "cfg_scale": 5.0, "sampler": "euler", "schedule": "uniform", "seed": 1,
           "width_px": 16, "height_px": 8}  # fmt: skip
    read = read_record(png_with(tmp_path, text_chunk(json.dumps(old))))
    assert (read.noise_source, read.variation_seed, read.variation_strength, read.ensd) == ("imprint", None, 0, 0)
    assert (read.resize_from_width_px, read.eta, read.s_churn, read.s_tmax) == (None, None, None, None)


def test_pixels_and_record_survive_the_file(tmp_path: Path) -> None:
    adapters = (AdapterRecord(name="zkz", kind="lora", strength=0.5, sha256="cd" * 32),)
    picture = Picture(PIXELS, record(adapters=adapters, prompt='ein Hündchen 🐶 "quoted" \\ \n'))
    save_picture(tmp_path / "a.png", picture)
    assert read_record(tmp_path / "a.png") == picture.record
    with Image.open(tmp_path / "a.png") as opened:
        assert np.array_equal(np.asarray(opened), PIXELS)


def test_equal_pictures_give_equal_bytes() -> None:
    assert png_bytes(Picture(PIXELS, record())) == png_bytes(Picture(PIXELS.copy(), record()))


def test_other_tools_see_the_record_as_text(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", Picture(PIXELS, record()))
    with Image.open(tmp_path / "a.png") as opened:
        assert json.loads(opened.info["imprint"])["prompt"] == "a dog"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=60))
def test_any_text_survives_as_its_clean_form(tmp_path: Path, text: str) -> None:
    save_picture(tmp_path / "a.png", Picture(PIXELS, record(prompt=text)))
    assert read_record(tmp_path / "a.png").prompt == clean_text(text)


def test_two_prompts_of_the_greatest_length_fit(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", Picture(PIXELS, record(prompt="🐶" * 10_000, negative_prompt="🐶" * 10_000)))
    assert read_record(tmp_path / "a.png").prompt == "🐶" * 10_000


def test_text_that_could_steer_a_terminal_is_cleaned_when_read(tmp_path: Path) -> None:
    raw = record().model_dump(mode="json") | {"prompt": "\x1b[2Jdog\u202e\ud800\0"}
    path = png_with(tmp_path, text_chunk(json.dumps(raw)))
    assert read_record(path).prompt == "\ufffd[2Jdog\ufffd\ufffd\ufffd"


def test_fields_of_later_versions_are_left_out(tmp_path: Path) -> None:
    raw = record().model_dump(mode="json") | {"upscaler": {"name": "x"}, "imprint": "9.0"}
    assert read_record(png_with(tmp_path, text_chunk(json.dumps(raw)))) == record(imprint="9.0")


def test_fields_with_defaults_may_be_missing(tmp_path: Path) -> None:
    raw = record().model_dump(mode="json")
    for name in ("negative_prompt", "adapters", "kind", "family"):
        del raw[name]
    assert read_record(png_with(tmp_path, text_chunk(json.dumps(raw)))) == record()


def test_a_record_after_the_pixels_is_found(tmp_path: Path) -> None:
    path = png_with(tmp_path, chunk(b"IDAT", b"x" * 999), text_chunk(record().model_dump_json()))
    assert read_record(path) == record()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"seed": ' + "9" * 5000 + "}", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        ("[]", "damaged"),
        ("null", "damaged"),
        ('{"prompt": 3}', "damaged"),
        (record().model_dump_json().replace("5.0", "NaN"), "damaged"),
        (record().model_dump_json().replace('"a dog"', '{"\\u001b": 1}'), "damaged"),
        ("{}" + " " * RECORD_LIMIT_BYTES, "no record"),
    ],
)
def test_a_malformed_record_is_named(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_record(png_with(tmp_path, text_chunk(text)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no PNG"),
        (b"GIF89a" + bytes(50), "no PNG"),
        (PNG_SIGNATURE, "cut off"),
        (PNG_SIGNATURE + b"\xff\xff\xff\xfftEXt", "cut off"),
        (PNG_SIGNATURE + chunk(b"IEND", b""), "no record"),
        (PNG_SIGNATURE + text_chunk("{}", b"parameters") + chunk(b"IEND", b""), "no record"),
        (PNG_SIGNATURE + text_chunk("{}")[:-1] + b"!", "checksum"),
    ],
)
def test_files_without_a_record_say_why(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=says):
        read_record(path)


def test_missing_files_and_folders_are_input_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_record(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_or_a_cut_never_gives_another_record(tmp_path: Path, data: st.DataObject) -> None:
    whole = png_bytes(Picture(PIXELS, record()))
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[place] ^ (1 << data.draw(st.integers(0, 7)))])
    broken = whole[:place] if data.draw(st.booleans()) else whole[:place] + flipped + whole[place + 1 :]
    path = tmp_path / "a.png"
    path.write_bytes(broken)
    with contextlib.suppress(InputError):
        assert read_record(path) == record()


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_picture(tmp_path / "file" / "a.png", Picture(PIXELS, record()))
