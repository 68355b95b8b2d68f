"""The verbs of the embedded base: `imprint nano train`, `ship`, `report`, `benchmark` and `render`.

Reads: recipes in `recipes/nano/`. Writes: stdout through `output`. Does not: any work of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option, Typer

from imprint.app.cli.flags import BaseFlag, ConfigFlag, JsonFlag, OutFlag, SeedFlag, SetFlag
from imprint.app.cli.job import job
from imprint.app.cli.lists import ListCommand, numbers, parts
from imprint.app.cli.output import print_json, print_lines
from imprint.config import load_config

BUILD = Path("build-nano")
nano = Typer(no_args_is_help=True, help="Make, measure and look at the embedded base.", rich_markup_mode=None)


@nano.command()
def train(
    stages: Annotated[list[str] | None, Argument(metavar="STAGE", help="Only these stages; else all.")] = None,
    out: OutFlag = None,
    json: JsonFlag = False,
) -> None:
    """Train the base from nothing.

    In build-nano/ unless --out says otherwise. Interrupt it and repeat the command to go on.
    """
    from imprint.jobs.nano import train as run

    with job():
        result = run(out or BUILD, stages or ())
    print_json(result) if json else print_lines(result)


@nano.command()
def ship(
    out: OutFlag = None,
    json: JsonFlag = False,
) -> None:
    """Put a finished build beside the package's code.

    In half precision. --out names the build if it is not build-nano/.
    """
    from imprint.jobs.nano import ship as run

    result = run(out or BUILD)
    print_json(result) if json else print_lines(result)


@nano.command(cls=ListCommand)
def report(
    base: BaseFlag = "nano",
    out: OutFlag = None,
    config: ConfigFlag = None,
    sets: SetFlag = None,
    sweep_cfg: Annotated[
        list[str] | None,
        Option("--sweep-cfg", metavar="SCALE ...", help="Compare guidance scales instead; writes no card."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Measure the base.

    Model card, curves and a contact sheet, beside the weights unless --out says otherwise.
    """
    from imprint.jobs.nano.report import Plan
    from imprint.jobs.nano.report import write_card as run

    plan = load_config(Plan, config, sets or (), explain="imprint explain --recipe nano-report")
    if scales := numbers(sweep_cfg, "--sweep-cfg"):
        from imprint.jobs.nano.report import sweep_cfg as compare
        from imprint.jobs.nano.report import sweep_table

        with job():
            rows = compare(base or "nano", scales, plan)
        print_json(rows) if json else print_lines(*sweep_table(rows))
        return
    with job():
        result = run(base or "nano", out, plan)
    print_json(result) if json else print_lines(result)


@nano.command(cls=ListCommand)
def benchmark(
    method: Annotated[
        list[str] | None, Option("--method", metavar="NAME|FILE ...", help="Methods, or recipes of runs; else all.")
    ] = None,
    subjects: Annotated[
        list[str] | None, Option("--subjects", metavar="NAME ...", help="Held-out subjects of the world; else all.")
    ] = None,
    seeds: Annotated[list[str] | None, Option("--seeds", metavar="N ...", help="A run each; else 1 2 3.")] = None,
    base: BaseFlag = None,
    out: OutFlag = None,
    config: ConfigFlag = None,
    sets: SetFlag = None,
    page: Annotated[
        Path | None, Option("--page", metavar="FILE", help="A page whose table between marks is written anew as well.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Measure methods on subjects whose truth is known.

    Photos, runs, figures and tables in runs/benchmark/ unless --out says otherwise. Repeat the command to go on.
    """
    from imprint.jobs.benchmark import BenchmarkRecipe
    from imprint.jobs.benchmark import benchmark as run

    lists = {"methods": method, "subjects": subjects, "seeds": seeds}
    given = {name: parts(values) for name, values in lists.items() if values}
    explain = "imprint explain --recipe nano-benchmark"
    recipe = load_config(BenchmarkRecipe, config, sets or (), {**given, "base": base, "out": out}, explain=explain)
    with job():
        result = run(recipe, page)
    print_json(result) if json else print_lines(*result.table, "", f"page     {result.page}", f"figures  {result.json}")


@nano.command()
def render(
    out: OutFlag = None,
    count: Annotated[int, Option("-n", "--count", metavar="N", min=1, help="How many pictures.")] = 16,
    seed: SeedFlag = None,
    json: JsonFlag = False,
) -> None:
    """Render pictures of the procedural world.

    With their captions, as an imagefolder in renders/ unless --out says otherwise.
    """
    from imprint.jobs.nano import render as run

    result = run(out or Path("renders"), count, seed or 0)
    print_json(result) if json else print_lines(result)
