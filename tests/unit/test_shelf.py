"""The shelf: what it finds, by which names, and how often it reads a file."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from imprint.errors import ConfigError, ModelError, UnknownNameError
from imprint.weights import Shelf, Strengths, as_safetensors, members, pickles, save_embedding, shelf
from imprint.weights.network_header import hashes
from make import tiny_family
from make_networks import hypernetwork, write_converted, write_lora

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("own_cache")]


family = functools.cache(tiny_family)  # only looked at


def small(path: Path, seed: int = 0, **header: str) -> Path:
    """A LoRA of one module."""
    modules = [("text_encoder", "encoder.layers.0.self_attn.q_proj")]
    return write_lora(path, family(), seed=seed, modules=modules, header=header)


def filled(folder: Path) -> Path:
    tags = json.dumps({"5_zkz": {"zkz dog": 5, "snow": 9, "b": 2}, "more": {"b": 1}})
    small(folder / "lora" / "ada.safetensors", 1, ss_output_name="Ada-v2", ss_tag_frequency=tags)
    small(folder / "lora" / "styles" / "ink.safetensors", 2)
    save_embedding(folder / "embeddings" / "zkz.safetensors", torch.ones(2, 16))
    save_file({"model.weight": torch.ones(99, 99), "b": torch.ones(1)}, folder / "base.safetensors")
    (folder / "readme.txt").write_text("no network")
    return folder


def test_a_folder_is_described(tmp_path: Path) -> None:
    found = {file.spelling: file for file in Shelf([filled(tmp_path / "n")]).files}
    assert {name: file.kind for name, file in found.items()} == {
        "lora/ada": "lora", "lora/styles/ink": "lora", "embeddings/zkz": "embedding",
    }  # fmt: skip
    ada = found["lora/ada"]
    assert (ada.name, ada.alias, ada.tags) == ("ada", "Ada-v2", ("snow", "zkz dog", "b"))
    assert ada.size_bytes == ada.path.stat().st_size


@pytest.mark.parametrize(
    ("word", "name"),
    [("ada", "ada"), ("Ada-v2", "ada"), ("styles/ink", "ink"), ("lora/styles/ink", "ink"), ("ADA", "ada")],
)
def test_names_and_aliases_are_found(word: str, name: str, tmp_path: Path) -> None:
    found = Shelf([filled(tmp_path / "n")]).find(word)
    assert found.file.name == name
    assert found.remark == ("'ADA' is spelt otherwise there: ada" if word == "ADA" else "")


@pytest.mark.parametrize(("word", "hint"), [("ad", "`ada`"), ("wwwwww", "imprint networks"), ("Ada-v", "`Ada-v2`")])
def test_an_unknown_name_has_the_nearest_in_its_hint(word: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        Shelf([filled(tmp_path / "n")]).find(word)


def test_every_hash_finds_its_file(tmp_path: Path) -> None:
    path = small(tmp_path / "n" / "a.safetensors", sshs_model_hash="ab" * 32)
    small(tmp_path / "n" / "b.safetensors", 1)
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    whole, rest = hashlib.sha256(data).hexdigest(), hashlib.sha256(data[start:]).hexdigest()
    assert hashes(path) == (whole, rest)
    things = Shelf([tmp_path / "n"])
    for digits in (whole, whole[:8], whole[:10].upper(), rest[:12], "ab" * 6, "ab" * 32):
        assert things.find(digits).file.name == "a"
    for unknown in (whole[:7], "0" * 12):
        with pytest.raises(UnknownNameError):
            things.find(unknown)
    assert [file.short_hash for file in things.files] == ["ab" * 6, hashes(tmp_path / "n" / "b.safetensors")[1][:12]]


def test_an_embeddings_short_hash_is_that_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    save_embedding(path := tmp_path / "n" / "zkz.safetensors", torch.ones(2, 16))
    (file,) = Shelf([tmp_path / "n"]).files
    assert file.short_hash == hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_files_of_one_name_are_told_apart_by_their_path(tmp_path: Path) -> None:
    for number, folder in enumerate(("one", "two")):
        small(tmp_path / "n" / folder / "a.safetensors", number)
    things = Shelf([tmp_path / "n"])
    with pytest.raises(ModelError, match=r"several networks have that name.*\n.*one/a, two/a"):
        things.find("a")
    assert things.find("two/a").file.path == (tmp_path / "n" / "two" / "a.safetensors").resolve()
    shutil.copyfile(tmp_path / "n" / "one" / "a.safetensors", tmp_path / "n" / "two" / "a.safetensors")
    things.scan()
    assert things.find("a").remark == "2 copies of one file have that name"


def test_a_kind_may_be_asked_for(tmp_path: Path) -> None:
    small(tmp_path / "n" / "a" / "x.safetensors")
    (tmp_path / "n" / "b").mkdir()
    save_embedding(tmp_path / "n" / "b" / "x.safetensors", torch.ones(2, 16))
    things = Shelf([tmp_path / "n"])
    assert things.find("x", ["embedding"]).file.kind == "embedding"
    assert things.find("x", ["lora"]).file.kind == "lora"


def test_each_file_is_hashed_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(path: Path) -> tuple[str, str]:
        read.append(path.name)
        return hashes(path)

    monkeypatch.setattr(shelf, "hashes", counted)
    folder = filled(tmp_path / "n")
    first = Shelf([folder]).files
    assert sorted(read) == ["ada.safetensors", "ink.safetensors", "zkz.safetensors"]  # never the base
    assert Shelf([folder]).files == first and len(read) == 3
    small(folder / "lora" / "ada.safetensors", 7)
    os.utime(folder / "lora" / "ada.safetensors", ns=(1, 1))
    assert Shelf([folder]).files != first
    assert read[3:] == ["ada.safetensors"]
    assert Shelf([folder / "embeddings"]).files and len(read) == 4


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 9, "files": {}}', '{"files": {"a": 3}}'])
def test_a_damaged_index_is_made_again(text: str, tmp_path: Path) -> None:
    folder = filled(tmp_path / "n")
    first = Shelf([folder]).files
    (tmp_path / "cache" / "networks" / "hashes.json").write_text(text)
    assert Shelf([folder]).files == first


def test_links_are_followed_inside_the_folders_only(tmp_path: Path) -> None:
    folder, other = tmp_path / "n", tmp_path / "other"
    small(folder / "real" / "a.safetensors")
    small(other / "b.safetensors")
    (folder / "inside").symlink_to(folder / "real")
    (folder / "circle").symlink_to(folder)
    (folder / "outside").symlink_to(other)
    (folder / "b.safetensors").symlink_to(other / "b.safetensors")
    (folder / "nothing.safetensors").symlink_to(tmp_path / "nothing")
    assert [file.name for file in Shelf([folder]).files] == ["a"]
    assert {file.name for file in Shelf([folder, other]).files} == {"a", "b"}


@pytest.mark.parametrize("content", [b"", bytes(99), b"\xff" * 99, b"\2\0\0\0\0\0\0\0[]", b"\2\0\0\0\0\0\0\0{}more"])
def test_damaged_files_are_listed_as_such(content: bytes, tmp_path: Path) -> None:
    small(tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(content)
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x7f\xff\xff\xfftEXtsd-ti-embedding\0")
    os.mkfifo(tmp_path / "pipe.safetensors")
    files = Shelf([tmp_path]).files
    assert [(file.name, file.kind) for file in files] == [("a", "lora"), ("b", "damaged"), ("x", "damaged")]
    assert all(file.remark for file in files[1:])


@pytest.mark.parametrize("tags", ["{", "[]", '{"a": 3}', '{"a": {"b": "x"}}', "[" * 99999])
def test_nonsense_in_a_header_is_shown_as_nothing(tags: str, tmp_path: Path) -> None:
    small(tmp_path / "a.safetensors", ss_tag_frequency=tags, sshs_model_hash="no hash")
    (file,) = Shelf([tmp_path]).files
    assert (file.kind, file.tags) == ("lora", ())
    assert file.short_hash == file.tensors_sha256[:12]


def test_pickles_are_not_opened_until_somebody_uses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = hypernetwork((16,))
    (tmp_path / "n").mkdir()
    torch.save(value, tmp_path / "n" / "h.pt")
    things = Shelf([tmp_path / "n"])
    assert [(file.name, file.kind) for file in things.files] == [("h", "pickle")]
    assert not (tmp_path / "cache" / "pickles").exists()
    assert things.find("h", ["hypernetwork"]).file.name == "h"
    write = write_converted
    monkeypatch.setattr(pickles, "_run_child", lambda _, __, room, *___: write(room / "weights.safetensors", value))
    as_safetensors(tmp_path / "n" / "h.pt")
    things.scan()
    assert [(file.name, file.kind) for file in things.files] == [("h", "hypernetwork")]


def test_a_file_that_cannot_be_read_is_listed_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    small(tmp_path / "a.safetensors")
    monkeypatch.setattr(shelf, "hashes", refuse)
    (file,) = Shelf([tmp_path]).files
    assert (file.kind, file.remark) == ("damaged", "Permission denied")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder of networks"):
        Shelf([tmp_path / "none"])


BLEND = '[[networks]]\nname = "ada"\nunet = 0.5\n[[networks]]\nname = "Ink"\ntext_encoder = 0\nunet = -2\n'


def test_a_blend_stands_for_its_networks(tmp_path: Path) -> None:
    folder = filled(tmp_path / "n")
    (folder / "both.blend.toml").write_text(BLEND)
    things = Shelf([folder])
    found = things.find("both")
    assert (found.file.kind, found.file.name) == ("blend", "both")
    stands_for = members(things, found, Strengths(0.5, 2))
    meant = [(inner.file.name, inner.remark, strengths) for inner, strengths in stands_for]
    assert meant == [("ada", "", Strengths(0.5, 1)), ("ink", "'Ink' is spelt otherwise there: ink", Strengths(0, -4))]
    assert members(things, things.find("ada")) == [(things.find("ada"), Strengths())]


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        (BLEND.replace("ada", "both"), ConfigError, "no blend"), ("networks = []", ConfigError, "at least 1"),
        (BLEND.replace("ada", "zkz"), ConfigError, "no embedding"),
        (BLEND.replace("0.5", "nan"), ConfigError, "finite"),
        (BLEND.replace("ada", "adda"), UnknownNameError, "did you mean `ada`"),
        (BLEND.replace("unet", "unett"), ConfigError, "unknown field"),
    ],
)  # fmt: skip
def test_wrong_blends_are_refused(text: str, error: Any, match: str, tmp_path: Path) -> None:
    folder = filled(tmp_path / "n")
    (folder / "both.blend.toml").write_text(text)
    things = Shelf([folder])
    with pytest.raises(error, match=match):
        members(things, things.find("both"))
