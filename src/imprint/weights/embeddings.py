"""Embeddings: vectors that stand in a prompt where the tokens of a word would.

Reads: our own files, diffusers', A1111's (.pt, .safetensors, PNG), SDXL's. Writes: our own. Does not: train them, or
know prompts.

Our own file is safetensors with one tensor `emb_params` (V, D) and a header with `imprint.kind` = "embedding",
`imprint.format`, `imprint.name`: the tensor's name is what A1111, Forge and ComfyUI read.

Shapes: V vectors, D width of the text encoder.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import torch

from imprint.artifacts.files import save_tensors, sha256_file
from imprint.artifacts.readback import check_written
from imprint.errors import ModelError, OutputError
from imprint.weights.network_content import KeyPath, NetworkContent, check_numbers, read_network
from imprint.weights.state_files import FORMAT, HEADER_PREFIX, check_finite

if TYPE_CHECKING:
    from torch import Tensor

    from imprint.families import Family

TENSOR = "emb_params"
PNG_SIGNATURE, PNG_KEYWORD = b"\x89PNG\r\n\x1a\n", b"sd-ti-embedding"
MAX_CHUNK_BYTES = 16 << 20  # 75 vectors of width 768 are 1.6 MB there


@dataclass(frozen=True)
class LoadedEmbedding:
    """An embedding, read for one base and found to fit it."""

    name: str
    """What a prompt calls it: the file's name without its ending."""
    vectors_VD: Tensor
    """Float32, on the CPU."""
    sha256: str
    """Of the file; the first 12 digits are its hash in "TI hashes" of an infotext."""


@dataclass(frozen=True)
class Embeddings:
    """Several of them; what could not be read stands beside, with the reason."""

    loaded: tuple[LoadedEmbedding, ...]
    skipped: tuple[tuple[Path, str], ...]


def read_embeddings(paths: Iterable[Path], family: Family) -> Embeddings:
    """Read embeddings, skipping those that do not fit the base or are damaged.

    Args:
        paths: of the files.
        family: the base, for the width of its text encoder.
    """
    loaded: list[LoadedEmbedding] = []
    skipped: list[tuple[Path, str]] = []
    for path in paths:
        try:
            loaded.append(read_embedding(path, family))
        except ModelError as error:
            skipped.append((path, error.render()))
    return Embeddings(tuple(loaded), tuple(skipped))


def read_embedding(path: Path, family: Family) -> LoadedEmbedding:
    """Read one embedding for a base.

    Args:
        path: .safetensors, .pt, .bin or a PNG that A1111 put one into.
        family: the base, for the width of its text encoder.
    Raises: ModelError: if it is damaged, no embedding, of another width, or longer than a window of the text encoder.
    """
    content = _read_png(path) if path.suffix.lower() == ".png" else read_network(path)
    key, tensor = _vectors(content)
    width = family.parameters("text_encoder")["embeddings.token_embedding.weight"].shape[1]
    vectors_VD = check_numbers(path, key, tensor).float()
    vectors_VD = vectors_VD[None] if vectors_VD.ndim == 1 else vectors_VD
    if vectors_VD.ndim != 2 or vectors_VD.shape[1] != width:
        raise ModelError(
            f"this embedding does not fit this base: {key}", where=path, got=tuple(tensor.shape),
            allowed=f"vectors of width {width}", hint="embeddings belong to the family that they were trained on",
        )  # fmt: skip
    if not 1 <= len(vectors_VD) <= family.text_window.content:
        what = "this embedding has more vectors than the text encoder reads at once, or none"
        raise ModelError(what, where=path, got=len(vectors_VD), allowed=f"1..{family.text_window.content}")
    return LoadedEmbedding(path.stem, vectors_VD.contiguous(), sha256_file(path))


def save_embedding(path: Path, vectors_VD: Tensor, metadata: Mapping[str, str] | None = None) -> None:
    """Write an embedding in our own format, read it back and compare.

    Args:
        path: its name without the ending is what prompts will call it.
        vectors_VD: of shape (V, D).
        metadata: more text for the header, such as `base_hash`.
    Raises: NumericsError: if it holds NaN or infinity; OutputError: if it cannot be written.
    """
    tensors = {TENSOR: vectors_VD.detach().float().cpu()}
    check_finite(tensors, path)
    own = {"kind": "embedding", "format": FORMAT, "name": path.stem, **(metadata or {})}
    try:
        save_tensors(path, tensors, {"format": "pt"} | {HEADER_PREFIX + key: text for key, text in own.items()})
    except OSError as error:
        raise OutputError("the embedding cannot be written", where=path, got=str(error)) from error
    check_written(path, tensors)


def _vectors(content: NetworkContent) -> tuple[str, Tensor]:
    """(name, tensor) of the vectors in any of the formats.

    Raises: ModelError: if there are none, or several and no way to tell which.
    """
    found = {keys: tensor for keys, tensor in content.tensors.items() if keys[:1] == ("string_to_param",)}
    for candidates in (found, _named(content, TENSOR), _named(content, "clip_l"), content.tensors):
        if len(candidates) == 1:
            keys, tensor = next(iter(candidates.items()))
            return ".".join(map(str, keys)), tensor
        if candidates:
            break
    names = [".".join(map(str, keys)) for keys in content.tensors]
    raise ModelError(
        "this is no embedding: it has not one tensor of vectors", where=content.path, got=names[:6],
        allowed="string_to_param, emb_params, clip_l, or a single tensor by the name of its token",
    )  # fmt: skip


def _named(content: NetworkContent, name: str) -> Mapping[KeyPath, Tensor]:
    return {keys: tensor for keys, tensor in content.tensors.items() if keys == (name,)}


def _read_png(path: Path) -> NetworkContent:
    """The embedding that A1111 writes into a preview, as text; hidden in pixels it is not read.

    Raises: ModelError: if there is none, or it is damaged.
    """
    try:
        with path.open("rb") as file:
            data = png_chunk(file)
        told = json.loads(base64.b64decode(data, validate=True)) if data is not None else None
        params = cast("dict[str, dict[str, dict[str, object]]]", told)["string_to_param"] if told is not None else {}
        found: dict[KeyPath, Tensor] = {
            ("string_to_param", name): torch.tensor(value["TORCHTENSOR"], dtype=torch.float32)
            for name, value in params.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ModelError("the embedding in this picture cannot be read", where=path, got=str(error)) from error
    if not found:
        what = "there is no embedding in this picture"
        raise ModelError(what, where=path, hint="A1111 writes them into the text `sd-ti-embedding` of a PNG")
    return NetworkContent(path, found, {}, {})


def png_chunk(file: BinaryIO) -> bytes | None:
    """The text of the chunk that holds an embedding, or None; pixels are passed over unread.

    Raises: ValueError: if it is longer than any embedding.
    """
    if file.read(8) != PNG_SIGNATURE:
        return None
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"tEXt" and size > len(PNG_KEYWORD):
            keyword = file.read(len(PNG_KEYWORD) + 1)
            if keyword == PNG_KEYWORD + b"\0":
                if size > MAX_CHUNK_BYTES:
                    raise ValueError(f"its text is longer than {MAX_CHUNK_BYTES >> 20} MB")
                return file.read(size - len(keyword))
            size -= len(keyword)
        if kind == b"IEND":
            return None
        file.seek(size + 4, 1)  # four bytes of check sum
    return None
