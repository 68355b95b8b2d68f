"""The embedded base is made by the package's own jobs: a whole build in small, its shipping and its card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from imprint.errors import ConfigError, ModelError
from imprint.families import open_family
from imprint.jobs.nano import train
from imprint.jobs.nano.autoencoder import AutoencoderRecipe, train_autoencoder
from imprint.jobs.nano.diffusion import DiffusionRecipe, train_diffusion
from imprint.jobs.nano.judge import JudgeRecipe, train_judge
from imprint.jobs.nano.rendering import render_imagefolder
from imprint.jobs.nano.report import Plan, sweep_cfg, sweep_table, write_card
from imprint.jobs.nano.report.asking import captions, sweep_captions
from imprint.jobs.nano.report.bars import NOT_HELD_OUT, bar_rows
from imprint.jobs.nano.report.measuring import measure
from imprint.jobs.nano.shipping import ship_build
from imprint.jobs.nano.stages import World
from imprint.nano.judge import Judge, JudgeShape
from imprint.nano.networks import AutoencoderShape, TextEncoderShape, UNetShape
from imprint.training.ema import Ema
from imprint.training.loop import LoopConfig

pytestmark = pytest.mark.unit

WORLD = World(pictures=500, held_out=500, size_px=64)
LOOP = LoopConfig(steps=2, checkpoint_every=1, ema=Ema(decay=0.5))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    shape = AutoencoderShape(channels=(8, 8, 16, 16))
    train_autoencoder(AutoencoderRecipe(world=WORLD, shape=shape, batch_size=2, crop_px=32, loop=LOOP), folder)
    judge = JudgeShape(channels=(8, 8, 16, 16), width=16, text_layers=1, size_px=64)
    train_judge(JudgeRecipe(world=WORLD, shape=judge, batch_size=4, loop=LOOP), folder)
    unet, text = UNetShape(channels=(16, 16, 32), groups=8, heads=2), TextEncoderShape(width=16, layers=1, heads=2)
    train_diffusion(DiffusionRecipe(world=WORLD, unet=unet, text_encoder=text, batch_size=4, loop=LOOP), folder)
    return folder


def test_a_build_is_a_complete_base_and_a_judge(build: Path) -> None:
    family = open_family(build / "diffusion" / "model")
    assert (family.name, family.native_px, family.latent_channels) == ("sd1", 64, 4)
    assert "scene" in Judge.open(build / "judge" / "judge").attribute_values


def test_a_finished_stage_is_not_trained_again(build: Path) -> None:
    before = (build / "judge" / "events.jsonl").read_text(encoding="utf-8")
    judge = JudgeShape(channels=(8, 8, 16, 16), width=16, text_layers=1, size_px=64)
    train_judge(JudgeRecipe(world=WORLD, shape=judge, batch_size=4, loop=LOOP), build)
    assert (build / "judge" / "events.jsonl").read_text(encoding="utf-8") == before


def test_stages_measure_themselves(build: Path) -> None:
    autoencoder = json.loads((build / "autoencoder" / "measured.json").read_text(encoding="utf-8"))
    judge = json.loads((build / "judge" / "measured.json").read_text(encoding="utf-8"))
    assert autoencoder["psnr_db"] > 0
    assert 0 < judge["mean"] < 1


@pytest.fixture(scope="module")
def shipped(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ship_build(build, tmp_path_factory.mktemp("shipped") / "weights")


def tiny_plan(weights: Path, **fields: object) -> Plan:
    """A report in seconds: two seeds, a few pictures of two steps."""
    few = {"seeds": (1, 2), "renders": 12, "captions": 8, "unseen": 4, "faces": 1, "per_face": 2, "individuals": 2}
    return Plan.model_validate({**few, "steps": 2, "batch": 2, "judge": weights / "judge", **fields})


def test_a_build_ships_and_its_card_is_written(shipped: Path) -> None:
    card = write_card(str(shipped / "base"), plan=tiny_plan(shipped))
    text = card.read_text(encoding="utf-8")
    assert "held-out renders" in text
    assert "| bar | measured | met? |" in text
    assert (shipped / "drawn.png").is_file()
    assert {path.name for path in (shipped / "curves").glob("*.svg")} >= {"diffusion-loss.svg", "judge-loss.svg"}


def test_figures_come_with_mean_and_spread_over_seeds(shipped: Path) -> None:
    measured, _ = measure(str(shipped / "base"), tiny_plan(shipped))
    psnr = measured.figures["psnr_db"]
    values = [seed.psnr_db for seed in measured.seeds]
    assert (psnr.mean, psnr.seeds) == (pytest.approx(sum(values) / 2), 2)
    assert psnr.deviation > 0
    assert measured.figures["worst"] == measured.attribute("drawn", measured.worst)


def test_pairs_are_measured_only_where_training_held_them_out(shipped: Path, tmp_path: Path) -> None:
    plan = tiny_plan(shipped, seeds=(1,))
    measured, _ = measure(str(shipped / "base"), plan)
    assert measured.pairs_held_out
    assert "unseen_pairs" in measured.figures
    unknown = shutil.copytree(shipped / "base", tmp_path / "base")
    text = write_card(str(unknown), plan=plan).read_text(encoding="utf-8")
    assert NOT_HELD_OUT in text


def test_a_judge_without_identity_is_said_to_measure_none(shipped: Path, tmp_path: Path) -> None:
    measured, _ = measure(str(shipped / "base"), tiny_plan(shipped, seeds=(1,)))
    row = next(row for row in bar_rows(measured) if "identity" in row.what)
    assert ("identity_auc" in measured.figures) == (row.met != "not measured")


def test_guidance_scales_are_compared_on_captions_of_their_own(shipped: Path) -> None:
    plan = tiny_plan(shipped, sweep_captions=2)
    rows = sweep_cfg(str(shipped / "base"), [1, 4], plan)
    assert [row.cfg_scale for row in rows] == [1, 4]
    assert len(sweep_table(rows)) == 4
    reported = {asked.prompt for seed in plan.seeds for asked in captions(plan, seed)}
    assert reported.isdisjoint(asked.prompt for asked in sweep_captions(plan))


def test_an_unfinished_build_does_not_ship(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not finished"):
        ship_build(tmp_path / "nothing", tmp_path / "weights")


def test_an_unknown_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such stage"):
        train(tmp_path, ["autoencodr"])


def test_renders_come_as_an_imagefolder_with_ground_truth(tmp_path: Path) -> None:
    folder = render_imagefolder(tmp_path / "renders", 2, seed=5)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(folder / line["file_name"]).is_file() for line in lines] == [True, True]
    assert {"text", "kind", "scene", "style"} <= lines[0].keys()
