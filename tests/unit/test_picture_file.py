"""Records inside JPEG and WebP: where other readers look, and hostile files only ever raise InputError."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint.artifacts.exif import MAKER_NOTE, USER_COMMENT, exif_block, find_exif, read_exif
from imprint.artifacts.found_record import find_record
from imprint.artifacts.picture import Picture, PictureRecord, read_record, save_picture
from imprint.artifacts.picture_file import Jpeg, Png, Webp, format_of
from imprint.errors import InputError, OutputError

pytestmark = pytest.mark.unit

PIXELS = np.random.default_rng(1).integers(0, 256, (24, 16, 3), dtype=np.uint8)
INFOTEXT = "ein Hündchen 🐶\nSteps: 3, Sampler: Euler, Seed: 1, Size: 16x24, Version: v1.10.1"
RECORD = PictureRecord(
    prompt='ein Hündchen 🐶 "quoted" \\ \n', steps=3, cfg_scale=5.0, sampler="euler", schedule="uniform", seed=1,
    width_px=16, height_px=24, base="ab" * 32, imprint="0.1.0",
)  # fmt: skip
FORMS = [("a.png", Png()), ("a.jpg", Jpeg()), ("a.webp", Webp()), ("b.webp", Webp(lossless=True))]


def saved(path: Path, form: Any = None, infotext: str = INFOTEXT, **changes: Any) -> Path:
    save_picture(path, Picture(PIXELS, RECORD.model_copy(update=changes)), infotext, form)
    return path


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_record_and_infotext_survive_every_kind_of_file(tmp_path: Path, name: str, form: Any) -> None:
    path = saved(tmp_path / name, form)
    found = find_record(path)
    assert read_record(path) == found.record == RECORD
    assert found.infotext is not None
    assert found.infotext.prompt == "ein Hündchen 🐶"
    assert found.tool == "Imprint 0.1.0"


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.webp", "WEBP")]
)
def test_the_name_decides_the_kind_unless_it_is_given(tmp_path: Path, name: str, kind: str) -> None:
    with Image.open(saved(tmp_path / name)) as opened:
        assert opened.format == kind
    with Image.open(saved(tmp_path / name, Webp())) as opened:
        assert opened.format == "WEBP"


def test_lossless_files_keep_every_pixel(tmp_path: Path) -> None:
    for path in (saved(tmp_path / "a.png"), saved(tmp_path / "a.webp", Webp(lossless=True))):
        with Image.open(path) as opened:
            assert np.array_equal(np.asarray(opened.convert("RGB")), PIXELS)


@pytest.mark.parametrize("kind", [Jpeg, Webp])
def test_quality_arrives(tmp_path: Path, kind: Any) -> None:
    sizes = [saved(tmp_path / "a", kind(quality=quality)).stat().st_size for quality in (5, 95)]
    assert sizes[0] < sizes[1]


def test_equal_pictures_give_equal_files(tmp_path: Path) -> None:
    for name, form in FORMS:
        assert saved(tmp_path / f"1{name}", form).read_bytes() == saved(tmp_path / f"2{name}", form).read_bytes()


def test_png_texts_are_those_of_a1111(tmp_path: Path) -> None:
    """Latin-1 as tEXt, anything else as iTXt."""
    assert b"tEXtparameters\0Steps" in saved(tmp_path / "a.png", infotext="Steps: 1").read_bytes()
    data = saved(tmp_path / "b.png").read_bytes()
    assert b"iTXtparameters\0\0\0\0\0" + INFOTEXT.encode() in data


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_pillow_finds_the_user_comment_where_a1111_looks(tmp_path: Path, name: str) -> None:
    with Image.open(saved(tmp_path / name)) as opened:
        tags = opened.getexif().get_ifd(0x8769)
    assert tags[USER_COMMENT] == b"UNICODE\0" + INFOTEXT.encode("utf-16-be")
    assert tags[MAKER_NOTE].startswith(b"imprint\0")


def test_the_block_is_the_one_that_piexif_writes() -> None:
    """Header, order of bytes and both directories as piexif 1.1.3, by which A1111 reads and writes, lays them out."""
    expected = (
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87i\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0"
        b"\0\x02\x92\x7c\0\x07\0\0\0\x0c\0\0\0\x38\x92\x86\0\x07\0\0\0\x0e\0\0\0\x44\0\0\0\0"
        b"imprint\0\0\0\0\0UNICODE\0\0a\0b \xac"
    )
    assert exif_block("ab€", b"") == expected


def foreign_exif(comment: bytes, order: str = "<") -> bytes:
    """A block by another tool: a description that nobody wants, then the comment."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    first = struct.pack(f"{order}HHHI4sHHIII", 2, 0x010E, 2, 3, b"ab\0\0", 0x8769, 4, 1, 38, 0)
    below = struct.pack(f"{order}HHHIII", 1, USER_COMMENT, 7, len(comment), 56, 0)
    return mark + struct.pack(f"{order}I", 8) + first + below + comment


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + INFOTEXT.encode("utf-16-be"), b"UNICODE\0" + INFOTEXT.encode("utf-16-le"),
        b"UNICODE\0\xff\xfe" + INFOTEXT.encode("utf-16-le"), b"UNICODE\0\xfe\xff" + INFOTEXT.encode("utf-16-be"),
        b"ASCII\0\0\0" + INFOTEXT.encode(), bytes(8) + INFOTEXT.encode() + b"\0",
    ],
)  # fmt: skip
def test_comments_of_any_byte_order_are_read(comment: bytes, order: str) -> None:
    assert read_exif(foreign_exif(comment, order)).user_comment == INFOTEXT


