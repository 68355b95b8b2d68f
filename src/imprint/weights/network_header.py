"""What a network's file says of itself, without opening its tensors.

Reads: headers of safetensors, chunks of PNGs. Writes: nothing. Does not: open pickles, or believe what a header says
further than for showing it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from imprint.artifacts.network_hash import NETWORK_DIGITS, lora_digits
from imprint.errors import ModelError
from imprint.weights.embeddings import TENSOR
from imprint.weights.lora_reading import ROLES, UNSUPPORTED
from imprint.weights.network_content import PICKLE_KEY, KeyPath, nesting
from imprint.weights.pickles import CONVERTED_FILE, converted_folder

NetworkKind: TypeAlias = Literal["lora", "embedding", "hypernetwork", "blend", "pickle", "damaged", "other"]
MAX_HEADER_BYTES = 16 << 20  # of 100 MB that the format permits; a LoRA's has some kilobytes
MAX_VECTORS = 75
TAGS_SHOWN = 8


@dataclass(frozen=True)
class NetworkHeader:
    """The table of contents of a safetensors file."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    data_start: int
    """Bytes before the first tensor."""

    @property
    def alias(self) -> str:
        """The name that its trainer gave it, by which A1111 finds it too; or ""."""
        return self.metadata.get("ss_output_name", "")

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that stood most often in its captions, most frequent first."""
        try:
            by_folder: Any = json.loads(self.metadata.get("ss_tag_frequency", "{}"))
            counts: dict[str, int] = {}
            for tags in cast("dict[str, dict[str, int]]", by_folder).values():
                for tag, count in tags.items():
                    counts[tag.strip()] = counts.get(tag.strip(), 0) + int(count)
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
            return ()
        return tuple(sorted(counts, key=lambda tag: (-counts[tag], tag))[:TAGS_SHOWN])

    @property
    def kind(self) -> NetworkKind:
        """By the names of its tensors."""
        if PICKLE_KEY in self.metadata:
            return _kind_of_paths([keys for keys, _ in nesting(self.metadata[PICKLE_KEY], Path())[0]])
        names = list(self.shapes)
        if set(names) in ({TENSOR}, {"clip_l"}, {"clip_l", "clip_g"}):
            return "embedding"
        if any(_adapts(name) for name in names):
            return "lora"
        shapes = list(self.shapes.values())
        alone = len(shapes) == 1 and (len(shapes[0]) == 1 or (len(shapes[0]) == 2 and shapes[0][0] <= MAX_VECTORS))
        return "embedding" if alone else "other"


def _adapts(name: str) -> bool:
    return any(p.fullmatch(name) for p, role in ROLES if role != "alpha") or name.endswith(
        tuple(f".{end}{tail}" for end in UNSUPPORTED for tail in ("", ".weight"))
    )


def _kind_of_paths(paths: list[KeyPath]) -> NetworkKind:
    """Of what was a pickle, by the keys that lead to its tensors."""
    if all(path and isinstance(path[0], int) for path in paths):
        return "hypernetwork"
    if any(path[:1] == ("string_to_param",) for path in paths) or len(paths) == 1:
        return "embedding"
    return "lora" if any(_adapts(".".join(map(str, path))) for path in paths) else "other"


def read_header(path: Path) -> NetworkHeader:
    """Read the table of contents of a safetensors file.

    Raises: ModelError: if it is missing, cut short or no safetensors.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= MAX_HEADER_BYTES:
                raise ModelError("this is no readable safetensors file", where=path, got=f"a header of {size} bytes")
            table = cast("dict[str, dict[str, Any]]", json.loads(file.read(size)))
            metadata = cast("dict[str, str]", table.pop("__metadata__", {}))
            ends = [int(entry["data_offsets"][1]) for entry in table.values()]
            shapes = {name: tuple(map(int, entry["shape"])) for name, entry in table.items()}
        if path.stat().st_size != 8 + size + max(ends, default=0):
            raise ModelError("this safetensors file is cut short, or too long", where=path, got=path.stat().st_size)
        texts = {str(key): str(value) for key, value in metadata.items()}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError("this is no readable safetensors file", where=path, got=str(error)) from error
    return NetworkHeader(shapes, texts, 8 + size)


def kind_of_pickle(sha256: str) -> NetworkKind:
    """What a pickle was found to be when it was converted; "pickle" where it never was."""
    try:
        return read_header(converted_folder(sha256) / CONVERTED_FILE).kind
    except ModelError:
        return "pickle"


def hashes(path: Path) -> tuple[str, str]:
    """(SHA-256 of a file, SHA-256 of its tensors); the same where they are not safetensors.

    The second is the one of AddNet: it stays when a header is edited.
    """
    whole, tensors = hashlib.sha256(), hashlib.sha256()
    with path.open("rb") as file:
        if path.suffix.lower() != ".safetensors":
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return digest, digest
        start = file.read(8)
        head = file.read(int.from_bytes(start, "little"))
        whole.update(start + head)
        while block := file.read(1 << 20):
            whole.update(block)
            tensors.update(block)
    return whole.hexdigest(), tensors.hexdigest()


def short_hash(kind: NetworkKind, metadata: Mapping[str, str], sha256: str, tensors_sha256: str) -> str:
    """The 12 digits that A1111 writes into an infotext's "Lora hashes" or "TI hashes".

    Of a LoRA as `lora_digits` has it, of other files from the SHA-256 of all of it.
    """
    return lora_digits(metadata, tensors_sha256) if kind == "lora" else sha256[:NETWORK_DIGITS]
