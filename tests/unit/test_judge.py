"""The judge's folder: temperatures and identities come back as they were, and older judges still open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import make
from imprint.artifacts.files import load_tensors, save_tensors
from imprint.errors import ModelError
from imprint.nano.identity import IdentityShape
from imprint.nano.judge import SHAPE, TEMPERATURES, WEIGHTS, Judge, JudgeShape
from imprint.nano.looks import AttributeLooks, AttributeShape

pytestmark = pytest.mark.unit
PLAIN = JudgeShape(channels=(8, 8, 16, 16), width=16, text_layers=1, size_px=64)
KNOWING = PLAIN.model_copy(update={"identity": IdentityShape(width=12, looks=2, values=8, hidden=16)})
LOOKING = KNOWING.model_copy(update={"attributes": AttributeShape(looks=2, values=8)})
PIXELS = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def small_judge(shape: JudgeShape = KNOWING) -> Judge:
    torch.manual_seed(0)
    attributes = {"kind": ("dog", "cat"), "colour": ("red", "blue", "green")}
    return Judge(shape, make.byte_level_tokenizer(), attributes).eval()


def test_temperatures_come_back_bit_for_bit_even_from_half_precision(tmp_path: Path) -> None:
    judge = small_judge()
    judge.calibrate({"colour": 1 / 3, "kind": 1.7182818})
    judge.save(tmp_path, torch.float16)
    assert Judge.open(tmp_path).temperatures == judge.temperatures


def test_temperatures_divide_the_logits() -> None:
    judge = small_judge()
    judge.calibrate({"colour": 0.25})
    with torch.no_grad():
        said, logits = judge.attributes(PIXELS), judge(PIXELS)[1]
    torch.testing.assert_close(said["colour"], (logits["colour"] * 4).softmax(1))
    torch.testing.assert_close(said["kind"], logits["kind"].softmax(1))


def test_identities_are_unit_vectors_and_come_back(tmp_path: Path) -> None:
    judge = small_judge()
    judge.save(tmp_path)
    vectors = judge.identity(PIXELS)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    assert vectors.shape == (3, 12)
    assert torch.equal(Judge.open(tmp_path).identity(PIXELS), vectors)


def test_a_judge_whose_heads_look_comes_back(tmp_path: Path) -> None:
    judge = small_judge(LOOKING)
    judge.save(tmp_path)
    said, again = judge.attributes(PIXELS), Judge.open(tmp_path).attributes(PIXELS)
    assert all(torch.equal(said[name], again[name]) for name in ("kind", "colour"))


@torch.no_grad()
def test_a_look_sees_the_cell_that_it_weighs_and_no_other() -> None:
    looks = AttributeLooks((3, 4, 5), AttributeShape(looks=1, values=8), 2, 16)
    looks.weigh.weight.zero_()
    looks.likely_Lp[0, 5] = looks.likely_Lp[1, 6] = 100.0
    maps = [torch.randn(2, c, side, side) for c, side in ((3, 8), (4, 4), (5, 2))]
    _, what_BpV = looks.seen(maps)
    torch.testing.assert_close(looks(maps), what_BpV[:, 5:7])


def test_a_judge_from_before_opens_and_says_what_it_lacks(tmp_path: Path) -> None:
    small_judge(PLAIN).save(tmp_path)
    weights = load_tensors(tmp_path / WEIGHTS)
    del weights[TEMPERATURES]
    save_tensors(tmp_path / WEIGHTS, weights)
    description = json.loads((tmp_path / SHAPE).read_text(encoding="utf-8"))
    del description["shape"]["identity"], description["shape"]["attributes"]
    (tmp_path / SHAPE).write_text(json.dumps(description), encoding="utf-8")
    judge = Judge.open(tmp_path)
    assert set(judge.temperatures.values()) == {1.0}
    with pytest.raises(ModelError, match="nano train judge"):
        judge.identity(PIXELS)


BROKEN = ("[]", "{}", '{"shape": {"width": 3}, "attributes": {}}', '{"shape": 1, "attributes": 2}')


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_description_is_a_clear_error(tmp_path: Path, broken: str) -> None:
    small_judge().save(tmp_path)
    (tmp_path / SHAPE).write_text(broken, encoding="utf-8")
    with pytest.raises(ModelError, match="holds no judge"):
        Judge.open(tmp_path)


def test_weights_of_another_layout_are_a_clear_error(tmp_path: Path) -> None:
    small_judge().save(tmp_path)
    small_judge(PLAIN).save(tmp_path / "plain")
    (tmp_path / WEIGHTS).write_bytes((tmp_path / "plain" / WEIGHTS).read_bytes())
    with pytest.raises(ModelError, match="holds no judge"):
        Judge.open(tmp_path)
