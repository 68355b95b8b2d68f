"""Pictures and texts of a dataset as the family's networks read them, on disk and memory-mapped.

Reads: manifest.json and safetensors. Writes: manifest.json. Does not: encode; `latents` does.

A cache is one folder, named by the hash of everything that decides its numbers: a folder of that name can be damaged or
unfinished, never stale. Items lie in shards of `SHARD_ITEMS`; the manifest names every finished file with its hash, and
carries a hash of itself.
"""

# c h w latent channels and cells, N tokens, D text width, U different texts

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from imprint.artifacts.files import sha256_file, sha256_json, write_json
from imprint.errors import DatasetError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
TEXTS: Final = "texts.safetensors"
SHARD_ITEMS: Final = 16  # lost at most when a build is killed; 16 pictures of 512 px take 20 s on a CPU


@dataclass(frozen=True)
class CachedMoments:
    """A picture's distribution in latent space, in the family's latent scaling; a sample is mean + std * noise.

    Attributes:
        mean_chw: shape (c, h, w).
        std_chw: the same shape, >= 0.
    """

    mean_chw: Tensor
    std_chw: Tensor


@dataclass(frozen=True)
class LatentCache:
    """A finished cache; item i is item i of the dataset.

    Files are opened when first read and mapped into memory, in each process anew.

    Attributes:
        folder: where it is.
        key: hash of everything that decided the numbers.
        count: items.
        flips: whether each item is there mirrored too.
        warnings: what was damaged and built again.
    """

    folder: Path
    key: str
    count: int
    flips: bool
    warnings: tuple[str, ...] = ()
    _mapped: dict[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path) -> LatentCache:
        """Open a finished cache and check the hash of every file in it.

        Raises: DatasetError: if it is damaged or unfinished.
        """
        manifest, problems = read_manifest(folder)
        missing = manifest.missing() if manifest else []
        if manifest is None or problems or missing:
            reason = "; ".join([*problems, *(f"{name} is missing" for name in missing)]) or "there is no manifest"
            raise DatasetError(
                f"the latent cache is damaged or unfinished: {reason}", where=folder, hint="encode the dataset again"
            )
        return cls(folder, manifest.key, manifest.count, manifest.flips)

    def __len__(self) -> int:
        return self.count

    def __reduce__(self) -> tuple[type[LatentCache], tuple[Path, str, int, bool, tuple[str, ...]]]:
        # Maps cannot travel to a data-loading process; it makes its own.
        return LatentCache, (self.folder, self.key, self.count, self.flips, self.warnings)

    def moments(self, index: int, *, flipped: bool = False) -> CachedMoments:
        """Mean and standard deviation of one picture's latent, in the dtype they were encoded in, on the CPU."""
        self._check(index)
        if flipped and not self.flips:
            raise ValueError("this cache was built without flips")
        mean, std = moment_names(index, flipped)
        file = shard_name(index // SHARD_ITEMS)
        return CachedMoments(self._tensor(file, mean), self._tensor(file, std))

    def tokens(self, index: int) -> Tensor:
        """Tokens of one item's text, int64 of shape (N,)."""
        return self._tensor(TEXTS, "tokens_UN")[self._text_number(index)]

    def text(self, index: int) -> Tensor:
        """Encoding of one item's text by the base, shape (N, D). Of no use where the text encoder trains."""
        return self._tensor(TEXTS, "text_UND")[self._text_number(index)]

    def empty_tokens(self) -> Tensor:
        """Tokens of the empty text, int64 of shape (N,): what a dropped caption is replaced by."""
        return self._tensor(TEXTS, "tokens_UN")[-1]

    def empty_text(self) -> Tensor:
        """Encoding of the empty text by the base, shape (N, D)."""
        return self._tensor(TEXTS, "text_UND")[-1]

    def _text_number(self, index: int) -> int:
        self._check(index)
        return int(self._tensor(TEXTS, "text_of_item")[index])

    def _check(self, index: int) -> None:
        if not 0 <= index < self.count:
            raise IndexError(f"item {index} of a cache of {self.count}")

    def _tensor(self, file: str, name: str) -> Tensor:
        if file not in self._mapped:
            from safetensors import safe_open

            # A mapping stays open as long as the object lives; its stubs know it as a context manager only.
            self._mapped[file] = cast("Any", safe_open)(self.folder / file, framework="pt")
        return cast("Tensor", self._mapped[file].get_tensor(name))


@dataclass(frozen=True)
class CacheManifest:
    """What a cache is to hold, and what of it is finished.

    Attributes:
        key: hash of everything that decides the numbers.
        count: items.
        flips: whether each item is there mirrored too.
        files: finished file -> SHA-256 of its bytes.
    """

    key: str
    count: int
    flips: bool
    files: dict[str, str] = field(default_factory=dict[str, str])

    def expected(self) -> list[str]:
        """Every file of the finished cache, in the order in which they are written."""
        shards = (self.count + SHARD_ITEMS - 1) // SHARD_ITEMS
        return [TEXTS, *(shard_name(number) for number in range(shards))]

    def missing(self) -> list[str]:
        """Files that are not finished."""
        return [name for name in self.expected() if name not in self.files]

    def with_file(self, folder: Path, name: str) -> CacheManifest:
        """Enter a file that was just written, and write the manifest."""
        return CacheManifest(
            self.key, self.count, self.flips, {**self.files, name: sha256_file(folder / name)}
        ).write(folder)  # fmt: skip

    def without(self, names: Iterable[str]) -> CacheManifest:
        """The same with some files unfinished again."""
        gone = set(names)
        return CacheManifest(
            self.key, self.count, self.flips, {name: hash_ for name, hash_ in self.files.items() if name not in gone}
        )

    def write(self, folder: Path) -> CacheManifest:
        """Write it, in one instant. Returns: itself."""
        value = {
            "format": FORMAT, "key": self.key, "count": self.count, "flips": self.flips,
            "files": dict(sorted(self.files.items())),  # a repaired cache is byte for byte the undamaged one
        }  # fmt: skip
        write_json(folder / MANIFEST, {**value, "sha256": sha256_json(value)})
        return self


def read_manifest(folder: Path) -> tuple[CacheManifest | None, list[str]]:
    """Read a manifest and check every file it names.

    Returns: the manifest without the damaged files, or None where there is none or it is damaged itself; and every
        damage in words.
    """
    try:
        manifest = _parsed((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None, []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, [f"{MANIFEST} is damaged"]
    problems: dict[str, str] = {}
    for name, recorded in manifest.files.items():
        try:
            found = sha256_file(folder / name)
        except OSError as error:
            problems[name] = f"{name} cannot be read ({error.strerror or error})"
            continue
        if found != recorded:
            problems[name] = f"{name} is damaged (its hash differs)"
    return manifest.without(problems), list(problems.values())


def shard_name(number: int) -> str:
    """File of the items number * SHARD_ITEMS and following."""
    return f"latents-{number:05d}.safetensors"


def moment_names(index: int, flipped: bool) -> tuple[str, str]:
    """Names of an item's mean and standard deviation inside its shard."""
    suffix = ".flipped" if flipped else ""
    return f"{index:07d}.mean{suffix}", f"{index:07d}.std{suffix}"


def _parsed(data: bytes) -> CacheManifest:
    """Raises: ValueError, KeyError, TypeError or AttributeError: if the bytes are not those that were written."""
    value: dict[str, Any] = json.loads(data)
    if value.pop("sha256") != sha256_json(value) or value["format"] != FORMAT:
        raise ValueError("the manifest's hash differs")
    return CacheManifest(value["key"], value["count"], value["flips"], value["files"])


def cache_key(**decides: object) -> str:
    """Hash of everything that decides a cache's numbers."""
    return sha256_json({"format": FORMAT, "shard": SHARD_ITEMS, **decides})
