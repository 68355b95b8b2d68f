"""Embeddings of every format, and those that are not taken."""

from __future__ import annotations

import base64
import functools
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save_file

from imprint.artifacts.files import sha256_file, tensor_metadata
from imprint.errors import ModelError, NumericsError
from imprint.weights import read_embedding, read_embeddings, save_embedding
from make import tiny_family
from make_networks import write_converted

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("own_cache")]

family = functools.cache(tiny_family)  # only looked at
VECTORS = torch.linspace(-1, 1, 48).reshape(3, 16)  # of the tiny base's width


def png(path: Path, text: str) -> Path:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a picture")
    info.add_text("sd-ti-embedding", text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def a1111_text(vectors: Any) -> str:
    told = {"string_to_token": {"*": 265}, "string_to_param": {"*": {"TORCHTENSOR": vectors}}, "name": "x", "step": 3}
    return base64.b64encode(json.dumps(told).encode()).decode()


def a1111_pt(path: Path) -> None:
    told = {"string_to_token": {"*": 265}, "string_to_param": {"*": VECTORS.clone()}, "name": "x", "step": 3}
    torch.save({**told, "sd_checkpoint": None, "sd_checkpoint_name": "v1"}, path)


WRITERS = {
    "own.safetensors": lambda path: save_embedding(path, VECTORS),
    "a1111.safetensors": lambda path: save_file({"emb_params": VECTORS}, path),
    "a1111.pt": a1111_pt,
    "a1111.png": lambda path: png(path, a1111_text(VECTORS.tolist())),
    "diffusers.safetensors": lambda path: save_file({"<zkz>": VECTORS}, path),
    "diffusers of a pickle.safetensors": lambda path: write_converted(path, {"<zkz>": VECTORS}),
    "sdxl.safetensors": lambda path: save_file({"clip_l": VECTORS, "clip_g": torch.zeros(3, 32)}, path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_vectors(name: str, tmp_path: Path) -> None:
    WRITERS[name](path := tmp_path / name)
    embedding = read_embedding(path, family())
    assert (embedding.name, embedding.sha256) == (path.stem, sha256_file(path))
    torch.testing.assert_close(embedding.vectors_VD, VECTORS, atol=1e-6, rtol=0)


def test_a_single_vector_has_one_row_and_half_precision_becomes_float(tmp_path: Path) -> None:
    save_file({"<zkz>": VECTORS[0].half()}, tmp_path / "x.safetensors")
    embedding = read_embedding(tmp_path / "x.safetensors", family())
    assert (tuple(embedding.vectors_VD.shape), embedding.vectors_VD.dtype) == ((1, 16), torch.float32)


def test_vectors_stand_in_a_prompt(tmp_path: Path) -> None:
    base = family()
    save_embedding(tmp_path / "x.safetensors", VECTORS)
    vectors_VD = read_embedding(tmp_path / "x.safetensors", base).vectors_VD
    tokens_BN = base.tokenize(["a dog"])
    plain = base.encode_tokens(tokens_BN).text_BND
    changed = base.encode_tokens(tokens_BN, inserted={(0, 1 + i): v for i, v in enumerate(vectors_VD)}).text_BND
    assert not torch.allclose(plain[0, 1:], changed[0, 1:], atol=1e-3)


def test_our_own_file_says_what_it_is_and_never_holds_nan(tmp_path: Path) -> None:
    save_embedding(tmp_path / "x.safetensors", VECTORS, {"base_hash": "abc"})
    header = tensor_metadata(tmp_path / "x.safetensors")
    assert header == {
        "format": "pt", "imprint.kind": "embedding", "imprint.format": "1", "imprint.name": "x",
        "imprint.base_hash": "abc",
    }  # fmt: skip
    with pytest.raises(NumericsError):
        save_embedding(tmp_path / "y.safetensors", VECTORS / 0)
    assert not (tmp_path / "y.safetensors").exists()


@pytest.mark.parametrize(
    ("tensors", "match"),
    [
        ({"emb_params": torch.zeros(2, 768)}, r"does not fit this base: emb_params.*768"),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 16)}, "does not fit this base: clip_l"),
        ({"emb_params": VECTORS / 0}, "NaN or infinity"), ({"emb_params": torch.zeros(76, 16)}, "more vectors"),
        ({"a": VECTORS, "b": VECTORS.clone()}, "no embedding"), ({"emb_params": torch.zeros(0, 16)}, "or none"),
        ({"emb_params": torch.zeros(2, 16, dtype=torch.int64)}, "wrong kind"),
        ({"emb_params": torch.zeros(2, 2, 16)}, "does not fit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(tensors: Any, match: str, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=f"x.safetensors: .*{match}"):
        read_embedding(tmp_path / "x.safetensors", family())


def test_several_are_read_and_others_skipped_with_the_reason(tmp_path: Path) -> None:
    save_embedding(good := tmp_path / "good.safetensors", VECTORS)
    save_embedding(wide := tmp_path / "wide.safetensors", torch.zeros(1, 768))
    read = read_embeddings([good, wide, tmp_path / "none.safetensors"], family())
    assert [embedding.name for embedding in read.loaded] == ["good"]
    reasons = {path.name: reason for path, reason in read.skipped}
    assert "(1, 768)" in reasons["wide.safetensors"] and "no such file" in reasons["none.safetensors"]


@pytest.mark.parametrize(
    "text", ["%%%", a1111_text("x"), a1111_text([[1], [2, 3]]), base64.b64encode(b"[1]").decode(), a1111_text([]),
             base64.b64encode(b"[" * 90000).decode(), a1111_text([[None]])]
)  # fmt: skip
def test_damaged_text_in_a_picture_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read_embedding(png(tmp_path / "x.png", text), family())


def test_pictures_without_an_embedding_or_with_an_endless_one_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    with pytest.raises(ModelError, match="no embedding in this picture"):
        read_embedding(tmp_path / "plain.png", family())
    head = struct.pack(">I", 0x7FFFFFFF) + b"tEXt" + b"sd-ti-embedding\0"
    (tmp_path / "long.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + zlib.compress(b"0"))
    with pytest.raises(ModelError, match="longer than 16 MB"):
        read_embedding(tmp_path / "long.png", family())