def test_fill_bytes_and_other_segments_are_passed_over() -> None:
    block = exif_block("hello", b"{}")
    segment = b"\xff\xff\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    file = io.BytesIO(b"\xff\xd8\xff\xe0\0\x04xx\xff\x01" + segment + b"\xff\xda")
    assert find_exif(file) == ("JPEG", block)


def test_a_camera_picture_is_not_taken_for_a_record(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    image.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + foreign_exif(b"ASCII\0\0\0a snapshot"))
    with pytest.raises(InputError, match="no record of any tool"):
        find_record(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="no record of Imprint"):
        read_record(tmp_path / "a.jpg")


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes().replace(b'"steps": 3', b'"steps": 4'))
    for read in (read_record, find_record):
        with pytest.raises(InputError, match="checksum"):
            read(path)


def test_in_a_jpeg_the_infotext_gives_way_to_the_record(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", infotext="x" * 40_000, prompt="y" * 20_000)
    assert find_record(path).infotext is None
    assert read_record(path).prompt == "y" * 20_000


def test_a_record_that_no_jpeg_can_hold_is_refused_and_others_hold_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long for a JPEG"):
        saved(tmp_path / "a.jpg", prompt="🐶" * 10_000)
    for name in ("a.png", "a.webp"):
        path = saved(tmp_path / name, prompt="🐶" * 10_000, negative_prompt="🐶" * 9_000)
        assert read_record(path).prompt == "🐶" * 10_000


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["a.jpg", "a.webp"]), st.data())
def test_flipped_bits_and_cuts_never_give_another_record(tmp_path: Path, name: str, data: st.DataObject) -> None:
    whole = saved(tmp_path / name).read_bytes()
    place = data.draw(st.integers(0, min(len(whole), 1500) - 1))
    flipped = bytes([whole[place] ^ (1 << data.draw(st.integers(0, 7)))])
    broken = whole[:place] if data.draw(st.booleans()) else whole[:place] + flipped + whole[place + 1 :]
    (tmp_path / name).write_bytes(broken)
    with contextlib.suppress(InputError):
        assert find_record(tmp_path / name).record in (RECORD, None)
    with contextlib.suppress(InputError):
        assert read_record(tmp_path / name) == RECORD


BEGINNINGS = [b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\4\0\0\0\1"]


@given(st.binary(max_size=200), st.sampled_from(BEGINNINGS))
def test_any_bytes_are_an_exif_block_with_some_text_or_none(data: bytes, head: bytes) -> None:
    assert read_exif(head + data).own is None


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b""]))
def test_any_bytes_are_searched_for_a_block(data: bytes, head: bytes) -> None:
    find_exif(io.BytesIO(head + data))


def test_names_that_say_nothing_are_png() -> None:
    assert format_of(Path("a")) == Png()
