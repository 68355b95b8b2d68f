"""The short hashes by which A1111 and its descendants know a file of weights.

Reads: safetensors headers, any file's bytes. Writes: nothing. Does not: load tensors or torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from imprint.artifacts.files import sha256_file
from imprint.errors import ModelError

HEADER_LIMIT_BYTES = 100 << 20  # the format's own bound
NETWORK_DIGITS = 12  # LoRA and textual inversion
MODEL_DIGITS = 10  # a base
HEX = re.compile(r"[0-9a-f]{12,64}")


def header_texts(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file; hostile: never evaluate them.

    Raises: ModelError: if the file is missing or not safetensors.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header: object = json.loads(file.read(size)) if size <= HEADER_LIMIT_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("this is no readable safetensors file", where=path, got=str(error)) from error
    texts = cast("dict[str, Any]", header).get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(texts, dict):
        raise ModelError("this is no readable safetensors file", where=path)
    return {str(key): str(value) for key, value in cast("dict[Any, Any]", texts).items()}


def lora_digits(texts: Mapping[str, str], tensors_sha256: str) -> str:
    """The digits by which A1111 knows a LoRA, from its header and its tensors.

    Those of `sshs_model_hash` in the header, true or not; without it, those of the SHA-256 of what follows the header,
    so that a changed header changes nothing. A text there that is no hash is passed over: it comes from a file, and
    would stand in the infotext of every picture.

    Args:
        texts: of the header.
        tensors_sha256: of all bytes behind the header.
    """
    claimed = texts.get("sshs_model_hash", "").lower()
    return (claimed if HEX.fullmatch(claimed) else tensors_sha256)[:NETWORK_DIGITS]


def network_hash(path: Path) -> str:
    """The hash of a LoRA in `Lora hashes`: `lora_digits`; of another kind of file, of the SHA-256 of all of it.

    Raises: ModelError: if it cannot be read, or is called safetensors and is none.
    """
    try:
        if path.suffix.lower() != ".safetensors":
            return sha256_file(path)[:NETWORK_DIGITS]
        texts = header_texts(path)
        with path.open("rb") as file:
            file.seek(8 + int.from_bytes(file.read(8), "little"))
            return lora_digits(texts, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise ModelError("the weights cannot be read", where=path, got=str(error)) from error
