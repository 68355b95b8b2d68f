"""Photos cut to squares, captioned, split and written as an imagefolder; class pictures added to it.

Reads: photos and class pictures. Writes: the dataset's folder. Does not: generate class pictures; `jobs` brings them.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image

from imprint.artifacts.dataset_folder import Dataset, DatasetItem, Role, write_metadata
from imprint.artifacts.files import atomic_folder
from imprint.artifacts.image_file import decode_image, read_regular
from imprint.artifacts.photo_set import PhotoSet, printable_name
from imprint.dataset.captions import caption_for
from imprint.dataset.splits import held_out_photos
from imprint.dataset.squares import bare_png, square
from imprint.errors import DatasetError, OutputError
from imprint.photos.captions import clean_caption

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ClassPicture: TypeAlias = "Path | NDArray[np.uint8]"  # a file, or pixels of shape (H, W, 3)


def build_dataset(
    photos: PhotoSet, folder: Path, *, name: str, class_word: str, size_px: int, held_out: int | None = None
) -> Dataset:
    """Write the dataset of one subject.

    The pictures are new PNG files: what cameras write beside the pixels (place, time, owner) is not in them.

    Args:
        photos: at least one.
        folder: must not exist; appears complete or not at all.
        name: what the subject is to be called.
        class_word: what it is ("dog"), or "".
        size_px: side of the squares, a multiple of the family's latent stride.
        held_out: photos kept from training; None for 1 of 5 or more, 2 of 10 or more.
    Returns: the dataset as read back from disk: instance and held-out pictures in the order of the photos.
    Raises:
        OutputError: if the folder exists or cannot be written.
        DatasetError: if no photo would be left to train on.
        PhotoError: if a photo changed since it was read.
        PromptError: if the name cannot be used.
    """
    held = held_out_photos([photo.sha256 for photo in photos], held_out)
    captions = [caption_for(index, name, class_word, photo.caption) for index, photo in enumerate(photos)]
    if folder.exists():
        raise OutputError("the dataset's folder exists already", where=folder, hint="open it, or choose another")
    counts = dict.fromkeys(Role, 0)
    with _written(folder), atomic_folder(folder) as partial:
        items: list[DatasetItem] = []
        for index, (photo, caption) in enumerate(zip(photos, captions, strict=True)):
            role = Role.HELD_OUT if index in held else Role.INSTANCE
            file_name = f"{role}/{counts[role]:04d}.png"
            counts[role] += 1
            sha256 = _write_square(partial / file_name, photo.pixels(), size_px)
            items.append(DatasetItem(file_name, caption, role, sha256, printable_name(photo.path)))
        write_metadata(partial, items)
    return Dataset.open(folder)


def add_prior(dataset: Dataset, pictures: Iterable[ClassPicture], prompt: str, *, size_px: int) -> Dataset:
    """Put class pictures into a dataset, in place of those it had.

    Killed at any moment, it leaves a dataset with the old ones or with none, which opens; run again, it ends the same.

    Args:
        dataset: gets the pictures under `prior/`, after its other items.
        pictures: files or pixels, in an order that is part of the dataset.
        prompt: what they were generated with; their caption.
        size_px: side of the squares, as in `build_dataset`.
    Returns: the dataset as read back from disk.
    Raises:
        PhotoError: if a file is no picture.
        OutputError: if the folder cannot be written.
        DatasetError: if there are no pictures.
    """
    caption = clean_caption(prompt)
    folder = dataset.folder / Role.PRIOR
    kept = [item for item in dataset if item.role is not Role.PRIOR]
    if any(item.file_name.startswith(f"{Role.PRIOR}/") for item in kept):
        raise DatasetError("pictures in another role lie in the folder for class pictures", where=folder)
    with _written(dataset.folder):
        if len(kept) < len(dataset):
            write_metadata(dataset.folder, kept)  # first: metadata must never name a file that is gone
        shutil.rmtree(folder, ignore_errors=True)
        added: list[DatasetItem] = []
        with atomic_folder(folder) as partial:
            for index, picture in enumerate(pictures):
                image, source = _read(picture)
                file_name = f"{index:04d}.png"
                sha256 = _write_square(partial / file_name, image, size_px)
                added.append(DatasetItem(f"{Role.PRIOR}/{file_name}", caption, Role.PRIOR, sha256, source))
            if not added:
                raise DatasetError("no class pictures were given", where=folder)
        write_metadata(dataset.folder, [*kept, *added])
    return Dataset.open(dataset.folder)


def _read(picture: ClassPicture) -> tuple[Image.Image, str]:
    if isinstance(picture, Path):
        return decode_image(read_regular(picture), picture), printable_name(picture)
    return Image.fromarray(picture), ""


def _write_square(path: Path, image: Image.Image, size_px: int) -> str:
    """Returns: SHA-256 of the file."""
    data = bare_png(square(image, size_px))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)  # the folder around it is synced and renamed as a whole
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _written(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError("the dataset cannot be written", where=folder, got=error.strerror or str(error)) from error
