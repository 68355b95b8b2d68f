"""Read, orient, check and deduplicate a folder of photos. Reads: pictures. Writes: nothing. Returns: PhotoSet."""

from imprint.artifacts.photo_set import Photo, PhotoSet, Refusal
from imprint.photos.captions import CAPTION_LIMIT_BYTES, clean_caption
from imprint.photos.reading import MINIMUM, RECOMMENDED, read_photos

__all__ = [
    "read_photos",
    "Photo", "PhotoSet", "Refusal",
    "clean_caption",
    "CAPTION_LIMIT_BYTES", "MINIMUM", "RECOMMENDED",
]  # fmt: skip
