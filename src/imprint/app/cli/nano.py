"""The verbs of the embedded base: `imprint nano train`, `ship`, `report` and `render`.

Reads: recipes in `recipes/nano/`. Writes: stdout through `output`. Does not: any work of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option, Typer

from imprint.app.cli.flags import BaseFlag, JsonFlag, OutFlag, SeedFlag
from imprint.app.cli.job import job
from imprint.app.cli.output import print_json, print_lines

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


@nano.command()
def report(
    base: BaseFlag = "nano",
    out: OutFlag = None,
    json: JsonFlag = False,
) -> None:
    """Measure the base.

    Model card, curves and a contact sheet, beside the weights unless --out says otherwise.
    """
    from imprint.jobs.nano import report as run

    with job():
        result = run(base, out)
    print_json(result) if json else print_lines(result)


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
