"""kill -9 at many instants of a run, resume, compare: `PYTHONPATH=tests python -m reliability.kill --kills 200`.

One process imports everything and then forks a child for each attempt, so that a kill costs no imports. Instants are
chosen by what the run does to its files (in a save, a prune, a cache build, ...), by optimiser steps, and by time. In
half of the attempts the resumed run is killed once more.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from imprint.jobs.personalize import personalize, resume
from imprint.jobs.recipe import PersonalizeRecipe
from make import photo_folder, tiny_base
from reliability.children import fingerprint, in_child, on_change
from tiny_run import STEPS, tiny_recipe

Known = tuple[dict[str, str], list[str], float]  # of the uninterrupted run: hashes, area of each change, seconds
FIRST = ("cache", "class images", "prune", "save")

@dataclass(frozen=True)
class Instant:
    """When a run is killed.

    Attributes:
        where: the area of the run that it lies in, for the count.
        change: just before this change of a file, from 0; -1 for none.
        step: before this optimiser step, from 1; negative for after it; 0 for none.
        delay_s: so much later than that, or than the beginning.
    """

    where: str
    change: int = -1
    step: int = 0
    delay_s: float = 0.0


@dataclass
class Outcome:
    """What a lane found."""

    kills: dict[str, int] = field(default_factory=dict[str, int])
    failures: list[str] = field(default_factory=list)


def kill_now() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_in(delay_s: float) -> None:
    """Kill this process, now or a little later from another thread."""
    if not delay_s:
        kill_now()
    timer = threading.Timer(delay_s, kill_now)
    timer.daemon = True
    timer.start()


def arm(instant: Instant, folder: Path) -> None:
    """Make this process kill itself at an instant."""
    counts = collections.Counter[str]()

    def changed(_area: str) -> None:
        counts["changes"] += 1
        if counts["changes"] == instant.change + 1:
            kill_in(instant.delay_s)

    def stepping(*_: Any) -> None:
        counts["steps"] += 1
        if counts["steps"] == instant.step:
            kill_in(instant.delay_s)

    def stepped(*_: Any) -> None:
        if counts["steps"] == -instant.step:
            kill_in(instant.delay_s)

    if instant.change >= 0:
        on_change(folder, changed)
    elif instant.step:
        register_optimizer_step_pre_hook(stepping)
        register_optimizer_step_post_hook(stepped)
    else:
        kill_in(max(instant.delay_s, 1e-6))


def go_on(recipe: PersonalizeRecipe) -> None:
    """Begin a run, or go on with it."""
    assert recipe.out is not None
    if (recipe.out / "recipe.toml").exists():
        resume(recipe.out)
    else:
        personalize(recipe)


def recipe_in(folder: Path, photos: Path, workers: int) -> PersonalizeRecipe:
    return tiny_recipe(folder, photos=photos, loop__workers=workers)


def reference(folder: Path, photos: Path) -> Known:
    """An uninterrupted run. Returns: its fingerprint, the area of each change it made, and its seconds."""
    recipe, trace = recipe_in(folder, photos, 0), folder.with_suffix(".json")

    def run() -> None:
        areas: list[str] = []
        on_change(folder, areas.append)
        personalize(recipe)
        trace.write_text(json.dumps(areas))

    in_child(lambda: personalize(recipe_in(folder.with_suffix(".warm"), photos, 0)))  # fills the disk's caches
    start = time.monotonic()
    if in_child(run):
        raise SystemExit("the uninterrupted run failed")
    return fingerprint(folder / "run"), json.loads(trace.read_text()), time.monotonic() - start


def instants(areas: list[str], seconds: float, chance: random.Random) -> Iterator[Instant]:
    """Without end: each area of files in turn, then steps, then time."""
    places: dict[str, list[int]] = collections.defaultdict(list)
    for number, name in enumerate(areas):
        places[name].append(number)
    while True:
        for name in sorted(places, key=lambda name: (name not in FIRST, name)):
            change = chance.choice(places[name])
            yield Instant(name, change=change, delay_s=chance.choice((0.0, chance.uniform(0, 0.004))))
            if name in ("class images", "save"):
                step = chance.choice((1, -1)) * chance.randint(1, STEPS)
                yield Instant("step", step=step, delay_s=chance.choice((0.0, chance.uniform(0, 0.03))))
                yield Instant("time", delay_s=chance.uniform(0, seconds))


def attempt(
    folder: Path, recipe: PersonalizeRecipe, planned: list[Instant], wanted: dict[str, str], outcome: Outcome,
) -> None:
    """Kill a run at each planned instant, let it finish, and compare."""
    for instant in planned:
        def run(instant: Instant = instant) -> None:
            arm(instant, folder)
            go_on(recipe)

        status = in_child(run)
        if status == -signal.SIGKILL:
            outcome.kills[instant.where] = outcome.kills.get(instant.where, 0) + 1
        elif status:
            outcome.failures.append(f"{instant}: went on and failed; {planned}")
    if in_child(lambda: go_on(recipe)):
        outcome.failures.append(f"cannot be resumed after {planned}, workers {recipe.loop.workers}")
        return
    found = fingerprint(folder / "run")
    if different := sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)):
        outcome.failures.append(f"{different} differ after {planned}, workers {recipe.loop.workers}")


def lane(folder: Path, photos: Path, kills: int, seed: int, part: slice, known: Known) -> Outcome:
    """Attempts one after another until there were enough kills.

    Args:
        folder: of all attempts.
        photos: what the runs learn.
        kills: wanted from this lane.
        seed: decides all instants.
        part: which of all attempts are this lane's.
        known: of the uninterrupted run.
    """
    wanted, areas, seconds = known
    chance, outcome = random.Random(f"{seed} {part.start}"), Outcome()
    stream = itertools.islice(instants(areas, seconds, random.Random(seed)), part.start, None, part.step)
    for number, instant in enumerate(itertools.islice(stream, 2 * kills)):
        if sum(outcome.kills.values()) >= kills:
            break
        planned = [instant]
        if chance.random() < 0.5:
            late = chance.randrange(len(areas) // 2)
            planned.append(Instant("resumed", change=late, delay_s=chance.uniform(0, 0.004)))
        place = folder / f"{part.start}-{number}"
        attempt(place, recipe_in(place, photos, workers=2 * (number % 2)), planned, wanted, outcome)
        shutil.rmtree(place)
    return outcome


def main() -> None:
    """Print kills by area and failures as JSON; exit 1 after any failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=min(2, len(os.sched_getaffinity(0))))
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)  # before any parallel region: otherwise a fork would lose torch's threads
    tiny_base()
    with tempfile.TemporaryDirectory(prefix="imprint-kill-") as name:
        folder = Path(name)
        photos = photo_folder(folder / "photos", 5)
        known = reference(folder / "reference", photos)
        total = Outcome()
        for outcome in lanes(folder, photos, given.kills, given.seed, known, given.lanes):
            for name, count in outcome.kills.items():
                total.kills[name] = total.kills.get(name, 0) + count
            total.failures.extend(outcome.failures)
    print(json.dumps(asdict(total), indent=1))
    sys.exit(bool(total.failures))


def lanes(
    folder: Path, photos: Path, kills: int, seed: int, known: Known, count: int,
) -> list[Outcome]:
    """Lanes side by side, each a forked process that forks its own attempts."""
    notes = [folder / f"lane-{number}.json" for number in range(count)]
    children: list[int] = []
    for number, note in enumerate(notes):
        child = os.fork()
        if child == 0:
            try:
                found = lane(folder, photos, -(-kills // count), seed, slice(number, None, count), known)
                note.write_text(json.dumps(asdict(found)))
            except BaseException:  # noqa: BLE001 - nothing may run on in the child
                traceback.print_exc()
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    read = [json.loads(note.read_text()) if note.exists() else None for note in notes]
    return [Outcome(**found) if found else Outcome(failures=["a lane broke"]) for found in read]


if __name__ == "__main__":
    main()
