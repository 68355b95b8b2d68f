"""Pickles: what is in them never runs, and what they may take is limited; tensors come out as safetensors."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from imprint.artifacts.files import load_tensors, save_tensors, tensor_metadata
from imprint.errors import ModelError
from imprint.weights import pickle_child, pickles
from imprint.weights.pickles import PickleLimits, as_safetensors, converted

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("own_cache")]


class Payload:
    """Calls something when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def payloads(canary: Path) -> dict[str, Payload]:
    command = f"touch {canary}"
    return {
        "os.system": Payload(os.system, command),
        "builtins.exec": Payload(exec, f"open({str(canary)!r}, 'w')"),
        "builtins.eval": Payload(eval, f"open({str(canary)!r}, 'w')"),
        "subprocess.Popen": Payload(subprocess.Popen, ["touch", str(canary)]),
        "open": Payload(open, str(canary), "w"),
        "mkdir": Payload(os.mkdir, str(canary)),
        "torch.load": Payload(torch.load, str(canary)),
        "rebuild": Payload(torch._utils._rebuild_device_tensor_from_numpy, Payload(os.system, command), 1, 1, 1),
    }


def zipped(path: Path, opcodes: bytes, compression: int = zipfile.ZIP_STORED, **more: bytes) -> Path:
    """A file as torch.save lays it out, with any bytes for its pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", opcodes)
        archive.writestr("archive/version", b"3\n")
        for name, data in more.items():
            archive.writestr(f"archive/{name}", data)
    return path


def refused(path: Path, match: str, limits: PickleLimits | None = None) -> None:
    """The file is refused, and nothing of it stays in the cache."""
    with pytest.raises(ModelError, match=match):
        as_safetensors(path, limits)
    assert not list((path.parent / "cache").rglob("*.safetensors"))


CASES = [("zip", name) for name in payloads(Path())]
CASES += [(form, "os.system") for form in ("legacy", "plain", "protocol 4")]


@pytest.mark.parametrize(("form", "name"), CASES)
def test_a_payload_never_runs_and_is_named(form: str, name: str, tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "evil.pt"
    value = {"weight": torch.ones(2), "x": payloads(canary)[name]}
    if form in ("zip", "legacy"):
        torch.save(value, path, _use_new_zipfile_serialization=form == "zip")
    else:
        path.write_bytes(pickle.dumps(payloads(canary)[name], protocol=2 if form == "plain" else 4))
    refused(path, "names something that is no tensor")
    assert not canary.exists()


def test_without_the_look_ahead_torch_refuses_a_payload_as_well(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "evil.pt"
    torch.save({"weight": torch.ones(2), "x": payloads(canary)["builtins.exec"]}, path)
    code = f"""
import runpy, sys
child = runpy.run_path({pickle_child.__file__!r}, run_name="child")
child["main"].__globals__["check_file"] = lambda file, size: True
child["main"]()
"""
    orders = {"output": "o", "output_bytes": 1 << 20, "cpu_s": 60, "memory_bytes": 1 << 28, "sys_path": sys.path}
    command = [sys.executable, "-I", "-c", code, json.dumps(orders)]
    with path.open("rb") as file:
        done = subprocess.run(command, stdin=file, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "torch refuses it" in done.stdout
    assert not canary.exists()


@pytest.mark.parametrize(
    "attempt",
    [
        "os.system('touch CANARY')", "open('CANARY', 'w')", "os.mkdir('CANARY')", "os.rename('inside', 'CANARY')",
        "socket.socket()", "os.fork()", "os.execv('/bin/true', ['x'])", "subprocess.Popen(['true'])", "exec('1')",
        "os.symlink('inside', 'CANARY')", "os.open('../up', os.O_CREAT | os.O_WRONLY)", "import colorsys",
        "posix_spawn('/bin/true', ['x'], {})",
    ],
)  # fmt: skip
def test_code_that_ran_all_the_same_could_do_nothing(attempt: str, tmp_path: Path) -> None:
    (room := tmp_path / "room").mkdir()
    (room / "inside").touch()
    code = f"""
