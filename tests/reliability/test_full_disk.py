"""A disk that fills up while a run writes: nothing that was there is lost, and with room it ends the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from imprint.app.cli.edge import run as command_line
from imprint.config import dump_toml
from imprint.errors import OutputError
from imprint.jobs import personalize as job
from imprint.training.checkpoints import CheckpointStore
from make import photo_folder
from reliability.children import fingerprint
from tiny_run import tiny_recipe

pytestmark = pytest.mark.reliability

DISK_KIB = 3072
# What is free when a run begins that would write about 0.8 MB: it ends in pictures, in the cache, in a save, ...
FREE_KIB = (24, 80, 140, 200, 280, 360, 440, 520, 600, 680)
CANNOT_WRITE = 5


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "imprint", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an uninterrupted run ends with."""
    recipe = tiny_recipe(tmp_path_factory.mktemp("whole"))
    return fingerprint(job.personalize(recipe).run)


def fill(disk: Path, free_kib: int) -> Path:
    """A file that leaves so much room."""
    ballast, room = disk / "ballast", shutil.disk_usage(disk).free - free_kib * 1024
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room)
    return ballast


@pytest.mark.parametrize("free_kib", FREE_KIB)
def test_a_full_disk_loses_nothing(
    disk: Path, wanted: dict[str, str], tmp_path: Path, free_kib: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(job, "_need_bytes", lambda *_: 0)  # as if another program filled it after the check
    shutil.rmtree(disk / "run", ignore_errors=True)
    recipe = tiny_recipe(tmp_path, photos=photo_folder(tmp_path / "photos", 5), out=disk / "run")
    (tmp_path / "recipe.toml").write_text(dump_toml(recipe))
    ballast = fill(disk, free_kib)
    assert command_line(["personalize", "--config", str(tmp_path / "recipe.toml")]) == CANNOT_WRITE
    assert "error: " in capsys.readouterr().err
    assert CheckpointStore(disk / "run" / "checkpoints").latest()[1] == []
    ballast.unlink()
    assert command_line(["resume", str(disk / "run")]) == 0
    assert fingerprint(disk / "run") == wanted


def test_a_disk_without_room_is_refused_before_the_start(disk: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too little room"):
        job.personalize(tiny_recipe(tmp_path, out=disk / "refused"))
    assert not (disk / "refused").exists()
