"""The verbs. Each builds a recipe, hands it to a job and shows what comes back.

Reads: arguments, recipes. Writes: stdout through `output`. Does not: any work of its own. Jobs are imported by the
verb that needs them, so that `imprint --help` loads no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option, Typer

from imprint import __version__
from imprint.app.cli.flags import BaseFlag, ConfigFlag, JsonFlag, OutFlag, SeedFlag, SetFlag
from imprint.app.cli.job import job
from imprint.app.cli.nano import nano
from imprint.app.cli.output import print_fields, print_json, print_lines, print_table
from imprint.app.cli.prompt import prompt
from imprint.app.cli.tokens import token
from imprint.config import describe, load_config
from imprint.config import explain as explained

if TYPE_CHECKING:
    from imprint.jobs.personalize import PersonalizeResult

app = Typer(
    name="imprint", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
)
app.add_typer(nano, name="nano")
app.add_typer(prompt, name="prompt")
app.add_typer(token, name="token")


def _version(wanted: bool) -> None:
    if wanted:
        print_lines(f"imprint {__version__}")
        raise Exit


@app.callback()
def imprint(
    version: Annotated[bool, Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Teach Stable Diffusion a subject from a folder of photos, prove what it learnt, and draw with it."""


@app.command()
def personalize(
    photos: Annotated[Path | None, Argument(metavar="PHOTOS", help="A folder of photos of one subject.")] = None,
    name: Annotated[str | None, Option("--name", metavar="WORD", help="A rare word for the subject.")] = None,
    class_word: Annotated[str | None, Option("--class", metavar="WORD", help="What it is: dog, woman, vase.")] = None,
    base: BaseFlag = None,
    out: OutFlag = None,
    config: ConfigFlag = None,
    sets: SetFlag = None,
    json: JsonFlag = False,
) -> None:
    """Teach a base model the subject of some photos.

    Every checkpoint is scored and the best one kept.
    """
    from imprint.jobs.recipe import PersonalizeRecipe

    given = {"photos": photos, "name": name, "class_word": class_word, "base": base, "out": out}
    recipe = load_config(PersonalizeRecipe, config, sets or (), given)
    from imprint.jobs.personalize import personalize as run

    with job():
        result = run(recipe)
    _show_run(result, json)


@app.command()
def resume(
    run: Annotated[Path, Argument(metavar="RUN", help="The folder of a run that was interrupted.")],
    json: JsonFlag = False,
) -> None:
    """Go on with a run that was interrupted.

    Its result is the one it would have had without the interruption.
    """
    from imprint.jobs.personalize import resume as go_on

    with job():
        result = go_on(run)
    _show_run(result, json)


@app.command()
def generate(
    prompt: Annotated[str, Argument(metavar="PROMPT", help="What to draw.")],
    run: Annotated[Path | None, Option("--run", metavar="RUN", help="A finished run, for its subject.")] = None,
    source: Annotated[Path | None, Option("--source", metavar="PICTURE", help="A picture to begin with.")] = None,
    mask: Annotated[Path | None, Option("--mask", metavar="PICTURE", help="Where it is drawn anew: white.")] = None,
    count: Annotated[int | None, Option("-n", "--count", metavar="N", help="How many pictures.")] = None,
    seed: SeedFlag = None,
    base: BaseFlag = None,
    out: OutFlag = None,
    config: ConfigFlag = None,
    sets: SetFlag = None,
    json: JsonFlag = False,
) -> None:
    """Draw pictures; prints the path of each.

    With `--set best.draw=16` that many are drawn, scored by a judge, and the best kept.
    """
    from imprint.jobs.recipe import GenerateRecipe

    given = {
        "prompt": prompt, "run": run, "source": source, "mask": mask, "count": count, "seed": seed, "base": base,
        "out": out,
    }  # fmt: skip
    recipe = load_config(GenerateRecipe, config, sets or (), given, explain="imprint explain --recipe generate")
    from imprint.jobs.generate import generate as draw

    with job():
        result = draw(recipe)
    if json:
        print_json(result)
        return
    if result.best is not None:
        from imprint.app.cli.best import best_table

        print_table(best_table(result.best))
        print_lines(*result.pictures, result.best.manifest)
        return
    print_lines(*result.pictures)


@app.command()
def grid(out: OutFlag = None, config: ConfigFlag = None, sets: SetFlag = None, json: JsonFlag = False) -> None:
    """Draw a grid of pictures, and a sheet with labels.

    In grid/ unless --out says otherwise. Repeat the command to go on; exit code 1 says that cells failed.
    """
    from imprint.jobs.grid import GridRecipe
    from imprint.jobs.grid import grid as draw

    recipe = load_config(GridRecipe, config, sets or (), {"out": out}, explain="imprint explain --recipe grid")
    with job():
        result = draw(recipe)
    failed = [f"failed   {dict(cell.values)}: {cell.error}" for cell in result.failed]
    sheets = [f"sheet    {sheet}" for sheet in result.sheets]
    print_json(result) if json else print_lines(*failed, *sheets, f"cells    {result.manifest}")
    if failed:
        raise Exit(1)


