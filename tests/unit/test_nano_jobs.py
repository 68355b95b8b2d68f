"""The embedded base is made by the package's own jobs: a whole build in small, its shipping and its card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from imprint.config import load_config
from imprint.errors import ConfigError, ModelError
from imprint.families import Family, open_family
from imprint.generation.text_to_image import TextToImage
from imprint.jobs.nano import train
from imprint.jobs.nano.autoencoder import AutoencoderRecipe, train_autoencoder
from imprint.jobs.nano.diffusion import DiffusionRecipe, train_diffusion
from imprint.jobs.nano.judge import JudgeRecipe, train_judge
from imprint.jobs.nano.rendering import render_imagefolder
from imprint.jobs.nano.report import Plan, drawing, sweep_cfg, sweep_table, write_card
from imprint.jobs.nano.report.asking import captions, faces, sweep_captions
from imprint.jobs.nano.report.bars import NOT_HELD_OUT, bar_rows
from imprint.jobs.nano.report.measuring import measure
from imprint.jobs.nano.shipping import ship_build
from imprint.jobs.nano.stages import World
from imprint.jobs.nano.training import RECIPES
from imprint.nano.judge import Judge, JudgeShape
from imprint.nano.networks import AutoencoderShape, TextEncoderShape, UNetShape
from imprint.nano.world.captions import SILENT
from imprint.nano.world.names import SHIPPED
from imprint.training.ema import Ema
from imprint.training.loop import LoopConfig
from make import tiny_family

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
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
    with Image.open(shipped / "beside.png") as pairs:
        assert pairs.size == (10 * 64, 64)  # four captions of one seed
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


def test_faces_are_held_against_people_whom_their_caption_means() -> None:
    shown = faces(Plan(faces=4, per_face=4, left_out=0.0), 1)
    for face in shown:
        told = dict(face.asked[0].spec.attributes)
        for spec in face.renders:
            said = {name: value for name, value in spec.attributes.items() if value not in SILENT}
            assert {name: spec.attributes[name] for name in told} == told
            assert said.keys() & {"hat", "holding", "beard"} == set()
        assert {spec.attributes["hat"] for one in shown for spec in one.anyone} > {"none"}
        assert len({spec.attributes["clothing_colour"] for spec in face.renders}) > 1


def test_sunglasses_go_with_a_caption_that_mentions_no_eyes() -> None:
    specs = [spec for face in faces(Plan(faces=8, per_face=8, left_out=0.0), 1) for spec in face.renders]
    worn = [spec.attributes["glasses"] for spec in specs]
    assert set(worn) == {"none", "sunglasses"}
    assert worn.count("sunglasses") / len(worn) == pytest.approx(0.2, abs=0.15)  # 1/6 against 4/6 of the world


def test_what_captions_of_training_left_out_may_be_there() -> None:
    often, always = (faces(Plan(faces=4, per_face=4, left_out=share), 1) for share in (0.5, 1.0))
    bare = [sum(s.attributes["hat"] == "none" for face in some for s in face.renders) for some in (often, always)]
    assert bare[0] > bare[1]
    assert [face.renders for face in always] == [face.anyone for face in always]


def test_the_code_knows_how_the_shipped_base_was_captioned() -> None:
    recipe = load_config(DiffusionRecipe, ROOT / RECIPES / "diffusion.toml")
    assert Plan().left_out == recipe.attribute_dropout
    assert recipe.names is not None
    assert recipe.names.families * recipe.names.members <= SHIPPED


def test_guidance_of_the_plan_reaches_its_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TextToImage] = []

    def noted(_: Family, requests: list[TextToImage], batch: int | None = None) -> list[SimpleNamespace]:
        asked.extend(requests)
        return [SimpleNamespace(pixels_HWC=np.zeros((64, 64, 3), np.uint8)) for _ in requests]

    monkeypatch.setattr(drawing, "text_to_image", noted)
    plan = Plan(cfg_scale=3.0, cfg_start=0.3, cfg_end=0.8, cfg_rescale=0.5)
    drawing.drawn(tiny_family(), captions(plan.model_copy(update={"captions": 3}), 1), plan, "captions")
    assert {(one.cfg_scale, one.cfg_start, one.cfg_end, one.cfg_rescale) for one in asked} == {(3.0, 0.3, 0.8, 0.5)}
    whole = drawing.guided_throughout(plan)
    assert (whole.cfg_scale, whole.cfg_start, whole.cfg_end) == (3.0, 0.0, 1.0)


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
