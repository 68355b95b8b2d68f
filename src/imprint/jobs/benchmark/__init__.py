"""The benchmark of personalisation: methods against subjects whose ground truth is known, attribute by attribute.

    from imprint.jobs.benchmark import BenchmarkRecipe, benchmark
    print("\\n".join(benchmark(BenchmarkRecipe(methods=("lora",), subjects=("biscuit",), seeds=(1,))).table))

A method that lives elsewhere is measured by its pictures alone: draw what `Exam.asks(seed)` asks for after training on
`protocol.write_photos(...)`, and hand the pictures to the exam.

Reads: the world, a base, recipes. Writes: a folder of runs and figures. Does not: change what a run is.
"""

from imprint.jobs.benchmark.cells import Cell
from imprint.jobs.benchmark.exam import Ask, Asks, CellFigures, Exam, Pictures
from imprint.jobs.benchmark.protocol import write_photos
from imprint.jobs.benchmark.recipe import BenchmarkRecipe
from imprint.jobs.benchmark.running import BenchmarkResult, benchmark

__all__ = [
    "Ask", "Asks", "BenchmarkRecipe", "BenchmarkResult", "Cell", "CellFigures", "Exam", "Pictures", "benchmark",
    "write_photos",
]  # fmt: skip
