"""SIGINT and SIGTERM to the command line at many places of a run: `PYTHONPATH=tests python -m reliability.signals`.

The first one must end it with code 130 after a checkpoint, `imprint resume` must bring it to the same end, and a second
one must end it at once.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from imprint.app.cli.edge import run as command_line
from imprint.artifacts.event_log import EventLog
from imprint.config import dump_toml
from imprint.training.checkpoints import CheckpointStore
from make import photo_folder, tiny_base
from reliability.children import fingerprint, in_child, on_change
from tiny_run import STEPS, tiny_recipe

INTERRUPTED = 130
PATIENCE_S = 60  # on a busy machine a signal may wait for seconds; two that wait together become one
PLACES = ("class images", "cache", "samples", *range(1, STEPS + 1))


def send(number: signal.Signals, times: int = 1) -> None:
    for _ in range(times):
        before = signal.getsignal(number)
        os.kill(os.getpid(), number)
        # The system may give it to another thread, which hands it over later; two that wait at once become one.
        deadline = time.monotonic() + PATIENCE_S
        while signal.getsignal(number) is before and time.monotonic() < deadline:
            time.sleep(0.001)


def at(place: int | str, folder: Path, number: signal.Signals, times: int = 1) -> None:
    """Signal this process when its run first changes a file of an area, or before an optimiser step."""
    count = 0

    def changed(area: str) -> None:
        nonlocal count
        count += area == place
        if area == place and count == 1:
            send(number, times)

    def stepping(*_: object) -> None:
        nonlocal count
        count += 1
        if count == place:
            send(number, times)

    if isinstance(place, str):
        on_change(folder, changed)
    else:
        register_optimizer_step_pre_hook(stepping)


def personalize(folder: Path, photos: Path) -> None:
    """The verb, in this process; ends it with its exit code."""
    recipe = tiny_recipe(folder, photos=photos)
    file = folder.with_suffix(".toml")
    file.write_text(dump_toml(recipe))
    os._exit(command_line(["personalize", "--config", str(file)]))


def resume(folder: Path) -> None:
    os.environ["IMPRINT_CACHE"] = str(folder)  # where `personalize` drew its class images
    os._exit(command_line(["resume", str(folder / "run")]))


def stopped(folder: Path, photos: Path, place: int | str, number: signal.Signals, wanted: dict[str, str]) -> list[str]:
    """Returns: what is wrong after one signal at a place."""
    name = f"{number.name} at {place}"

    def run() -> None:
        at(place, folder, number)
        personalize(folder, photos)

    if (code := in_child(run)) != INTERRUPTED:
        return [f"{name}: exit code {code}"]
    found, damaged = CheckpointStore(folder / "run" / "checkpoints").latest()
    if isinstance(place, int) and (damaged or found is None or found.step != place):
        return [f"{name}: no checkpoint of that step"]
    if EventLog(folder / "run" / "events.jsonl").read("finished"):
        return [f"{name}: the run went on to its end"]
    if code := in_child(lambda: resume(folder)):
        return [f"{name}: resume ended with {code}"]
    return [] if fingerprint(folder / "run") == wanted else [f"{name}: another end"]


def twice(folder: Path, photos: Path, number: signal.Signals) -> list[str]:
    """Returns: what is wrong after two signals in one step. The second finds the handlers of a process without ours."""

    def run() -> None:
        at(3, folder, number, times=2)
        personalize(folder, photos)

    code = in_child(run)
    steps = CheckpointStore(folder / "run" / "checkpoints").steps()
    wanted = (INTERRUPTED, [2]) if number is signal.SIGINT else (-number, [2])
    return [] if (code, steps) == wanted else [f"{number.name} twice: exit code {code}, checkpoints {steps}"]


def main() -> None:
    """Print the number of stops and what is wrong as JSON; exit 1 if anything is."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    torch.set_num_threads(1)  # before any parallel region: otherwise a fork would lose torch's threads
    tiny_base()
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="imprint-signals-") as name:
        folder = Path(name)
        photos = photo_folder(folder / "photos", 5)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the command line's messages
        answer = os.dup(1)
        os.dup2(2, 1)  # and its results
        if in_child(lambda: personalize(folder / "reference", photos)):
            failures.append("the uninterrupted run failed")
        wanted = fingerprint(folder / "reference" / "run")
        for count, place in enumerate(PLACES):
            number = (signal.SIGINT, signal.SIGTERM)[count % 2]
            failures += stopped(folder / f"{place}", photos, place, number, wanted)
        for number in (signal.SIGINT, signal.SIGTERM):
            failures += twice(folder / number.name, photos, number)
    os.write(answer, json.dumps({"stops": len(PLACES), "failures": failures}).encode())
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
