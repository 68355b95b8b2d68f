"""Forked children of a process that has imported everything, and what a run does to its files inside them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imprint.artifacts.files import sha256_file
from tiny_run import STEPS

CHANGES = {"open": 2, "os.rename": 0, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.truncate": 0}
AREAS = {
    "pruned.json": "prune", "class-images": "class images", "cache": "cache", "checkpoints": "save",
    "dataset": "dataset", "samples": "samples", "result": "result", "report": "report",
}  # fmt: skip


def in_child(action: Callable[[], None]) -> int:
    """Fork, act, exit. Returns: 0, 1 after an exception (whose trace is on stderr), or minus the signal's number."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - nothing may run on in the child
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def area(event: str, path: str, folder: Path) -> str:
    """Which part of a run a change of a file belongs to."""
    if event == "os.remove" and path.endswith("optimiser.safetensors") and ".partial" not in path:
        return "prune"
    inside = path.removeprefix(str(folder))
    return next((name for part, name in AREAS.items() if part in inside), "begin and log")


def on_change(folder: Path, act: Callable[[str], None]) -> None:
    """Call `act` with the area before every change of a file below a folder. Cannot be undone: for forked children."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES or not str(arguments[0]).startswith(str(folder)):
            return
        if event == "open" and not (arguments[CHANGES["open"]] & (os.O_WRONLY | os.O_RDWR)):
            return
        act(area(event, str(arguments[0]), folder))

    sys.addaudithook(hook)


def fingerprint(run: Path) -> dict[str, str]:
    """Hashes of all that a run's outcome consists of."""
    last = run / "checkpoints" / f"step-{STEPS:06d}"
    files = [*(run / "result").iterdir(), *last.glob("*.safetensors"), run / "report" / "scorecard.json"]
    return {path.relative_to(run).as_posix(): sha256_file(path) for path in sorted(files)}
