"""Turn photos into a captioned dataset with roles. Reads: PhotoSet. Writes: a folder. Returns: Dataset."""

from imprint.artifacts.dataset_folder import Dataset, DatasetItem, Role
from imprint.dataset.building import add_prior, build_dataset
from imprint.dataset.captions import TEMPLATES, caption_for
from imprint.dataset.splits import default_held_out, held_out_photos

__all__ = [
    "add_prior", "build_dataset",
    "Dataset", "DatasetItem", "Role",
    "caption_for", "default_held_out", "held_out_photos",
    "TEMPLATES",
]  # fmt: skip
