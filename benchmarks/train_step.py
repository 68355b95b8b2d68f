"""Our training step against a plain loop as diffusers' example scripts write it: time and peak memory, side by side.

Reads: the embedded base, or a folder. Writes: a table on stdout, a file with --json. Does not: keep anything else.

    python benchmarks/train_step.py                          # everything
    python benchmarks/train_step.py --case sd15 --methods lora --rounds 5 --json step.json

What is compared, and how: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from benchmarks.duel import Result, compare, expected_gb
from benchmarks.report import as_json, notes, table
from benchmarks.setup import Case, Method, Precision, Setup
from rich.console import Console

from imprint.app.cli.threads import available_cores
from imprint.nano import base_folder

METHODS: tuple[Method, ...] = ("lora", "finetune")
BATCH = {"tiny": 2, "nano": 4, "sd15": 1}
PICTURES = {"tiny": 4, "nano": 8, "sd15": 2}
STEPS = {"tiny": 3, "nano": 20, "sd15": 4}
KEPT_FREE = 0.9  # share of the free memory that a side may take, if no limit is given


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparisons that the arguments name.

    Returns: exit code: 0, or 1 if a side failed.
    """
    options = parse(arguments)
    load = os.getloadavg()[0]
    stderr = Console(stderr=True)

    def say(text: str) -> None:
        stderr.print(text, highlight=False, markup=False)

    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="imprint-bench-") as work:
        for case in options.case:
            base = base_of(case, options.base, Path(work))
            for method in options.methods:
                setup = setup_of(case, method, base, Path(work) / case, options)
                results.append(compare(setup, options.rounds, say))
                if case == "sd15":  # the latent caches of two number formats need not stay
                    shutil.rmtree(Path(work) / case / "cache", ignore_errors=True)
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table(results))
    for line in notes(results):
        console.print(f"- {line}", highlight=False, markup=False)
    if options.json:
        Path(options.json).write_text(json.dumps(as_json(results, load), indent=1) + "\n", encoding="utf-8")
    return int(any(result.problem for result in results))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Our training step against a plain diffusers loop.")
    add = parser.add_argument
    add("--case", nargs="+", choices=("tiny", "nano", "sd15"), default=["nano", "sd15"])
    add("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    add("--base", help="a Stable Diffusion 1.x folder for the case nano, in place of the embedded base")
    add("--rounds", type=int, default=3, help="turns of each side")
    add("--steps", type=int, help="timed steps of a turn; default 20 for nano, 4 for sd15")
    add("--warmup", type=int, default=1, help="untimed steps at the start of every turn")
    add("--batch", type=int, help="pictures in a step; default 4 for nano, 1 for sd15")
    add("--rank", type=int, default=16, help="of LoRA, on both sides")
    add("--precision", choices=("bf16", "fp32"), default="bf16", help="arithmetic of the U-Net, on both sides")
    weights = "of what fine-tuning trains, on both sides; auto: fp32, or where that does not fit bf16, for times only"
    add("--weights", choices=("auto", "fp32", "bf16"), default="auto", help=weights)
    add("--threads", type=int, help="of each side; default: the cores this process may use")
    add("--memory-limit", type=float, metavar="GB", help="of one side; default: 0.9 of what is free")
    add("--json", metavar="FILE", help="write everything there as well")
    add("--smoke", action="store_true", help="seconds, with tiny networks: does it run at all?")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.case, options.steps, options.rounds, options.threads = ["tiny"], options.steps or 2, 2, 1
    if min(options.rounds, options.steps or 1, options.warmup + 1, options.rank, options.batch or 1) < 1:
        parser.error("rounds, steps, rank and batch must be at least 1, warmup at least 0")
    return options


def base_of(case: Case, given: str | None, work: Path) -> str:
    """The folder of a case's base, "" for networks made in memory."""
    if case == "sd15":
        return ""
    if case == "nano":
        return str(Path(given) if given else base_folder())
    from tests.make import write_tiny_base

    return str(write_tiny_base(work / "tiny-base"))


def setup_of(case: Case, method: Method, base: str, work: Path, options: argparse.Namespace) -> Setup:
    """One comparison, with what the options leave open filled in."""
    batch: int = options.batch or BATCH[case]
    precision: Precision = options.precision
    free_gb = psutil.virtual_memory().available / 1e9
    setup = Setup(
        case=case, method=method, base=base, work=str(work), batch_size=batch,
        pictures=max(PICTURES[case], batch), precision=precision, weights="fp32", rank=options.rank,
        threads=options.threads or available_cores(), steps=options.steps or STEPS[case], warmup=options.warmup,
        turns=options.rounds, memory_limit_gb=options.memory_limit or KEPT_FREE * free_gb,
    )  # fmt: skip
    too_large = options.weights == "auto" and expected_gb(setup) > setup.memory_limit_gb
    return replace(setup, weights="bf16" if too_large else options.weights.replace("auto", "fp32"))


if __name__ == "__main__":
    sys.exit(main())
