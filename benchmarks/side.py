"""One side of a comparison, in a process of its own: builds its loop, then makes steps whenever it is told to.

Reads: a Setup on the command line; a line on stdin for each turn. Writes: a JSON line for the start and for each turn.
Does not: compare anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from benchmarks.setup import Setup, Side

STATUS, CLEAR_REFS, OOM = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/self/oom_score_adj")


class Pace:
    """Times steps, and stops between turns until the parent says go.

    Args:
        setup: how many steps a turn has.
        out: where JSON lines go.
    """

    def __init__(self, setup: Setup, out: TextIO) -> None:
        self.setup = setup
        self.out = out
        self.turn = 0
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []
        self._last = self._last_cpu = 0.0

    def say(self, **values: Any) -> None:
        """One JSON line for the parent."""
        self.out.write(json.dumps(values) + "\n")
        self.out.flush()

    def wait(self) -> None:
        """Until the parent asks for a turn; ends the process where it asks for none."""
        if not sys.stdin.readline():
            sys.exit(0)
        self.seconds, self.cpu_seconds = [], []
        forget_peak()
        self._last, self._last_cpu = time.perf_counter(), time.process_time()

    def after_step(self) -> None:
        """Called when a step is done."""
        now, cpu = time.perf_counter(), time.process_time()
        self.seconds.append(now - self._last)
        self.cpu_seconds.append(cpu - self._last_cpu)
        self._last, self._last_cpu = now, cpu
        if len(self.seconds) == self.setup.warmup + self.setup.steps:
            timed = slice(self.setup.warmup, None)
            self.say(seconds=self.seconds[timed], cpu_seconds=self.cpu_seconds[timed], peak_gb=peak_gb())
            self.turn += 1
            if self.turn < self.setup.turns:
                self.wait()


def peak_gb() -> float:
    """Largest resident memory since `forget_peak` (where the kernel allows that), in 1e9 bytes."""
    try:
        line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def forget_peak() -> None:
    """Start measuring the peak anew; without permission it stays the peak since the process began."""
    with contextlib.suppress(OSError):
        CLEAR_REFS.write_text("5", encoding="ascii")


def confine(setup: Setup) -> None:
    """Stay on the wanted number of cores, fail above the memory limit, and be the first to go if memory runs out."""
    cores = sorted(os.sched_getaffinity(0))[: setup.threads]
    os.sched_setaffinity(0, cores)
    limit = int(setup.memory_limit_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.suppress(OSError):
        OOM.write_text("1000", encoding="ascii")


def build(side: Side, setup: Setup) -> tuple[Any, float]:
    """A side's loop, and its loss on the same pictures and random numbers as the other's."""
    from benchmarks.bases import open_case, pictures
    from benchmarks.our_loop import OurLoop, first_draws, first_items
    from benchmarks.plain_loop import PlainLoop

    family = open_case(setup)
    folder = pictures(setup, family.native_px)
    if side == "ours":
        ours = OurLoop(family, folder, setup)
        return ours, ours.first_loss()
    cells = family.native_px // family.latent_stride
    draws = first_draws(setup, (family.latent_channels, cells, cells), len(family.alphas_cumprod_T))
    plain = PlainLoop(family, folder, setup)
    return plain, plain.loss_with(draws, first_items(setup, len(folder)))


def main() -> None:
    """`python -m benchmarks.side ours|plain SETUP`."""
    side: Side = "ours" if sys.argv[1] == "ours" else "plain"
    setup = Setup.from_json(sys.argv[2])
    # Libraries that print must not break the protocol.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    confine(setup)
    import torch

    torch.set_num_threads(setup.threads)
    started = time.perf_counter()
    loop, loss = build(side, setup)
    pace = Pace(setup, out)
    trained = sum(value.numel() for value in loop.parameters)
    pace.say(ready=True, first_loss=loss, trained=trained, setup_seconds=time.perf_counter() - started)
    pace.wait()
    loop.run(pace.after_step)


if __name__ == "__main__":
    main()
