"""The same prompts and seeds at every checkpoint: drawn, kept as files, scored.

Reads: a family with or without methods on it, the photos. Writes: `samples/step-NNNNNN/`. Does not: train.

This is the listener that training is given; training itself knows neither pictures nor scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import write_json
from imprint.artifacts.picture import AdapterRecord, save_picture
from imprint.artifacts.run_folder import RunFolder
from imprint.evaluation import (
    CheckpointScore,
    Drawn,
    Examiner,
    Photos,
    TruthProbe,
    class_prompt,
    fit_truth,
    fixed_prompts,
    open_judge,
    subject_prompt,
)
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.progress import announce
from imprint.jobs.recipe import PersonalizeRecipe
from imprint.latents.pixels import as_pictures, as_tensor
from imprint.training.events import CheckpointDone, Listener, StepDone
from imprint.training.loop import autocast
from imprint.training.stopping import StopRequest

DRAWN = "drawn.json"  # written last: with it, a folder of samples is complete


@dataclass(frozen=True)
class Planned:
    """One picture of the plan: its file name and what it is asked for."""

    file_name: str
    request: TextToImage


def plan(recipe: PersonalizeRecipe, size_px: int) -> tuple[Planned, ...]:
    """Every picture that a checkpoint draws: the subject, its class without the name, and the fixed contexts."""
    options, name, word = recipe.samples, recipe.name, recipe.class_word

    def asked(kind: str, number: int, prompt: str, seed: int) -> Planned:
        request = TextToImage(
            prompt=prompt, steps=options.steps, cfg_scale=options.cfg_scale, sampler=options.sampler, seed=seed,
            width_px=size_px, height_px=size_px,
        )
        return Planned(f"{kind}-{number}.png", request)

    seeds = [options.seed + number for number in range(options.per_prompt)]
    contexts = [prompt.text for prompt in fixed_prompts(name, word)]
    return (
        *(asked("subject", n, subject_prompt(name, word), seed) for n, seed in enumerate(seeds)),
        *(asked("prior", n, class_prompt(word), seed) for n, seed in enumerate(seeds)),
        *(asked("context", n, prompt, options.seed + n) for n, prompt in enumerate(contexts)),
    )


def draw_plan(
    family: Family, planned: Sequence[Planned], folder: Path, batch: int, what: str,
    adapters: Sequence[AdapterRecord] = (), stop: StopRequest | None = None,
) -> None:
    """Draw a plan into a folder, unless it is there already.

    Raises: Interrupted: when stop was asked; the folder is then drawn again.
    """
    if (folder / DRAWN).exists():
        return
    tell = announce(what)
    pictures = text_to_image(family, [p.request for p in planned], adapters=adapters, batch=batch)
    for done, (item, picture) in enumerate(zip(planned, pictures, strict=True), 1):
        save_picture(folder / item.file_name, picture)
        tell(done, len(planned))
        if stop and done < len(planned):
            stop.raise_if_asked("while samples were drawn")
    write_json(folder / DRAWN, {p.file_name: {"prompt": p.request.prompt, "seed": p.request.seed} for p in planned})


def read_drawn(folder: Path) -> Drawn:
    """The pictures of a folder, as the examiner wants them."""
    subject, prior, context = ([pixels(path) for path in numbered(folder, kind)] for kind in KINDS)
    return Drawn(subject, [[one] for one in context], prior)


KINDS = ("subject", "prior", "context")


def numbered(folder: Path, kind: str) -> list[Path]:
    """The files of one kind, by number."""
    return sorted(folder.glob(f"{kind}-*.png"), key=lambda path: int(path.stem.rpartition("-")[2]))


def pixels(path: Path) -> NDArray[np.uint8]:
    """A picture's pixels, uint8 (H, W, 3)."""
    with Image.open(path, formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))


def prepare_examiner(recipe: PersonalizeRecipe, family: Family, dataset: Dataset, run: RunFolder) -> Examiner:
    """Look at the photos and at what the base drew; the base's samples must be there."""
    judge = open_judge(recipe.judge)
    shown = {role: [dataset.pixels(i) for i in dataset.indices(role)] for role in (Role.INSTANCE, Role.HELD_OUT)}
    truth: TruthProbe | None = None
    if recipe.truth:
        truth = fit_truth(judge, recipe.truth, through=lambda pictures: through_autoencoder(family, pictures))
    return Examiner.prepare(
        judge, Photos(shown[Role.INSTANCE], shown[Role.HELD_OUT]), fixed_prompts(recipe.name, recipe.class_word),
        read_drawn(run.samples_dir(0)), truth,
    )


def through_autoencoder(family: Family, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Pictures encoded and decoded by the family, roughly: in bfloat16, ten times faster on recent CPUs.

    For training the probe of ground truth, which must know the autoencoder's blur and not its last bits.
    """
    out: list[NDArray[np.uint8]] = []
    for start in range(0, len(pictures), 16):
        with autocast("bf16", family.device):
            moments = family.encode_image(as_tensor(pictures[start : start + 16]))
            decoded_BCHW = family.decode(moments.mean_Bchw)
        out.extend(as_pictures(decoded_BCHW))
    return out


class SampleAndScore(Listener):
    """Draws and scores every checkpoint as it comes, with the weights that will be exported.

    Args:
        recipe: what is drawn.
        family: with the methods injected.
        run: where samples go.
        examiner: prepared on the base.
        adapters: for the pictures' records.
        stop: looked at between pictures.
    """

    def __init__(
        self, recipe: PersonalizeRecipe, family: Family, run: RunFolder, examiner: Examiner, size_px: int,
        adapters: Sequence[AdapterRecord] = (), stop: StopRequest | None = None,
    ) -> None:
        self.scores: dict[int, CheckpointScore] = {0: examiner.base_score()}
        self._recipe, self._family, self._run, self._examiner = recipe, family, run, examiner
        self._plan, self._adapters, self._stop = plan(recipe, size_px), adapters, stop
        self._events = EventLog(run.events)

    def after_step(self, event: StepDone) -> None:
        """Nothing: only checkpoints are scored."""

    def after_checkpoint(self, event: CheckpointDone) -> None:
        """Draw with the averaged weights if there are any, and score."""
        folder = self._run.samples_dir(event.step)
        if not (folder / DRAWN).exists():
            with event.averaged():
                draw_plan(
                    self._family, self._plan, folder, self._recipe.samples.batch, f"samples at step {event.step}",
                    self._adapters, self._stop,
                )
        score = self._examiner.score(event.step, read_drawn(folder))
        self.scores[event.step] = score
        self._events.append("score", **score.model_dump(mode="json"))
