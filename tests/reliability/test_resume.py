"""A run stopped after any step and gone on with in fresh modules ends with the same bytes."""

from __future__ import annotations

import functools
import hashlib
import tempfile
from pathlib import Path

import pytest

from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.artifacts.latent_cache import LatentCache
from imprint.config import load_config
from imprint.dataset import add_prior, build_dataset
from imprint.errors import Interrupted
from imprint.latents import encode_dataset
from imprint.methods import Finetune, Lora, build_method
from imprint.photos import read_photos
from imprint.training.checkpoints import Checkpoint, CheckpointStore
from imprint.training.denoising import Denoising, LearningRates, NoiseOptions
from imprint.training.loop import LoopConfig, Trainer
from imprint.training.objectives import Plain, PriorPreservation
from imprint.training.sources import EncodedPictures
from imprint.training.stopping import StopRequest
from make import photo_folder, tiny_family

pytestmark = pytest.mark.reliability

STEPS = 8
LOOP = ("checkpoint_every=1", f"keep_resumable={STEPS}", "schedule.kind=cosine", "schedule.warmup=2")
EMA = ("ema.decay=0.9",)
LORA = Lora(rank=2, dropout=0.2)
WHOLE = Finetune(layers="cross_attention", text_encoder=True)


@functools.cache
def data() -> tuple[Dataset, LatentCache]:
    folder = Path(tempfile.mkdtemp(prefix="imprint-resume-"))
    photos = read_photos(photo_folder(folder / "photos", 5))
    dataset = build_dataset(photos, folder / "dataset", name="zkz", class_word="dog", size_px=32)
    pictures = sorted(photo_folder(folder / "prior", 3).iterdir())
    dataset = add_prior(dataset, pictures, "a photo of a dog", size_px=32)
    return dataset, encode_dataset(tiny_family(), dataset, folder / "cache", flips=True)


def fresh(folder: Path, method: Lora | Finetune, objective: Plain | PriorPreservation, loop: LoopConfig) -> Trainer:
    """A trainer on a newly opened base."""
    family = tiny_family()
    handle = build_method(method).inject(family, 0)
    rates = LearningRates(unet=1e-2, text_encoder=1e-3)
    denoising = Denoising(family, [handle], objective, NoiseOptions(min_snr_gamma=5, offset=0.1), rates, 0)
    return Trainer(denoising, loop, CheckpointStore(folder, loop.keep_resumable))


def source(method: Lora | Finetune, objective: Plain | PriorPreservation) -> EncodedPictures:
    dataset, cache = data()
    prior = dataset.indices(Role.PRIOR) if objective.prior_weight else ()
    return EncodedPictures(
        cache, dataset.indices(Role.INSTANCE), prior, seed=0, batch_size=2, live_text=method.text_encoder,
        caption_dropout=0.3, flip=0.5,
    )


def sha256(checkpoint: Checkpoint) -> str:
    """Of weights, averages and optimiser together."""
    hash_ = hashlib.sha256()
    for part in (checkpoint.weights, checkpoint.ema, checkpoint.optimiser):
        for name in sorted(part):
            hash_.update(name.encode() + part[name].detach().numpy().tobytes())
    return hash_.hexdigest()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("ema", [(), EMA], ids=["plain weights", "averaged"])
@pytest.mark.parametrize("objective", [Plain(), PriorPreservation(weight=0.7)], ids=["plain", "prior"])
@pytest.mark.parametrize("method", [LORA, WHOLE], ids=["lora", "finetune"])
def test_stopped_after_every_step_it_ends_the_same(
    tmp_path: Path, method: Lora | Finetune, objective: Plain | PriorPreservation, ema: tuple[str, ...], workers: int,
) -> None:
    loop = load_config(LoopConfig, sets=(*LOOP, *ema, f"steps={STEPS}", f"workers={workers}"))
    whole = fresh(tmp_path / "whole", method, objective, loop)
    whole.run(source(method, objective))
    part = whole
    for step in range(STEPS):  # fresh modules for every single step
        part = fresh(tmp_path / "parts", method, objective, loop)
        go_one_step_from(part, step, method, objective)
    assert sha256(part.checkpoint()) == sha256(whole.checkpoint())


def go_one_step_from(
    trainer: Trainer, step: int, method: Lora | Finetune, objective: Plain | PriorPreservation,
) -> None:
    """Restore what the step left, and train one more."""
    assert trainer.store is not None
    found, damaged = trainer.store.latest()
    assert (found.step if found else 0, damaged) == (step, [])
    if found:
        trainer.restore(found)
    stop = StopRequest()
    stop.ask()
    with pytest.raises(Interrupted):
        trainer.run(source(method, objective), (), stop)


@pytest.mark.parametrize("step", range(1, STEPS))
def test_from_any_step_to_the_end_is_the_same(tmp_path: Path, step: int) -> None:
    objective, loop = PriorPreservation(), load_config(LoopConfig, sets=(*LOOP, *EMA, f"steps={STEPS}"))
    whole, rest = (fresh(tmp_path, LORA, objective, loop) for _ in range(2))
    whole.run(source(LORA, objective))
    assert whole.store is not None
    rest.restore(whole.store.load(step))
    rest.run(source(LORA, objective))
    assert sha256(rest.checkpoint()) == sha256(whole.checkpoint())
