"""The process that opens a pickle. It is run by file name, alone, and imports nothing of Imprint.

Reads: a pickle on stdin, orders as its only argument (JSON). Writes: one safetensors file into the current folder, and
one line of JSON to stdout: what was written, or why it was refused. Does not: trust the file.

Layers, each of which is enough for the attacks it knows:
1. limits of the system (memory, time, files, processes) and, where the system permits, no network at all;
2. the file's layout and every opcode are looked at before anything is executed: only what tensors need may be named;
3. torch's own restricted unpickler (`weights_only`);
4. while it runs, an audit hook refuses sockets, processes, code, imports and files outside the current folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import pickletools
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any, NoReturn, cast

MIB = 1 << 20
MAX_PICKLE_BYTES = 64 * MIB  # of opcodes; those of Stable Diffusion take 0.5 MiB
MAX_OPCODES = 3_000_000  # some seconds of scanning; Stable Diffusion has 40 000
MAX_ENTRIES = 100_000  # of the zip, and values that come out
MAX_DEPTH = 16
MAX_TEXT = MIB
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
NETWORK_NAMESPACES = 0x40000000 | 0x10000000  # CLONE_NEWNET | CLONE_NEWUSER of sched.h
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, SIGKILL = 1, 38, 9  # prctl.h

DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
STORAGES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
ALLOWED_GLOBALS = frozenset(
    ["collections OrderedDict", "torch Size", "torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2"]
    + ["torch._utils _rebuild_parameter", "torch.storage UntypedStorage"]
    + [f"torch {name}" for name in DTYPES]
    + [f"torch {name}Storage" for name in STORAGES]
)
ALLOWED_OPCODES = frozenset([
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "NEWOBJ", "BUILD", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE",
    "EMPTY_SET", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "NONE", "NEWTRUE",
    "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING", "BINPERSID",
    "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT",
])  # fmt: skip
# Of these the audit hook refuses all, of `open` and changes of files those outside the current folder.
DENIED_EVENTS = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty.",
    "ctypes.", "exec", "compile", "import", "code.", "os.kill", "os.chdir", "os.chroot", "os.putenv", "winreg.",
    "webbrowser.", "urllib.", "ftplib.", "smtplib.", "sqlite3.", "mmap.__new__",
)  # fmt: skip
FILE_EVENTS = frozenset([
    "open", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown",
    "os.truncate", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile", "tempfile.mkstemp",
    "tempfile.mkdtemp",
])  # fmt: skip


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """The file is not opened; the parts of the message."""

    def __init__(self, what: str, got: object = None) -> None:
        super().__init__(what)
        self.what, self.got = what, got


def main() -> None:
    """Convert stdin as ordered."""
    orders = cast("dict[str, Any]", json.loads(sys.argv[1]))
    limit_process(orders)
    file = sys.stdin.buffer
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        zipped = check_file(file, size)
        file.seek(0)
        answer = convert(file, size, zipped, orders)
    except Refused as refused:
        answer = {"refused": refused.what, "got": refused.got}
    sys.stdout.write(json.dumps(answer) + "\n")


def limit_process(orders: dict[str, Any]) -> None:
    """Take from this process what it does not need."""
    try:
        import resource
    except ImportError:  # not a POSIX system: the other layers remain
        return
    for name, value in (("CORE", 0), ("CPU", orders["cpu_s"]), ("FSIZE", orders["output_bytes"]), ("NOFILE", 256)):
        limit(resource, name, value)
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, SIGKILL)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.unshare(NETWORK_NAMESPACES)  # an empty network; where it is not permitted, the audit hook remains


def limit(resource: Any, name: str, value: int) -> None:
    """Lower one limit, never beyond what it is already."""
    kind = getattr(resource, f"RLIMIT_{name}", None)
    if kind is None:
        return
    _, hard = resource.getrlimit(kind)
    lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lowered, lowered))


def check_file(file: IO[bytes], size: int) -> bool:
    """Look at the layout and every opcode, running nothing.

    Returns: whether it is torch's zip format.
    Raises: Refused: for anything that no file of tensors needs.
    """
    head = file.read(512)
    file.seek(0)
    if head[257:262] == b"ustar":
        raise Refused("this is a tar archive, torch's format before 2017")
    if not head.startswith(b"PK"):
        check_legacy(file)
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            check_pickle(io.BytesIO(archive.read(pickle_entry(archive, size))))
    # What zipfile raises; RuntimeError for a password, and of its kind for a compression that it lacks.
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise Refused("the file is damaged or cut short", str(error)) from error
    return True


def pickle_entry(archive: zipfile.ZipFile, size: int) -> zipfile.ZipInfo:
    """The one entry with opcodes, after the archive's table of contents was found to be honest."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Refused("too many files inside", len(entries))
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Refused("this zip archive is compressed; torch never compresses")
    if sum(entry.file_size for entry in entries) > size:
        raise Refused("this zip archive claims more than it holds")
    if any("/code/" in entry.filename or entry.filename.endswith("constants.pkl") for entry in entries):
        raise Refused("this is a TorchScript archive: a program, not weights")
    found = [entry for entry in entries if entry.filename.split("/")[1:] == ["data.pkl"]]
    if len(found) != 1:
        raise Refused("this zip archive was not written by torch.save", entries[0].filename if entries else "empty")
    if found[0].file_size > MAX_PICKLE_BYTES:
        raise Refused("its list of tensors is too long", found[0].file_size)
    return found[0]