@app.command()
def probe(
    phrase: Annotated[str, Argument(metavar="PHRASE", help="A word, a name or a few words.")],
    class_word: Annotated[str | None, Option("--class", metavar="WORD", help="What it would stand before.")] = None,
    base: BaseFlag = None,
    config: ConfigFlag = None,
    sets: SetFlag = None,
    json: JsonFlag = False,
) -> None:
    """Measure how well a base knows a phrase.

    Between words that it knows and strings that mean nothing, by pictures of the same seeds.
    """
    from imprint.jobs.probe import ProbeRecipe

    given = {"phrase": phrase, "class_word": class_word, "base": base}
    recipe = load_config(ProbeRecipe, config, sets or (), given, explain="imprint explain --recipe probe")
    from imprint.app.cli.probe_view import probe_view
    from imprint.jobs.probe import probe as run

    with job():
        result = run(recipe)
    print_json(result) if json else print_table(*probe_view(result))


@app.command()
def demo(out: OutFlag = None, json: JsonFlag = False) -> None:
    """Teach the embedded base a new subject.

    Nothing is downloaded; it takes up to three minutes on two cores.
    """
    from imprint.jobs.demo import demo as run

    with job():
        result = run(out)
    _show_run(result, json)


@app.command()
def explain(
    path: Annotated[str, Argument(metavar="PATH", help="A field or table, as in method.lora.rank.")] = "",
    recipe: Annotated[str, Option("--recipe", metavar="VERB", help="Whose recipe.")] = "personalize",
    json: JsonFlag = False,
) -> None:
    """Describe a field of a recipe.

    What it does, its type, its bounds, its default.
    """
    from imprint.app.cli.recipes import recipe_model

    model = recipe_model(recipe)
    print_json(describe(model, path)) if json else print_lines(*explained(model, path).splitlines())


@app.command()
def show(
    picture: Annotated[Path, Argument(metavar="PICTURE", help="A PNG, JPEG or WebP.")], json: JsonFlag = False,
) -> None:
    """Print how a picture was made.

    Which tool made it, and all that its file says: prompt, seed, sampler, models. Reads pictures of Imprint, A1111,
    Forge, NovelAI and ComfyUI.
    """
    from imprint.app.cli.records import shown_record
    from imprint.artifacts.found_record import find_record

    fields = shown_record(find_record(picture))
    print_json(fields) if json else print_fields(fields)


@app.command()
def again(
    picture: Annotated[Path, Argument(metavar="PICTURE", help="A PNG, JPEG or WebP with its record inside.")],
    base: BaseFlag = None,
    out: OutFlag = None,
    config: ConfigFlag = None,
    sets: SetFlag = None,
    json: JsonFlag = False,
) -> None:
    """Draw a picture once more, from the record in its file.

    The same picture bit for bit where Imprint drew it; the nearest that can be drawn where another tool did.
    """
    from imprint.app.cli.records import split_sets
    from imprint.jobs.again import AgainRecipe, locate
    from imprint.jobs.again import again as run

    own, changes = split_sets(AgainRecipe, sets or ())
    given = {"picture": picture, "base": base, "out": out, "changes": changes or None}
    recipe = load_config(AgainRecipe, config, own, given, explain="imprint explain --recipe again")
    located = locate(recipe)  # before torch is loaded: a missing model is told at once
    with job():
        result = run(recipe, located)
    print_json(result) if json else print_lines(result.picture)


@app.command()
def networks(
    folder: Annotated[Path | None, Argument(metavar="FOLDER", help="Where they are; networks/ without.")] = None,
    json: JsonFlag = False,
) -> None:
    """List LoRAs, embeddings, hypernetworks and blends.

    By the names and hashes that prompts find them by; each file is hashed once.
    """
    from imprint.app.cli.networks import networks_table
    from imprint.jobs.networks import list_networks

    with job():
        listed = list_networks(folder)
    if json:
        print_json(listed)
    elif listed.networks:
        print_table(networks_table(listed))
    else:
        print_lines(f"no networks in {', '.join(map(str, listed.folders))}")


def _show_run(result: PersonalizeResult, json: bool) -> None:
    """A finished run: the scores as a table and where to look, or everything as JSON."""
    if json:
        print_json(result)
        return
    from imprint.evaluation.scorecard import scorecard_table

    print_table(scorecard_table(result.scorecard))
    print_lines(f"report   {result.report}", f"result   {result.run / 'result'}", f"run      {result.run}")
