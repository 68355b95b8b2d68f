"""Personalise: photos in, a chosen checkpoint with exports and a report out. The whole path of a photo.

Reads: a recipe. Writes: a run folder. Does not: contain a stage's work; it only puts stages in order and hands on
what they made. Every stage finds what an interrupted run left behind, so `resume` is the same function again.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

import tomlkit
import torch

from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import sha256_file, sha256_json, write_text
from imprint.artifacts.latent_cache import LatentCache
from imprint.artifacts.photo_set import PhotoSet
from imprint.artifacts.picture import AdapterRecord
from imprint.artifacts.run_folder import RunFolder, check_absent
from imprint.config import dump_toml, load_config
from imprint.config.files import read_toml
from imprint.dataset import add_prior, build_dataset
from imprint.errors import CheckpointError, InputError, ModelError
from imprint.evaluation import Scorecard, choose, class_prompt, save_scorecard
from imprint.families import Family
from imprint.jobs.bases import NANO, base_path, default_rates, open_base
from imprint.jobs.class_images import draw_class
from imprint.jobs.examination import SampleAndScore, draw_plan, plan, prepare_examiner, read_drawn
from imprint.jobs.machine import processor
from imprint.jobs.naming import name_advice
from imprint.jobs.progress import announce
from imprint.jobs.recipe import PersonalizeRecipe
from imprint.jobs.reporting import write_report
from imprint.jobs.run_log import RunLog
from imprint.latents import encode_dataset, picture_psnr_db, reconstruction_error
from imprint.methods import Handle, MethodState, build_method
from imprint.photos import read_photos
from imprint.training.checkpoints import CheckpointStore, Damage
from imprint.training.denoising import Denoising
from imprint.training.events import CheckpointDone
from imprint.training.loop import LoopConfig, Trainer
from imprint.training.sources import EncodedPictures
from imprint.training.stopping import StopRequest, stop_on_signals
from imprint.weights import export_method, save_state

log = logging.getLogger(__name__)

RESULT = "weights.safetensors"
MINIMUM_PHOTOS = 2
OVERHEAD_BYTES = 64 << 20  # pictures, cache and report of a small run
WITHOUT_EFFECT_ON_WEIGHTS: dict[str, Any] = {
    "photos": True, "out": True, "samples": True, "judge": True, "truth": True, "loop": {"workers", "keep_resumable"},
}
VERSIONS = ("imprint", "torch", "diffusers", "transformers", "peft", "numpy", "pillow")


@dataclass(frozen=True)
class PersonalizeResult:
    """A finished run.

    Attributes:
        run: its folder.
        scorecard: all scores, and which checkpoint was chosen.
        weights: the chosen weights as Imprint reads them.
        exports: files and folders for other tools.
        report: the page to open.
    """

    run: Path
    scorecard: Scorecard
    weights: Path
    exports: tuple[Path, ...]
    report: Path


@dataclass(frozen=True)
class _Prepared:
    """What training needs, made from photos or found in the run folder."""

    family: Family
    dataset: Dataset
    cache: LatentCache
    size_px: int


def personalize(recipe: PersonalizeRecipe) -> PersonalizeResult:
    """Teach a base the subject of some photos, score every checkpoint, keep the best.

    Args:
        recipe: what to do.
    Raises:
        InputError: if photos, name or prompts cannot be used; PhotoError if too few are good.
        ModelError: if the base is none.
        OutputError: if the run's folder exists, or cannot hold the run.
        Interrupted: after SIGINT or SIGTERM; `resume` goes on.
    """
    out = recipe.out or Path("runs") / recipe.name.replace("/", "_")
    check_absent(out)  # before anything that takes time
    photos = read_photos(recipe.photos, minimum=MINIMUM_PHOTOS)
    family = open_base(recipe.base, recipe.weights_dtype, recipe.device)
    _check_teachable(family, recipe.base)
    # Absolute, so that `resume` and `generate` work from any folder.
    base = recipe.base if recipe.base == NANO else str(base_path(recipe.base).absolute())
    full = recipe.model_copy(update={"base": base, "photos": recipe.photos.absolute(), "out": out.absolute()})
    with stop_on_signals() as stop:
        run = RunFolder.create(out, need_bytes=_need_bytes(recipe, family))
        # Written first: from here on `resume` can finish the run, whatever happens.
        write_text(run.recipe, dump_toml(full, header=f"imprint personalize, version {version('imprint')}"))
        with run.hold():
            return _finish(full, family, run, stop, photos)


def resume(path: Path) -> PersonalizeResult:
    """Go on with a run that was stopped, killed or lost its power; its result is what it would have been.

    Args:
        path: of the run folder.
    Raises: InputError: if it is no run. CheckpointError: if base or data changed since it began.
    """
    run = RunFolder.open(path)
    with stop_on_signals() as stop, run.hold():
        recipe = load_config(PersonalizeRecipe, run.recipe)
        return _finish(recipe, open_base(recipe.base, recipe.weights_dtype, recipe.device), run, stop)


def _check_teachable(family: Family, base: str) -> None:
    if family.beside_channels:
        raise ModelError(
            "an inpainting model draws, but is not taught here", where=base,
            got=f"{family.beside_channels} channels beside the latents", allowed="a text-to-image model",
            hint="teach the model that it was made from; its LoRA works on the inpainting model too",
        )  # fmt: skip


def _finish(
    recipe: PersonalizeRecipe, family: Family, run: RunFolder, stop: StopRequest, photos: PhotoSet | None = None,
) -> PersonalizeResult:
    """The whole path; each stage takes what is there already."""
    if run.lock.exists():
        _use_threads(int(read_toml(run.lock)["machine"]["threads"]))
    prepared = _prepare(recipe, family, run, stop, photos)
    identity = _lock(recipe, prepared, run)
    planned = plan(recipe, prepared.size_px)
    draw_plan(family, planned, run.samples_dir(0), recipe.samples.batch, "samples of the base", stop=stop)
    examiner = prepare_examiner(recipe, family, prepared.dataset, run)
    handle = build_method(recipe.method).inject(family, recipe.seed)
    try:
        record = AdapterRecord(name=recipe.name, kind=recipe.method.kind)
        scorer = SampleAndScore(recipe, family, run, examiner, prepared.size_px, (record,), stop)
        trainer = _train(recipe, prepared, handle, run, scorer, identity, stop)
        scores = [score for step, score in sorted(scorer.scores.items()) if step]
        chosen = choose(scores, scorer.scores[0])
        card = Scorecard(checkpoints=tuple(scores), chosen=chosen, base=scorer.scores[0], judge=recipe.judge)
        state = chosen_state(trainer, handle, run, chosen.step)
    finally:
        handle.eject()
    weights = run.result / RESULT
    save_state(weights, state)
    exports = tuple(export_method(state, family, run.result))
    save_scorecard(card, run.scorecard)
    limit = _drawing_limit(family, prepared.dataset, run)
    page = write_report(recipe, run, card, examiner, limit)
    EventLog(run.events).append("finished", step=chosen.step, weights_sha256=sha256_file(weights))
    return PersonalizeResult(run.path, card, weights, exports, page)


def _prepare(
    recipe: PersonalizeRecipe, family: Family, run: RunFolder, stop: StopRequest, photos: PhotoSet | None,
) -> _Prepared:
    size_px = recipe.size_px or family.native_px
    if not run.dataset.exists():
        photos = photos or read_photos(recipe.photos, minimum=MINIMUM_PHOTOS)
        _note(run, recipe, family, photos)
        build_dataset(
            photos, run.dataset, name=recipe.name, class_word=recipe.class_word, size_px=size_px,
            held_out=recipe.held_out,
        )
    dataset = Dataset.open(run.dataset)
    if recipe.objective.prior_weight and not dataset.indices(Role.PRIOR):
        prompt = recipe.class_images.prompt or class_prompt(recipe.class_word)
        drawn = draw_class(family, recipe.class_images, prompt, size_px, stop)
        dataset = add_prior(dataset, drawn.paths, prompt, size_px=size_px)
    cache = encode_dataset(family, dataset, run.cache, announce("encode"), flips=recipe.flip > 0)
    for warning in cache.warnings:
        log.warning("%s", warning)
    return _Prepared(family, dataset, cache, size_px)


def _note(run: RunFolder, recipe: PersonalizeRecipe, family: Family, photos: PhotoSet) -> None:
    """Tell, and keep for the report, what the user should know before it starts."""
    notes = [*(f"not used: {refusal}" for refusal in photos.refused), *photos.warnings]
    if advice := name_advice(family, recipe.name, recipe.class_word):
        notes.append(advice.warning + (f"; {advice.proposal!r} is better" if advice.proposal else ""))
    for note in notes:
        log.warning("%s", note)
        EventLog(run.events).append("warning", text=note)


def _train(
    recipe: PersonalizeRecipe, prepared: _Prepared, handle: Handle, run: RunFolder, scorer: SampleAndScore,
    identity: str, stop: StopRequest,
) -> Trainer:
    """Run the loop from where it is, and score checkpoints that were written but not scored."""
    trainable = Denoising(
        prepared.family, [handle], recipe.objective, recipe.noise,
        recipe.learning_rates or default_rates(recipe.method, prepared.family), recipe.seed,
    )
    source = EncodedPictures(
        prepared.cache, prepared.dataset.indices(Role.INSTANCE),
        prepared.dataset.indices(Role.PRIOR) if recipe.objective.prior_weight else (), recipe.seed, recipe.batch_size,
        live_text=any(name.startswith("text_encoder.") for name in handle.named_parameters()),
        caption_dropout=recipe.caption_dropout, flip=recipe.flip,
    )
    store = CheckpointStore(run.checkpoints, recipe.loop.keep_resumable)
    trainer = Trainer(trainable, recipe.loop, store, {"run": identity, "seed": recipe.seed})
    found, damaged = store.latest()
    for damage in damaged:
        log.warning("a damaged checkpoint was passed over: %s", damage)
        EventLog(run.events).append("warning", text=f"damaged checkpoint {damage}")
    if found:
        if found.state.get("run") != identity:
            raise CheckpointError(
                "this run's checkpoints were made with another base, data or recipe", where=run.checkpoints,
                hint="restore what was changed, or begin a new run",
            )
        planned = [step for step in store.steps() if step <= found.step and is_planned(step, recipe.loop)]
        _score_earlier(store, trainer, scorer, planned)
        trainer.restore(found)
        log.info("resumed at step %d of %d", found.step, recipe.loop.steps)
    trainer.run(source, [RunLog(run.events), scorer], stop)
    return trainer


def is_planned(step: int, loop: LoopConfig) -> bool:
    """Whether an uninterrupted run has this checkpoint; those written when a run was stopped are not to be scored."""
    return step % loop.checkpoint_every == 0 or step == loop.steps


def _score_earlier(
    store: CheckpointStore, trainer: Trainer, scorer: SampleAndScore, steps: Sequence[int],
) -> None:
    """Bring the scores of earlier checkpoints back, drawing what is missing."""
    for step in steps:
        if problems := store.problems(step):
            log.warning("a damaged checkpoint is left out: %s", Damage(store.path(step), problems))
            continue
        trainer.show(store.load(step))
        scorer.after_checkpoint(CheckpointDone(step, store.path(step), nullcontext))


def chosen_state(trainer: Trainer, handle: Handle, run: RunFolder, step: int) -> MethodState:
    """The method's state at a checkpoint, averaged weights where there are any; the modules hold it afterwards."""
    trainer.show(CheckpointStore(run.checkpoints).load(step))
    state = handle.state()
    return MethodState(state.kind, state.tensors, {**state.metadata, "step": str(step)})


