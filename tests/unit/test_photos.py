"""Folders of photos as people have them: the good ones are found, each of the others is refused with its reason."""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
import time
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from imprint.artifacts.image_file import decode_image
from imprint.artifacts.photo_set import printable_name
from imprint.errors import InputError, PhotoError
from imprint.photos import clean_caption, read_photos
from make import photo, photo_folder

pytestmark = pytest.mark.unit

ORIENTATION = 0x0112


def refusal(path: Path) -> str:
    """Why the one file beside two good photos is refused."""
    photo_folder(path.parent, 2)
    found = read_photos(path.parent)
    assert len(found) == 2
    (refused,) = found.refused
    assert refused.path == path
    return refused.reason


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    if kind == "MPO":
        options |= {"save_all": True, "append_images": [photo(50)]}
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG that claims a size and holds hardly any pixels."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(bytes(100_000)))
    return b"\x89PNG\r\n\x1a\n" + head + extra + data + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def nearness_db(image: Image.Image, expected: Image.Image) -> float:
    error = np.square(np.asarray(image, float) - np.asarray(expected, float)).mean()
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


# --- what is accepted


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "MPO"])
def test_every_allowed_format_is_read(tmp_path: Path, kind: str) -> None:
    for number in range(2):
        (tmp_path / f"{number}.picture").write_bytes(encoded(photo(number), kind))
    found = read_photos(tmp_path)
    assert not found.refused
    assert found.photos[1].size_px == (96, 80)
    assert nearness_db(found.photos[1].pixels(), photo(1)) > 25


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(kind: str, orientation: int) -> None:
    stored, exif = photo(3), Image.Exif()
    exif[ORIENTATION] = orientation
    expected = Image.open(io.BytesIO(encoded(stored, "PNG", exif=exif)))
    upright = decode_image(encoded(stored, kind, exif=exif), Path("x"))
    assert upright.size == ((80, 96) if orientation >= 5 else (96, 80))
    assert nearness_db(upright, ImageOps.exif_transpose(expected)) > 25


