"""Results as a table for people and as JSON for programs.

Reads: Results. Writes: a table, JSON values. Does not: measure, but for the machine's name.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from benchmarks.duel import Measured, Result
from rich.table import Table

from imprint.jobs.machine import processor

COLUMNS = (
    "case", "side", "trained", "s/step", "min-max", "time ratio", "min-max", "CPU s/step", "CPU ratio", "peak GB",
    "memory ratio",
)  # fmt: skip
BUSY = 0.85  # share of its cores below which a side did not have them to itself
SAME_LOSS = {"fp32": 1e-3, "bf16": 3e-2}  # relative; bf16 has 8 bits, and the plain autoencoder runs in it


def table(results: Sequence[Result]) -> Table:
    """One line for each side of each comparison."""
    out = Table(title="One training step, ours against a plain loop", title_justify="left")
    for name in COLUMNS:
        out.add_column(name, justify="left" if name in ("case", "side") else "right", no_wrap=True)
    for result in results:
        name = f"{result.setup.case} {result.setup.method}"
        if result.problem:
            out.add_row(name, "failed", *[""] * (len(COLUMNS) - 2), end_section=True)
            continue
        low, high = min(result.ratios), max(result.ratios)
        figures = [statistics.median(result.ratios), statistics.median(result.cpu_ratios), memory_ratio(result)]
        ratios = [f"{figure:.2f}" for figure in figures]
        out.add_row(name, "ours", *_cells(result.ours, f"{low:.2f}-{high:.2f}", ratios))
        out.add_row("", "plain", *_cells(result.plain, "", ["1", "1", "1"]), end_section=True)
    return out


def memory_ratio(result: Result) -> float:
    """Peak memory of ours over plain's."""
    return result.ours.peak_gb / result.plain.peak_gb


def _cells(side: Measured, spread: str, ratios: Sequence[str]) -> list[str]:
    steps = [second for seconds in side.rounds for second in seconds]
    return [
        f"{side.trained / 1e6:.2f} M", f"{side.step_seconds:.3f}", f"{min(steps):.3f}-{max(steps):.3f}", ratios[0],
        spread, f"{side.step_cpu_seconds:.3f}", ratios[1], f"{side.peak_gb:.2f}", ratios[2],
    ]  # fmt: skip


def notes(results: Sequence[Result]) -> list[str]:
    """What a reader must know to believe the table."""
    lines = [
        "Step: wall time from step to step, batch and logging included. Peak: largest resident memory of a side's own "
        "process while it made steps (VmHWM), libraries included; set-up and encoding are before it.",
        "Ratios: median step of ours over median step of plain within a round; the figure is the median over rounds. "
        "CPU: seconds of all threads together; on a busy machine they say more than wall time.",
    ]
    for result in results:
        name = f"{result.setup.case} {result.setup.method}"
        if result.problem:
            lines.append(f"{name}: {result.problem}")
            continue
        how = "both processes stayed in memory" if result.together else "each turn was a fresh process"
        lines.append(
            f"{name}: {result.setup.batch_size} picture(s) a step, {result.setup.precision}; {how}; loss of the first "
            f"step {result.ours.first_loss:.5f} ours, {result.plain.first_loss:.5f} plain; our set-up, encoding "
            f"included, took {result.ours.setup_seconds:.1f} s."
        )
        lines += [f"{name}: WARNING: {warning}" for warning in warnings(result)]
    return lines


def warnings(result: Result) -> list[str]:
    """Why a result should not be believed."""
    found: list[str] = []
    ours, plain = result.ours, result.plain
    if not abs(ours.first_loss - plain.first_loss) <= SAME_LOSS[result.setup.precision] * plain.first_loss:
        found.append("the sides' first losses differ; they do not compute the same thing")
    if result.setup.method == "finetune" and result.setup.weights == "bf16":
        found.append("weights and AdamW in bf16 on both sides, so that they fit: times are of use, training so is not")
    if ours.trained != plain.trained:
        found.append("the sides train different numbers of weights")
    if (used := min(result.cores_used("ours"), result.cores_used("plain"))) < BUSY:
        found.append(f"a side had only {used:.0%} of its cores, by waiting or by other work; times are rough")
    return found


def as_json(results: Sequence[Result], load: float) -> dict[str, Any]:
    """Everything, as JSON values."""
    return {
        "machine": machine(load),
        "results": [
            {
                **{key: value for key, value in asdict(result).items() if key != "setup"},
                "setup": {key: value for key, value in asdict(result.setup).items() if key not in ("base", "work")},
                "summary": _summary(result),
                "warnings": [] if result.problem else warnings(result),
            }
            for result in results
        ],
        "notes": notes(results),
    }


def _summary(result: Result) -> dict[str, float]:
    if result.problem:
        return {}
    return {
        "ours_seconds": result.ours.step_seconds, "plain_seconds": result.plain.step_seconds,
        "time_ratio": statistics.median(result.ratios), "time_ratio_min": min(result.ratios),
        "time_ratio_max": max(result.ratios), "cpu_ratio": statistics.median(result.cpu_ratios),
        "memory_ratio": memory_ratio(result), "ours_cores_used": result.cores_used("ours"),
        "plain_cores_used": result.cores_used("plain"),
    }  # fmt: skip


def machine(load: float) -> dict[str, Any]:
    """What it ran on.

    Args:
        load: load average when it began.
    """
    packages = ("imprint", "torch", "diffusers", "transformers", "peft")
    return {
        "cpu": processor(), "cores": os.cpu_count(), "load_before": load, "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }  # fmt: skip
