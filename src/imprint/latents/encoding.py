"""Every picture and text of a dataset through the family's encoders, once, onto disk.

Reads: a dataset and a family. Writes: a latent cache. Does not: sample latents, or train.

The numbers do not depend on when a build was interrupted: a shard is encoded as a whole, in batches that are always cut
at the same places.
"""

# B batch, C channels, H W pixels, c h w latent cells, N tokens, D text width, U different texts

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imprint.artifacts.dataset_folder import Dataset
from imprint.artifacts.files import save_tensors, sweep_partials
from imprint.artifacts.latent_cache import (
    SHARD_ITEMS,
    TEXTS,
    CacheManifest,
    LatentCache,
    cache_key,
    moment_names,
    read_manifest,
)
from imprint.errors import DatasetError, NumericsError, OutputError
from imprint.families.family import Family
from imprint.latents.pixels import as_tensor

Progress = Callable[[int, int], None]
KEY_CHARACTERS = 16  # of the folder's name; the manifest has the whole key
TEXT_BATCH = 32
IMAGE_BATCH = 8


def encode_dataset(
    family: Family,
    dataset: Dataset,
    cache_dir: Path,
    on_progress: Progress | None = None,
    *,
    flips: bool = False,
) -> LatentCache:
    """Encode a dataset, or what is not encoded yet.

    A finished cache is checked and taken as it is. Of an interrupted one the finished shards are kept; of a damaged one
    the sound files are, and the cache's `warnings` name the others.

    Args:
        family: the base, without any method injected.
        dataset: items of every role are encoded, so that numbers of items agree.
        cache_dir: holds a folder for each key.
        on_progress: called with (items done, items in all).
        flips: encode each picture mirrored too.
    Raises:
        DatasetError: if a picture's side is no multiple of the family's latent stride.
        NumericsError: if an encoder gives NaN or infinity.
        OutputError: if the cache cannot be written.
        PhotoError: if a picture changed or is damaged.
    """
    texts = _Texts.of(family, dataset)
    key = _key(family, dataset, texts, flips)
    folder = cache_dir / key[:KEY_CHARACTERS]
    manifest, warnings = _resumed(folder, CacheManifest(key, len(dataset), flips))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep_partials(folder)
        for name in manifest.missing():
            tensors = texts.encoded(family) if name == TEXTS else _shard(family, dataset, name, flips)
            save_tensors(folder / name, tensors)
            manifest = manifest.with_file(folder, name)
            if on_progress is not None:
                on_progress(_items_done(manifest), len(dataset))
    except OSError as error:
        raise OutputError(
            "the latent cache cannot be written", where=folder, got=error.strerror or str(error)
        ) from error
    return LatentCache(folder, key, len(dataset), flips, warnings)


@dataclass(frozen=True)
class _Texts:
    tokens_UN: Tensor  # the last row is the empty text
    text_of_item: Tensor

    @classmethod
    def of(cls, family: Family, dataset: Dataset) -> _Texts:
        different = [text for text in dict.fromkeys(item.text for item in dataset) if text]
        number = {text: index for index, text in enumerate([*different, ""])}
        of_item = torch.tensor([number[item.text] for item in dataset], dtype=torch.int64)
        return cls(family.tokenize([*different, ""]), of_item)

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.tokens_UN.numpy().tobytes() + self.text_of_item.numpy().tobytes()).hexdigest()

    def encoded(self, family: Family) -> dict[str, Tensor]:
        parts: list[Tensor] = []
        with torch.no_grad():
            for first in range(0, len(self.tokens_UN), TEXT_BATCH):
                tokens_BN = self.tokens_UN[first : first + TEXT_BATCH].to(family.device)
                parts.append(family.encode_tokens(tokens_BN).text_BND)
        text_UND = torch.cat(parts)
        if not bool(torch.isfinite(text_UND).all()):
            raise NumericsError("the text encoder gave NaN or infinity", where=family.folder or family.name)
        return {"tokens_UN": self.tokens_UN, "text_of_item": self.text_of_item, "text_UND": text_UND}


def _key(family: Family, dataset: Dataset, texts: _Texts, flips: bool) -> str:
    return cache_key(
        family=family.name,
        base=family.base_hash,
        dtype=str(family.dtype),
        device=family.device.type,  # the same picture differs in the last bits from device to device
        pictures=[item.sha256 for item in dataset],  # contents, hence size and crop too
        texts=texts.hash,
        flips=flips,
    )


def _resumed(folder: Path, wanted: CacheManifest) -> tuple[CacheManifest, tuple[str, ...]]:
    """The manifest to go on with, and what was damaged."""
    found, problems = read_manifest(folder)
    if found is not None and replace(found, files={}) != wanted:
        found, problems = None, [*problems, "the manifest is that of another cache"]
    return found or wanted, tuple(f"latent cache {folder.name}: {problem}; built again" for problem in problems)


def _items_done(manifest: CacheManifest) -> int:
    shards = sum(name != TEXTS for name in manifest.files)
    return min(manifest.count, shards * SHARD_ITEMS)


def _shard(family: Family, dataset: Dataset, name: str, flips: bool) -> dict[str, Tensor]:
    first = int(name.removesuffix(".safetensors").rpartition("-")[2]) * SHARD_ITEMS
    indices = range(first, min(first + SHARD_ITEMS, len(dataset)))
    pictures = [_checked_pixels(family, dataset, index) for index in indices]
    tensors: dict[str, Tensor] = {}
    for flipped in (False, True) if flips else (False,):
        for batch in size_runs(pictures, 1 if family.device.type == "cpu" else IMAGE_BATCH):
            pixels_BCHW = as_tensor([pictures[position] for position in batch])
            pixels_BCHW = pixels_BCHW.flip(-1) if flipped else pixels_BCHW
            with torch.no_grad():
                moments = family.encode_image(pixels_BCHW.to(family.device))
            for row, position in enumerate(batch):
                mean, std = moment_names(indices[position], flipped)
                tensors[mean], tensors[std] = moments.mean_Bchw[row], moments.std_Bchw[row]
                if not bool(torch.isfinite(tensors[mean]).all() and torch.isfinite(tensors[std]).all()):
                    raise NumericsError(
                        "the autoencoder gave NaN or infinity", where=dataset.path(indices[position]),
                        hint="half precision overflows in some autoencoders; use float32",
                    )  # fmt: skip
    return tensors


def _checked_pixels(family: Family, dataset: Dataset, index: int) -> NDArray[np.uint8]:
    pixels_HWC = dataset.pixels(index)
    height, width = pixels_HWC.shape[:2]
    if height % family.latent_stride or width % family.latent_stride:
        raise DatasetError(
            "the picture's sides do not suit the model", where=dataset.path(index), got=f"{width} by {height} pixels",
            allowed=f"multiples of {family.latent_stride}",
        )  # fmt: skip
    return pixels_HWC


def size_runs(pictures: Sequence[NDArray[np.uint8]], limit: int) -> Iterator[list[int]]:
    """Positions in runs of one size, at most `limit` long.

    On a CPU the limit is 1: a batch is no faster there, and a picture's numbers then depend on no other picture.
    """
    batch: list[int] = []
    for position, picture in enumerate(pictures):
        if batch and (len(batch) == limit or pictures[batch[0]].shape != picture.shape):
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
