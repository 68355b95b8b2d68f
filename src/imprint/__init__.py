"""Imprint teaches Stable Diffusion a subject or a style from a folder of pictures, and draws with it.

    from imprint import GenerateRecipe, PersonalizeRecipe, generate, personalize
    result = personalize(PersonalizeRecipe(photos="photos", name="vvh vdyw", class_word="dog"))
    generate(GenerateRecipe(prompt="a pencil drawing of vvh vdyw dog in space", run=result.run))

Every name is imported when it is first used: importing the package loads nothing but the standard library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imprint.artifacts.found_record import FoundRecord, find_record
    from imprint.artifacts.picture import Picture, read_record, save_picture
    from imprint.artifacts.run_folder import RunFolder
    from imprint.dataset import build_dataset
    from imprint.errors import ImprintError
    from imprint.families import open_family
    from imprint.generation.canvas import ImageSettings, Source
    from imprint.generation.hires import Hires
    from imprint.generation.image_to_image import ImageToImage, image_to_image
    from imprint.generation.text_to_image import TextToImage, text_to_image
    from imprint.jobs.again import AgainRecipe, AgainResult, again
    from imprint.jobs.best_of.recipe import BestOf
    from imprint.jobs.generate import GenerateResult, generate
    from imprint.jobs.grid import Axis, GridRecipe, GridResult, grid
    from imprint.jobs.personalize import PersonalizeResult, personalize, resume
    from imprint.jobs.probe import ProbeRecipe, ProbeResult, TokenRecipe, TokenResult, probe, suggest_tokens
    from imprint.jobs.recipe import GenerateRecipe, PersonalizeRecipe
    from imprint.latents import encode_dataset
    from imprint.photos import read_photos

__version__ = "0.1.0"

__all__ = [
    # the main job
    "PersonalizeRecipe", "PersonalizeResult", "personalize", "resume",
    "GenerateRecipe", "GenerateResult", "generate", "BestOf",
    "AgainRecipe", "AgainResult", "again",
    "Axis", "GridRecipe", "GridResult", "grid",
    "ProbeRecipe", "ProbeResult", "probe",
    "TokenRecipe", "TokenResult", "suggest_tokens",
    # its stages, one by one
    "read_photos", "build_dataset", "open_family", "encode_dataset", "TextToImage", "text_to_image",
    "Hires", "ImageSettings", "ImageToImage", "Source", "image_to_image",
    # what they leave behind
    "Picture", "RunFolder", "read_record", "save_picture", "FoundRecord", "find_record",
    "ImprintError",
    "__version__",
]  # fmt: skip

_PLACES = {
    "AgainRecipe": "imprint.jobs.again",
    "AgainResult": "imprint.jobs.again",
    "Axis": "imprint.jobs.grid",
    "BestOf": "imprint.jobs.best_of.recipe",
    "GridRecipe": "imprint.jobs.grid",
    "GridResult": "imprint.jobs.grid",
    "grid": "imprint.jobs.grid",
    "GenerateRecipe": "imprint.jobs.recipe",
    "GenerateResult": "imprint.jobs.generate",
    "PersonalizeRecipe": "imprint.jobs.recipe",
    "PersonalizeResult": "imprint.jobs.personalize",
    "again": "imprint.jobs.again",
    "ProbeRecipe": "imprint.jobs.probe",
    "ProbeResult": "imprint.jobs.probe",
    "TokenRecipe": "imprint.jobs.probe",
    "TokenResult": "imprint.jobs.probe",
    "probe": "imprint.jobs.probe",
    "suggest_tokens": "imprint.jobs.probe",
    "personalize": "imprint.jobs.personalize",
    "resume": "imprint.jobs.personalize",
    "generate": "imprint.jobs.generate",
    "read_photos": "imprint.photos",
    "build_dataset": "imprint.dataset",
    "open_family": "imprint.families",
    "encode_dataset": "imprint.latents",
    "Hires": "imprint.generation.hires",
    "ImageSettings": "imprint.generation.canvas",
    "ImageToImage": "imprint.generation.image_to_image",
    "Source": "imprint.generation.canvas",
    "image_to_image": "imprint.generation.image_to_image",
    "TextToImage": "imprint.generation.text_to_image",
    "text_to_image": "imprint.generation.text_to_image",
    "Picture": "imprint.artifacts.picture",
    "FoundRecord": "imprint.artifacts.found_record",
    "find_record": "imprint.artifacts.found_record",
    "RunFolder": "imprint.artifacts.run_folder",
    "read_record": "imprint.artifacts.picture",
    "save_picture": "imprint.artifacts.picture",
    "ImprintError": "imprint.errors",
}


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(place), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