@pytest.mark.parametrize("exif", [b"garbage", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff\0"])
def test_a_broken_exif_block_does_not_cost_the_photo(exif: bytes) -> None:
    assert decode_image(encoded(photo(), "JPEG", exif=b"Exif\0\0" + exif), Path("x")).size == (96, 80)


def test_cmyk_photos_come_out_in_their_colours() -> None:
    data = encoded(photo().convert("CMYK"), "JPEG", quality=95)
    assert nearness_db(decode_image(data, Path("x")), photo()) > 25


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_photos_keep_their_brightness(kind: str) -> None:
    grey = np.asarray(photo().convert("L"))
    data = encoded(Image.fromarray(grey.astype(np.uint16) * 257), kind)
    assert np.array_equal(np.asarray(decode_image(data, Path("x")))[..., 1], grey)


@pytest.mark.parametrize(("mode", "kind"), [
    ("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "GIF"),
])  # fmt: skip
def test_what_is_transparent_becomes_white(mode: str, kind: str) -> None:
    picture = Image.new("RGBA", (80, 80), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 40, 80))
    decoded = decode_image(encoded(picture.convert(mode), kind), Path("x"))
    assert (decoded.getpixel((5, 5)), decoded.getpixel((75, 5))) == ((255, 255, 255), (0, 0, 0))


def test_of_an_animation_the_first_frame_is_taken() -> None:
    data = encoded(photo(0), "GIF", save_all=True, append_images=[photo(number) for number in range(1, 9)])
    assert nearness_db(decode_image(data, Path("x")), photo(0)) > 25


def test_no_metadata_survives_decoding() -> None:
    exif = Image.Exif()
    exif[0x010F] = "CameraOwner"
    image = decode_image(encoded(photo(), "JPEG", exif=exif, comment=b"home", dpi=(300, 300)), Path("x"))
    assert not image.info
    assert not image.getexif()


def test_hidden_files_system_files_and_captions_are_passed_over(tmp_path: Path) -> None:
    photo_folder(tmp_path, 2)
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini", "0.txt", "1.png.txt"):
        (tmp_path / name).write_text("a caption")
    assert not read_photos(tmp_path).refused


@pytest.mark.parametrize("name", [
    "a b.png", "Übung.png", "🐕.png", "\u202egnp.exe.png", "line\nbreak.png", ";$(id)`.png", "a\\..\\x.png", "CON.png",
    "%2e%2e%2f.png", os.fsdecode(b"latin-\xe9.png"), "n" * 240 + ".png",
])  # fmt: skip
def test_odd_names_are_read_and_shown_harmlessly(tmp_path: Path, name: str) -> None:
    photo_folder(tmp_path, 2)
    photo(7).save(tmp_path / "odd.png")
    (tmp_path / "odd.png").rename(tmp_path / name)
    (odd,) = (one for one in read_photos(tmp_path) if one.path.name == name)
    shown = printable_name(odd.path)
    assert shown.encode() and "\n" not in shown and "\u202e" not in shown and len(shown) <= 130


# --- what is refused, and why


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "empty"),
    (b"<!DOCTYPE html><html>not found</html>", "HTML"),
    (b"\xef\xbb\xbf\n  <HTML>", "HTML"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n", "EPS"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    (b"my shopping list", "text"),
    (b"%PDF-1.7", "PDF"), (b"8BPS\0\1", "Photoshop"), (b"SIMPLE  =   T", "FITS"), (b"PK\x03\x04..", "ZIP"),
    (b"\0\0\0\x18ftypheic\0\0", "HEIC picture; export it as JPEG"), (b"\0\0\0\x18ftypavif\0\0", "AVIF"),
    (b"\0\0\0\x18ftypisom\0\0", "video"), (b"\xd7\xcd\xc6\x9a\0\0", "WMF"), (b"\x7fELF\2", "program"),
    (b"\xff\xd8\xff\xe0\0\x10JF", "damaged or cut off"), (b"\x89PNG\n...", "begins like PNG"),
    (bytes(range(128, 256)) * 9, "not one of JPEG, PNG"),
])  # fmt: skip
def test_foreign_files_are_refused_whatever_they_are_called(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    assert reason in refusal(path)


@pytest.mark.parametrize("kind", ["EPS", "PCX", "PPM", "TGA", "ICO", "AVIF", "JPEG2000"])
def test_formats_that_pillow_knows_but_we_do_not_allow_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded(photo(), kind))
    assert "not one of" in refusal(path)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_truncated_photos_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    whole = encoded(photo(), kind)
    path = tmp_path / "half.jpg"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert refusal(path)


def test_truncated_photos_are_refused_even_where_pillow_was_told_to_accept_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / "half.jpg"
    path.write_bytes(encoded(photo(), "JPEG")[:-300])
    assert "damaged or cut off" in refusal(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("size_px", [(13_000, 13_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1), (1, 1 << 27)])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, size_px: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size_px))
    before = time.monotonic()
    assert "megapixels" in refusal(path)
    assert time.monotonic() - before < 5