def _lock(recipe: PersonalizeRecipe, prepared: _Prepared, run: RunFolder) -> str:
    """Write what the run was resolved to, or check it against what a resumed run was resolved to before.

    Returns: the hash of all that decides the weights.
    Raises: CheckpointError: if base or data are no longer those the run began with.
    """
    decides: dict[str, Any] = {
        "base": str(base_path(recipe.base).absolute()),
        "base_hash": prepared.family.base_hash,
        "dataset_hash": prepared.dataset.hash,
        "recipe_hash": sha256_json(recipe.model_dump(mode="json", exclude=WITHOUT_EFFECT_ON_WEIGHTS)),
    }
    identity = sha256_json({key: value for key, value in decides.items() if key != "base"})
    if run.lock.exists():
        before = read_toml(run.lock)
        changed = [key for key in ("base_hash", "dataset_hash", "recipe_hash") if before.get(key) != decides[key]]
        if changed:
            raise CheckpointError(
                f"this run cannot be gone on with: {', '.join(changed)} changed since it began", where=run.path,
                hint="restore what was changed, or begin a new run",
            )
        return identity
    rates = recipe.learning_rates or default_rates(recipe.method, prepared.family)
    lock = {**decides, "learning_rates": rates.model_dump(), "machine": _machine(), "versions": _versions()}
    write_text(run.lock, "# What the run was resolved to. Not to be edited.\n" + tomlkit.dumps(lock))
    return identity


