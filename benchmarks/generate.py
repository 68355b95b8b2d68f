"""Drawing pictures: ours against diffusers' pipeline, the same steps in the same run; previews; no guidance; bfloat16.

Reads: the embedded base, or a folder. Writes: a table on stdout, a file with --json. Does not: keep anything else.

    python benchmarks/generate.py                              # the embedded base
    python benchmarks/generate.py --case sd15 --size 256       # Stable Diffusion 1.5's shape, random weights
    python benchmarks/generate.py --case sd15 --device cuda --compile

What is compared, and how: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from benchmarks.drawing_sides import Sides, Task
from benchmarks.report import machine
from rich.console import Console
from rich.table import Table

from imprint.app.cli.threads import available_cores

SIZE_PX = {"tiny": 32, "nano": 128, "sd15": 256}
PICTURES = {"tiny": 1, "nano": 2, "sd15": 1}
STEPS = {"tiny": 2, "nano": 25, "sd15": 4}
WHAT = ("same prompt", "new prompts", "preview every step", "unguided", "bf16")


@dataclass
class Pair:
    """Two ways to draw, by turns.

    Attributes:
        name: of the comparison.
        first: wall seconds and CPU seconds of each turn of the way that is judged.
        second: of the one it is held against.
    """

    name: str
    first: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    second: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def ratios(self, cpu: bool) -> list[float]:
        """First over second, by round."""
        return [one[cpu] / other[cpu] for one, other in zip(self.first, self.second, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparisons that the arguments name."""
    options = parse(arguments)
    load = os.getloadavg()[0]
    torch.set_num_threads(options.threads or available_cores())
    sides = Sides(options.case, Path(options.base) if options.base else None, options.device)
    side_px, pictures = options.size or SIZE_PX[options.case], options.pictures or PICTURES[options.case]
    task = Task(pictures, options.steps or STEPS[options.case], side_px)
    difference = sides.difference(task)
    sides.warm_up()
    with ExitStack() as compiled:
        for precision in ("fp32", "bf16") if "bf16" in options.what else ("fp32",):
            compiled.enter_context(sides.in_precision(precision).compiled() if options.compile else nullcontext())
        pairs = [measure(sides, name, task, options.rounds) for name in options.what]
    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print(table(pairs, f"{options.case}, {side_px} px, {task.steps} steps, {pictures} picture(s) a turn"))
    where = "GPU" if options.device != "cpu" else f"{torch.get_num_threads()} thread(s)"
    console.print(
        f"- float32, batch 1, DDIM, {where}; the same picture from the same noise on both sides: {difference} of 255 "
        f"levels at most.\n- Ratios by round, median with the smallest and largest. Load when it began: {load:.1f}."
    )
    if "bf16" in options.what:
        levels = sides.difference_in("bf16", task)
        console.print(f"- The same picture in bfloat16: {levels} of 255 levels at most from float32.")
    share = sides.preview_seconds / sides.previewed_seconds if sides.previewed_seconds else None
    if share is not None:
        console.print(f"- Of the time of the turns with previews, the previews themselves took {share:.2%}.")
    if options.json:
        out = {"machine": machine(load), "task": asdict(task), "options": vars(options), "difference": difference,
               "preview_share": share, "pairs": [asdict(pair) for pair in pairs]}  # fmt: skip
        Path(options.json).write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Our pictures against diffusers' pipeline.")
    add = parser.add_argument
    add("--case", choices=("tiny", "nano", "sd15"), default="nano")
    add("--what", nargs="+", choices=WHAT, help="default: all; bf16, which opens a second base, not for sd15")
    add("--base", help="a Stable Diffusion 1.x folder in place of the embedded base")
    add("--rounds", type=int, default=7, help="turns of each side, one of them untimed")
    add("--pictures", type=int, help="in a turn; default 2 for nano, 1 for sd15")
    add("--steps", type=int, help="of a picture; default 25 for nano, 4 for sd15")
    add("--size", type=int, metavar="PX", help="of a picture; default 128 for nano, 256 for sd15")
    add("--threads", type=int, help="default: the cores this process may use")
    add("--device", default="cpu", help="cpu or cuda")
    add("--compile", action="store_true", help="compile our U-Net, with graphs on a GPU; theirs runs as it is")
    add("--json", metavar="FILE", help="write everything there as well")
    options = parser.parse_args(arguments)
    if min(options.rounds - 1, *(value or 1 for value in (options.pictures, options.steps, options.size))) < 1:
        parser.error("there must be at least 2 rounds, and 1 picture, step and pixel")
    options.what = options.what or [name for name in WHAT if name != "bf16" or options.case != "sd15"]
    return options


def measure(sides: Sides, name: str, task: Task, rounds: int) -> Pair:
    """Let two ways draw by turns; the order swaps from round to round, so that drift cancels."""
    first, second = ways(sides, name, task)
    pair = Pair(name)
    for number in range(rounds):
        turns = [(first, pair.first), (second, pair.second)]
        for draw, times in turns if number % 2 == 0 else turns[::-1]:
            taken = timed(lambda draw=draw, number=number: draw(number), sides.device)
            if number:  # the first one warms up
                times.append(taken)
    return pair


def ways(sides: Sides, name: str, task: Task) -> tuple[Callable[[int], object], Callable[[int], object]]:
    """What is judged, and what it is held against."""
    if name == "preview every step":
        shown = replace(task, preview=True)
        return lambda turn: sides.ours(shown, turn), lambda turn: sides.ours(task, turn)
    if name == "unguided":
        alone = replace(task, guided=False)
        return lambda turn: sides.ours(alone, turn), lambda turn: sides.ours(task, turn)
    if name == "bf16":
        half = replace(task, precision="bf16")
        return lambda turn: sides.ours(half, turn), lambda turn: sides.ours(task, turn)
    asked = replace(task, same_prompt=name == "same prompt")
    return lambda turn: sides.ours(asked, turn), lambda turn: sides.theirs(asked, turn)


def timed(draw: Callable[[], object], device: str) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    draw()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


def table(pairs: Sequence[Pair], title: str) -> Table:
    """One line for each comparison."""
    out = Table(title=title, title_justify="left")
    for name in ("", "against", "s", "s of the other", "time ratio", "min-max", "CPU ratio", "min-max"):
        out.add_column(name, justify="left" if name in ("", "against") else "right", no_wrap=True)
    for pair in pairs:
        against = "diffusers" if pair.name.endswith(("prompt", "prompts")) else "ours without"
        against = {"unguided": "ours, guided", "bf16": "ours in fp32"}.get(pair.name, against)
        seconds = [statistics.median(wall for wall, _ in times) for times in (pair.first, pair.second)]
        cells = [f"{second:.3f}" for second in seconds]
        for cpu in (False, True):
            ratios = pair.ratios(cpu)
            cells += [f"{statistics.median(ratios):.3f}", f"{min(ratios):.3f}-{max(ratios):.3f}"]
        out.add_row(pair.name, against, *cells)
    return out


if __name__ == "__main__":
    sys.exit(main())
