"""The benchmark of personalisation: what it asks for, how it measures, and that no cell is made twice."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imprint.app.cli.edge import run as command
from imprint.config import load_config
from imprint.errors import ConfigError, InputError, OutputError
from imprint.generation.text_to_image import TextToImage
from imprint.jobs.benchmark import BenchmarkRecipe, Cell, CellFigures, Exam, Pictures, benchmark, cells, protocol
from imprint.jobs.benchmark import running as job
from imprint.jobs.benchmark.cells import cell_key, keep_figures, kept_figures
from imprint.jobs.benchmark.exam import Ask, Asks
from imprint.jobs.benchmark.recipe import run_recipe
from imprint.jobs.benchmark.summary import BEGIN, END, rewrite, summarise, table
from imprint.methods import METHODS
from imprint.nano.world.names import SUBJECT_NAME
from imprint.nano.world.render import render
from imprint.nano.world.subjects import SUBJECTS
from imprint.nano.world.unseen import unseen
from make import GridJudge, tiny_base, tiny_family
from tiny_run import JUDGE

pytestmark = pytest.mark.unit

SUBJECT = "biscuit"
PAGE = Path(__file__).parents[2] / "docs" / "personalisation-benchmark.md"
FEW = {"subject_pictures": 2, "per_context": 1, "class_captions": 2, "steps": 1, "photos": 3, "judge": JUDGE}
SHORT = ("loop.steps=2", "loop.checkpoint_every=2", "class_images.count=2", "class_images.steps=1",
         "samples.per_prompt=2", "samples.steps=1", "method.lora.rank=2", "batch_size=1")  # fmt: skip


def tiny(out: Path, **fields: object) -> BenchmarkRecipe:
    values = {"methods": ("lora",), "subjects": (SUBJECT,), "seeds": (1, 2), "base": str(tiny_base()), "out": out}
    return BenchmarkRecipe.model_validate({**FEW, "settings": SHORT, **values, **fields})


@pytest.fixture(autouse=True)
def quick_truth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Few renders for the probe of ground truth, and a cache of class images of its own."""
    from imprint.evaluation import ground_truth

    def fit(*args: object, **options: object) -> object:
        return ground_truth.fit_truth(*args, **{**options, "count": 8})  # type: ignore[arg-type]

    monkeypatch.setattr(ground_truth, "CHECK_COUNT", 2)
    monkeypatch.setattr("imprint.jobs.benchmark.exam.fit_truth", fit)
    monkeypatch.setattr("imprint.jobs.examination.fit_truth", fit)
    monkeypatch.setenv("IMPRINT_CACHE", str(tmp_path / "cache"))


# The protocol


@pytest.mark.parametrize("subject", SUBJECTS)
def test_contexts_are_new(subject: str) -> None:
    photos, asked = protocol.photo_specs(subject, 8), protocol.contexts(subject, "zkz", 8)
    assert {spec.scene for spec in photos}.isdisjoint(context.demands["scene"] for context in asked)
    assert {spec.style for spec in photos} == {"photo"}
    assert len({context.demands["style"] for context in asked}) > 2
    assert len({context.prompt for context in asked}) == len(asked) > 6
    assert not any(unseen(context.spec) for context in asked)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_prompts_name_the_subject_once_and_say_what_they_demand(subject: str) -> None:
    word = SUBJECTS[subject].class_word
    for context in protocol.contexts(subject, "zkz", 8):
        assert context.prompt.count(f"a zkz {word}") == 1
        assert context.prompt.replace("zkz ", "") == re.sub(rf"\ban {word}\b", f"a {word}", context.plain)
        assert context.spec.visible().items() >= context.demands.items()
        assert all(value in context.prompt for name, value in context.demands.items() if name in protocol.WORN)


def test_people_are_asked_to_wear_what_no_photo_shows() -> None:
    worn = [context.demands["hat"] for context in protocol.contexts("juno", "zkz", 8) if "hat" in context.demands]
    assert worn
    assert {spec.attributes["hat"] for spec in protocol.photo_specs("juno", 8)}.isdisjoint(worn)


