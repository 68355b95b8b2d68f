"""The benchmarks of training and drawing: both sides compute the same thing, and they run to their tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from benchmarks.bases import open_case, pictures
from benchmarks.drawing_sides import Task
from benchmarks.duel import Measured, Result
from benchmarks.generate import WHAT
from benchmarks.generate import main as draw
from benchmarks.our_loop import OurLoop, first_draws, first_items
from benchmarks.plain_loop import PlainLoop
from benchmarks.report import warnings
from benchmarks.setup import Setup
from benchmarks.train_step import main

from make import tiny_base

pytestmark = pytest.mark.unit


def tiny_setup(work: Path, method: Any) -> Setup:
    return Setup(
        case="tiny", method=method, base=str(tiny_base()), work=str(work), batch_size=2, pictures=4, precision="fp32",
        weights="fp32", rank=4, threads=1, steps=1, warmup=0, turns=1, memory_limit_gb=4,
    )  # fmt: skip


def sides(setup: Setup) -> tuple[OurLoop, PlainLoop]:
    family = open_case(setup)
    folder = pictures(setup, family.native_px)
    return OurLoop(family, folder, setup), PlainLoop(open_case(setup), folder, setup)


@pytest.mark.parametrize("method", ["lora", "finetune"])
def test_both_sides_have_the_same_first_loss(tmp_path: Path, method: str) -> None:
    setup = tiny_setup(tmp_path, method)
    ours, plain = sides(setup)
    expected = plain.loss_with(first_draws(setup, (4, 4, 4)), first_items(setup, 4))
    assert ours.first_loss() == pytest.approx(expected, rel=1e-5)
    assert sum(p.numel() for p in ours.parameters) == sum(p.numel() for p in plain.parameters)


def test_one_step_moves_both_sides_weights_alike(tmp_path: Path) -> None:
    setup = tiny_setup(tmp_path, "finetune")
    ours, plain = sides(setup)
    before = {name: p.detach().clone() for name, p in plain.unet.named_parameters()}
    give_our_numbers(plain, setup)
    ours.run(lambda: None)
    plain.run(lambda: None)
    theirs = {name: p.detach() for name, p in plain.unet.named_parameters()}
    moved = sum(float((theirs[name] - old).square().sum()) for name, old in before.items())
    pairs = [(p.detach(), theirs[name.removeprefix("unet.")]) for name, p in ours.handle.named_parameters().items()]
    assert moved > 0
    assert sum(float((p - q).square().sum()) for p, q in pairs) < 1e-3 * moved


def give_our_numbers(plain: PlainLoop, setup: Setup) -> None:
    """Let a plain loop train on the pictures and random numbers of our first step, in place of its own."""
    rows = [plain.data[item] for item in first_items(setup, 4)]
    batch = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
    draws, loss = first_draws(setup, (4, 4, 4)), plain.loss

    def same(*_: Any) -> torch.Tensor:
        return loss(batch, draws)

    cast("Any", plain).loss = same


def test_table_and_json_are_produced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "step.json"
    code = main(["--smoke", "--methods", "lora", "--steps", "1", "--warmup", "0", "--json", str(file)])
    out = capsys.readouterr().out
    result = json.loads(file.read_text())["results"][0]
    assert code == 0, out
    assert "tiny lora" in out and "plain" in out and "memory ratio" in out
    assert result["summary"]["time_ratio"] > 0 and result["ours"]["peak_gb"] > 0
    assert len(result["ours"]["rounds"]) == len(result["plain"]["rounds"]) == 2


def test_a_side_without_memory_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--smoke", "--methods", "lora", "--memory-limit", "0.05"])
    assert code == 1
    assert "failed" in capsys.readouterr().out


def test_different_losses_are_warned_of(tmp_path: Path) -> None:
    side = Measured([[1.0]], [[1.0]], peak_gb=1, first_loss=1.0, trained=7)
    result = Result(tiny_setup(tmp_path, "lora"), True, side, replace(side, first_loss=1.1))
    assert "first losses differ" in " ".join(warnings(result))


def test_the_benchmark_of_drawing_runs_to_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "generate.json"
    arguments = ["--case", "tiny", "--base", str(tiny_base()), "--rounds", "2", "--threads", "1", "--json", str(file)]
    assert draw(arguments) == 0
    out, result = capsys.readouterr().out, json.loads(file.read_text())
    assert "same prompt" in out and "diffusers" in out and "unguided" in out and "ours in fp32" in out
    assert result["difference"] <= 1 and result["preview_share"] > 0
    assert [pair["name"] for pair in result["pairs"]] == list(WHAT)
    assert all(seconds > 0 for pair in result["pairs"] for turn in pair["first"] + pair["second"] for seconds in turn)


def test_new_prompts_of_a_turn_are_all_new() -> None:
    task = Task(pictures=2, steps=1, side_px=32, same_prompt=False)
    assert len({prompt for turn in range(3) for prompt in task.prompts(turn)}) == 6
