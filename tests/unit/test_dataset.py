"""Datasets as folders: what is written is what others expect to read, and hostile folders are refused line by line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from imprint.artifacts.dataset_folder import METADATA
from imprint.dataset import (
    TEMPLATES,
    Dataset,
    Role,
    add_prior,
    build_dataset,
    caption_for,
    default_held_out,
    held_out_photos,
)
from imprint.errors import DatasetError, OutputError, PhotoError, PromptError
from imprint.photos import read_photos
from make import photo, photo_folder

pytestmark = pytest.mark.unit


def dataset(folder: Path, photos: int = 5, **options: int) -> Dataset:
    found = read_photos(photo_folder(folder / "photos", photos), minimum=1)
    return build_dataset(found, folder / "dataset", name="zkz", class_word="dog", size_px=64, **options)


def class_pictures(count: int) -> list[np.ndarray]:
    return [np.asarray(photo(100 + number, (64, 64))) for number in range(count)]


def refused(folder: Path, *lines: bytes | str) -> str:
    """What is said about a folder with one good picture and these lines."""
    folder.mkdir(exist_ok=True)
    photo().save(folder / "a.png")
    (folder / METADATA).write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    with pytest.raises(DatasetError) as caught:
        Dataset.open(folder)
    return str(caught.value)


def row(**fields: object) -> str:
    return json.dumps({"file_name": "a.png", "text": "a dog", **fields})


# --- building


def test_the_folder_is_an_ordinary_imagefolder(tmp_path: Path) -> None:
    built = dataset(tmp_path)
    rows = [json.loads(line) for line in (built.folder / METADATA).read_text().splitlines()]
    assert sorted(row["role"] for row in rows) == ["held_out", *["instance"] * 4]
    assert [row["source"] for row in rows] == [f"{number}.png" for number in range(5)]
    for row_ in rows:
        assert row_["file_name"].startswith(row_["role"] + "/")
        with Image.open(built.folder / row_["file_name"]) as picture:
            assert (picture.size, picture.mode, picture.format) == ((64, 64), "RGB", "PNG")


def test_pictures_are_the_centre_resized(tmp_path: Path) -> None:
    built = dataset(tmp_path)
    expected = ImageOps.fit(photo(0), (64, 64), Image.Resampling.LANCZOS)
    assert np.abs(built.pixels(0).astype(int) - np.asarray(expected)).mean() < 1


def test_place_time_and_owner_are_not_in_the_dataset(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "OwnersCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    folder = photo_folder(tmp_path / "photos", 2)
    photo(9).save(folder / "gps.jpg", exif=exif, comment=b"OwnersHome", icc_profile=b"OwnersProfile")
    built = build_dataset(read_photos(folder), tmp_path / "dataset", name="zkz", class_word="dog", size_px=64)
    for path in built.folder.rglob("*.png"):
        data = path.read_bytes()
        assert b"Owners" not in data and b"eXIf" not in data and b"iCCP" not in data and b"tEXt" not in data


def test_equal_photos_give_equal_bytes(tmp_path: Path) -> None:
    first, second = dataset(tmp_path / "1"), dataset(tmp_path / "2")
    assert first.hash == second.hash
    assert (first.folder / METADATA).read_bytes() == (second.folder / METADATA).read_bytes()


@pytest.mark.parametrize(("photos", "expected"), [(1, 0), (4, 0), (5, 1), (9, 1), (10, 2), (400, 2)])
def test_photos_are_held_out_where_there_are_enough(photos: int, expected: int) -> None:
    assert default_held_out(photos) == expected


def test_the_split_is_decided_by_contents_not_names() -> None:
    hashes = ["d", "a", "c", "b", "e"]
    assert held_out_photos(hashes, 2) == {1, 3}
    assert {hashes[::-1][index] for index in held_out_photos(hashes[::-1], 2)} == {"a", "b"}


def test_the_number_of_held_out_photos_can_be_set(tmp_path: Path) -> None:
    assert len(dataset(tmp_path / "none", held_out=0).indices(Role.HELD_OUT)) == 0
    assert len(dataset(tmp_path / "three", held_out=3).indices(Role.HELD_OUT)) == 3
    with pytest.raises(DatasetError, match=r"so many photos(.|\n)*0 to 4 of 5"):
        dataset(tmp_path / "all", held_out=5)


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    built = dataset(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        dataset(tmp_path)
    assert Dataset.open(built.folder) == built


def test_nothing_is_left_of_a_build_that_failed(tmp_path: Path) -> None:
    found = read_photos(photo_folder(tmp_path / "photos", 3))
    (tmp_path / "photos" / "2.png").unlink()
    with pytest.raises(PhotoError, match="vanished"):
        build_dataset(found, tmp_path / "dataset", name="zkz", class_word="dog", size_px=64)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    found = read_photos(photo_folder(tmp_path / "photos", 2))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        build_dataset(found, tmp_path / "file" / "dataset", name="zkz", class_word="dog", size_px=64)


# --- captions


def test_captions_rotate_through_the_templates() -> None:
    captions = [caption_for(index, "zkz", "dog") for index in range(2 * len(TEMPLATES))]
    assert len(set(captions)) == len(TEMPLATES) and captions[: len(TEMPLATES)] == captions[len(TEMPLATES) :]
    assert all("zkz dog" in caption for caption in captions)
    assert caption_for(0, "zkz", "") == "a photo of zkz"


@pytest.mark.parametrize(("own", "caption"), [
    ("ZKZ on a sofa", "ZKZ on a sofa"),
    ("asleep on a sofa", "a photo of zkz dog, asleep on a sofa"),
    ("zkzebra stripes", "a photo of zkz dog, zkzebra stripes"),
])  # fmt: skip
def test_the_users_captions_are_kept_and_the_name_is_in_them(own: str, caption: str) -> None:
    assert caption_for(0, "zkz", "dog", own) == caption


def test_signs_in_a_name_are_taken_as_they_are() -> None:
    assert caption_for(0, "{0} \\1 (x) $", "{}") == "a photo of {0} \\1 (x) $ {}"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "\u202ezkz", "z" * 101])
def test_names_that_cannot_be_used_are_refused(name: str) -> None:
    with pytest.raises(PromptError):
        caption_for(0, name, "dog")


def test_captions_beside_photos_arrive(tmp_path: Path) -> None:
    (photo_folder(tmp_path / "photos", 5) / "1.txt").write_text("zkz in the snow")
    assert dataset(tmp_path).items[1].text == "zkz in the snow"


# --- class pictures


def test_class_pictures_are_added_behind_the_photos(tmp_path: Path) -> None:
    built = dataset(tmp_path)
    photo(200, (90, 70)).save(tmp_path / "own.jpg")
    full = add_prior(built, [*class_pictures(2), tmp_path / "own.jpg"], "a photo of a dog", size_px=64)
    assert full.items[:5] == built.items
    assert full.indices(Role.PRIOR) == (5, 6, 7)
    assert np.array_equal(full.pixels(5), class_pictures(1)[0])
    assert (full.items[7].text, full.items[7].source, full.pixels(7).shape) == (
        "a photo of a dog", "own.jpg", (64, 64, 3),
    )  # fmt: skip


def test_class_pictures_are_replaced_not_doubled(tmp_path: Path) -> None:
    first = add_prior(dataset(tmp_path), class_pictures(3), "a dog", size_px=64)
    second = add_prior(first, class_pictures(2), "a photo of a dog", size_px=64)
    assert len(second) == 7
    assert sorted(path.name for path in (second.folder / "prior").iterdir()) == ["0000.png", "0001.png"]


@pytest.mark.parametrize("earlier", [0, 2])
def test_a_dataset_opens_after_every_interruption_of_adding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: int
) -> None:
    before = dataset(tmp_path)
    before = add_prior(before, class_pictures(earlier), "a dog", size_px=64) if earlier else before
    whole = add_prior(dataset(tmp_path / "other"), class_pictures(3), "a dog", size_px=64)
    for stop in range(20):
        calls = interrupt_after(monkeypatch, stop)
        try:
            add_prior(Dataset.open(before.folder), class_pictures(3), "a dog", size_px=64)
        except KeyboardInterrupt:
            assert len(Dataset.open(before.folder)) in (5, 5 + earlier, 8)
        monkeypatch.undo()
        if calls["made"] < stop:
            break
    assert add_prior(Dataset.open(before.folder), class_pictures(3), "a dog", size_px=64).hash == whole.hash


def interrupt_after(monkeypatch: pytest.MonkeyPatch, calls_allowed: int) -> dict[str, int]:
    """Stop at the next write of a picture or rename after so many of them."""
    calls = {"made": 0}

    def counted(really: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            calls["made"] += 1
            if calls["made"] > calls_allowed:
                raise KeyboardInterrupt
            return really(*arguments, **options)

        return call

    monkeypatch.setattr(Path, "write_bytes", counted(Path.write_bytes))
    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    return calls


def test_class_pictures_that_are_none_are_errors(tmp_path: Path) -> None:
    built = dataset(tmp_path)
    with pytest.raises(DatasetError, match="no class pictures"):
        add_prior(built, [], "a dog", size_px=64)
    (tmp_path / "x.png").write_text("<html>")
    with pytest.raises(PhotoError, match="HTML"):
        add_prior(built, [tmp_path / "x.png"], "a dog", size_px=64)
    assert Dataset.open(built.folder) == built


# --- opening


def test_a_foreign_imagefolder_opens(tmp_path: Path) -> None:
    photo(0, (96, 64)).save(tmp_path / "a b.jpg")
    line = json.dumps({"file_name": "a b.jpg", "text": "ein Hund\n", "width": 96, "tags": ["x"]})
    (tmp_path / METADATA).write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n\n")
    (item,) = Dataset.open(tmp_path)
    assert (item.role, item.source, len(item.sha256)) == (Role.INSTANCE, "", 64)
    assert Dataset.open(tmp_path).pixels(0).shape == (64, 96, 3)


@pytest.mark.parametrize("name", [
    "../a.png", "/etc/passwd", "x/../../a.png", "..", "", ".", "C:\\a.png", "C:a.png", "\\\\host\\share\\a.png",
    "..\\a.png", "a.png\0.txt", "a.png\n", "a.png:stream", "//host/a.png",
])  # fmt: skip
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    photo().save(tmp_path / "a.png")
    message = refused(tmp_path / "dataset", row(), row(file_name=name))
    assert "line 2: file_name does not stay inside the folder" in message


def test_the_refusal_does_not_tell_whether_a_file_outside_exists(tmp_path: Path) -> None:
    there = refused(tmp_path / "dataset", row(file_name="/etc/passwd"))
    not_there = refused(tmp_path / "dataset", row(file_name="/etc/passxx"))
    assert there.replace("passwd", "passxx") == not_there


def test_links_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    photo().save(tmp_path / "outside.png")
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "link.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "dataset" / "links").symlink_to(tmp_path)
    message = refused(tmp_path / "dataset", row(file_name="link.png"), row(file_name="links/outside.png"))
    assert message.count("does not stay inside") == 2


@pytest.mark.parametrize(("line", "reason"), [
    (b"{", "not JSON"), (b"[1]", "not a JSON object"), (b"null", "not a JSON object"), (b"\xff\xfe", "not UTF-8"),
    (b"[" * 60_000, "nested too deeply"), (b'{"a":' * 10_000, "nested too deeply"),
    (b"[" * 100_000, "longer than 64 kB"),
    (b'{"file_name": "a.png", "text": "x", "text": "y"}', "a key is there twice"),
    (b'{"file_name": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    ('{"text": "x"}', "file_name is missing"), ('{"file_name": "a.png"}', "text is missing"),
    (row(text=3), "text is no text: 3"), (row(text=None), "text is no text"),
    (row(text="x" * 5000), "longer than 4096"),
    (row(role="boss"), "role 'boss' is none of instance, prior, held_out"), (row(role=["prior"]), "is none of"),
    (row(sha256="0" * 64), "is not the picture that was written"), (row(sha256="../x"), "not 64 hexadecimal"),
    (row(sha256=None), "not 64 hexadecimal"), (row(source={}), "source is no text"),
    (row(file_name="missing.png"), "'missing.png': the file does not exist"),
    (row(file_name="n" * 300 + ".png"), "too long"), (row(file_name="a.png/x"), "not a directory"),
    (row(file_name=METADATA), "it is text"),
])  # fmt: skip
def test_bad_lines_are_named_with_their_number(tmp_path: Path, line: bytes | str, reason: str) -> None:
    message = refused(tmp_path, row(), "", line)
    assert "line 3: " in message and reason in message and len(message) < 600


def test_all_problems_are_reported_at_once_up_to_a_limit(tmp_path: Path) -> None:
    message = refused(tmp_path, *["{"] * 50)
    assert "50 problem(s)" in message and "and 30 more" in message


def test_a_picture_named_twice_is_refused(tmp_path: Path) -> None:
    assert "more than once" in refused(tmp_path, row(), row())


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"this is no dataset(.|\n)*hint: a dataset is a folder with"):
        Dataset.open(tmp_path)
    assert "holds no pictures" in refused(tmp_path, "", " ")


def test_a_pipe_as_metadata_does_not_make_it_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / METADATA)
    with pytest.raises(DatasetError, match="pipe"):
        Dataset.open(tmp_path)


def test_hostile_text_is_kept_as_text_without_control_characters(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.png")
    (tmp_path / METADATA).write_text(row(text='"><img onerror=x>\0\u202e\ud800'))
    assert Dataset.open(tmp_path).items[0].text == '"><img onerror=x>\ufffd\ufffd\ufffd'


def test_a_picture_that_changed_after_opening_is_an_error(tmp_path: Path) -> None:
    built = dataset(tmp_path)
    photo(99).save(built.path(0))
    with pytest.raises(PhotoError, match="changed since"):
        built.pixels(0)


@pytest.mark.parametrize("byte", range(0, 400, 40))
def test_one_flipped_bit_in_a_picture_is_found(tmp_path: Path, byte: int) -> None:
    built = dataset(tmp_path, photos=2)
    data = bytearray(built.path(1).read_bytes())
    data[byte] ^= 4
    built.path(1).write_bytes(data)
    with pytest.raises(DatasetError, match=r"line 2: 'instance/0001.png'"):
        Dataset.open(built.folder)


def test_the_hash_changes_with_anything_that_training_sees(tmp_path: Path) -> None:
    built = dataset(tmp_path)
    lines = (built.folder / METADATA).read_text().splitlines()
    hashes = {built.hash}
    for changed in ([*lines[1:], lines[0]], lines[1:], [lines[0].replace("zkz", "zky"), *lines[1:]]):
        (built.folder / METADATA).write_text("\n".join(changed))
        hashes.add(Dataset.open(built.folder).hash)
    assert len(hashes) == 4


@given(st.lists(st.binary(max_size=60) | st.dictionaries(
    st.sampled_from(["file_name", "text", "role", "sha256", "source"]),
    st.none() | st.integers() | st.text(max_size=9) | st.sampled_from(["a.png", "instance"]), max_size=5,
).map(lambda value: json.dumps(value).encode()), max_size=4))  # fmt: skip
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_metadata_only_ever_raises_a_dataset_error(tmp_path: Path, lines: list[bytes]) -> None:
    photo().save(tmp_path / "a.png")
    (tmp_path / METADATA).write_bytes(b"\n".join(lines))
    try:
        assert len(Dataset.open(tmp_path)) > 0
    except DatasetError as error:
        assert error.what