def test_class_captions_are_of_the_class_and_of_the_seed() -> None:
    first, again, second = (protocol.class_specs("indra", seed, 5) for seed in (1, 1, 2))
    assert first == again != second
    assert all("girl" in text for text in protocol.class_captions(first))


# The examination


class WorldJudge(GridJudge):
    """Reads the scene from brightness: wrong often, but the same way every time."""

    @property
    def attribute_values(self):  # type: ignore[override]
        return {"scene": ("beach", "snow"), "species": ("cat", "dog")}

    def attributes(self, pixels_BCHW):  # type: ignore[override]
        bright = pixels_BCHW.mean(dim=(1, 2, 3))
        sure = pixels_BCHW.new_tensor([[0.1, 0.9]]).expand(len(pixels_BCHW), 2)
        return {"scene": __import__("torch").stack([1 - bright, bright], dim=1), "species": sure}


def test_real_pictures_pass_and_noise_fails() -> None:
    recipe = BenchmarkRecipe(subjects=(SUBJECT,), subject_pictures=4, per_context=1, class_captions=4)
    exam = Exam.prepare(SUBJECT, WorldJudge(), recipe)
    real = exam(exam.real_pictures(1), 1, 1.0)
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for _ in range(40)]
    fake = exam(Pictures(noise[:4], noise[: len(exam.contexts)], noise[:4]), 1)
    assert real.mark is not None and fake.mark is not None and real.mark > fake.mark
    assert real.subject_accuracy == 1.0
    assert real.class_drift == 1.0 - (real.class_accuracy or 0)
    assert (real.identity, fake.class_drift) == (None, None)
    assert real.readable == ("species",)
    assert 0.5 < real.diversity < 2


def test_training_pictures_are_seen_to_be_copies() -> None:
    recipe = BenchmarkRecipe(subjects=(SUBJECT,), subject_pictures=4, per_context=1, class_captions=2)
    exam = Exam.prepare(SUBJECT, WorldJudge(), recipe)
    right = exam.real_pictures(1)
    copied = exam(replace(right, subject=[render(spec) for spec in protocol.photo_specs(SUBJECT, 4)]), 1)
    assert (copied.copied, copied.memorisation) == (1.0, 1.0)
    assert exam(right, 1).copied == 0.0


def test_what_is_asked_differs_by_seed_and_without_the_name() -> None:
    exam = Exam.prepare(SUBJECT, GridJudge(), BenchmarkRecipe(subjects=(SUBJECT,)))
    asks, plain, other = exam.asks(1), exam.asks(1, named=False), exam.asks(2)
    assert [ask.seed for ask in asks.contexts] == [ask.seed for ask in plain.contexts]
    assert not any("zkz" in ask.prompt for ask in (*plain.subject, *plain.contexts, *asks.classes))
    used = [{ask.seed for part in (a.subject, a.contexts, a.classes) for ask in part} for a in (asks, other)]
    assert used[0].isdisjoint(used[1])


