"""A folder of photos, checked file by file: the good ones, and why the others are not.

Reads: one folder, not its subfolders. Writes: nothing. Does not: stop at a bad file, follow links out of the folder,
crop or resize.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imprint.artifacts.image_file import FORMATS, decode_image, read_regular
from imprint.artifacts.photo_set import Photo, PhotoSet, Refusal, printable_name
from imprint.errors import InputError, PhotoError
from imprint.photos.captions import CAPTION_LIMIT_BYTES, captions_of, is_text, read_caption

MINIMUM = 2
RECOMMENDED = (5, 20)  # fewer: pose and background are learnt with the subject; more: hardly better
MIN_SIDE_PX = 64
REFUSED_SHOWN = 20
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass
class _Findings:
    photos: list[Photo] = field(default_factory=list[Photo])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    warnings: list[str] = field(default_factory=list[str])
    seen: dict[str, Path] = field(default_factory=dict[str, Path])  # hash of the pixels -> the first that has them


def read_photos(
    folder: Path, *, minimum: int = MINIMUM, on_progress: Callable[[int, int], None] | None = None
) -> PhotoSet:
    """Read every photo of a folder and keep the good ones.

    Hidden files, files of the system and captions beside photos are passed over in silence; everything else that is no
    good photo is in `refused` with its reason, a second copy of the same picture included.

    Args:
        folder: holds the photos; subfolders are not searched.
        minimum: photos without which it is an error, >= 1.
        on_progress: called with (files done, files in all).
    Returns: at least `minimum` photos, sorted by name.
    Raises:
        InputError: if the folder is missing, unreadable or a file.
        PhotoError: if fewer than `minimum` are good; it lists the refused.
    """
    if minimum < 1:
        raise ValueError(f"minimum is {minimum}, must be >= 1")
    pictures, captions, refused = _sorted_out(folder)
    findings = _Findings(refused=refused)
    for done, path in enumerate(pictures, start=1):
        try:
            _read_one(path, captions.get(path), folder, findings)
        except PhotoError as error:
            findings.refused.append(Refusal(path, error.what))
        if on_progress is not None:
            on_progress(done, len(pictures))
    findings.refused.sort(key=lambda refusal: refusal.path)
    if len(findings.photos) < minimum:
        raise _too_few(folder, len(findings.photos), minimum, findings.refused)
    if len(findings.photos) < RECOMMENDED[0]:
        findings.warnings.append(f"{_photos(len(findings.photos))} only; {_advice()}")
    return PhotoSet(folder, tuple(findings.photos), tuple(findings.refused), tuple(findings.warnings))


def _sorted_out(folder: Path) -> tuple[list[Path], dict[Path, Path], list[Refusal]]:
    """What may be a photo, the captions of those, and what is refused by its kind alone."""
    try:
        entries = sorted(path for path in folder.iterdir() if not _is_litter(path))
        folders = {path for path in entries if path.is_dir() and not path.is_symlink()}
    except FileNotFoundError as error:
        raise InputError("there is no such folder of photos", where=folder) from error
    except NotADirectoryError as error:
        hint = f"give the folder it is in: {folder.parent}"
        raise InputError("a folder of photos is needed, this is a file", where=folder, hint=hint) from error
    except (OSError, ValueError) as error:
        raise InputError("the folder of photos cannot be read", where=folder, got=str(error)) from error
    texts = [path for path in entries if is_text(path) and path not in folders]
    pictures = [path for path in entries if not is_text(path) and path not in folders]
    captions = captions_of(texts, pictures)
    used = set(captions.values())
    refused = [Refusal(path, "a text file, and no photo has its name") for path in texts if path not in used]
    refused += [Refusal(path, "a folder; subfolders are not searched") for path in folders]
    return pictures, captions, refused


def _is_litter(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in SYSTEM_FILES


def _read_one(path: Path, caption_path: Path | None, folder: Path, findings: _Findings) -> None:
    _check_inside(path, folder)
    data = read_regular(path)
    image = decode_image(data, path, MIN_SIDE_PX)
    # Of the pixels, not the file: a copy whose EXIF block was edited is still the same photo.
    content = hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()
    if content in findings.seen:
        raise PhotoError(f"the same picture as {printable_name(findings.seen[content])}", where=path)
    findings.seen[content] = path
    caption = _caption(caption_path, folder, findings) if caption_path else None
    findings.photos.append(Photo(path, hashlib.sha256(data).hexdigest(), image.size, caption))


def _check_inside(path: Path, folder: Path) -> None:
    """Refuse a link that leaves the folder: a shared folder must not make us publish other files as training data."""
    try:
        if not path.is_symlink():
            return
        inside = path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop, before Python 3.13
        raise PhotoError("a link that leads nowhere", where=path) from error
    if not inside:
        raise PhotoError("a link to a file outside the folder", where=path)


def _caption(path: Path, folder: Path, findings: _Findings) -> str | None:
    try:
        _check_inside(path, folder)
        text, cut = read_caption(path)
    except PhotoError as error:
        findings.warnings.append(f"caption {printable_name(path)} is not used: {error.what}")
        return None
    if cut:
        findings.warnings.append(f"caption {printable_name(path)} is cut after {CAPTION_LIMIT_BYTES} bytes")
    return text or None


def _too_few(folder: Path, found: int, minimum: int, refused: Sequence[Refusal]) -> PhotoError:
    if not found and not refused:
        what = "the folder holds no photos"
    else:
        what = f"{_photos(minimum)} needed, {found} good found"
    lines = [f"  {refusal}" for refusal in refused[:REFUSED_SHOWN]]
    if len(refused) > REFUSED_SHOWN:
        lines.append(f"  … and {len(refused) - REFUSED_SHOWN} more")
    text = "\n".join([f"{what}; refused:", *lines]) if lines else what
    allowed = f"{', '.join(FORMATS)}, sides of {MIN_SIDE_PX} pixels or more"
    return PhotoError(text, where=folder, allowed=allowed, hint=_advice())


def _photos(count: int) -> str:
    return f"{count} photo" if count == 1 else f"{count} photos"


def _advice() -> str:
    return f"{RECOMMENDED[0]} to {RECOMMENDED[1]} photos are recommended, from several sides, in different places"
