"""The latent cache: right numbers, built once, exact after any interruption, and never trusted when damaged."""

from __future__ import annotations

import functools
import pickle
import shutil
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from imprint.artifacts.files import PARTIAL_SUFFIX
from imprint.artifacts.latent_cache import MANIFEST, SHARD_ITEMS, TEXTS
from imprint.dataset import Dataset, Role, add_prior, build_dataset
from imprint.errors import DatasetError, NumericsError, OutputError, PhotoError
from imprint.families import LatentMoments
from imprint.latents import LatentCache, encode_dataset, reconstruction_error
from imprint.latents.encoding import size_runs
from imprint.latents.pixels import as_levels, as_tensor
from imprint.photos import read_photos
from make import photo, photo_folder, tiny_family

pytestmark = pytest.mark.unit

PRIOR = 2 * SHARD_ITEMS  # with 5 photos: three shards, the last one not full


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("latents")
    found = read_photos(photo_folder(folder / "photos", 5))
    built = build_dataset(found, folder / "dataset", name="zkz", class_word="dog", size_px=16)
    pictures = [np.asarray(photo(100 + number, (16, 16))) for number in range(PRIOR)]
    return add_prior(built, pictures, "a photo of a dog", size_px=16)


@functools.cache
def shared_family() -> Any:
    """Encoding does not change it."""
    return tiny_family()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Path:
    """A folder with the cache of `dataset`, not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    encode_dataset(shared_family(), dataset, folder)
    return folder


def copied(finished: Path, folder: Path) -> LatentCache:
    """A finished cache to damage; `encode_dataset` looks for it in `folder`."""
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    return LatentCache.open(next(folder.iterdir()))


class Counting:
    """A family that counts pictures encoded, and stops as if killed after a number of them."""

    def __init__(self, stop_after: int = 10**6, **replaced: object) -> None:
        self.family, self.pictures, self.stop_after = shared_family(), 0, stop_after
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.family, name)

    def encode_image(self, pixels_BCHW: Tensor) -> LatentMoments:
        self.pictures += len(pixels_BCHW)
        if self.pictures > self.stop_after:
            raise KeyboardInterrupt
        return self.family.encode_image(pixels_BCHW)


def contents(cache: LatentCache) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(cache.folder.iterdir())}


# --- numbers


def test_moments_are_those_of_the_family(tmp_path: Path, dataset: Dataset) -> None:
    family = shared_family()
    cache = encode_dataset(family, dataset, tmp_path, flips=True)
    assert len(cache) == len(dataset)
    for index in (0, SHARD_ITEMS, len(dataset) - 1):
        for flipped in (False, True):
            pixels_BCHW = as_tensor([dataset.pixels(index)])
            expected = family.encode_image(pixels_BCHW.flip(-1) if flipped else pixels_BCHW)
            found = cache.moments(index, flipped=flipped)
            assert torch.equal(found.mean_chw, expected.mean_Bchw[0])
            assert torch.equal(found.std_chw, expected.std_Bchw[0])


def test_texts_are_those_of_the_family(tmp_path: Path, dataset: Dataset) -> None:
    family = shared_family()
    cache = encode_dataset(family, dataset, tmp_path)
    for index in range(len(dataset)):
        assert torch.equal(cache.tokens(index), family.tokenize([dataset.items[index].text])[0])
        torch.testing.assert_close(cache.text(index), family.encode_text([dataset.items[index].text]).text_BND[0])
    assert torch.equal(cache.empty_tokens(), family.tokenize([""])[0])
    torch.testing.assert_close(cache.empty_text(), family.encode_text([""]).text_BND[0])


def test_what_is_read_asks_for_no_gradient_and_cannot_change_the_file(tmp_path: Path, dataset: Dataset) -> None:
    cache = encode_dataset(shared_family(), dataset, tmp_path)
    before = contents(cache)
    assert not cache.text(0).requires_grad
    cache.moments(0).mean_chw.zero_()
    assert contents(cache) == before


def test_items_that_are_not_there_are_errors(tmp_path: Path, dataset: Dataset) -> None:
    cache = encode_dataset(shared_family(), dataset, tmp_path)
    for index in (-1, len(dataset)):
        with pytest.raises(IndexError):
            cache.moments(index)
        with pytest.raises(IndexError):
            cache.tokens(index)
    with pytest.raises(ValueError, match="without flips"):
        cache.moments(0, flipped=True)


def test_a_cache_travels_to_another_process(tmp_path: Path, dataset: Dataset) -> None:
    cache = encode_dataset(shared_family(), dataset, tmp_path)
    mean_chw = cache.moments(3).mean_chw
    again: LatentCache = pickle.loads(pickle.dumps(cache))
    assert again == cache
    assert torch.equal(again.moments(3).mean_chw, mean_chw)


def test_pictures_of_several_sizes_fit_into_one_cache(tmp_path: Path) -> None:
    sizes = [(16, 16), (24, 16), (24, 16), (16, 32)]
    for number, size_px in enumerate(sizes):
        photo(number, size_px).save(tmp_path / f"{number}.png")
    lines = [f'{{"file_name": "{number}.png", "text": ""}}' for number in range(4)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    cache = encode_dataset(shared_family(), Dataset.open(tmp_path), tmp_path / "cache")
    shapes = [tuple(cache.moments(index).mean_chw.shape) for index in range(4)]
    assert shapes == [(4, 2, 2), (4, 2, 3), (4, 2, 3), (4, 4, 2)]


def test_batches_hold_pictures_of_one_size() -> None:
    pictures = [np.zeros((side, 8, 3), np.uint8) for side in (8, 8, 8, 16, 16, 8)]
    assert list(size_runs(pictures, 2)) == [[0, 1], [2], [3, 4], [5]]
    assert list(size_runs(pictures, 1)) == [[0], [1], [2], [3], [4], [5]]


def test_pixels_survive_the_way_through_floats() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    tensor = as_tensor([levels])
    assert (tensor.min(), tensor.max()) == (-1, 1)
    assert np.array_equal(as_levels(tensor)[0].permute(1, 2, 0).numpy(), levels)


# --- built once


def test_a_finished_cache_is_not_built_again(tmp_path: Path, dataset: Dataset) -> None:
    first = encode_dataset(shared_family(), dataset, tmp_path)
    family = Counting()
    assert encode_dataset(family, dataset, tmp_path) == first
    assert family.pictures == 0


@pytest.mark.parametrize("change", [
    {"base_hash": "another"}, {"dtype": torch.bfloat16}, {"device": torch.device("meta")}, {"name": "sd2"},
    {"tokenize": lambda texts: torch.zeros(len(texts), 77, dtype=torch.int64)},
])  # fmt: skip
def test_the_key_changes_with_the_family(tmp_path: Path, dataset: Dataset, change: dict[str, object]) -> None:
    first = encode_dataset(shared_family(), dataset, tmp_path)
    family = Counting(stop_after=0, **change)
    with pytest.raises((KeyboardInterrupt, NotImplementedError)):
        encode_dataset(family, dataset, tmp_path)
    assert [path for path in tmp_path.iterdir() if path != first.folder]


def test_the_key_changes_with_the_data(tmp_path: Path, dataset: Dataset) -> None:
    found = read_photos(photo_folder(tmp_path / "photos", 3))
    options = {"name": "zkz", "class_word": "dog", "size_px": 16}
    changes = [{}, {"name": "ada"}, {"size_px": 24}]
    sets = [build_dataset(found, tmp_path / str(n), **{**options, **change}) for n, change in enumerate(changes)]
    keys = {encode_dataset(shared_family(), one, tmp_path / "cache").key for one in sets}
    keys.add(encode_dataset(shared_family(), sets[0], tmp_path / "cache", flips=True).key)
    assert len(keys) == 4


def test_progress_counts_items(tmp_path: Path, dataset: Dataset) -> None:
    calls: list[tuple[int, int]] = []
    encode_dataset(shared_family(), dataset, tmp_path, lambda done, total: calls.append((done, total)))
    assert [done for done, _ in calls] == [0, SHARD_ITEMS, 2 * SHARD_ITEMS, len(dataset)]
    assert {total for _, total in calls} == {len(dataset)}


# --- interrupted


@pytest.mark.parametrize("stop_after", [0, 1, SHARD_ITEMS - 1, SHARD_ITEMS, SHARD_ITEMS + 1, 2 * SHARD_ITEMS + 3])
def test_an_interrupted_build_goes_on_where_it_was(
    tmp_path: Path, dataset: Dataset, finished: Path, stop_after: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        encode_dataset(Counting(stop_after), dataset, tmp_path / "interrupted")
    family = Counting()
    resumed = encode_dataset(family, dataset, tmp_path / "interrupted")
    whole = copied(finished, tmp_path / "whole")
    assert family.pictures == len(dataset) - stop_after // SHARD_ITEMS * SHARD_ITEMS
    assert contents(resumed) == contents(whole)
    assert resumed.key == whole.key and not resumed.warnings


def test_a_build_stopped_at_any_rename_ends_the_same(
    tmp_path: Path, dataset: Dataset, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = copied(finished, tmp_path / "whole")
    really_replace, stopped = Path.replace, 0
    for after in range(100):
        calls = iter(range(100))

        def replace(path: Path, target: Path, calls: Any = calls, after: int = after) -> Path:
            if next(calls) == after:
                raise KeyboardInterrupt
            return really_replace(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        try:
            encode_dataset(shared_family(), dataset, tmp_path / f"{after}")
            break
        except KeyboardInterrupt:
            stopped += 1
            monkeypatch.undo()
            assert contents(encode_dataset(shared_family(), dataset, tmp_path / f"{after}")) == contents(whole)
    assert stopped == 2 * len(contents(whole)) - 2  # every file but the manifest, and the manifest after each


def test_unfinished_files_are_swept_away(tmp_path: Path, dataset: Dataset) -> None:
    cache = encode_dataset(shared_family(), dataset, tmp_path)
    (cache.folder / (TEXTS + PARTIAL_SUFFIX)).write_bytes(b"half")
    encode_dataset(shared_family(), dataset, tmp_path)
    assert not list(cache.folder.glob("*" + PARTIAL_SUFFIX))


# --- damaged


def flip(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[min(len(data) - 1, int(place * len(data)))] ^= 16
    path.write_bytes(data)


def truncate(path: Path, place: float) -> None:
    path.write_bytes(path.read_bytes()[: int(place * path.stat().st_size)])


def remove(path: Path, _: float) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [flip, truncate, remove])
@pytest.mark.parametrize("file", [TEXTS, "latents-00000.safetensors", "latents-00002.safetensors"])
@pytest.mark.parametrize("place", [0.0, 0.02, 0.5, 1.0 - 1e-9])
def test_a_damaged_file_is_found_named_and_built_again(
    tmp_path: Path, dataset: Dataset, finished: Path, damage: Callable[[Path, float], None], file: str, place: float
) -> None:
    cache = copied(finished, tmp_path)
    before = contents(cache)
    damage(cache.folder / file, place)
    with pytest.raises(DatasetError, match=file):
        LatentCache.open(cache.folder)
    family = Counting()
    again = encode_dataset(family, dataset, tmp_path)
    assert contents(again) == before
    assert family.pictures <= SHARD_ITEMS
    assert len(again.warnings) == 1 and file in again.warnings[0] and "built again" in again.warnings[0]


def test_any_flipped_bit_of_the_manifest_is_found(tmp_path: Path, finished: Path) -> None:
    cache = copied(finished, tmp_path)
    whole = (cache.folder / MANIFEST).read_bytes()
    for number, place in enumerate(range(0, len(whole), 7)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << number % 8
        (cache.folder / MANIFEST).write_bytes(damaged)
        try:
            assert LatentCache.open(cache.folder) == cache  # white space between values says nothing
            assert whole[place : place + 1].isspace()
        except DatasetError:
            pass


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"\xff", b'{"sha256": 1}', b"[" * 100_000])
def test_a_damaged_manifest_is_found_and_the_cache_built_again(
    tmp_path: Path, dataset: Dataset, finished: Path, content: bytes
) -> None:
    cache = copied(finished, tmp_path)
    before = contents(cache)
    (cache.folder / MANIFEST).write_bytes(content)
    again = encode_dataset(shared_family(), dataset, tmp_path)
    assert contents(again) == before
    assert "manifest.json is damaged" in again.warnings[0]


def test_a_cache_put_under_another_name_is_not_taken_for_it(tmp_path: Path, dataset: Dataset, finished: Path) -> None:
    plain = copied(finished, tmp_path)
    flipped = encode_dataset(shared_family(), dataset, tmp_path, flips=True)
    (plain.folder / MANIFEST).write_bytes((flipped.folder / MANIFEST).read_bytes())
    assert "another cache" in encode_dataset(shared_family(), dataset, tmp_path).warnings[-1]


def test_an_unfinished_cache_does_not_open(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="no manifest"):
        LatentCache.open(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        encode_dataset(Counting(SHARD_ITEMS), dataset, tmp_path)
    with pytest.raises(DatasetError, match=r"latents-00001.safetensors is missing"):
        LatentCache.open(next(tmp_path.iterdir()))


# --- errors


def test_nan_is_an_error_that_names_the_picture(tmp_path: Path, dataset: Dataset) -> None:
    family = Counting()
    family.encode_image = lambda pixels_BCHW: LatentMoments(*(torch.full((1, 4, 2, 2), torch.nan),) * 2)
    with pytest.raises(NumericsError, match=r"0000.png: the autoencoder gave NaN"):
        encode_dataset(family, dataset, tmp_path)
    assert not list(tmp_path.rglob("latents-*"))


def test_sides_that_do_not_suit_the_model_are_an_error(tmp_path: Path) -> None:
    found = read_photos(photo_folder(tmp_path / "photos", 2))
    built = build_dataset(found, tmp_path / "dataset", name="zkz", class_word="dog", size_px=20)
    with pytest.raises(DatasetError, match=r"20 by 20 pixels(.|\n)*multiples of 8"):
        encode_dataset(shared_family(), built, tmp_path / "cache")


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        encode_dataset(shared_family(), dataset, tmp_path / "file" / "cache")


def test_a_picture_that_changed_is_an_error(tmp_path: Path) -> None:
    found = read_photos(photo_folder(tmp_path / "photos", 2))
    built = build_dataset(found, tmp_path / "dataset", name="zkz", class_word="dog", size_px=16)
    photo(9).save(built.path(1))
    with pytest.raises(PhotoError, match="changed"):
        encode_dataset(shared_family(), built, tmp_path / "cache")


# --- reconstruction


def autoencoder(cells: int) -> Any:
    """A family whose autoencoder averages squares of `cells` pixels; 1 is lossless."""
    return types.SimpleNamespace(
        device=torch.device("cpu"),
        encode_image=lambda x: LatentMoments(avg_pool2d(x, cells), torch.zeros(1)),
        decode=lambda latent: interpolate(latent, scale_factor=cells),
    )


def test_reconstruction_tells_how_much_the_autoencoder_loses(dataset: Dataset) -> None:
    lossless, fine, coarse = (reconstruction_error(autoencoder(cells), dataset) for cells in (1, 2, 8))
    assert lossless.mean_db == 100 and 100 > fine.mean_db > coarse.mean_db > 5
    assert list(fine.psnr_db) == [item.file_name for item in dataset if item.role is not Role.PRIOR]
    assert fine.mean_db == pytest.approx(sum(fine.psnr_db.values()) / 5)


def test_reconstruction_is_psnr_in_8_bits(dataset: Dataset) -> None:
    grey = autoencoder(1)
    grey.decode = torch.zeros_like  # level 128, rounded from 127.5
    found = reconstruction_error(grey, dataset, [Role.PRIOR])
    error = np.square(dataset.pixels(5).astype(float) - 128).mean()
    assert len(found.psnr_db) == PRIOR
    assert found.psnr_db[dataset.items[5].file_name] == pytest.approx(10 * np.log10(255**2 / error))


def test_reconstruction_runs_on_a_real_autoencoder(dataset: Dataset) -> None:
    assert 0 < reconstruction_error(shared_family(), dataset).mean_db < 40