import os, runpy, socket, subprocess, sys
from os import posix_spawn
child = runpy.run_path({pickle_child.__file__!r}, run_name="child")
sys.addaudithook(child["guard"](os.getcwd() + os.sep))
try:
    {attempt.replace("CANARY", str(tmp_path / "canary"))}
except child["Refused"] as refused:
    sys.stdout.write(refused.what)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=room, capture_output=True, text=True)
    assert "it tried something" in done.stdout, done.stderr
    assert sorted(tmp_path.iterdir()) == [room]


def test_the_process_sees_neither_the_environment_nor_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    assert "SECRET" not in pickles._environment(Path("room"))
    code = f"""
import runpy, socket, sys
child = runpy.run_path({pickle_child.__file__!r}, run_name="child")
child["limit_process"]({{"cpu_s": 9, "output_bytes": 9}})
sys.stdout.write(" ".join(name for _, name in socket.if_nameindex()))
"""
    allowed = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    if subprocess.run([sys.executable, "-I", "-c", allowed]).returncode:
        pytest.skip("this system permits nobody to take the network away")
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "lo"


def bomb(path: Path) -> Path:
    return zipped(path, b"\x80\x02}.", zipfile.ZIP_DEFLATED, data=bytes(1 << 24))


def tar(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "storages")
    return path


def truncated(path: Path) -> Path:
    torch.save({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def script(path: Path) -> Path:
    return zipped(path, b"\x80\x02}.", **{"code/x.py": b"", "constants.pkl": b""})


def many_opcodes(path: Path) -> Path:
    return zipped(path, b"\x80\x02" + b"]" * 3_100_000 + b".")


def raw(data: bytes) -> Any:
    def write(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (bomb, "compressed"), (tar, "tar archive"), (truncated, "damaged or cut short"), (script, "TorchScript"),
        (many_opcodes, "too many instructions"), (raw(b""), "no pickle"), (raw(b"PK\x03\x04abc"), "damaged"),
        (raw(b"\x80\x02" + b"X\xff\xff\xff\x7fabc"), "no pickle"), (raw(b"\x80\x02X\xff\xff\xff\xff."), "no pickle"),
        (raw(pickle.dumps({"a": 1}, 2)), "not written by torch.save"),
        (raw(pickle.dumps({"a": b"1" * 999}, 4)), "no file of tensors needs"), (raw(os.urandom(4096)), "pickle"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_before_torch_sees_it(make: Any, match: str, tmp_path: Path) -> None:
    refused(make(tmp_path / "x.pt"), match)


def loop() -> dict[str, Any]:
    value: dict[str, Any] = {"a": torch.ones(1)}
    value["again"] = value
    return value


def laughs() -> Any:
    value: Any = [torch.ones(1)]
    for _ in range(12):
        value = [value] * 10
    return value


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"a": torch.ones(1).expand(1 << 40)}, "larger than the file"), (loop(), "too deeply"),
        (laughs(), "too many values"), ({"a": {1, 2}}, "neither a tensor nor a plain"), ({(1,): 2}, "a key that is"),
        ({"a": torch.ones(2, 2).to_sparse()}, "kind that is not read"), ({"a": 1j}, "neither a tensor"),
        ({"a": {"b": torch.ones(1)}, "a.b": torch.ones(1)}, "same name"), ({"a": "x" * (1 << 21)}, "neither a tensor"),
    ],
)  # fmt: skip
def test_only_tensors_and_plain_values_of_the_files_size_come_out(value: Any, match: str) -> None:
    with pytest.raises(pickle_child.Refused, match=match):
        pickle_child.Leaves(torch, 1 << 20).of(value)


