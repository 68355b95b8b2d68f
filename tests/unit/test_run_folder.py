"""Run folders: where things lie, and what may not be written over."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from imprint.artifacts.run_folder import RunFolder
from imprint.errors import InputError, OutputError

pytestmark = pytest.mark.unit

HOLD = "import sys, pathlib; from imprint.artifacts.run_folder import RunFolder\n"
HOLD += "with RunFolder(pathlib.Path(sys.argv[1])).hold(): print('held', flush=True); sys.stdin.readline()"


def begun(path: Path) -> RunFolder:
    run = RunFolder.create(path)
    run.recipe.write_text("")
    return run


def test_files_lie_where_the_design_says() -> None:
    run = RunFolder(Path("runs/ada"))
    assert run.checkpoint_dir(400) == Path("runs/ada/checkpoints/step-000400")
    assert run.samples_dir(400) == Path("runs/ada/samples/step-000400")
    assert run.scorecard == Path("runs/ada/report/scorecard.json")
    assert run.page == Path("runs/ada/report/index.html")


def test_a_new_run_makes_its_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "runs" / "ada")
    assert list(run.path.iterdir()) == []


def test_a_run_that_exists_is_refused_with_the_way_to_resume(tmp_path: Path) -> None:
    run = begun(tmp_path / "ada")
    with pytest.raises(OutputError, match="imprint resume"):
        RunFolder.create(run.path)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(OutputError, match="not empty"):
        RunFolder.create(tmp_path)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ada").touch()
    with pytest.raises(OutputError, match="a file stands"):
        RunFolder.create(tmp_path / "ada")


def test_a_file_in_the_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(OutputError, match="cannot write here"):
        RunFolder.create(tmp_path / "runs" / "ada")


def test_a_read_only_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    with pytest.raises(OutputError, match=r"cannot write here \(got 'Permission denied'\)"):
        RunFolder.create(tmp_path / "ada")


def test_too_small_a_disk_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too little room"):
        RunFolder.create(tmp_path / "deep" / "ada", need_bytes=1 << 60)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_opened_and_anything_else_is_not(tmp_path: Path) -> None:
    assert RunFolder.open(begun(tmp_path / "ada").path).path == tmp_path / "ada"
    with pytest.raises(InputError, match=r"no recipe\.toml"):
        RunFolder.open(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        RunFolder.open(tmp_path / "absent")


def test_a_run_is_worked_on_by_one_process(tmp_path: Path) -> None:
    run = begun(tmp_path / "ada")
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=f"process {other.pid}"), run.hold():
            pass
        other.kill()
        other.wait()
        with run.hold():  # a killed process holds nothing
            pass
