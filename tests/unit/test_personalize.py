"""The main job on the tiny base: what it leaves, what it refuses, and what it takes up again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import load_tensors, sha256_file
from imprint.artifacts.picture import read_record
from imprint.artifacts.run_folder import RunFolder
from imprint.config import dump_toml, load_config
from imprint.errors import CheckpointError, ConfigError, ImprintError, ModelError, OutputError, PhotoError
from imprint.families import open_family
from imprint.jobs import personalize as job
from imprint.jobs.class_images import draw_class
from imprint.jobs.generate import generate
from imprint.jobs.personalize import PersonalizeResult, personalize, resume
from imprint.jobs.recipe import ClassImages, GenerateRecipe, PersonalizeRecipe
from imprint.methods import METHODS
from imprint.training.checkpoints import CheckpointStore
from make import photo_folder, tiny_base, tiny_family
from tiny_run import tiny_recipe

pytestmark = pytest.mark.unit

SHORT = {"loop__steps": 2, "samples__per_prompt": 2, "class_images__count": 2}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PersonalizeResult:
    """One finished run; tests only read it."""
    return personalize(tiny_recipe(tmp_path_factory.mktemp("finished")))


@pytest.fixture
def copied(finished: PersonalizeResult, tmp_path: Path) -> RunFolder:
    """A copy of it, to be changed."""
    return RunFolder(shutil.copytree(finished.run, tmp_path / "copy"))


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def end(run: Path) -> str:
    """Hash of the last checkpoint, whichever was chosen."""
    last = max((run / "checkpoints").iterdir())
    return json.loads((last / "manifest.json").read_text())["sha256"]["weights.safetensors"]


# What a run leaves


def test_a_run_leaves_everything_in_its_place(finished: PersonalizeResult) -> None:
    run = RunFolder(finished.run)
    assert finished.weights == run.result / "weights.safetensors"
    assert [path.name for path in finished.exports] == ["pytorch_lora_weights.safetensors"]
    assert finished.report == run.page
    assert all(path.exists() for path in (finished.weights, *finished.exports, run.page, run.scorecard))
    assert [path.name for path in sorted(run.checkpoints.iterdir())] == [f"step-{n:06d}" for n in (2, 4, 6, 8)]
    assert not list(run.path.rglob("*.partial"))


def test_the_recipe_in_the_run_is_the_one_that_was_run(finished: PersonalizeResult) -> None:
    kept = load_config(PersonalizeRecipe, finished.run / "recipe.toml")
    assert kept.out == finished.run
    again = tiny_recipe(finished.run.parent)
    assert kept == again


def test_the_lock_says_what_the_run_was_resolved_to(finished: PersonalizeResult) -> None:
    lock = tomllib.loads((finished.run / "run.lock.toml").read_text())
    assert lock["base_hash"] == tiny_family().base_hash
    assert lock["dataset_hash"] == Dataset.open(finished.run / "dataset").hash
    assert lock["learning_rates"]["unet"] > 0
    assert lock["machine"]["threads"] >= 1
    assert {"imprint", "torch", "diffusers", "peft"} <= lock["versions"].keys()


def test_the_dataset_has_every_role(finished: PersonalizeResult) -> None:
    dataset = Dataset.open(finished.run / "dataset")
    assert [len(dataset.indices(role)) for role in (Role.INSTANCE, Role.HELD_OUT, Role.PRIOR)] == [4, 1, 9]


def test_events_tell_the_story(finished: PersonalizeResult) -> None:
    log = EventLog(finished.run / "events.jsonl")
    assert [event.step for event in log.read("checkpoint")] == [2, 4, 6, 8]
    assert [event.step for event in log.read("score")] == [2, 4, 6, 8]
    assert [event.step for event in log.read("step")] == [5, 8]
    assert {"loss", "instance", "prior", "learning_rate", "gradient_norm"} <= log.read("step")[0].fields.keys()
    (last,) = log.read("finished")
    assert last.fields["weights_sha256"] == sha256_file(finished.weights)


def test_the_scorecard_has_every_checkpoint_the_base_and_the_choice(finished: PersonalizeResult) -> None:
    card = json.loads((finished.run / "report" / "scorecard.json").read_text())
    assert [score["step"] for score in card["checkpoints"]] == [2, 4, 6, 8]
    assert card["base"]["step"] == 0
    assert card["chosen"]["step"] == finished.scorecard.chosen.step
    assert card["chosen"]["why"]
    assert card["judge"] == "grid"


def test_every_checkpoint_draws_the_same_prompts_and_seeds_with_records(finished: PersonalizeResult) -> None:
    run = RunFolder(finished.run)
    asked = [
        {path.name: read_record(path).model_copy(update={"adapters": ()}) for path in run.samples_dir(n).glob("*.png")}
        for n in (0, 2, 8)
    ]
    assert asked[0] == asked[1] == asked[2]
    assert {name.split("-")[0] for name in asked[0]} == {"subject", "prior", "context"}
    assert read_record(run.samples_dir(0) / "subject-0.png").adapters == ()
    assert read_record(run.samples_dir(2) / "subject-0.png").adapters[0].name == "zkz"


def test_the_chosen_checkpoint_is_what_was_exported(finished: PersonalizeResult) -> None:
    chosen = CheckpointStore(finished.run / "checkpoints").load(finished.scorecard.chosen.step)
    exported = load_tensors(finished.weights)
    averaged = {name.partition("/")[2]: value for name, value in chosen.ema.items()}
    assert averaged.keys() == exported.keys()
    assert {name.partition(".")[0] for name in exported} == {"unet", "text_encoder"}
    assert all(bool((exported[name] == value).all()) for name, value in averaged.items())


def test_pictures_are_drawn_from_a_run(finished: PersonalizeResult, tmp_path: Path) -> None:
    asked = GenerateRecipe(prompt="zkz dog in space", run=finished.run, count=2, seed=5, steps=1, out=tmp_path)
    pictures = generate(asked).pictures
    records = [read_record(path) for path in pictures]
    assert [record.seed for record in records] == [5, 6]
    assert records[0].adapters[0].sha256 == sha256_file(finished.weights)
    with Image.open(pictures[0]) as image:
        assert image.size == (32, 32)


# Taking up again


def test_resuming_a_finished_run_changes_nothing_that_counts(finished: PersonalizeResult, copied: RunFolder) -> None:
    before = files(copied.path)
    result = resume(copied.path)
    after = files(copied.path)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {"events.jsonl", "report/index.html", ".held"}
    assert sha256_file(result.weights) == sha256_file(finished.weights)


@pytest.mark.parametrize("lost", ["samples/step-000004", "cache", "report", "result", "checkpoints/step-000008"])
def test_what_was_deleted_is_made_again(finished: PersonalizeResult, copied: RunFolder, lost: str) -> None:
    shutil.rmtree(copied.path / lost)
    result = resume(copied.path)
    assert result.scorecard == finished.scorecard
    assert sha256_file(result.weights) == sha256_file(finished.weights)
    assert end(copied.path) == end(finished.run)


def test_a_damaged_checkpoint_is_named_and_made_again(finished: PersonalizeResult, copied: RunFolder) -> None:
    weights = copied.checkpoint_dir(8) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    resume(copied.path)
    warnings = [event.fields["text"] for event in EventLog(copied.events).read("warning")]
    assert any("step-000008: weights.safetensors is damaged" in text for text in warnings)
    assert end(copied.path) == end(finished.run)


def test_another_base_is_noticed(tmp_path: Path) -> None:
    base = shutil.copytree(tiny_base(), tmp_path / "base")
    run = personalize(tiny_recipe(tmp_path, base=str(base), **SHORT)).run
    weights = next((base / "unet").glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    before = files(run / "result")
    with pytest.raises(CheckpointError, match="base_hash"):
        resume(run)
    assert files(run / "result") == before


@pytest.mark.parametrize(("before", "after"), [("seed = 0", "seed = 1"), ("batch_size = 2", "batch_size = 3")])
def test_a_recipe_changed_by_hand_is_noticed(copied: RunFolder, before: str, after: str) -> None:
    text = copied.recipe.read_text()
    assert before in text
    copied.recipe.write_text(text.replace(before, after, 1))
    with pytest.raises(CheckpointError, match="recipe_hash"):
        resume(copied.path)


def test_a_run_goes_on_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tiny_base(), tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    photo_folder(Path("photos"), 5)
    run = personalize(tiny_recipe(tmp_path, base="base", photos=Path("photos"), out=Path("run"), **SHORT)).run
    monkeypatch.chdir("/")
    resume(tmp_path / run)
    generate(GenerateRecipe(prompt="zkz", run=tmp_path / run, steps=1))


# Class images


def test_class_images_are_drawn_once_for_a_base(tmp_path: Path) -> None:
    options = ClassImages(count=3, steps=1)
    first = draw_class(tiny_family(), options, "a photo of a dog", 32, folder=tmp_path)
    again = draw_class(tiny_family(), options, "a photo of a dog", 32, folder=tmp_path)
    assert (first.reused, again.reused, again.paths) == (0, 3, first.paths)
    assert draw_class(tiny_family(), options, "a photo of a cat", 32, folder=tmp_path).reused == 0


@pytest.mark.parametrize("keep", [0, 40, 0.5, -200])
def test_a_damaged_class_image_is_drawn_again(tmp_path: Path, keep: float) -> None:
    options = ClassImages(count=3, steps=1)
    drawn = draw_class(tiny_family(), options, "a photo of a dog", 32, folder=tmp_path)
    whole = drawn.paths[1].read_bytes()
    cut = int(len(whole) * keep) if 0 < keep < 1 else int(keep)
    drawn.paths[1].write_bytes(whole[:cut])
    assert draw_class(tiny_family(), options, "a photo of a dog", 32, folder=tmp_path).reused == 2
    assert drawn.paths[1].read_bytes() == whole


def test_a_second_run_takes_the_class_images_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = personalize(tiny_recipe(tmp_path, **SHORT))
    monkeypatch.setattr("imprint.jobs.class_images.text_to_image", pytest.fail)
    second = personalize(tiny_recipe(tmp_path, out=tmp_path / "second", **SHORT))
    assert end(first.run) == end(second.run)


# Variations


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> str:
    return end(personalize(tiny_recipe(tmp_path_factory.mktemp("short"), **SHORT)).run)


@pytest.mark.parametrize(
    "setting",
    [
        {"seed": 1}, {"batch_size": 3}, {"flip": 1.0}, {"caption_dropout": 1.0}, {"held_out": 0}, {"class_word": "cat"},
        {"objective__weight": 0.5}, {"objective": {"kind": "plain"}}, {"class_images__cfg_scale": 9.0},
        {"method__rank": 3}, {"noise__offset": 0.3}, {"learning_rates__unet": 1e-3}, {"size_px": 40},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_of_a_run_arrives(tmp_path: Path, short: str, setting: dict[str, Any]) -> None:
    assert end(personalize(tiny_recipe(tmp_path, **{**SHORT, **setting})).run) != short


@pytest.mark.parametrize("setting", [{"samples__steps": 2}, {"loop__workers": 2}, {"judge": "grid"}], ids=str)
def test_what_only_looks_on_changes_nothing(tmp_path: Path, short: str, setting: dict[str, Any]) -> None:
    assert end(personalize(tiny_recipe(tmp_path, **{**SHORT, **setting})).run) == short


def test_fine_tuning_exports_a_model_that_opens(tmp_path: Path) -> None:
    method = {"kind": "finetune", "layers": "cross_attention", "text_encoder": True}
    result = personalize(tiny_recipe(tmp_path, method=method, objective={"kind": "plain"}, class_word="", **SHORT))
    (model,) = result.exports
    assert open_family(model).base_hash != tiny_family().base_hash
    assert not Dataset.open(result.run / "dataset").indices(Role.PRIOR)


def test_every_method_has_its_own_run_tested_here() -> None:
    assert set(METHODS.names()) == {"finetune", "lora"}


def test_a_common_word_as_a_name_is_warned_of(tmp_path: Path) -> None:
    result = personalize(tiny_recipe(tmp_path, name="photo", **SHORT))
    (warning,) = EventLog(result.run / "events.jsonl").read("warning")
    assert "common word" in warning.fields["text"]
    assert "'zkz'" in warning.fields["text"]


def test_a_bad_photo_is_left_out_and_named(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path / "photos", 5)
    (photos / "broken.jpg").write_bytes(b"")
    result = personalize(tiny_recipe(tmp_path, **SHORT))
    texts = [event.fields["text"] for event in EventLog(result.run / "events.jsonl").read("warning")]
    assert any("broken.jpg" in text for text in texts)


# Refusals: always before anything is written


def refused(recipe: PersonalizeRecipe, error: type[ImprintError], words: str) -> None:
    assert recipe.out is not None
    before = files(recipe.out) if recipe.out.is_dir() else recipe.out.exists()
    with pytest.raises(error, match=words):
        personalize(recipe)
    assert before == (files(recipe.out) if recipe.out.is_dir() else recipe.out.exists())


def test_a_run_is_never_written_over(finished: PersonalizeResult) -> None:
    refused(tiny_recipe(finished.run.parent), OutputError, "a run here already")


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    refused(tiny_recipe(tmp_path), OutputError, "not empty")


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12, 1000))  # type: ignore[attr-defined]
    refused(recipe, OutputError, "too little room")


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused(tiny_recipe(tmp_path, out=tmp_path / "file" / "run"), OutputError, "cannot write here")


def test_a_read_only_place_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "locked"
    place.mkdir()
    if os.geteuid() == 0:  # root may write anywhere but on a file system that is read-only
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "imprint", str(place)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("root cannot mount here")
    else:
        place.chmod(0o500)
    try:
        refused(tiny_recipe(tmp_path, out=place / "run"), OutputError, "cannot write here|too little room")
    finally:
        subprocess.run(["umount", str(place)], capture_output=True, check=False)


def test_a_base_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    refused(tiny_recipe(tmp_path, base=str(tmp_path / "base")), ModelError, "base: .*model_index.json")
    refused(tiny_recipe(tmp_path, base=str(tmp_path / "nowhere")), ModelError, "nowhere: ")


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos_are_refused(tmp_path: Path, count: int) -> None:
    refused(tiny_recipe(tmp_path, photos=photo_folder(tmp_path / "few", count)), PhotoError, "few: ")


def test_a_misspelt_field_is_refused_with_the_right_one(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(dump_toml(tiny_recipe(tmp_path)).replace("batch_size", "bach_size"))
    with pytest.raises(ConfigError, match="batch_size"):
        load_config(PersonalizeRecipe, file)


def test_the_size_of_a_run_is_estimated_from_above(
    finished: PersonalizeResult, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job, "OVERHEAD_BYTES", 0)
    recipe = load_config(PersonalizeRecipe, finished.run / "recipe.toml")
    places = [finished.run / folder for folder in ("checkpoints", "result")]
    files = [path for place in places for path in place.rglob("*.safetensors")]
    headers = sum(8 + int.from_bytes(path.read_bytes()[:8], "little") for path in files)  # large ones are alike
    assert sum(path.stat().st_size for path in files) - headers < job._need_bytes(recipe, tiny_family())
