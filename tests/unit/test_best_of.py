"""Best of n: which seeds are drawn, which are drawn again, what is kept and what is written of it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from imprint.app.cli.edge import run
from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.artifacts.infotext import parse_infotext
from imprint.artifacts.picture import Picture, PictureRecord, ScoreRecord, read_record
from imprint.artifacts.run_folder import RunFolder
from imprint.config import load_config
from imprint.errors import ConfigError, InputError, MissingExtraError
from imprint.evaluation.best import PictureScores
from imprint.evaluation.defects import DEFECTS, DefectEntry, Finding
from imprint.evaluation.judges import Pixels, image_features
from imprint.evaluation.metrics import subject_scale, subject_similarity
from imprint.generation.record import infotext_of, understand
from imprint.jobs.again import AgainRecipe, again
from imprint.jobs.best_of.appraisal import judged_prompt
from imprint.jobs.best_of.choosing import Choice, choose_best
from imprint.jobs.best_of.recipe import BestOf
from imprint.jobs.examination import pixels, read_drawn
from imprint.jobs.generate import GenerateResult, generate
from imprint.jobs.grid import GridRecipe
from imprint.jobs.personalize import personalize
from imprint.jobs.recipe import GenerateRecipe
from make import GridJudge, photo, tiny_base
from tiny_run import JUDGE, tiny_recipe

pytestmark = pytest.mark.unit

Captured = pytest.CaptureFixture[str]
BAD = {2, 4}  # numbers of pictures that the fake score calls broken


def drawn(numbers: Sequence[int]) -> Iterator[Picture]:
    for number in numbers:
        record = PictureRecord(prompt="", steps=1, cfg_scale=1, sampler="euler", schedule="uniform",
                               seed=100 + number, width_px=8, height_px=8)  # fmt: skip
        yield Picture(np.full((8, 8, 3), number, np.uint8), record)


def scored(pictures: Sequence[Pixels], _peers: Sequence[Pixels] = ()) -> list[PictureScores]:
    """The later the better; those of BAD are broken."""
    numbers = [int(picture[0, 0, 0]) for picture in pictures]
    return [PictureScores(prompt=n / 10, findings={"bad": Finding(0, n in BAD, "bad")}) for n in numbers]


def chosen(keep: int = 2, score: Any = scored, **fields: Any) -> Choice:
    return choose_best(BestOf(**{"draw": 4, **fields}), keep, drawn, score)


def kept(choice: Choice) -> list[int]:
    return [candidate.number for candidate, _ in choice.kept]


def made(out: Path, **fields: Any) -> GenerateResult:
    best = {"draw": 4, "keep": 2, "judge": JUDGE, **fields.pop("best", {})}
    recipe = {"prompt": "a red dog", "base": str(tiny_base()), "out": out, "steps": 1, "seed": 5, "best": best}
    return generate(GenerateRecipe.model_validate({**recipe, **fields}))


def test_the_best_are_kept_in_their_order_and_broken_ones_last() -> None:
    assert kept(chosen(4)) == [3, 1, 0, 2]
    assert [picture.record.seed for _, picture in chosen(2).kept] == [103, 101]


def test_every_picture_is_told_of_with_its_rank() -> None:
    assert [(one.number, one.seed, one.rank) for one in chosen(1).drawn] == [
        (0, 100, 3), (1, 101, 2), (2, 102, 4), (3, 103, 1),
    ]  # fmt: skip


def test_broken_ones_are_drawn_again_with_the_next_unused_seeds() -> None:
    choice = chosen(4, redraw=5)  # 4 is for 2, and broken as well; 5 is for 4
    assert kept(choice) == [5, 3, 1, 0]
    assert [(one.number, one.instead_of, one.rank) for one in choice.drawn if one.rank is None or one.number > 3] == [
        (2, None, None), (4, 2, None), (5, 4, 1),
    ]  # fmt: skip


def test_broken_ones_are_drawn_again_no_oftener_than_wanted() -> None:
    choice = chosen(4, redraw=1)
    assert (kept(choice), len(choice.drawn)) == ([3, 1, 0, 4], 5)


def test_new_pictures_are_compared_with_whole_ones_and_no_more_are_held_than_drawn() -> None:
    seen: list[tuple[list[int], list[int]]] = []

    def score(pictures: Sequence[Pixels], peers: Sequence[Pixels]) -> list[PictureScores]:
        seen.append(([int(p[0, 0, 0]) for p in pictures], [int(p[0, 0, 0]) for p in peers]))
        return scored(pictures)

    chosen(1, score, redraw=2)
    assert seen == [([0, 1, 2, 3], []), ([4], [0, 1, 3]), ([5], [0, 1, 3])]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"best": {"draw": 4, "keep": 5}}, "more than best.draw"),
        ({"best": {"draw": 4, "keep": 2}, "count": 3}, "contradict each other"),
        ({"best": {"draw": 4}, "count": 5}, "more than best.draw"),
        ({"best": {"draw": 4, "judge": "nanno"}}, "did you mean `nano`"),
        ({"best": {"draw": 4, "defects": ["outlyer"]}}, "did you mean `outlier`"),
        ({"best": {"draw": 4, "defects": ["hands"]}}, "needs best.hand_model"),
        ({"best": {"draw": 4, "hand_model": "a.task"}}, "has no effect"),
        ({"best": {"draw": 4, "defects": ["outlier", "outlier"]}}, "twice"),
        ({"best": {"draw": 4, "defects": [], "redraw": 1}}, "has no effect"),
        ({"best": {"draw": 4, "weights": {"subject": 0, "prompt": 0, "defects": 0}}}, "nothing counts"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GenerateRecipe.model_validate({"prompt": "a dog", **fields})


def test_count_says_how_many_are_kept_where_keep_does_not(tmp_path: Path) -> None:
    assert len(made(tmp_path, best={"keep": None}, count=3).pictures) == 3
    assert BestOf(draw=4, keep=2).kept(1) == BestOf(draw=4, keep=2).kept(2) == 2


def test_settings_of_the_command_line_reach_the_table() -> None:
    sets = ("best.draw=8", "best.keep=2", 'best.defects=["outlier"]', "best.weights.subject=3", "best.redraw=1")
    best = load_config(GenerateRecipe, None, sets, {"prompt": "a dog"}).best
    assert best is not None
    assert (best.draw, best.keep, best.defects, best.weights.plain().subject, best.redraw) == (8, 2, ("outlier",), 3, 1)


def test_kept_pictures_carry_their_scores_and_the_manifest_all(tmp_path: Path) -> None:
    result = made(tmp_path)
    assert result.best is not None
    records = [read_record(path) for path in result.pictures]
    assert [one.name for one in records[0].scores] == ["total", "prompt", "outlier"]
    assert records[0].scores[0].value >= records[1].scores[0].value
    assert {(one.judge, one.chosen_from, one.chosen_from_seed) for one in records} == {(JUDGE, 4, 5)}
    told = json.loads(result.best.manifest.read_text())
    assert [one["rank"] for one in told["pictures"]] == [1, 2, 3, 4]
    assert sorted(one["seed"] for one in told["pictures"]) == [5, 6, 7, 8]
    assert [one["file"] for one in told["pictures"]] == [*(path.name for path in result.pictures), None, None]
    assert told["pictures"][0]["scores"] == {one.name: one.value for one in records[0].scores}


def test_a_kept_picture_is_the_picture_of_its_seed_and_comes_out_again(tmp_path: Path) -> None:
    picture = made(tmp_path / "best").pictures[0]
    record = read_record(picture)
    fields = {"prompt": record.prompt, "base": str(tiny_base()), "steps": 1, "seed": record.seed}
    (alone,) = generate(GenerateRecipe.model_validate({**fields, "out": tmp_path / "alone"})).pictures
    cleared = {"scores": (), "judge": "", "chosen_from": None, "chosen_from_seed": None}
    assert read_record(alone) == record.model_copy(update=cleared)
    result = again(AgainRecipe(picture=picture, base=str(tiny_base()), out=tmp_path / "again"))
    assert (result.same_pixels, result.notes, read_record(result.picture)) == (True, (), read_record(alone))


def test_variations_are_chosen_by_the_seed_that_counts_on(tmp_path: Path) -> None:
    result = made(tmp_path, variation_seed=30, variation_strength=0.5)
    assert result.best is not None
    seeds = sorted((one.seed, one.variation_seed or 0) for one in result.best.pictures)
    assert seeds == [(5, number) for number in range(30, 34)]
    assert read_record(result.pictures[0]).chosen_from_seed == 30


def test_the_best_of_pictures_inside_a_mask_keep_what_is_outside_and_come_out_again(tmp_path: Path) -> None:
    photo(1, (32, 32)).save(tmp_path / "source.png")
    mask = Image.new("L", (32, 32), 255)
    mask.paste(0, (0, 0, 16, 32))
    mask.save(tmp_path / "mask.png")
    given = {"source": tmp_path / "source.png", "mask": tmp_path / "mask.png", "image": {"mask_blur_px": 0}}
    first, second = made(tmp_path / "out", **given).pictures
    source, drawn = pixels(given["source"]), [pixels(first), pixels(second)]
    assert all(np.array_equal(one[:, :16], source[:, :16]) for one in drawn)
    assert not np.array_equal(drawn[0][:, 16:], drawn[1][:, 16:])
    record = read_record(first)
    assert (record.kind, record.chosen_from, record.scores[0].name) == ("image_to_image", 4, "total")
    named = {"source": given["source"], "mask": given["mask"], "base": str(tiny_base()), "out": tmp_path / "again"}
    assert again(AgainRecipe.model_validate({"picture": first, **named})).same_pixels


class _Firsts:
    """Calls the first three pictures that it is shown broken."""

    def __init__(self) -> None:
        self.left = 3

    def check(self, pictures: Sequence[Pixels], peers: Sequence[Pixels] = ()) -> list[Finding]:
        found = [Finding(1.0 if n < self.left else 0.0, n < self.left, "torn") for n in range(len(pictures))]
        self.left -= sum(one.broken for one in found)
        return found


@pytest.fixture
def firsts() -> str:
    """The name under which `_Firsts` is registered; a registry forgets nothing."""
    if "firsts" not in DEFECTS:
        DEFECTS.add("firsts", DefectEntry(lambda _tools: _Firsts(), "the first three"))
    return "firsts"


def test_broken_pictures_are_replaced_and_both_are_in_the_manifest(tmp_path: Path, firsts: str) -> None:
    result = made(tmp_path, best={"defects": [firsts], "redraw": 1, "keep": 4})
    assert result.best is not None
    told = json.loads(result.best.manifest.read_text())["pictures"]
    again_for = {one["seed"]: one["instead_of"] for one in told if one["instead_of"] is not None}
    assert again_for == {9: 5, 10: 6, 11: 7}
    assert [(one["seed"], one["reasons"]) for one in told if one["rank"] is None] == [(n, ["torn"]) for n in (5, 6, 7)]
    assert sorted(read_record(path).seed for path in result.pictures) == [8, 9, 10, 11]
    assert {read_record(path).chosen_from for path in result.pictures} == {7}


def test_a_broken_picture_that_is_kept_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, firsts: str
) -> None:
    made(tmp_path, best={"defects": [firsts]})
    assert "1 of 2 kept pictures are broken" in caplog.text


def test_a_missing_extra_is_told_before_anything_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtraError):
        made(tmp_path / "out", best={"defects": ["hands"], "hand_model": tmp_path / "a.task"})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a pencil drawing of zkz dog in space", "a pencil drawing of dog in space"),
        ("a photo of a zkz", "a photo of a dog"),
        ("(a red:1.3) [cat:dog:0.5] <lora:ada:0.8> BREAK in\n the snow", "a red dog in the snow"),
        ("a dog AND a cat :0.5", "a dog a cat"),
        ("a dog AND a cat :-1", "a dog"),
        ("zkzy dog", "zkzy dog"),
        ("", ""),
    ],
)
def test_a_judge_reads_the_prompt_without_marks_and_name(prompt: str, read: str) -> None:
    assert judged_prompt(GenerateRecipe(prompt=prompt), "zkz", "dog") == read


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = tiny_recipe(tmp_path_factory.mktemp("run"), loop__steps=2, class_images__count=2)
    return personalize(recipe).run


def test_likeness_to_a_runs_photos_is_scored_by_the_scale_of_its_checkpoints(trained: Path) -> None:
    result = made(trained / "pictures", run=trained, base=None, prompt="a photo of a zkz dog")
    record = read_record(result.pictures[0])
    scores = {one.name: one.value for one in record.scores}
    run_of, judge = RunFolder(trained), GridJudge()
    photos = [Dataset.open(run_of.dataset).pixels(i) for i in Dataset.open(run_of.dataset).indices(Role.INSTANCE)]
    photos += [Dataset.open(run_of.dataset).pixels(i) for i in Dataset.open(run_of.dataset).indices(Role.HELD_OUT)]
    photos_KD = image_features(judge, photos)
    scale = subject_scale(image_features(judge, read_drawn(run_of.samples_dir(0)).prior), photos_KD, photos_KD)
    raw = subject_similarity(image_features(judge, [pixels(result.pictures[0])]), photos_KD)
    assert scores["subject"] == pytest.approx(scale(raw), abs=1e-5)
    assert scores["total"] == pytest.approx(
        (scores["subject"] + scores["prompt"] + 0.5 * (1 - scores["outlier"])) / 2.5, abs=1e-5
    )


def test_a_run_without_its_photos_is_told_how_to_leave_likeness_out(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "dataset")
    with pytest.raises(InputError, match=r"best\.weights\.subject=0"):
        made(tmp_path / "out", run=tmp_path / "run", base=None)
    result = made(tmp_path / "out", run=tmp_path / "run", base=None, best={"weights": {"subject": 0}})
    assert "subject" not in [one.name for one in read_record(result.pictures[0]).scores]


def test_a_prompt_that_says_nothing_has_no_score(tmp_path: Path) -> None:
    names = [one.name for one in read_record(made(tmp_path, prompt="").pictures[0]).scores]
    assert names == ["total", "outlier"]


def test_the_infotext_holds_the_scores_and_nothing_is_noted_of_them() -> None:
    (picture,) = drawn([0])
    scores = (ScoreRecord(name="total", value=0.75), ScoreRecord(name="prompt", value=1 / 3))
    text = infotext_of(picture.record.model_copy(update={"scores": scores}))
    info = parse_infotext(text)
    assert info.parameters["Imprint scores"] == "total 0.75, prompt 0.3333"
    assert understand(info).notes == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x"])
def test_a_score_in_a_record_is_a_number(value: Any) -> None:
    with pytest.raises(ValidationError):
        ScoreRecord(name="total", value=value)


def test_the_verb_prints_the_scores_and_show_tells_them(tmp_path: Path, capsys: Captured) -> None:
    sets = ["best.draw=4", f"best.judge={JUDGE}", "steps=1"]
    words = [word for text in sets for word in ("--set", text)]
    assert run(["generate", "a red dog", "-n", "2", "--base", str(tiny_base()), "--out", str(tmp_path), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    picture, manifest = Path(lines[-3]), Path(lines[-1])
    assert manifest.name == f"{picture.stem}.best.json"
    assert any("rank" in line and "seed" in line and "outlier" in line for line in lines)
    assert run(["show", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert "\nscores\n  total " in shown
    assert "chosen_from         4\nchosen_from_seed    0\n" in shown


def test_a_grid_has_no_best(tmp_path: Path) -> None:
    values = {"generate": {"prompt": "a dog", "best": {"draw": 4}}, "x": {"field": "steps", "values": "1,2"}}
    with pytest.raises(ConfigError, match=r"leave generate\.best out"):
        load_config(GridRecipe, values=values)
