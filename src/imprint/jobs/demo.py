"""The main job in three minutes: photos of an individual that the embedded base has never seen.

Reads: the world, the shipped base. Writes: photos and a run under `runs/`. Does not: download anything.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

from PIL import Image

from imprint.artifacts.dataset_folder import Role
from imprint.artifacts.run_folder import RunFolder
from imprint.jobs.examination import numbered, pixels
from imprint.jobs.personalize import PersonalizeResult, personalize
from imprint.jobs.recipe import ClassImages, PersonalizeRecipe, Samples
from imprint.methods import Lora
from imprint.nano.world.names import SUBJECT_NAME
from imprint.nano.world.render import render
from imprint.nano.world.subjects import SUBJECTS, subject_spec
from imprint.training.denoising import LearningRates
from imprint.training.ema import Ema
from imprint.training.loop import LoopConfig

SUBJECT = "biscuit"
PHOTOS = 8
FIRST_SEED = 100


def render_photos(subject: str, folder: Path, number: int = PHOTOS, first_seed: int = FIRST_SEED) -> Path:
    """Photos of an individual of the world, in any pose and scene, as a user would take them.

    Args:
        subject: its name in the world.
        folder: made, with photo-00.png and so on.
        number: how many.
        first_seed: decides poses and scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        pixels = render(subject_spec(subject, first_seed + index, style="photo"))
        Image.fromarray(pixels).save(folder / f"photo-{index:02d}.png")
    return folder


def demo_recipe(photos: Path, out: Path, subject: str = SUBJECT) -> PersonalizeRecipe:
    """What the demo asks for: a LoRA with prior preservation, short enough for three minutes on two cores.

    The text encoder learns as well: only it can tell the named prompt from that of the class so soon (docs/lab-log.md).
    """
    return PersonalizeRecipe(
        photos=photos, name=SUBJECT_NAME, class_word=SUBJECTS[subject].class_word, out=out, truth=subject,
        class_images=ClassImages(count=24), samples=Samples(per_prompt=4, steps=12), seed=1,
        method=Lora(rank=16, alpha=16, text_encoder=True),
        # Large steps, averaged: without the average one checkpoint is worse than the one before (docs/lab-log.md).
        learning_rates=LearningRates(unet=2e-3, text_encoder=3e-3),
        loop=LoopConfig(steps=300, checkpoint_every=75, ema=Ema(decay=0.97)),
    )


def demo(out: Path | None = None) -> PersonalizeResult:
    """Teach the embedded base a held-out subject of its world, with ground truth.

    Args:
        out: the run's folder; left out, runs/demo or the next free runs/demo-N.
    Raises: OutputError: if `out` exists.
    """
    place = out or free_folder(Path("runs"), "demo")
    photos = render_photos(SUBJECT, place.with_name(place.name + "-photos"))
    result = personalize(demo_recipe(photos, place))
    write_strip(RunFolder(result.run), result.scorecard.chosen.step)
    return result


def write_strip(run: RunFolder, step: int, shown: int = 4, gap_px: int = 12) -> Path:
    """Some photos above, what the chosen checkpoint drew in new contexts below. Returns: `report/strip.png`."""
    photos = sorted((run.dataset / Role.INSTANCE).glob("*.png"))[:shown]
    rows = [[pixels(path) for path in row] for row in (photos, numbered(run.samples_dir(step), "context")[:shown])]
    side = len(rows[0][0])
    page = Image.new("RGB", (shown * side, 2 * side + gap_px), (255, 255, 255))
    for number, row in enumerate(rows):
        for column, picture in enumerate(row):
            page.paste(Image.fromarray(picture), (column * side, number * (side + gap_px)))
    path = run.report / "strip.png"
    page.save(path)
    return path


def free_folder(parent: Path, name: str) -> Path:
    """`parent/name`, or the first of `name-2`, `name-3`, ... that does not exist."""
    candidates = (parent / (name if number == 1 else f"{name}-{number}") for number in count(1))
    return next(path for path in candidates if not path.exists())
