"""The networks in some folders, found by the names and hashes that prompts and pictures use.

Reads: folders, headers of safetensors. Writes: an index of hashes in the user's cache, so that each file is hashed
once. Does not: open pickles or tensors.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from imprint.artifacts.cache import cache_folder
from imprint.artifacts.files import write_text
from imprint.artifacts.found_files import files_below
from imprint.errors import ModelError, UnknownNameError
from imprint.registry import nearest
from imprint.weights.blends import BLEND_SUFFIX
from imprint.weights.embeddings import png_chunk
from imprint.weights.network_header import (
    NetworkHeader,
    NetworkKind,
    hashes,
    kind_of_pickle,
    read_header,
    short_hash,
)  # fmt: skip
from imprint.weights.pickles import PICKLE_SUFFIXES

INDEX_FORMAT = 1
ENDINGS = (".safetensors", ".png", BLEND_SUFFIX, *PICKLE_SUFFIXES)
HASH = re.compile(r"[0-9a-f]{8,64}")
NO_HEADER = NetworkHeader({}, {}, 0)


@dataclass(frozen=True)
class NetworkFile:
    """A network on the shelf."""

    name: str
    """The file's name without its ending."""
    kind: NetworkKind
    """"pickle" until it was converted for the first time; "damaged" with the reason in `remark`."""
    path: Path
    spelling: str
    """Its path below the scanned folder, without the ending; as much of its end as is needed tells files apart."""
    size_bytes: int
    alias: str = ""
    """`ss_output_name`, or ""."""
    sha256: str = ""
    tensors_sha256: str = ""
    """Of what follows the header."""
    short_hash: str = ""
    """As A1111 writes it into a picture."""
    tags: tuple[str, ...] = ()
    """The words that stood most often in its captions."""
    remark: str = ""


@dataclass(frozen=True)
class FoundNetwork:
    """An answer of the shelf."""

    file: NetworkFile
    remark: str = ""
    """What the user should know, such as that the name was spelt otherwise; or ""."""


