"""The file that shows a picture while it appears.

Reads: a sampler's steps. Writes: preview.png, replaced in one instant and taken away at the end. Does not: draw.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint.families import Family
from imprint.generation.listening import OnGenerationStep
from imprint.generation.preview import LivePreview
from imprint.generation.samplers import SamplerStep

log = logging.getLogger(__name__)

FILE = "preview.png"


@contextmanager
def previews(
    family: Family, folder: Path, kind: Literal["off", "fast", "full"], every: int
) -> Generator[OnGenerationStep | None]:
    """A listener for `text_to_image` that keeps `preview.png` up to date, pictures of a batch side by side.

    Args:
        family: that draws.
        folder: of the pictures; made if missing.
        kind: of the previews.
        every: steps from one to the next.
    """
    if kind == "off":
        yield None
        return
    file = _PreviewFile(folder / FILE, family.latent_stride if kind == "fast" else 1)
    preview = LivePreview(family, file.show, kind, every)
    try:
        yield lambda step: preview(step.sampler)
    finally:
        file.remove()


class _PreviewFile:
    """Pictures side by side in a file. What goes wrong with it is said once and stops no drawing."""

    def __init__(self, path: Path, enlarge: int) -> None:
        self._path, self._enlarge = path, enlarge
        self._partial = path.with_name(f".{path.name}.partial")
        self._failed = False

    def show(self, step: SamplerStep, pictures: list[NDArray[np.uint8]]) -> None:
        """Replace the file."""
        if self._failed:
            return
        image = Image.fromarray(np.concatenate(pictures, axis=1))
        size = (image.width * self._enlarge, image.height * self._enlarge)
        held = io.BytesIO()
        image.resize(size, Image.Resampling.BICUBIC).save(held, "PNG", compress_level=1)
        try:
            # Without waiting for the disk, as files are written that must outlast a crash.
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._partial.write_bytes(held.getvalue())
            self._partial.replace(self._path)
        except OSError as error:
            self._failed = True
            log.warning("no more previews: %s", error)

    def remove(self) -> None:
        """Leave nothing behind."""
        for path in (self._path, self._partial):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("the preview cannot be removed: %s", error)
