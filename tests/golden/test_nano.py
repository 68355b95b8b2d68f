"""The shipped base is the one that its card describes: figures measured again on a smaller sample."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from imprint.families import Family, open_family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.nano.judge_measures import accuracy, ask
from imprint.jobs.nano.rendered import HELD_OUT_SEED, to_model_range
from imprint.jobs.nano.report import CAPTION_SEED, full_caption
from imprint.nano import WEIGHTS, base_folder, judge_folder
from imprint.nano.judge import Judge
from imprint.nano.world.render import render
from imprint.nano.world.spec import sample_spec
from imprint.training.autoencoding import psnr_B

pytestmark = pytest.mark.golden
RENDERS, CAPTIONS = 60, 24
DRAWING = ("steps", "cfg_scale", "cfg_start", "cfg_end", "cfg_rescale", "sampler")


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return json.loads((WEIGHTS / "measured.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def base() -> Family:
    return open_family(base_folder())


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge.open(judge_folder())


def test_weights_are_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*.safetensors")) <= 60_000_000


def test_autoencoder_reconstructs_as_the_card_says(base: Family, card: dict[str, Any]) -> None:
    pictures = to_model_range(np.stack([render(sample_spec(HELD_OUT_SEED + n)) for n in range(RENDERS)]))
    psnr = torch.cat([psnr_B(base.decode(base.encode_image(p).mean_Bchw), p) for p in pictures.split(20)]).mean()
    # 60 pictures against the card's 1 500: their mean stays within 1 dB of it (standard error 0.35 dB).
    assert float(psnr) == pytest.approx(card["psnr_db"], abs=1.0)


def test_judge_names_attributes_as_the_card_says(judge: Judge, card: dict[str, Any]) -> None:
    specs = [sample_spec(HELD_OUT_SEED + n) for n in range(RENDERS)]
    seen = (to_model_range(np.stack([render(spec) for spec in specs])) + 1) / 2
    found = accuracy(ask(judge, seen.split(30), specs))
    assert np.mean(list(found.values())) == pytest.approx(card["means"]["renders"], abs=0.05)


def test_base_obeys_captions_as_the_card_says(base: Family, judge: Judge, card: dict[str, Any]) -> None:
    specs = [sample_spec(CAPTION_SEED + n) for n in range(CAPTIONS)]
    drawing = {name: card["plan"][name] for name in DRAWING}
    requests = [
        TextToImage.model_validate({"prompt": full_caption(spec, n), "seed": n, **drawing})
        for n, spec in enumerate(specs)
    ]
    pictures = np.stack([p.pixels_HWC for p in text_to_image(base, requests, batch=8)])
    found = accuracy(ask(judge, [(to_model_range(pictures) + 1) / 2], specs))
    # 24 captions against the card's 2 000, attributes weighted by themselves: within 0.12 of the card.
    assert np.mean(list(found.values())) == pytest.approx(card["means"]["drawn"], abs=0.12)


def test_stock_diffusers_opens_the_base() -> None:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(base_folder())
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a photo of a dog", num_inference_steps=2, height=128, width=128).images[0]
    assert picture.size == (128, 128)