class Shelf:
    """The networks below some folders, as they were when it was made or last `scan`ned.

    Args:
        folders: scanned with all below them. Symbolic links are followed where they lead into one of these.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)
        self.files: tuple[NetworkFile, ...] = ()
        self.scan()

    def scan(self) -> None:
        """Look again. Only files that are new or changed (size or time) are hashed.

        Raises: ModelError: if a folder does not exist.
        """
        for folder in self.folders:
            if not folder.is_dir():
                hint = "make it, name another, or say in IMPRINT_NETWORKS where yours are"
                raise ModelError("there is no such folder of networks", where=folder, hint=hint)
        index = _Index()
        found = (_describe(path, folder, index) for folder, path in files_below(self.folders, ENDINGS))
        files = (file for file in found if file)
        self.files = tuple(sorted(files, key=lambda file: (file.spelling.lower(), file.path)))
        index.save([folder.resolve() for folder in self.folders])

    def find(self, word: str, kinds: Sequence[NetworkKind] = ()) -> FoundNetwork:
        """The network that a word means: its name, its alias, or the beginning of one of its hashes.

        Exact names come first, then aliases, then hashes (8 digits or more), then names and aliases in other letters.

        Args:
            word: as in a prompt or an infotext.
            kinds: that are wanted; all without. A pickle may be any.
        Raises: UnknownNameError: if there is none, naming the nearest; ModelError: if several different files have
            that name, naming them.
        """
        files = [file for file in self.files if not kinds or file.kind in (*kinds, "pickle", "damaged")]
        lower, digits = word.lower(), word.lower() if HASH.fullmatch(word.lower()) else None
        spelt = f"{word!r} is spelt otherwise there"
        for tried, remark in (
            ([file for file in files if f"/{file.spelling}".endswith(f"/{word}")], ""),
            ([file for file in files if word == file.alias], ""),
            ([file for file in files if digits and _hashed(file, digits)], ""),
            ([file for file in files if lower in _spellings(file)], spelt),
        ):
            if tried:
                return _only(word, tried, remark)
        near = nearest(word, [name for file in files for name in (file.name, file.alias) if name])
        raise UnknownNameError(
            "there is no network of that name", where=", ".join(map(str, self.folders)), got=word,
            hint=f"did you mean `{near}`?" if near else "`imprint networks FOLDER` lists what is there",
        )  # fmt: skip


def _only(word: str, tried: Sequence[NetworkFile], remark: str) -> FoundNetwork:
    """The one file, or one of several that are the same."""
    first = tried[0]
    if len({file.sha256 or str(file.path) for file in tried}) > 1:
        raise ModelError(
            "several networks have that name", got=word, allowed=", ".join(sorted(file.spelling for file in tried)),
            hint="give more of the path, or a hash",
        )  # fmt: skip
    if remark:
        return FoundNetwork(first, f"{remark}: {first.name}")
    copies = f"{len(tried)} copies of one file have that name" if len(tried) > 1 else ""
    return FoundNetwork(first, copies)


def _spellings(file: NetworkFile) -> tuple[str, ...]:
    return file.name.lower(), file.spelling.lower(), file.alias.lower()


def _hashed(file: NetworkFile, digits: str) -> bool:
    full = (file.sha256, file.tensors_sha256)
    # An infotext has 12 digits, of which the header's claim is all that is known.
    return any(value.startswith(digits) for value in full) or (file.short_hash != "" and (
        file.short_hash.startswith(digits) or digits.startswith(file.short_hash)
    ))  # fmt: skip


def _describe(path: Path, folder: Path, index: _Index) -> NetworkFile | None:
    """A file of the shelf, or None for what is no network."""
    real = path.resolve()
    stem = path.name[: -len(BLEND_SUFFIX)] if path.name.lower().endswith(BLEND_SUFFIX) else path.stem
    spelling = (path.parent.relative_to(folder) / stem).as_posix()
    try:
        status = real.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        kind, header, remark = _kind(real)
        sha256, tensors_sha256 = ("", "") if kind in ("other", "damaged") else index.hashes(real, status)
    except OSError as error:  # removed meanwhile, or not for us to read
        return NetworkFile(stem, "damaged", real, spelling, 0, remark=str(error.strerror))
    if kind == "other":
        return None
    if kind == "damaged":
        return NetworkFile(stem, kind, real, spelling, status.st_size, remark=remark)
    if kind == "pickle":
        kind = kind_of_pickle(sha256)
        remark = "not opened yet: its kind shows after its first use" if kind == "pickle" else ""
    return NetworkFile(
        stem, kind, real, spelling, status.st_size, header.alias, sha256, tensors_sha256,
        short_hash(kind, header.metadata, sha256, tensors_sha256), header.tags, remark,
    )  # fmt: skip


def _kind(path: Path) -> tuple[NetworkKind, NetworkHeader, str]:
    """(kind, header, what is wrong) by a file's ending and header."""
    suffix = path.suffix.lower()
    if path.name.lower().endswith(BLEND_SUFFIX):
        return "blend", NO_HEADER, ""
    if suffix in PICKLE_SUFFIXES:
        return "pickle", NO_HEADER, ""
    try:
        if suffix == ".png":
            with path.open("rb") as file:
                return "embedding" if png_chunk(file) is not None else "other", NO_HEADER, ""
        header = read_header(path)
        return header.kind, header, ""
    except (ModelError, ValueError) as error:
        return "damaged", NO_HEADER, error.what if isinstance(error, ModelError) else str(error)


class _Index:
    """Hashes by path, size and time of change, kept between scans."""

    def __init__(self) -> None:
        self._path = cache_folder("networks") / "hashes.json"
        self._known, self._used = self._read(), dict[str, list[int | str]]()

    def hashes(self, path: Path, status: os.stat_result) -> tuple[str, str]:
        """The two hashes of a file, from the index where it did not change."""
        stamp, name = [status.st_size, status.st_mtime_ns], str(path)
        known = self._known.get(name, [])
        entry = known if known[:2] == stamp and len(known) == 4 else [*stamp, *hashes(path)]
        self._used[name] = entry
        return str(entry[2]), str(entry[3])

    def save(self, folders: Sequence[Path]) -> None:
        """Keep what was used, and what is known of other folders."""
        others = {name: entry for name, entry in self._known.items() if not _below(name, folders)}
        files = others | self._used
        if files != self._known:
            try:
                write_text(self._path, json.dumps({"format": INDEX_FORMAT, "files": files}))
            except OSError:
                return  # a cache that cannot be written costs time only

    def _read(self) -> dict[str, list[int | str]]:
        try:
            read = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        told = cast("Mapping[str, object]", read if isinstance(read, dict) else {})
        files = told.get("files")
        if told.get("format") != INDEX_FORMAT or not isinstance(files, dict):
            return {}
        entries = cast("dict[str, object]", files)
        return {name: cast("list[int | str]", entry) for name, entry in entries.items() if isinstance(entry, list)}


def _below(name: str, folders: Sequence[Path]) -> bool:
    return any(Path(name).is_relative_to(folder) for folder in folders)
