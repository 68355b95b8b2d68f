"""The embedded base is made by the package's own jobs: a whole build in small, its shipping and its card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imprint.errors import ConfigError, ModelError
from imprint.families import open_family
from imprint.jobs.nano import train
from imprint.jobs.nano.autoencoder import AutoencoderRecipe, train_autoencoder
from imprint.jobs.nano.diffusion import DiffusionRecipe, train_diffusion
from imprint.jobs.nano.judge import JudgeRecipe, train_judge
from imprint.jobs.nano.rendering import render_imagefolder
from imprint.jobs.nano.report import Plan, write_card
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


def test_a_build_ships_and_its_card_is_written(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = ship_build(build, tmp_path / "weights")
    monkeypatch.setattr("imprint.jobs.nano.report.judge_folder", lambda: weights / "judge")
    card = write_card(str(weights / "base"), plan=Plan(renders=6, captions=4, steps=2, batch=2))
    text = card.read_text(encoding="utf-8")
    assert "held-out renders" in text
    assert (weights / "drawn.png").is_file()
    assert {path.name for path in (weights / "curves").glob("*.svg")} >= {"diffusion-loss.svg", "judge-loss.svg"}


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
