"""Both sides of a comparison by turns, each in its own process: ours, plain, plain, ours, ours, plain, ...

Reads: a Setup. Writes: a Result. Does not: load torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.setup import ROOT, SIDES, Setup, Side

Say = Callable[[str], None]

#: Peak memory of the larger side in GB, rounded up, to see what fits.
PEAK_GB = {"tiny": 1.0, "nano": 2.0, "sd15 lora": 5.0, "sd15 finetune": 17.0, "sd15 finetune bf16": 11.0}


class SideFailedError(RuntimeError):
    """A child process ended early."""


@dataclass
class Measured:
    """What one side gave.

    Attributes:
        rounds: wall seconds of each timed step, by round.
        cpu_rounds: CPU seconds, of all threads together; they say more where other work shares the cores.
        peak_gb: largest resident memory of its process while it made steps.
        first_loss: on the pictures and random numbers that both sides get.
        trained: weights that are trained.
        setup_seconds: of its first start: opening the base; for ours, encoding the pictures too.
    """

    rounds: list[list[float]] = field(default_factory=list[list[float]])
    cpu_rounds: list[list[float]] = field(default_factory=list[list[float]])
    peak_gb: float = 0.0
    first_loss: float = float("nan")
    trained: int = 0
    setup_seconds: float = 0.0

    @property
    def step_seconds(self) -> float:
        """Median over all timed steps."""
        return statistics.median([second for seconds in self.rounds for second in seconds])

    @property
    def step_cpu_seconds(self) -> float:
        """The same of CPU time."""
        return statistics.median([second for seconds in self.cpu_rounds for second in seconds])


@dataclass
class Result:
    """One comparison. `problem` is set, and the rest incomplete, where a side failed."""

    setup: Setup
    together: bool
    ours: Measured = field(default_factory=Measured)
    plain: Measured = field(default_factory=Measured)
    problem: str = ""

    def of(self, side: Side) -> Measured:
        """One side."""
        return self.ours if side == "ours" else self.plain

    @property
    def ratios(self) -> list[float]:
        """Median step time of ours over plain's, by round."""
        return _ratios(self.ours.rounds, self.plain.rounds)

    @property
    def cpu_ratios(self) -> list[float]:
        """The same of CPU time."""
        return _ratios(self.ours.cpu_rounds, self.plain.cpu_rounds)

    def cores_used(self, side: Side) -> float:
        """CPU time over wall time and threads of one side; well below 1 where other work had its cores."""
        measured = self.of(side)
        wall = sum(sum(seconds) for seconds in measured.rounds)
        return sum(sum(seconds) for seconds in measured.cpu_rounds) / wall / self.setup.threads


class Child:
    """A running side.

    Args:
        side: which.
        setup: of the comparison.
    """

    def __init__(self, side: Side, setup: Setup) -> None:
        self.side: Side = side
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - lives as long as the child
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.side", side, setup.to_json()]
        environment = {**os.environ, "OMP_NUM_THREADS": str(setup.threads), "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        try:
            self.start: dict[str, Any] = self._read()
        except SideFailedError:
            self.end()
            raise

    def turn(self) -> dict[str, Any]:
        """Let it make the steps of one turn."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        return self._read()

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        last = [text for text in self._errors.read().splitlines() if text.strip()][-1:]
        raise SideFailedError(f"{self.side} ended with code {code}: {''.join(last)[:300]}")


def expected_gb(setup: Setup) -> float:
    """Memory that the larger side needs."""
    key = setup.case if setup.case != "sd15" else f"sd15 {setup.method}"
    if key == "sd15 finetune" and setup.weights == "bf16":
        key += " bf16"
    return PEAK_GB[key]


def compare(setup: Setup, rounds: int, say: Say) -> Result:
    """Let both sides run by turns.

    Args:
        setup: with any number of turns.
        rounds: turns of each side.
        say: told what is going on.
    """
    together = 2 * expected_gb(setup) <= setup.memory_limit_gb
    setup = replace(setup, turns=rounds if together else 1)
    result = Result(setup, together)
    kept: dict[Side, Child] = {}
    try:
        for number in range(rounds):
            # Ours is first in the first round and makes the pictures; the order then swaps, so that drift cancels.
            for side in SIDES if number % 2 == 0 else reversed(SIDES):
                child = kept.get(side) or _started(side, setup, result, say)
                if together:
                    kept[side] = child
                try:
                    _take(result.of(side), child.turn())
                finally:
                    if not together:
                        child.end()
                say(f"round {number + 1}/{rounds} {side}: {statistics.median(result.of(side).rounds[-1]):.3f} s a step")
    except SideFailedError as error:
        result.problem = str(error)
        say(result.problem)
    finally:
        for child in kept.values():
            child.end()
    return result


def _started(side: Side, setup: Setup, result: Result, say: Say) -> Child:
    say(f"{setup.case} {setup.method}: starting {side}")
    child = Child(side, setup)
    measured = result.of(side)
    if not measured.trained:
        measured.first_loss, measured.trained = child.start["first_loss"], child.start["trained"]
        measured.setup_seconds = child.start["setup_seconds"]
    return child


def _take(measured: Measured, turn: dict[str, Any]) -> None:
    measured.rounds.append(turn["seconds"])
    measured.cpu_rounds.append(turn["cpu_seconds"])
    measured.peak_gb = max(measured.peak_gb, turn["peak_gb"])


def _ratios(ours: list[list[float]], plain: list[list[float]]) -> list[float]:
    pairs = zip(ours, plain, strict=True)
    return [statistics.median(of_ours) / statistics.median(of_plain) for of_ours, of_plain in pairs]