def _machine() -> Mapping[str, Any]:
    return {"threads": torch.get_num_threads(), "python": platform.python_version(), "processor": processor()}


def _versions() -> Mapping[str, str]:
    return {name: version(name) for name in VERSIONS}


def _use_threads(count: int) -> None:
    """Sums are rounded in an order that depends on the number of threads: a resumed run keeps that of its beginning."""
    if count != torch.get_num_threads():
        log.info("using %d threads, as the run did before", count)
        torch.set_num_threads(count)


def _need_bytes(recipe: PersonalizeRecipe, family: Family) -> int:
    """An upper bound on what the run writes: checkpoints with their optimisers, the result and its export."""
    trained = build_method(recipe.method).trained_numbers(family)
    checkpoints = -(-recipe.loop.steps // recipe.loop.checkpoint_every)
    kept = trained * 4 * (2 if recipe.loop.ema else 1)
    resumable = trained * 8 * (recipe.loop.keep_resumable + 1)
    networks = (family.unet, family.text_encoder, family.vae)
    whole = sum(p.numel() * p.element_size() for network in networks for p in network.parameters())
    export = whole if recipe.method.kind == "finetune" else trained * 4
    return checkpoints * kept + resumable + trained * 4 + export + OVERHEAD_BYTES


def _drawing_limit(family: Family, dataset: Dataset, run: RunFolder) -> tuple[float, float]:
    """PSNR in dB of the photos through the autoencoder, and of pictures that the base drew itself."""
    own = read_drawn(run.samples_dir(0)).prior
    return reconstruction_error(family, dataset).mean_db, fmean(picture_psnr_db(family, picture) for picture in own)


def load_recipe(run: RunFolder) -> PersonalizeRecipe:
    """The recipe of a run.

    Raises: InputError: if the run has no result yet.
    """
    if not (run.result / RESULT).exists():
        raise InputError(
            "this run has no result yet", where=run.path, hint=f"`imprint resume {run.path}` goes on with it"
        )
    return load_config(PersonalizeRecipe, run.recipe)
