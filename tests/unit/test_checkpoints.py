"""Checkpoints: nothing damaged is ever loaded, and the last good one is always found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from imprint.errors import CheckpointError, OutputError
from imprint.training.checkpoints import Checkpoint, CheckpointStore

pytestmark = pytest.mark.unit

FILES = ("ema.safetensors", "manifest.json", "optimiser.safetensors", "state.json", "weights.safetensors")


def checkpoint(step: int) -> Checkpoint:
    values = torch.arange(12.0).reshape(3, 4) + step
    return Checkpoint(
        step, {"unet/a": values, "unet/b": values + 1}, {"unet/a::exp_avg": values * 2}, {"unet/a": values * 3},
        {"seed": 7, "run": "hash"},
    )


def store_with(folder: Path, *steps: int, keep: int = 2) -> CheckpointStore:
    store = CheckpointStore(folder / "checkpoints", keep)
    for step in steps:
        store.save(checkpoint(step))
    return store


def assert_equal(found: Checkpoint | None, wanted: Checkpoint) -> None:
    assert found is not None
    assert found.step == wanted.step
    for part in ("weights", "optimiser", "ema"):
        got, want = getattr(found, part), getattr(wanted, part)
        assert got.keys() == want.keys()
        assert all(torch.equal(got[name], want[name]) for name in want)
    assert all(found.state[name] == value for name, value in wanted.state.items())


def assert_falls_back(store: CheckpointStore, named: str) -> None:
    """The newest checkpoint (4) is refused with the reason, and the one before it is taken."""
    found, damaged = store.latest()
    assert_equal(found, checkpoint(2))
    assert [damage.folder.name for damage in damaged] == ["step-000004"]
    assert named in str(damaged[0])
    with pytest.raises(CheckpointError, match=r"damaged.*"):
        store.load(4)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2)
    assert_equal(store.load(2), checkpoint(2))
    found, damaged = store.latest()
    assert_equal(found, checkpoint(2))
    assert damaged == []


def test_an_empty_store_has_nothing_and_no_damage(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "none").latest() == (None, [])


def test_there_is_no_pickle_in_a_checkpoint(tmp_path: Path) -> None:
    folder = store_with(tmp_path, 2).path(2)
    assert tuple(sorted(path.name for path in folder.iterdir())) == FILES


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = store_with(tmp_path / "1", 2).path(2), store_with(tmp_path / "2", 2).path(2)
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_off_anywhere_is_found_and_named(tmp_path: Path, name: str) -> None:
    store = store_with(tmp_path, 2, 4)
    path = store.path(4) / name
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 20).astype(int):
        path.write_bytes(whole[:place])
        assert_falls_back(store, name)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    store = store_with(tmp_path, 2, 4)
    path = store.path(4) / name
    whole = path.read_bytes()
    for bit in np.random.default_rng(1).choice(8 * len(whole), 50, replace=False):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        # A bit of a hash in the manifest cannot be told from a bit of the file that it is the hash of.
        assert_falls_back(store, "" if name == "manifest.json" else name)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found_and_named(tmp_path: Path, name: str) -> None:
    store = store_with(tmp_path, 2, 4)
    (store.path(4) / name).unlink()
    assert_falls_back(store, f"{name} is missing")


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"x"), Path.mkdir], ids=["file", "folder"])
def test_anything_that_does_not_belong_is_found_and_named(tmp_path: Path, make: Callable[[Path], object]) -> None:
    store = store_with(tmp_path, 2, 4)
    make(store.path(4) / "weights (copy).safetensors")
    assert_falls_back(store, "weights (copy).safetensors does not belong here")


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"step": 2}, {"sha256": {}}, {"sha256": []}, {"sha256": {"state.json": 1}}],
)
def test_a_manifest_that_says_something_else_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    store = store_with(tmp_path, 2, 4)
    path = store.path(4) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert_falls_back(store, "manifest.json is damaged")


def test_a_file_in_place_of_a_folder_is_damage_too(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4)
    weights = store.path(4) / "weights.safetensors"
    weights.unlink()
    weights.mkdir()
    assert_falls_back(store, "weights.safetensors")


def test_every_damage_is_named_until_a_good_one_is_found(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4, 6, keep=3)
    for step in (4, 6):
        (store.path(step) / "state.json").write_text("{")
    found, damaged = store.latest()
    assert_equal(found, checkpoint(2))
    assert [damage.folder.name for damage in damaged] == ["step-000006", "step-000004"]


def test_pruning_drops_old_optimisers_and_keeps_all_weights(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4, 6, 8)
    assert store.steps() == [2, 4, 6, 8]
    assert [step for step in store.steps() if store.pruned(step)] == [2, 4]
    assert not any(store.problems(step) for step in store.steps())
    old = store.load(2)
    assert (old.weights.keys(), old.optimiser) == (checkpoint(2).weights.keys(), {})


def test_a_crash_between_the_note_and_the_removal_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(_path: Path) -> None:
        raise KeyboardInterrupt

    store = store_with(tmp_path, 2, 4)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", crash)
        store.save(checkpoint(6))
    assert (store.path(2) / "optimiser.safetensors").exists()
    assert not any(store.problems(step) for step in store.steps())
    store.save(checkpoint(8))
    assert [step for step in store.steps() if (store.path(step) / "optimiser.safetensors").exists()] == [6, 8]


def test_a_half_written_note_of_pruning_is_no_damage(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4)
    (store.path(4) / "pruned.json.partial").write_text("[")
    assert store.problems(4) == ()


def test_a_foreign_note_of_pruning_does_not_hide_a_checkpoint(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4)
    (store.path(4) / "pruned.json").write_text("{}")
    assert_falls_back(store, "pruned.json is damaged")


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4)
    (store.path(4) / "weights.safetensors").write_bytes(b"")
    store.save(checkpoint(4))
    assert store.problems(4) == ()
    store.save(checkpoint(6))
    assert [path.name for path in store.folder.iterdir() if path.name.endswith(".partial")] == []


def test_a_whole_checkpoint_is_not_written_again(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2)
    before = (store.path(2) / "manifest.json").stat().st_ino
    store.save(checkpoint(2))
    assert (store.path(2) / "manifest.json").stat().st_ino == before


def test_what_a_killed_save_left_is_swept_away(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2)
    left = store.folder / "step-000004.partial"
    left.mkdir()
    (left / "weights.safetensors").write_bytes(b"half")
    assert store.steps() == [2]
    store.save(checkpoint(6))
    assert not left.exists()


def test_nothing_is_pruned_before_the_new_one_was_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_with(tmp_path, 2, 4)
    monkeypatch.setattr(CheckpointStore, "problems", lambda *_: ("weights.safetensors is damaged",))
    with pytest.raises(CheckpointError, match="does not read back"):
        store.save(checkpoint(6))
    assert all((store.path(step) / "optimiser.safetensors").exists() for step in (2, 4))


def test_a_full_disk_is_an_error_of_the_place_and_leaves_the_others_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = store_with(tmp_path, 2, 4)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("imprint.artifacts.files.os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        store.save(checkpoint(6))
    found, damaged = store.latest()
    assert_equal(found, checkpoint(4))
    assert damaged == []