def test_a_real_13000_px_bomb_costs_neither_time_nor_memory(tmp_path: Path) -> None:
    rows = zlib.compressobj(1)
    data = b"".join([*(rows.compress(bytes(1 + 3 * 13_000)) for _ in range(13_000)), rows.flush()])
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 13_000, 13_000, 8, 2, 0, 0, 0))
    whole = b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    (photo_folder(tmp_path, 2) / "bomb.png").write_bytes(whole)
    code = (
        "import sys, time; from pathlib import Path; from imprint.photos import read_photos\n"
        "before = time.monotonic(); print(read_photos(Path(sys.argv[1])).refused[0].reason)\n"
        # Not ru_maxrss: that begins at what the parent had when it forked.
        "print(time.monotonic() - before); status = Path('/proc/self/status').read_text().split()\n"
        "print(status[status.index('VmHWM:') + 1])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    reason, seconds, kilobytes = done.stdout.splitlines()
    assert "13000 by 13000" in reason and float(seconds) < 5 and int(kilobytes) < 1_000_000


@pytest.mark.parametrize("chunk", [b"zTXt", b"iCCP"])
def test_bombs_inside_the_metadata_are_refused(tmp_path: Path, chunk: bytes) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(64, 64, png_chunk(chunk, b"k\0\0" + zlib.compress(bytes(50_000_000)))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "too large" in refusal(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize("size_px", [(1, 1), (63, 400), (400, 63), (1, 20_000)])
def test_small_photos_are_refused(tmp_path: Path, size_px: tuple[int, int]) -> None:
    path = tmp_path / "small.png"
    photo(9, size_px).save(path)
    assert "shorter than 64" in refusal(path)


def test_measurement_data_is_refused_rather_than_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "hdr.tif"
    Image.new("F", (90, 90), 0.5).save(path)
    assert "32 bits" in refusal(path)


def test_a_second_copy_is_reported_even_with_other_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "edited"
    path = tmp_path / "copy.png"
    path.write_bytes(encoded(photo(0), "PNG", exif=exif))
    assert refusal(path) == "the same picture as 0.png"


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    photo(8).save(tmp_path / "secret.png")
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "link.png"
    path.symlink_to(tmp_path / "secret.png")
    assert "outside the folder" in refusal(path)


@pytest.mark.parametrize("target", ["/etc/passwd", "/", "/dev/zero", "nowhere.png", "loop.png"])
def test_other_links_are_refused(tmp_path: Path, target: str) -> None:
    path = tmp_path / "loop.png"
    path.symlink_to(target)
    assert "a link" in refusal(path)


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    photo_folder(tmp_path, 2)
    photo(5).save(tmp_path / ".original", format="PNG")
    (tmp_path / "link.png").symlink_to(".original")
    assert len(read_photos(tmp_path)) == 3


def test_a_pipe_does_not_make_it_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "pipe" in refusal(tmp_path / "pipe.jpg")


@pytest.mark.parametrize(("error", "reason"), [
    (PermissionError(13, "Permission denied"), "cannot be read (permission denied)"),
    (FileNotFoundError(2, "No such file"), "vanished"),
    (OSError(5, "Input/output error"), "cannot be read (input/output error)"),
])  # fmt: skip
def test_unreadable_and_vanished_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    really_open = os.open
    photo(9).save(tmp_path / "x.png")

    def failing(path: Path, *arguments: int, **options: int) -> int:
        if Path(path).name == "x.png":
            raise error
        return really_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", failing)
    assert reason in refusal(tmp_path / "x.png")


def test_a_file_that_is_too_long_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than 256 MB" in refusal(path)


def test_subfolders_are_not_searched(tmp_path: Path) -> None:
    photo_folder(tmp_path / "more", 3)
    assert "not searched" in refusal(tmp_path / "more")


@given(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "MPO"]), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_damage_only_ever_raises_a_photo_error(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(encoded(photo(), kind))
    for place in data.draw(st.lists(st.integers(0, min(len(damaged) - 1, 600)), max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        assert decode_image(bytes(damaged), Path("x")).mode == "RGB"
    except PhotoError as error:
        assert error.what


# --- folders


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_photos(tmp_path / "none")


def test_a_file_instead_of_a_folder_is_an_error_that_names_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    photo().save(path)
    with pytest.raises(InputError, match=r"this is a file(.|\n)*hint: give the folder it is in"):
        read_photos(path)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"holds no photos(.|\n)*JPEG, PNG(.|\n)*5 to 20 photos are recommended"):
        read_photos(tmp_path)


def test_too_few_photos_are_an_error_that_lists_the_refused(tmp_path: Path) -> None:
    photo_folder(tmp_path, 1)
    for number in range(30):
        (tmp_path / f"broken-{number:02d}.jpg").touch()
    with pytest.raises(PhotoError) as caught:
        read_photos(tmp_path)
    assert "2 photos needed, 1 good found" in str(caught.value)
    assert "broken-00.jpg: the file is empty" in str(caught.value)
    assert "and 10 more" in str(caught.value)


def test_a_single_photo_is_enough_when_asked_for_and_warned_about(tmp_path: Path) -> None:
    (warning,) = read_photos(photo_folder(tmp_path, 1), minimum=1).warnings
    assert warning.startswith("1 photo only") and "5 to 20" in warning
    assert not read_photos(photo_folder(tmp_path, 5)).warnings


def test_photos_come_in_the_order_of_their_names_and_names_do_not_change_the_hash(tmp_path: Path) -> None:
    found = read_photos(photo_folder(tmp_path, 3))
    (tmp_path / "0.png").rename(tmp_path / "z.png")
    again = read_photos(tmp_path)
    assert [one.path.name for one in found] == ["0.png", "1.png", "2.png"]
    assert [one.path.name for one in again] == ["1.png", "2.png", "z.png"]
    assert found.hash == again.hash


def test_a_photo_that_changed_since_it_was_checked_is_an_error(tmp_path: Path) -> None:
    found = read_photos(photo_folder(tmp_path, 2))
    photo(9).save(tmp_path / "0.png")
    with pytest.raises(PhotoError, match="changed since"):
        found.photos[0].pixels()


def test_progress_is_told_for_each_file(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    read_photos(photo_folder(tmp_path, 3), on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_photos_that_would_be_enlarged_are_known(tmp_path: Path) -> None:
    photo(7, (600, 512)).save(photo_folder(tmp_path, 2) / "large.png")
    assert [one.path.name for one in read_photos(tmp_path).smaller_than(512)] == ["0.png", "1.png"]


# --- captions


@pytest.mark.parametrize(("raw", "caption"), [
    (b"zkz on a sofa\n", "zkz on a sofa"),
    (b"\xef\xbb\xbfwith a BOM", "with a BOM"),
    (b"two\r\nlines\tand\0NUL", "two lines and NUL"),
    (b"latin \xe9t\xe9", "latin t"),
    (b"", None), (b"\0\1\2", None),
    ("no \u202e turning".encode(), "no turning"),
    (b"<script>alert(1)</script>", "<script>alert(1)</script>"),  # text is text; pages escape it
])  # fmt: skip
def test_captions_are_cleaned(tmp_path: Path, raw: bytes, caption: str | None) -> None:
    (photo_folder(tmp_path, 2) / "0.txt").write_bytes(raw)
    assert read_photos(tmp_path).photos[0].caption == caption


def test_a_long_caption_is_cut_with_a_warning(tmp_path: Path) -> None:
    (photo_folder(tmp_path, 5) / "0.txt").write_text("long " * 200_000)
    found = read_photos(tmp_path)
    assert len(found.photos[0].caption or "") <= 4096
    assert "0.txt is cut after 4096 bytes" in found.warnings[0]


def test_a_caption_is_found_across_unicode_forms_and_cases(tmp_path: Path) -> None:
    photo(5).save(photo_folder(tmp_path, 2) / unicodedata.normalize("NFD", "Äpfel.png"))
    (tmp_path / unicodedata.normalize("NFC", "äpfel.TXT")).write_text("apples")
    assert [one.caption for one in read_photos(tmp_path)] == [None, None, "apples"]


def test_a_text_without_a_photo_is_reported(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk")
    assert "no photo has its name" in refusal(tmp_path / "notes.txt")


@pytest.mark.parametrize("make", [
    lambda path: path.symlink_to("/etc/passwd"), os.mkfifo, lambda path: path.symlink_to("nowhere"),
])  # fmt: skip
def test_a_caption_that_is_no_plain_file_here_is_not_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(photo_folder(tmp_path, 5) / "0.txt")
    found = read_photos(tmp_path)
    assert found.photos[0].caption is None
    assert "0.txt is not used" in found.warnings[0]


@given(st.text(max_size=200))
def test_cleaned_captions_are_one_line_and_stay_as_they_are(text: str) -> None:
    cleaned = clean_caption(text)
    assert cleaned == clean_caption(cleaned) and len(cleaned.splitlines()) <= 1
