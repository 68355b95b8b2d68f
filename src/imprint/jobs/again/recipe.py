"""What a user may ask of `imprint again`. Reads and writes nothing; loads no torch."""

from __future__ import annotations

from pathlib import Path

from imprint.artifacts.picture import Precision
from imprint.artifacts.picture_file import PictureFormat, Png
from imprint.config import Config


class AgainRecipe(Config):
    """Draw a picture once more, from the record in its file."""

    picture: Path
    """A PNG, JPEG or WebP with a record of Imprint, A1111, Forge or NovelAI."""
    base: str | None = None
    """The base model; left out, the one with the record's hash among "nano", the run's own and `models`."""
    any_base: bool = False
    """Draw with `base` even where it is not the one of the record."""
    models: tuple[Path, ...] = ()
    """Folders whose model folders are compared by name, then by hash; left out, those in IMPRINT_MODELS."""
    runs: tuple[Path, ...] = ()
    """Runs whose weights are compared by hash; the run that the picture lies in and those in runs/ are as well."""
    networks: tuple[Path, ...] = ()
    """Folders of the networks that the prompt names; left out, IMPRINT_NETWORKS or networks/."""
    upscalers: tuple[Path, ...] = ()
    """Folders of the models that second passes used; left out, IMPRINT_UPSCALERS or upscalers/."""
    source: Path | None = None
    """The picture that it began with; left out, the file with its name and pixels beside it or in this folder."""
    mask: Path | None = None
    """The mask of that; left out, found in the same way."""
    changes: tuple[str, ...] = ()
    """Settings that differ from the record, such as "steps=40"; on the command line `--set steps=40` is enough."""
    out: Path | None = None
    """Where the picture goes; left out, pictures/."""
    format: PictureFormat = Png()
    """The kind of file: png, jpeg or webp."""
    device: str = "cpu"
    """Where the networks are."""
    precision: Precision | None = None
    """Number format of the U-Net and the text encoder: fp32, bf16 or fp16; left out, the record's."""
