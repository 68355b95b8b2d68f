"""Class images for prior preservation: drawn once by the untouched base, kept for every later run.

Reads: a family. Writes: PNG files in the user's cache, by the hash of what decides them. Does not: train.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.cache import cache_folder
from imprint.artifacts.files import sha256_json
from imprint.artifacts.image_file import decode_image, read_regular
from imprint.artifacts.picture import read_record, save_picture
from imprint.errors import InputError
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.progress import announce
from imprint.jobs.recipe import ClassImages
from imprint.training.stopping import StopRequest

GROUP = 8  # drawn together


@dataclass(frozen=True)
class DrawnClass:
    """Where the class images are, and what they were drawn with."""

    paths: tuple[Path, ...]
    prompt: str
    reused: int


def draw_class(
    family: Family, options: ClassImages, prompt: str, size_px: int, stop: StopRequest | None = None,
    folder: Path | None = None,
) -> DrawnClass:
    """Draw the class images that are not there yet.

    Args:
        family: the base, with no method injected.
        options: how many, and how they are drawn.
        prompt: what they are drawn with.
        size_px: their side.
        stop: looked at between pictures.
        folder: of the cache; left out, the user's.
    Raises: Interrupted: when stop was asked; the pictures so far are kept.
    """
    key = sha256_json({
        "base": family.base_hash, "prompt": prompt, "size": size_px, "steps": options.steps, "cfg": options.cfg_scale,
        "sampler": options.sampler, "dtype": str(family.dtype), "device": family.device.type,
    })
    place = (folder or cache_folder("class-images")) / key[:24]
    paths = [place / f"{options.seed + number:012d}.png" for number in range(options.count)]
    missing = [number for number, path in enumerate(paths) if not _whole(path, family.base_hash)]
    tell = announce("class images")
    for group in sorted({number // GROUP for number in missing}):
        # Always the same pictures together: a batch decides their last bits, and a killed run must end the same.
        numbers = range(group * GROUP, (group + 1) * GROUP)
        requests = [
            TextToImage(
                prompt=prompt, steps=options.steps, cfg_scale=options.cfg_scale, sampler=options.sampler,
                seed=options.seed + number, width_px=size_px, height_px=size_px,
            )
            for number in numbers
        ]
        for request, picture in zip(requests, text_to_image(family, requests, batch=GROUP), strict=True):
            save_picture(place / f"{request.seed:012d}.png", picture)
        tell(min(numbers.stop, len(paths)), len(paths))
        if stop:
            stop.raise_if_asked("while class images were drawn")
    return DrawnClass(tuple(paths), prompt, len(paths) - len(missing))


def _whole(path: Path, base_hash: str) -> bool:
    """Whether a cached picture is there, can be read to its end and says of itself that it is of this base."""
    try:
        if not path.is_file() or read_record(path).base != base_hash:
            return False
        decode_image(read_regular(path), path)
        return True
    except InputError:
        return False
