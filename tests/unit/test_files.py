"""Files and folders that appear whole or not at all."""

from pathlib import Path

import pytest
import torch

from imprint.artifacts.files import (
    PARTIAL_SUFFIX,
    atomic_folder,
    folder_hash,
    load_tensors,
    save_tensors,
    sha256_file,
    sha256_json,
    sweep_partials,
    tensor_metadata,
    write_bytes,
    write_json,
)
from imprint.errors import ModelError

pytestmark = pytest.mark.unit


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_json_keeps_letters_of_all_languages(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "Łucja"})
    assert "Łucja" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_folder_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "step"
    with atomic_folder(target) as partial:
        (partial / "sub").mkdir()
        (partial / "sub" / "a").write_text("1")
        assert not target.exists()
    assert (target / "sub" / "a").read_text() == "1"


def test_an_exception_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "step"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "step").mkdir()
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "step"):
        pass


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / f"step{PARTIAL_SUFFIX}").mkdir()
    (tmp_path / f"a.json{PARTIAL_SUFFIX}").touch()
    (tmp_path / "whole").mkdir()
    assert len(sweep_partials(tmp_path)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    assert sweep_partials(tmp_path / "absent") == []


def test_tensors_come_back_with_their_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"b": torch.arange(3).t(), "a": torch.eye(2, dtype=torch.bfloat16)}, {"kind": "x"})
    found = load_tensors(path)
    assert torch.equal(found["a"], torch.eye(2, dtype=torch.bfloat16))
    assert found["b"].tolist() == [0, 1, 2]
    assert tensor_metadata(path) == {"kind": "x"}


def test_who_may_read_a_text_may_read_tensors(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("")
    save_tensors(tmp_path / "tensors", {"a": torch.zeros(1)})
    assert (tmp_path / "tensors").stat().st_mode == (tmp_path / "text").stat().st_mode


def test_equal_tensors_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    one, two = torch.ones(3), torch.zeros(2)
    save_tensors(tmp_path / "a", {"one": one, "two": two})
    save_tensors(tmp_path / "b", {"two": two, "one": one})
    assert sha256_file(tmp_path / "a") == sha256_file(tmp_path / "b")


def test_what_a_killed_save_left_is_gone_after_the_next(tmp_path: Path) -> None:
    room = tmp_path / f"a.safetensors{PARTIAL_SUFFIX}"
    room.mkdir()
    (room / ".tmpKsE8It").write_bytes(b"the library's own unfinished file")
    save_tensors(tmp_path / "a.safetensors", {"a": torch.eye(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_save_writes_nothing_beside_its_file_that_a_sweep_would_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(_: object, path: Path, *__: object) -> None:
        path.with_name(".tmpKsE8It").touch()  # safetensors writes so, and renames at the end
        seen.append(sweep_partials(tmp_path))
        raise KeyboardInterrupt

    seen: list[list[Path]] = []
    monkeypatch.setattr("safetensors.torch.save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        save_tensors(tmp_path / "a.safetensors", {"a": torch.eye(2)})
    assert len(seen[0]) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"\x80\x02}q\x00.", b"\xff" * 64, b"{}"])
@pytest.mark.parametrize("read", [load_tensors, tensor_metadata])
def test_foreign_bytes_are_refused(tmp_path: Path, data: bytes, read: object) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    assert callable(read)
    with pytest.raises(ModelError, match="no readable safetensors"):
        read(path)


def test_a_folder_hash_depends_on_names_and_bytes_only(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "unet.safetensors").write_bytes(b"weights")
    (tmp_path / "b" / "notes.txt").write_text("no weights")
    assert folder_hash(tmp_path / "a") == folder_hash(tmp_path / "b")
    (tmp_path / "b" / "unet.safetensors").rename(tmp_path / "b" / "vae.safetensors")
    assert folder_hash(tmp_path / "a") != folder_hash(tmp_path / "b")


def test_a_json_hash_ignores_the_order_of_keys() -> None:
    assert sha256_json({"a": 1, "b": [1.5]}) == sha256_json({"b": [1.5], "a": 1})
