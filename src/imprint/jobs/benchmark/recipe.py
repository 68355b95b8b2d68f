"""What a benchmark of personalisation is asked for, and which runs that means.

Reads: files of methods. Writes: `PersonalizeRecipe`s. Does not: run them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from imprint.config import load_config
from imprint.errors import ConfigError
from imprint.generation.conditioning import GuidanceSettings
from imprint.generation.sampling import SamplerName
from imprint.jobs.bases import NANO, base_path
from imprint.jobs.recipe import PersonalizeRecipe
from imprint.methods import METHODS
from imprint.nano.world.names import SUBJECT_NAME
from imprint.nano.world.subjects import SUBJECTS

MOST_SEED = 9_999

#: The run of a method that is named and not given as a file: the same steps and class images for all of them, the
#: text encoder as well, without which a name of this base says nothing, and the learning rates that suit the method and
#: the base.
RUN = (
    "method.text_encoder=true",
    "class_images.count=24", "samples.per_prompt=4", "samples.steps=12", "loop.steps=360", "loop.checkpoint_every=90",
    "loop.ema.decay=0.97", "loop.keep_resumable=1",
)  # fmt: skip


def _known(name: str) -> str:
    if name not in SUBJECTS:
        raise ValueError(f"the world has no subject of that name; allowed: {', '.join(SUBJECTS)}")
    return name


class BenchmarkRecipe(GuidanceSettings):
    """Measure methods of personalisation on subjects whose ground truth is known."""

    methods: tuple[str, ...] = Field(default=METHODS.names(), min_length=1)
    """What is compared: names of methods, or recipes of `imprint personalize` as TOML files."""
    subjects: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(default=tuple(SUBJECTS), min_length=1)
    """Held-out individuals of the embedded world."""
    seeds: tuple[Annotated[int, Field(ge=0, le=MOST_SEED)], ...] = Field(default=(1, 2, 3), min_length=1)
    """Each is a run of its own for every method and subject; 3 give a spread that says something."""
    base: str = NANO
    """The base: "nano", which ships with the package, or the folder of one trained on the same world."""
    judge: str = "nano"
    """Who looks."""
    out: Path = Path("runs/benchmark")
    """Photos, runs and figures; what is there already is not made again."""
    photos: int = Field(default=8, ge=2, le=100)
    """Training pictures of each subject."""
    subject_pictures: int = Field(default=16, ge=2, le=1000)
    """Pictures of the subject in no particular place, for likeness, diversity and copies."""
    per_context: int = Field(default=2, ge=1, le=100)
    """Pictures of each prompt that puts the subject into a new context."""
    class_captions: int = Field(default=24, ge=1, le=1000)
    """Captions of the subject's class without its name, for what was forgotten."""
    steps: int = Field(default=25, ge=1, le=500)
    """Network calls for each picture that is measured."""
    cfg_scale: float = Field(default=4.0, ge=0, le=100)
    """How strongly prompts are followed."""
    sampler: SamplerName = "dpmpp_2m"
    """How noise becomes a picture."""
    batch: int = Field(default=8, ge=1, le=256)
    """Pictures drawn at a time."""
    keep_checkpoints: bool = False
    """Keep the checkpoints of measured runs; without them a run keeps its result, samples and report."""
    settings: tuple[str, ...] = ()
    """`path=value` settings for every run, such as "loop.steps=100"; those of `--set` are for the benchmark itself."""


def label(method: str) -> str:
    """How a method is called in folders and tables: its name, or that of its file."""
    return method if method in METHODS else Path(method).stem


def run_recipe(recipe: BenchmarkRecipe, method: str, subject: str, seed: int, photos: Path) -> PersonalizeRecipe:
    """The run of one cell.

    Raises: ConfigError: if the method is neither a registered name nor a file, or the file is no recipe.
    """
    base = recipe.base if recipe.base == NANO else str(base_path(recipe.base).absolute())
    given: dict[str, Any] = {
        "photos": photos.absolute(), "name": SUBJECT_NAME, "class_word": SUBJECTS[subject].class_word, "truth": subject,
        "base": base, "judge": recipe.judge, "seed": seed, "out": cell_folder(recipe, method, subject, seed).absolute(),
    }  # fmt: skip
    if method in METHODS:
        return load_config(PersonalizeRecipe, None, (f"method.kind={method}", *RUN, *recipe.settings), given)
    if not Path(method).is_file():
        raise ConfigError(
            "there is no method and no file of that name", where="methods", got=method,
            allowed=f"{', '.join(METHODS.names())}, or a recipe in TOML",
        )  # fmt: skip
    return load_config(PersonalizeRecipe, Path(method), recipe.settings, given)


def cell_folder(recipe: BenchmarkRecipe, method: str, subject: str, seed: int) -> Path:
    """The folder of one cell's run; its figures lie beside it with the suffix .json."""
    return recipe.out / label(method) / subject / f"seed-{seed}"
