"""A dataset on disk: pictures of one size or several, each with its text and role, as a Hugging Face imagefolder.

Reads: metadata.jsonl and the pictures. Writes: metadata.jsonl. Does not: choose captions, crop, or follow a name or a
link out of its folder.

One line of metadata.jsonl: {"file_name": "instance/0000.png", "text": "a photo of zkz dog", "role": "instance",
"sha256": "…", "source": "IMG_1.jpg"}. Only file_name and text must be there, so any captioned imagefolder opens.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, cast

from imprint.artifacts.files import sha256_json, write_text
from imprint.artifacts.image_file import check_header, decode_image, read_regular
from imprint.artifacts.picture import clean_text
from imprint.errors import DatasetError, PhotoError, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METADATA: Final = "metadata.jsonl"
METADATA_LIMIT_BYTES: Final = 256 << 20
LINE_LIMIT_BYTES: Final = 64 << 10
TEXT_LIMIT_BYTES: Final = 4096  # as for captions beside photos
PROBLEMS_SHOWN: Final = 20
_OUTSIDE: Final = "file_name does not stay inside the folder"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Role(enum.StrEnum):
    """What a picture is for."""

    INSTANCE = "instance"
    """Shows the subject or style; trained on."""
    PRIOR = "prior"
    """Drawn by the base for the class; trained on so that the class is not forgotten."""
    HELD_OUT = "held_out"
    """Shows the subject; never trained on, only compared with."""


@dataclass(frozen=True)
class DatasetItem:
    """One picture.

    Attributes:
        file_name: relative to the folder, with slashes.
        text: the caption it is trained with.
        role: what it is for.
        sha256: of the file's bytes.
        source: name of the file that it was made from, or "".
    """

    file_name: str
    text: str
    role: Role
    sha256: str
    source: str = ""

    def line(self) -> str:
        """Its line of metadata.jsonl, without the newline."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Dataset:
    """A folder of captioned pictures, checked when opened.

    Attributes:
        folder: where it is.
        items: in the order of metadata.jsonl; their numbers are those of the latent cache.
    """

    folder: Path
    items: tuple[DatasetItem, ...]

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Read metadata.jsonl and check every line and every picture it names.

        Raises: DatasetError: listing all problems, each with its line.
        """
        problems: list[str] = []
        items: list[DatasetItem] = []
        for number, line in _lines(folder):
            try:
                items.append(_checked_item(line, folder))
            except ValueError as error:
                problems.append(f"line {number}: {error}")
        seen: set[str] = set()
        for item in items:
            if item.file_name in seen:
                problems.append(f"{item.file_name!r} is there more than once")
            seen.add(item.file_name)
        if problems:
            raise _damaged(folder / METADATA, problems)
        if not items:
            raise DatasetError("the dataset holds no pictures", where=folder / METADATA)
        return cls(folder, tuple(items))

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[DatasetItem]:
        return iter(self.items)

    @property
    def hash(self) -> str:
        """One hash for pictures, texts, roles and order; it changes with anything that training sees."""
        return sha256_json([[item.sha256, item.text, item.role] for item in self.items])

    def indices(self, *roles: Role) -> tuple[int, ...]:
        """Numbers of the items in one of these roles, rising."""
        return tuple(index for index, item in enumerate(self.items) if item.role in roles)

    def path(self, index: int) -> Path:
        """The file of an item."""
        return self.folder / self.items[index].file_name

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Decode one picture: RGB, uint8 of shape (H, W, 3).

        Raises: PhotoError: if it is damaged, or no longer the one that was checked.
        """
        import numpy as np

        path = self.path(index)
        data = read_regular(path)
        if hashlib.sha256(data).hexdigest() != self.items[index].sha256:
            raise PhotoError("the picture was changed since the dataset was opened", where=path)
        return np.array(decode_image(data, path))


def write_metadata(folder: Path, items: Sequence[DatasetItem]) -> None:
    """Replace metadata.jsonl in one instant."""
    write_text(folder / METADATA, "".join(item.line() + "\n" for item in items))


def _lines(folder: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, bytes) of every line that is not blank."""
    path = folder / METADATA
    try:
        data = read_regular(path, METADATA_LIMIT_BYTES)
    except PhotoError as error:
        hint = f"a dataset is a folder with {METADATA} and the pictures it names"
        raise DatasetError(f"this is no dataset: {error.what}", where=path, hint=hint) from error
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _checked_item(line: bytes, folder: Path) -> DatasetItem:
    """One line, and the picture that it names. Raises: ValueError: the problem in words."""
    row = _row(line)
    file_name, text = _text(row, "file_name"), _text(row, "text")
    role = row.get("role", Role.INSTANCE.value)
    if not isinstance(role, str) or role not in set(Role):
        raise ValueError(f"role {shortened(role, 40)} is none of {', '.join(Role)}")
    if len(text.encode("utf-8", "replace")) > TEXT_LIMIT_BYTES:
        raise ValueError(f"text is longer than {TEXT_LIMIT_BYTES} bytes")
    try:
        data = read_regular(_inside(file_name, folder))
        check_header(data, Path(file_name))
    except PhotoError as error:
        raise ValueError(f"{file_name!r}: {error.what}") from error
    sha256 = hashlib.sha256(data).hexdigest()
    recorded = row.get("sha256", sha256)
    if not isinstance(recorded, str) or not _SHA256.fullmatch(recorded):
        raise ValueError("sha256 is not 64 hexadecimal digits")
    if recorded != sha256:
        raise ValueError(
            f"{file_name!r} is not the picture that was written (its hash differs); "
            "to accept it as it is, remove sha256 from this line"
        )
    source = _text(row, "source") if "source" in row else ""
    return DatasetItem(file_name, clean_text(text), Role(role), sha256, clean_text(source))


def _row(line: bytes) -> dict[str, object]:
    if len(line) > LINE_LIMIT_BYTES:
        raise ValueError(f"the line is longer than {LINE_LIMIT_BYTES >> 10} kB")
    try:
        row: object = json.loads(line.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError as error:
        raise ValueError("the line is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at column {error.colno})") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(row, dict):
        raise ValueError("not a JSON object in braces")
    return cast("dict[str, object]", row)


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key is there twice")
    return row


def _text(row: dict[str, object], key: str) -> str:
    if key not in row:
        raise ValueError(f"{key} is missing")
    value = row[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text: {shortened(value, 40)}")
    return value


def _inside(file_name: str, folder: Path) -> Path:
    """The path of a file, which must lie inside the folder, links included.

    A name is judged before the disk is looked at, in words that do not tell whether a file outside exists.
    """
    path = PurePosixPath(file_name)
    foreign = any(sign in file_name for sign in "\\:\0\n\r")  # Windows separators, drives and streams, line ends
    if not file_name or foreign or path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{_OUTSIDE}: {shortened(file_name, 80)}")
    full = folder / path
    try:
        resolved = full.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"file_name leads nowhere: {shortened(file_name, 80)}") from error
    if not resolved.is_relative_to(folder.resolve()):
        raise ValueError(f"{_OUTSIDE}: {shortened(file_name, 80)}")
    return full


def _damaged(path: Path, problems: list[str]) -> DatasetError:
    lines = [f"  {problem}" for problem in problems[:PROBLEMS_SHOWN]]
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"  … and {len(problems) - PROBLEMS_SHOWN} more")
    return DatasetError("\n".join([f"{len(problems)} problem(s)", *lines]), where=path)