def check_legacy(file: IO[bytes]) -> None:
    """torch's format before 1.6: magic number, version, system, object and names of storages, each a pickle."""
    for number in range(5):
        first = check_pickle(file)
        if number == 0 and first != LEGACY_MAGIC:
            raise Refused("this pickle was not written by torch.save")


def check_pickle(file: IO[bytes]) -> object:
    """Every opcode of one pickle is among those that tensors need, and names nothing else.

    Returns: the argument of its first value, which is the value itself where that is a number.
    """
    first: object = None
    texts: list[str] = ["?", "?"]
    needless = ""
    try:
        for number, (opcode, argument, _) in enumerate(genops(file)):
            if number > MAX_OPCODES:
                raise Refused("it has too many instructions", f"more than {MAX_OPCODES}")
            if isinstance(argument, str):
                texts = [texts[1], argument]
            if opcode == "STACK_GLOBAL" or (opcode == "GLOBAL" and argument not in ALLOWED_GLOBALS):
                named = " ".join(texts) if opcode == "STACK_GLOBAL" else str(argument)
                raise Refused("it names something that is no tensor, and could run code", named.replace(" ", "."))
            if opcode not in ALLOWED_OPCODES:
                needless = needless or opcode  # told at the end only: a name says more
            first = argument if number == 1 else first
    except (ValueError, OverflowError, IndexError, MemoryError) as error:
        raise Refused("the file is damaged or no pickle at all", str(error)[:200]) from error
    if needless:
        raise Refused("it holds an instruction that no file of tensors needs", needless)
    return first


def genops(file: IO[bytes]) -> Iterator[tuple[str, object, object]]:
    """(name, argument, position) of each opcode, up to STOP."""
    for opcode, argument, position in pickletools.genops(file):
        yield opcode.name, argument, position


def convert(file: IO[bytes], size: int, zipped: bool, orders: dict[str, Any]) -> dict[str, Any]:
    """Open the file with torch, and write its tensors."""
    sys.path[:] = list(dict.fromkeys([*sys.path, *orders["sys_path"]]))
    import safetensors.torch
    import torch

    torch.set_num_threads(1)
    rehearse(torch, safetensors.torch)
    limit_memory(orders["memory_bytes"])
    sys.addaudithook(guard(os.getcwd() + os.sep))  # noqa: PTH109 - pathlib would import
    source = "/proc/self/fd/0" if zipped and sys.platform == "linux" else file
    try:
        opened = torch.load(source, map_location="cpu", weights_only=True, mmap=isinstance(source, str))
    except Refused:
        raise
    except MemoryError as error:
        raise Refused("it asks for more memory than its size explains") from error
    except Exception as error:  # whatever a hostile file makes torch raise is one answer
        raise Refused("torch refuses it", f"{type(error).__name__}: {error}"[:300]) from error
    tensors, values = Leaves(torch, 2 * size + MIB).of(opened)
    if not tensors:
        raise Refused("there are no tensors in it")
    save = cast("Any", safetensors.torch).save_file
    try:
        save({name: tensor.contiguous().clone() for name, (_, tensor) in tensors.items()}, orders["output"], {
            "format": "pt",
            "imprint.pickle": json.dumps({
                "tensors": [[path, name] for name, (path, _) in tensors.items()], "values": values,
            }),
        })  # fmt: skip
    except (MemoryError, RuntimeError, OSError) as error:
        raise Refused("it needs more memory or room than its size explains", str(error)[:200]) from error
    return {"written": orders["output"]}