# The whole


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little to render and to draw, so that a whole benchmark takes seconds."""
    for name, number in (("REAL_PICTURES", 3), ("MOST_SCENES", 1), ("MOST_STYLES", 1)):
        monkeypatch.setattr(protocol, name, number)


@pytest.mark.usefixtures("few_pictures")
def test_a_benchmark_measures_every_cell_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny(tmp_path / "out")
    first = benchmark(recipe)
    assert [(cell.method, cell.seed) for cell in first.cells] == [
        ("renders", 1), ("renders", 2), ("base alone", 1), ("base alone", 2), ("lora", 1), ("lora", 2),
    ]  # fmt: skip
    run = tmp_path / "out" / "lora" / SUBJECT / "seed-1"
    assert (run / "result" / "weights.safetensors").is_file()
    assert run.with_suffix(".png").is_file()
    assert not (run / "checkpoints").exists()
    monkeypatch.setattr(Exam, "prepare", None)
    assert benchmark(recipe).cells == first.cells
    kept = json.loads(first.json.read_text(encoding="utf-8"))
    assert kept["summary"]["lora"]["mark"]["cells"] == 2
    assert "| lora |" in first.page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("few_pictures")
def test_an_interrupted_cell_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny(tmp_path / "out", seeds=(1,))
    with monkeypatch.context() as patch:
        patch.setattr("imprint.jobs.benchmark.cells.draw_run", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            benchmark(recipe)
    monkeypatch.setattr("imprint.jobs.benchmark.cells.personalize", None)
    assert len(benchmark(recipe).cells) == 3


def test_cells_measured_otherwise_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    keep_figures(path, "one key", cell("a", 1, 0.5))
    assert kept_figures(path, "one key") == cell("a", 1, 0.5).figures
    with pytest.raises(OutputError, match="another base, recipe, judge or protocol"):
        kept_figures(path, "another key")


def test_whatever_decides_the_figures_is_in_their_key(tmp_path: Path) -> None:
    recipe = tiny(tmp_path)
    run = run_recipe(recipe, "lora", SUBJECT, 1, tmp_path)
    other = run_recipe(recipe.model_copy(update={"settings": ("loop.steps=3",)}), "lora", SUBJECT, 1, tmp_path)
    keys = [
        cell_key(recipe, "base", ["photo"], run), cell_key(recipe, "base", ["photo"], other),
        cell_key(recipe, "base", ["photo"], None), cell_key(recipe, "other", ["photo"], run),
        cell_key(recipe, "base", ["other"], run),
        cell_key(recipe.model_copy(update={"cfg_scale": 5.0}), "base", ["photo"], run),
        cell_key(recipe.model_copy(update={"cfg_start": 0.3}), "base", ["photo"], run),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    moved = recipe.model_copy(update={"out": tmp_path / "elsewhere", "batch": 3})
    assert cell_key(moved, "base", ["photo"], run_recipe(moved, "lora", SUBJECT, 1, tmp_path)) == keys[0]


def test_a_file_is_a_method_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text('seed = 9\nphotos = "x"\nname = "y"\n[method]\nkind = "lora"\nrank = 3\n')
    recipe = tiny(tmp_path / "out", methods=(str(file),), settings=())
    wanted = run_recipe(recipe, str(file), SUBJECT, 4, tmp_path / "photos")
    assert (wanted.method.model_dump()["rank"], wanted.seed, wanted.name, wanted.truth) == (3, 4, SUBJECT_NAME, SUBJECT)
    assert wanted.out == (tmp_path / "out" / "tiny" / SUBJECT / "seed-4").absolute()


def test_settings_reach_every_run(tmp_path: Path) -> None:
    wanted = run_recipe(tiny(tmp_path), "lora", SUBJECT, 1, tmp_path)
    assert (wanted.loop.steps, wanted.loop.keep_resumable, wanted.class_images.count) == (2, 1, 2)
    assert wanted.method.model_dump()["rank"] == 2
    full = run_recipe(tiny(tmp_path, settings=()), "finetune", SUBJECT, 1, tmp_path)
    assert (full.method.kind, full.loop.steps) == ("finetune", 360)
    assert full.loop.ema is not None
    assert full.loop.ema.decay == 0.97


def test_guidance_reaches_every_picture_and_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TextToImage] = []
    monkeypatch.setattr(cells, "text_to_image", lambda _, requests, batch: asked.extend(requests) or [])
    recipe = tiny(tmp_path, cfg_scale=3.0, cfg_start=0.3, cfg_end=0.8, cfg_rescale=0.5)
    cells.draw(tiny_family(), Asks([Ask("a dog", 1)], [Ask("a cat", 2)], [Ask("a fox", 3)]), recipe, "drawing")
    assert {(one.cfg_scale, one.cfg_start, one.cfg_end, one.cfg_rescale) for one in asked} == {(3.0, 0.3, 0.8, 0.5)}
    assert [one.prompt for one in asked] == ["a dog", "a cat", "a fox"]
    assert job.guidance_words(recipe) == "3 from 30% to 80% of the steps, rescaled by 0.5"
    assert job.guidance_words(BenchmarkRecipe()) == "4"


def test_a_wrong_method_is_found_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no method and no file"):
        benchmark(tiny(tmp_path / "out", methods=("lora", "lorra")))
    with pytest.raises(ConfigError, match="same name"):
        benchmark(tiny(tmp_path / "out", methods=("lora", "lora")))
    assert not (tmp_path / "out").exists()


def test_an_unknown_subject_is_refused() -> None:
    with pytest.raises(ConfigError, match="no subject of that name"):
        load_config(BenchmarkRecipe, sets=['subjects=["rex"]'])


# Tables


def cell(subject: str, seed: int, mark: float) -> Cell:
    figures = CellFigures(*[None] * 11, memorisation=0.0, copied=0.0, diversity=1.0)
    return Cell("lora", subject, seed, replace(figures, mark=mark))


def test_spread_over_subjects_and_over_seeds_are_told_apart() -> None:
    cells = [cell("a", 1, 0.2), cell("a", 2, 0.4), cell("b", 1, 0.6), cell("b", 2, 0.8)]
    found = summarise(cells, "mark")
    assert found is not None
    assert (found.mean, found.cells) == (pytest.approx(0.5), 4)
    assert found.over_subjects == pytest.approx(0.4 / 2**0.5)
    assert found.over_seeds == pytest.approx(0.2 / 2**0.5)
    assert summarise(cells, "identity") is None
    assert "| 0.50 ± 0.28 (0.14) | – |" in table(cells)[2]


def test_a_page_is_rewritten_between_its_marks_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    rewrite(page, "new")
    assert page.read_text() == f"above\n{BEGIN}\nnew\n{END}\nbelow\n"
    page.write_text("no marks")
    with pytest.raises(InputError, match="no place for the table"):
        rewrite(page, "new")


def test_the_published_table_is_that_of_the_published_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No cell is made again, so the cells are those of today's protocol, base and recipe; the page says what they say.
    def refuse(*_: object) -> None:
        raise AssertionError("a published cell is missing, or was measured in another way")

    for name in ("finished_run", "draw"):
        monkeypatch.setattr(cells, name, refuse)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    published = PAGE.with_name("benchmark-cells")
    shutil.copytree(published, tmp_path / "out")
    methods = tuple(sorted(path.name for path in published.iterdir() if path.name in METHODS))
    seeds = tuple(sorted(int(path.stem.partition("-")[2]) for path in (published / methods[0] / SUBJECT).iterdir()))
    page = tmp_path / "page.md"
    shutil.copyfile(PAGE, page)
    benchmark(BenchmarkRecipe(methods=methods, seeds=seeds, out=tmp_path / "out"), page)
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_the_command_line_reaches_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asked: list[BenchmarkRecipe] = []

    def kept(recipe: BenchmarkRecipe, page: Path | None) -> job.BenchmarkResult:
        asked.append(recipe)
        return job.BenchmarkResult((), ("| method |",), recipe.out / "benchmark.md", recipe.out / "benchmark.json")

    monkeypatch.setattr("imprint.jobs.benchmark.benchmark", kept)
    words = ["--method", "lora", "finetune", "--subjects", "biscuit,kiln", "--seeds", "4", "5", "--out", str(tmp_path)]
    assert command(["nano", "benchmark", *words, "--set", "photos=5"]) == 0
    assert (asked[0].methods, asked[0].subjects, asked[0].seeds) == (("lora", "finetune"), ("biscuit", "kiln"), (4, 5))
    assert (asked[0].photos, asked[0].out) == (5, tmp_path)
    assert "| method |" in capsys.readouterr().out