def test_a_claim_of_memory_ends_that_process_only(tmp_path: Path) -> None:
    # A legacy file names the size of its storage; a petabyte here, which is tried before any byte is there.
    path = tmp_path / "x.pt"
    torch.save({"a": torch.zeros(7777)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"M\x61\x1e", b"\x8a\x07" + (1 << 47).to_bytes(7, "little")))
    refused(path, "torch refuses it|ended by its limits")


def test_time_is_limited(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.pt", b"\x80\x02" + b"]" * 2_000_000 + b".")
    refused(path, "not read within 0.2 s", PickleLimits(wall_s=0.2))
    refused(path, "ended by its limits.*", PickleLimits(cpu_s=0))


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    refused(raw(bytes(100))(tmp_path / "x.pt"), "larger than", PickleLimits(file_bytes=10))


def test_pipes_links_folders_and_other_names_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "folder.pt").mkdir()
    torch.save({"a": torch.ones(1)}, tmp_path / "real.pt")
    (tmp_path / "link.pt").symlink_to(tmp_path / "real.pt")
    for name, match in {
        "pipe.pt": "not a regular file", "folder.pt": "not a regular file", "link.pt": "symbolic link",
        "none.pt": "cannot be opened", "x.safetensors": "no pickle by its name",
    }.items():  # fmt: skip
        refused(tmp_path / name, match)


VALUE = {"a": {"b": torch.arange(6.0).reshape(2, 3)}, 7: ({"w": torch.ones(2, dtype=torch.bfloat16)},), "step": 3,
         "layers": [1, 2.5, None], "name": "ä", "p": torch.nn.Parameter(torch.ones(1))}  # fmt: skip


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_tensors_and_plain_values_come_out_once(new: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pt"
    torch.save(VALUE, path, _use_new_zipfile_serialization=new)
    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("unpickled in this process"))
    out = as_safetensors(path)
    tensors = load_tensors(out)
    assert set(tensors) == {"a.b", "7.0.w", "p"}
    assert torch.equal(tensors["a.b"], torch.arange(6.0).reshape(2, 3))
    told = json.loads(tensor_metadata(out)["imprint.pickle"])
    assert [["step"], 3] in told["values"] and [["layers"], [1, 2.5, None]] in told["values"]
    monkeypatch.setattr(pickles, "_run_child", lambda *_: pytest.fail("read again"))
    assert as_safetensors(path) == out


def test_a_changed_result_is_found_out_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_file: Any, _path: Path, room: Path, *_: Any) -> None:
        save_tensors(room / "weights.safetensors", {"a": torch.ones(2)}, {"imprint.pickle": "{}"})

    monkeypatch.setattr(pickles, "_run_child", write)
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(2)}, path)
    out = as_safetensors(path)
    save_tensors(out, {"a": torch.zeros(2)}, tensor_metadata(out))
    assert converted(out.parent.name) is None
    assert torch.equal(load_tensors(as_safetensors(path))["a"], torch.ones(2))


def test_a_file_swapped_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(2)}, path)

    def and_touch(_file: Any, _path: Path, room: Path, *_: Any) -> None:
        save_tensors(room / "weights.safetensors", {"a": torch.ones(2)})
        os.utime(path, (1, 1))

    monkeypatch.setattr(pickles, "_run_child", and_touch)
    refused(path, "changed while it was read")


def test_what_a_killed_process_left_is_swept_away_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_file: Any, _path: Path, room: Path, *_: Any) -> None:
        save_tensors(room / "weights.safetensors", {"a": torch.ones(2)})

    monkeypatch.setattr(pickles, "_run_child", write)
    for name, at in (("old.partial", 1), ("fresh.partial", None)):
        (left := tmp_path / "cache" / "pickles" / name).mkdir(parents=True)
        os.utime(left, at and (at, at))
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pt")
    kept = as_safetensors(tmp_path / "x.pt")
    assert sorted(path.name for path in kept.parents[1].iterdir()) == sorted(["fresh.partial", kept.parent.name])
