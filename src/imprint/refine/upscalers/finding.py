"""Models of upscalers in some folders, by the names that people and clients use for them.

Reads: folders. Writes: nothing. Does not: open files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from imprint.artifacts.found_files import files_below
from imprint.errors import ModelError, UnknownNameError
from imprint.registry import nearest
from imprint.weights.pickles import ALL_SUFFIXES

ENDINGS = (".safetensors", *ALL_SUFFIXES)

#: A1111's titles of models that it downloads, and the names under which their authors publish the files.
PUBLISHED_AS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "R-ESRGAN 4x+": ("RealESRGAN_x4plus",),
    "R-ESRGAN 4x+ Anime6B": ("RealESRGAN_x4plus_anime_6B",),
    "ESRGAN_4x": ("ESRGAN",),
    "SwinIR_4x": ("003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN",),
    "ScuNET": ("scunet_color_real_psnr", "scunet_color_real_gan"),
    "DAT x2": ("DAT_x2",), "DAT x3": ("DAT_x3",), "DAT x4": ("DAT_x4",),
})  # fmt: skip


@dataclass(frozen=True)
class UpscalerFile:
    """A file that may be a model of an upscaler.

    Attributes:
        name: of the file, without its ending.
        spelling: the path below its folder, without the ending.
        path: all links followed.
    """

    name: str
    spelling: str
    path: Path


def upscaler_files(folders: Sequence[Path]) -> tuple[UpscalerFile, ...]:
    """Every file in some folders, and all below them, that may be a model; by name.

    Raises: ModelError: if a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            hint = "make it, name another, or say in IMPRINT_UPSCALERS where yours are"
            raise ModelError("there is no such folder of upscalers", where=folder, hint=hint)
    found = [
        UpscalerFile(path.stem, (path.parent.relative_to(folder) / path.stem).as_posix(), path.resolve())
        for folder, path in files_below(folders, ENDINGS)
        if path.is_file()
    ]
    return tuple(sorted(found, key=lambda file: (file.spelling.lower(), file.path)))


def find_upscaler_file(word: str, folders: Sequence[Path], others: Sequence[str] = ()) -> UpscalerFile:
    """The model that a word means.

    That is a file's name with or without its ending, as much of its path before it as is given, or A1111's title of a
    published model; in other capitals where none is written exactly so. Of a pickle and a safetensors file beside each
    other with one name, the latter is meant. A word never leads out of the folders.

    Args:
        word: from a recipe or a client.
        folders: searched with all below them.
        others: further names that could have been meant, for the error.
    Raises: UnknownNameError: if there is none, naming the nearest; ModelError: if several have that name, or a folder
        does not exist.
    """
    files = upscaler_files(folders)
    published = next((names for title, names in PUBLISHED_AS.items() if title.lower() == word.lower()), ())
    for wanted in (word, *published):
        exact = [file for file in files if wanted in _spellings(file)]
        lower = [file for file in files if wanted.lower() in map(str.lower, _spellings(file))]
        if exact or lower:
            return _only(word, exact or lower)
    near = nearest(word, [*others, *PUBLISHED_AS, *(file.name for file in files)])
    where = " or ".join(map(str, folders)) or "upscalers/"
    put = (
        f"put {published[0] if published else 'a model of that name'} (.safetensors, .pth) into {where}, "
        "or name its folder in `upscalers` or IMPRINT_UPSCALERS"
    )
    raise UnknownNameError(
        "there is no upscaler of that name", where=", ".join(map(str, folders)), got=word, allowed=", ".join(others),
        hint=f"did you mean `{near}`?" if near and not published else put,
    )  # fmt: skip


def _spellings(file: UpscalerFile) -> list[str]:
    """Every end of its path at a slash, with and without the ending."""
    parts = file.spelling.split("/")
    ends = ["/".join(parts[number:]) for number in range(len(parts))]
    return [*ends, *(end + file.path.suffix for end in ends)]


def _only(word: str, tried: Sequence[UpscalerFile]) -> UpscalerFile:
    """The one file, or the safetensors file among those of one spelling."""
    if len({file.spelling for file in tried}) == 1:
        safe = [file for file in tried if file.path.suffix.lower() == ".safetensors"]
        tried = safe or tried
    if len(tried) > 1:
        raise ModelError(
            "several upscalers have that name", got=word, allowed=", ".join(str(file.path) for file in tried),
            hint="give more of the path, or the ending",
        )  # fmt: skip
    return tried[0]