def rehearse(torch: Any, safetensors_torch: Any) -> None:
    """Open and write something harmless, so that nothing is left to import when the guard stands."""
    buffer = io.BytesIO()
    torch.save({"a": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16)), "b": {1: [2.0]}}, buffer)
    with open("rehearsal", "wb") as file:  # noqa: PTH123 - pathlib's own events are not rehearsed
        file.write(buffer.getvalue())
    for source in ("rehearsal", io.BytesIO(buffer.getvalue())):
        opened = torch.load(source, map_location="cpu", weights_only=True, mmap=isinstance(source, str))
    os.remove("rehearsal")  # noqa: PTH107
    safetensors_torch.save_file({"a": opened["a"].detach().clone()}, "rehearsal", {"format": "pt"})
    os.remove("rehearsal")  # noqa: PTH107
    with contextlib.suppress(pickle.UnpicklingError):  # what words a refusal is loaded too
        torch.load(io.BytesIO(b"\x80\x02ctorch\nnothing\n."), weights_only=True)


def limit_memory(extra_bytes: int) -> None:
    """Allow so much more than what is in use, and no further process."""
    try:
        import resource
    except ImportError:
        return
    used = 1 << 30
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
            used = 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmData:"))
    limit(resource, "DATA", used + extra_bytes)
    limit(resource, "NPROC", 0)


def guard(folder: str) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that lets a process read, and write below one folder; it can never be taken off."""
    denied, files, write_flags = DENIED_EVENTS, FILE_EVENTS, os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(denied):
            _deny(event, arguments)
        if event in files:
            flags = arguments[2] if event == "open" and len(arguments) > 2 else write_flags
            if flags is None or not flags & write_flags:
                return
            for path in arguments[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
                named = os.fsdecode(path) if isinstance(path, str | bytes) else ""
                if ".." in named or not os.path.join(folder, named).startswith(folder):  # noqa: PTH118
                    _deny(event, arguments)

    return hook


def _deny(event: str, arguments: tuple[Any, ...]) -> NoReturn:
    named = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    raise Refused("it tried something that no file of tensors does", f"{event} {named}"[:200].strip())


class Leaves:
    """The tensors and plain values in nested dictionaries and lists.

    Args:
        torch: the module.
        limit_bytes: of all tensors together.
    """

    def __init__(self, torch: Any, limit_bytes: int) -> None:
        self._torch, self._left_bytes, self._left = torch, limit_bytes, MAX_ENTRIES
        self._tensors: dict[str, tuple[list[str | int], Any]] = {}
        self._values: list[tuple[list[str | int], object]] = []

    def of(self, opened: object) -> tuple[dict[str, tuple[list[str | int], Any]], list[tuple[list[str | int], object]]]:
        """(tensors by name with their path, plain values with theirs).

        Raises: Refused: for anything else, or too much of it.
        """
        self._walk([], opened)
        return self._tensors, self._values

    def _walk(self, path: list[str | int], value: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise Refused("it holds too many values", f"more than {MAX_ENTRIES}")
        if len(path) > MAX_DEPTH:
            raise Refused("it is nested too deeply", MAX_DEPTH)
        if isinstance(value, self._torch.Tensor):
            self._add(path, value.detach())
        elif isinstance(value, dict):
            for key, inner in cast("dict[Any, Any]", value).items():
                if not isinstance(key, str | int):
                    raise Refused("a dictionary has a key that is neither text nor a number", type(key).__name__)
                self._walk([*path, key], inner)
        elif isinstance(value, list | tuple) and not _plain_list(cast("list[Any]", value)):
            for number, inner in enumerate(cast("list[Any]", value)):
                self._walk([*path, number], inner)
        elif _plain(cast("object", value)) or isinstance(value, list | tuple):
            self._values.append((path, cast("object", value)))
        else:
            raise Refused("it holds something that is neither a tensor nor a plain value", type(value).__name__)

    def _add(self, path: list[str | int], tensor: Any) -> None:
        name = ".".join(map(str, path)) or "tensor"
        if name in self._tensors:
            raise Refused("two tensors have the same name", name)
        if str(tensor.dtype).removeprefix("torch.") not in DTYPES or str(tensor.layout) != "torch.strided":
            raise Refused("a tensor is of a kind that is not read", f"{name}: {tensor.dtype}, {tensor.layout}")
        self._left_bytes -= tensor.numel() * tensor.element_size()
        if tensor.device.type != "cpu" or self._left_bytes < 0:
            raise Refused("its tensors are larger than the file", name)
        self._tensors[name] = (path, tensor)


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= MAX_TEXT)


def _plain_list(values: list[Any]) -> bool:
    return len(values) <= MAX_ENTRIES and all(_plain(value) for value in values)


if __name__ == "__main__":
    main()
