"""Records of other tools: A1111, Forge (also hidden in the pixels), NovelAI, ComfyUI, and files that lie."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imprint.artifacts.exif import exif_block
from imprint.artifacts.found_record import HIDDEN, FoundRecord, find_record
from imprint.artifacts.png_texts import PNG_SIGNATURE, TEXT_LIMIT_BYTES
from imprint.errors import InputError

pytestmark = pytest.mark.unit

A1111 = (
    "a 犬, (big:1.2)\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, "
    'Seed: 1, Size: 512x512, Model hash: 6ce0161689, Model: v1-5, Lora hashes: "x: 0123456789ab", Version: v1.10.1'
)
FORGE = A1111.replace("v1.10.1", "f2.0.1v1.10.1-previous-635-gf5330788")
COMMENT = {
    "prompt": "ignored", "steps": 28, "height": 768, "width": 512, "scale": 11.0, "uc": "lowres, bad", "seed": 4246,
    "sampler": "k_euler_ancestral", "strength": 0.7, "noise": 0.2,
}  # fmt: skip
NOVELAI = {"Software": "NovelAI", "Title": "AI", "Description": "{masterpiece}, girl ", "Comment": json.dumps(COMMENT)}
NOISE = np.random.default_rng(3).integers(0, 256, (48, 64, 4), dtype=np.uint8)


def png(path: Path, international: bool = False, packed: bool = False, **texts: str) -> Path:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        (info.add_itxt if international else info.add_text)(key, text, zip=packed)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def stealthy(path: Path, signature: str, payload: bytes) -> Path:
    """Hide bytes the slow and plain way: a loop over columns, then rows, then channels."""
    size = (8 * len(payload)).to_bytes(4, "big")
    bits = [byte >> (7 - n) & 1 for byte in signature.encode() + size + payload for n in range(8)]
    pixels, channels = NOISE.copy(), (3,) if "png" in signature else (0, 1, 2)
    places = ((y, x, c) for x in range(pixels.shape[1]) for y in range(pixels.shape[0]) for c in channels)
    for place, bit in zip(places, bits, strict=False):
        pixels[place] = pixels[place] & 0xFE | bit
    Image.fromarray(pixels if "png" in signature else pixels[..., :3]).save(path, lossless=True, exact=True)
    return path


def parameters(found: FoundRecord) -> dict[str, str]:
    assert found.infotext is not None
    return dict(found.infotext.parameters)


@pytest.mark.parametrize("international", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a1111s_png_is_read_in_every_kind_of_text(tmp_path: Path, international: bool, packed: bool) -> None:
    found = find_record(png(tmp_path / "a.png", international, packed, parameters=A1111))
    assert (found.tool, found.place, found.record) == ("AUTOMATIC1111 v1.10.1", "PNG text", None)
    assert found.infotext is not None
    assert found.infotext.prompt == "a 犬, (big:1.2)"
    assert parameters(found)["Lora hashes"] == "x: 0123456789ab"


@pytest.mark.parametrize(("name", "place"), [("a.jpg", "EXIF of the JPEG"), ("a.webp", "EXIF of the WEBP")])
def test_jpeg_and_webp_of_forge_are_read(tmp_path: Path, name: str, place: str) -> None:
    block = exif_block(FORGE, b"").replace(b"imprint\0", b"\0" * 8)
    Image.new("RGB", (8, 8)).save(tmp_path / name, exif=block)
    found = find_record(tmp_path / name)
    assert (found.tool, found.place) == ("Forge f2.0.1v1.10.1-previous-635-gf5330788", place)
    assert parameters(found)["Seed"] == "1"


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
@pytest.mark.parametrize("signature", ["stealth_pnginfo", "stealth_pngcomp", "stealth_rgbinfo", "stealth_rgbcomp"])
def test_text_hidden_in_the_pixels_is_read(tmp_path: Path, signature: str, name: str) -> None:
    short = "a dog\nSteps: 20, Sampler: Euler a, Seed: 1, Version: f2.0.1v1.10.1-x"
    payload = gzip.compress(short.encode()) if signature.endswith("comp") else short.encode()
    found = find_record(stealthy(tmp_path / name, signature, payload))
    assert (found.tool, found.place) == ("Forge f2.0.1v1.10.1-x", HIDDEN)
    assert parameters(found)["Sampler"] == "Euler a"


def test_novelais_settings_become_an_infotext(tmp_path: Path) -> None:
    found = find_record(png(tmp_path / "a.png", **NOVELAI))
    assert found.tool == "NovelAI"
    assert found.infotext is not None
    assert (found.infotext.prompt, found.infotext.negative_prompt) == ("{masterpiece}, girl", "lowres, bad")
    assert parameters(found) == {
        "Steps": "28", "Sampler": "Euler a", "CFG scale": "11.0", "Seed": "4246", "Size": "512x768",
        "Denoising strength": "0.7", "Clip skip": "2", "ENSD": "31337",
    }  # fmt: skip


def test_novelais_hidden_text_is_read(tmp_path: Path) -> None:
    texts = {**NOVELAI, "Comment": json.dumps({"steps": 28, "sampler": "nai_new"})}
    found = find_record(stealthy(tmp_path / "a.png", "stealth_pngcomp", gzip.compress(json.dumps(texts).encode())))
    assert (found.tool, parameters(found)["Sampler"]) == ("NovelAI", "nai_new")


@pytest.mark.parametrize("comment", ["", "[]", "{", '{"steps": {"a": [1]}, "sampler": null, "uc": 3}', "[" * 9999])
def test_novelais_broken_settings_are_no_crash(tmp_path: Path, comment: str) -> None:
    found = find_record(png(tmp_path / "a.png", **{**NOVELAI, "Comment": comment}))
    assert parameters(found)["Clip skip"] == "2"


def test_comfyuis_graph_is_kept_as_it_is(tmp_path: Path) -> None:
    graph = {"prompt": '{"3": {"class_type": "KSampler"}}', "workflow": '{"nodes": []}'}
    found = find_record(png(tmp_path / "a.png", **graph))
    assert (found.tool, found.graph, found.infotext) == ("ComfyUI", graph, None)


def test_an_infotext_beside_a_graph_wins(tmp_path: Path) -> None:
    assert find_record(png(tmp_path / "a.png", prompt="{}", parameters=A1111)).infotext is not None


def test_of_two_texts_with_one_name_the_first_counts(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", A1111)
    info.add_text("parameters", "another")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    assert parameters(find_record(tmp_path / "a.png"))["Seed"] == "1"


def test_text_that_could_steer_a_terminal_is_cleaned(tmp_path: Path) -> None:
    found = find_record(png(tmp_path / "a.png", True, parameters=f"\x1b[2J\u202ea\r\nb\n{A1111}"))
    assert found.infotext is not None
    assert found.infotext.prompt.startswith("\ufffd[2J\ufffda\nb\n")


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


END = chunk(b"IEND", b"")
BOMB = zlib.compress(bytes(TEXT_LIMIT_BYTES + 1), 9)


@pytest.mark.parametrize(
    "body",
    [
        chunk(b"zTXt", b"parameters\0\0" + BOMB), chunk(b"iTXt", b"parameters\0\1\0\0\0" + BOMB),
        chunk(b"zTXt", b"parameters\0\0broken"), chunk(b"zTXt", b"parameters"), chunk(b"iTXt", b"parameters\0\1"),
        chunk(b"iTXt", b"parameters\0\0\0en"), chunk(b"tEXt", b"parameters\0" + bytes(TEXT_LIMIT_BYTES)),
        chunk(b"tEXt", b"parameters\0a")[:-4] + b"1234", chunk(b"tEXt", b"nothing"),
    ],
)  # fmt: skip
def test_bombs_and_broken_texts_are_passed_over(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.png").write_bytes(PNG_SIGNATURE + body + END)
    with pytest.raises(InputError):
        find_record(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(PNG_SIGNATURE + body + chunk(b"tEXt", b"parameters\0" + FORGE[8:].encode()) + END)
    assert find_record(tmp_path / "a.png").infotext is not None


def test_a_file_that_is_cut_off_behind_its_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG_SIGNATURE + chunk(b"tEXt", b"parameters\0Steps: 1, Seed: 2, Size: 8x8"))
    assert parameters(find_record(tmp_path / "a.png"))["Seed"] == "2"


@pytest.mark.parametrize("payload", [b"", b"x" * 100])
@pytest.mark.parametrize("size", [0, 8, 2**31, 2**32 - 1])
def test_hidden_lengths_that_lie_are_no_crash(tmp_path: Path, payload: bytes, size: int) -> None:
    signature = b"stealth_pngcomp" + size.to_bytes(4, "big") + payload
    bits = np.unpackbits(np.frombuffer(signature, np.uint8))
    pixels = NOISE.copy()
    flat = pixels[..., 3].T.reshape(-1).copy()
    flat[: len(bits)] = flat[: len(bits)] & 0xFE | bits
    pixels[..., 3] = flat.reshape(64, 48).T
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="no record"):
        find_record(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode_without_a_record_say_so(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode == "CMYK" else "a.png"
    Image.new(mode, (5, 3)).save(tmp_path / name)
    with pytest.raises(InputError, match="no record of any tool"):
        find_record(tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(50), b"%PDF-1.7", PNG_SIGNATURE])
def test_files_that_are_no_pictures_are_input_errors(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    for path in (tmp_path / "a", tmp_path / "none", tmp_path):
        with pytest.raises(InputError):
            find_record(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_only_ever_raise_input_errors(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.png"
    whole = png(path, **NOVELAI).read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    junk: Any = data.draw(st.binary(max_size=8))
    path.write_bytes(whole[:place] + junk + (whole[place:] if data.draw(st.booleans()) else b""))
    with contextlib.suppress(InputError):
        find_record(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError):
        find_record(tmp_path / "a.png")
