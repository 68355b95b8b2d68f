"""Upscalers without a model, the names of all, and where models are found."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imprint.artifacts.found_files import files_below
from imprint.errors import InputError, MissingExtraError, ModelError, UnknownNameError
from imprint.jobs.upscalers import upscaler_folders
from imprint.refine.upscalers import MAX_PIXELS, UPSCALERS, find_upscaler_file, open_upscaler, upscaler_files
from imprint.refine.upscalers.finding import PUBLISHED_AS
from make_upscalers import noisy

pytestmark = pytest.mark.unit


def shelved(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize("name", UPSCALERS.names())
@pytest.mark.parametrize(
    ("given", "asked"), [((1, 1), (64, 48)), ((5, 4000), (9, 3)), ((30, 20), (61, 33)), ((30, 20), (1, 1))]
)
def test_a_picture_has_exactly_the_size_asked_for(name: str, given: tuple[int, int], asked: tuple[int, int]) -> None:
    picture, upscale = noisy(*given), open_upscaler(name)
    kept = picture.copy()
    first, second = upscale(picture, asked), upscale(picture, asked)
    assert first.shape == (asked[1], asked[0], 3) and first.dtype == np.uint8 and first.flags.writeable
    assert np.array_equal(first, second) and np.array_equal(picture, kept)


@pytest.mark.parametrize("name", UPSCALERS.names())
def test_the_size_that_it_has_changes_no_pixel(name: str) -> None:
    picture = noisy(7, 9)
    same = open_upscaler(name)(picture, (9, 7))
    assert np.array_equal(same, picture) and same is not picture


def test_resampling_is_pillows() -> None:
    picture = noisy(12, 8)
    kernels = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
    for name, kernel in kernels.items():
        expected = np.asarray(Image.fromarray(picture).resize((20, 25), kernel))
        assert np.array_equal(open_upscaler(name)(picture, (20, 25)), expected)
    assert np.array_equal(open_upscaler("nearest")(picture, (16, 24)), picture.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("name", ["None", "Lanczos", "LANCZOS", "Nearest", "Bicubic", "none"])
def test_the_names_that_clients_send_are_known(name: str) -> None:
    wanted = "lanczos" if name.lower() == "none" else name.lower()
    assert open_upscaler(name) is UPSCALERS.get(wanted).upscale


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8),
    ],
)  # fmt: skip
def test_what_is_no_rgb_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(InputError, match="RGB picture of 8 bits"):
        open_upscaler("lanczos")(picture, (8, 8))


@pytest.mark.parametrize("size", [(0, 8), (8, -1), (MAX_PIXELS, 2)])
def test_a_size_that_no_picture_has_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="cannot have that size"):
        open_upscaler("nearest")(noisy(2, 2), size)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("4x-Sharp", "4x-Sharp.pth"),
        ("4x-Sharp.pth", "4x-Sharp.pth"),
        ("4X-SHARP", "4x-Sharp.pth"),
        ("old", "esrgan/old.safetensors"),  # not the pickle beside it
        ("old.pth", "esrgan/old.pth"),
        ("a/twice", "a/twice.pth"),
        ("b/twice.ckpt", "b/twice.ckpt"),
        ("net", "b/net.pth"),  # in other letters only where none is written so
        ("Net", "a/Net.pth"),
        ("R-ESRGAN 4x+", "RealESRGAN_x4plus.pth"),
        ("r-esrgan 4X+", "RealESRGAN_x4plus.pth"),
        ("dat_x2", "DAT_x2.safetensors"),
        ("DAT x2", "DAT_x2.safetensors"),
    ],
)
def test_a_model_is_found_by_the_names_it_has(word: str, found: str, tmp_path: Path) -> None:
    folder = shelved(
        tmp_path, "4x-Sharp.pth", "esrgan/old.pth", "esrgan/old.safetensors", "a/twice.pth", "b/twice.ckpt",
        "RealESRGAN_x4plus.pth", "DAT_x2.safetensors", "a/Net.pth", "b/net.pth", "readme.txt",
    )  # fmt: skip
    assert find_upscaler_file(word, [folder]).path == folder / found


def test_several_models_of_one_name_are_told_apart_or_refused(tmp_path: Path) -> None:
    folder = shelved(tmp_path, "a/twice.pth", "b/twice.pth")
    with pytest.raises(ModelError, match="several upscalers") as caught:
        find_upscaler_file("twice", [folder])
    assert "a/twice.pth" in caught.value.allowed and "b/twice.pth" in caught.value.allowed


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lanzcos", "did you mean `lanczos`"),
        ("4xsharp", "did you mean `4x-Sharp`"),
        ("R-ESRGAN 4x+", "put RealESRGAN_x4plus (.safetensors, .pth) into "),
        ("LDSR", ""),
        ("../secret", ""),
        ("/etc/passwd", ""),
        ("folder", ""),
    ],
)
def test_an_unknown_name_says_what_there_is(word: str, hint: str, tmp_path: Path) -> None:
    shelved(tmp_path, "secret.pth")
    folder = shelved(tmp_path / "up", "4x-Sharp.pth", "folder.pth/readme.txt")
    with pytest.raises(UnknownNameError, match="no upscaler of that name") as caught:
        open_upscaler(word, [folder])
    assert hint in caught.value.hint and caught.value.allowed == "lanczos, bicubic, nearest"


def test_links_lead_nowhere_outside(tmp_path: Path) -> None:
    outside = shelved(tmp_path / "outside", "secret.pth", "below/other.pth")
    folder = shelved(tmp_path / "up", "real.pth")
    (folder / "link.pth").symlink_to(outside / "secret.pth")
    (folder / "way").symlink_to(outside / "below")
    (folder / "circle").symlink_to(folder)
    (folder / "nothing.pth").symlink_to(tmp_path / "gone")
    assert [file.name for file in upscaler_files([folder])] == ["real"]
    inside = {path.name for _, path in files_below([folder, outside], (".pth",))}
    assert inside == {"link.pth", "real.pth", "other.pth"}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder of upscalers"):
        open_upscaler("4x", [tmp_path / "gone"])


def test_an_upscaler_of_latents_is_told_from_one_of_pixels() -> None:
    with pytest.raises(UnknownNameError, match="works on latents"):
        open_upscaler("Latent (nearest-exact)")


def test_a_model_without_spandrel_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "spandrel", None)
    with pytest.raises(MissingExtraError, match=r"imprint\[upscale\]"):
        open_upscaler("4x-Sharp", [shelved(tmp_path, "4x-Sharp.pth")])


def test_every_entry_tells_what_it_does() -> None:
    assert all(entry.name == name and entry.about for name, entry in UPSCALERS.items().items())
    assert all(not UPSCALERS.find(title) for title in PUBLISHED_AS)


def test_models_are_looked_for_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMPRINT_UPSCALERS", raising=False)
    assert upscaler_folders() == ()
    (tmp_path / "upscalers").mkdir()
    assert upscaler_folders() == (Path("upscalers"),)
    monkeypatch.setenv("IMPRINT_UPSCALERS", os.pathsep.join(["a", "", "b"]))
    assert upscaler_folders() == (Path("a"), Path("b"))
    assert upscaler_folders([Path("c")]) == (Path("c"),)
