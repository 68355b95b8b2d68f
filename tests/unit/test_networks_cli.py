"""`imprint networks`: the table, the JSON, and where it looks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from imprint.app.cli.edge import run
from imprint.weights import save_embedding
from make import tiny_family
from make_networks import write_lora

pytestmark = pytest.mark.unit

Captured = pytest.CaptureFixture[str]
MODULES = [("text_encoder", "encoder.layers.0.self_attn.q_proj")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two networks, one of which would like to steer the terminal."""
    monkeypatch.setenv("IMPRINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("IMPRINT_NETWORKS", raising=False)
    header = {"ss_output_name": "Ada\x1b[31m", "ss_tag_frequency": '{"a": {"zkz [bold]woman": 3}}'}
    write_lora(tmp_path / "networks" / "lora" / "ada.safetensors", tiny_family(), modules=MODULES, header=header)
    save_embedding(tmp_path / "networks" / "zkz.safetensors", torch.ones(2, 16))
    return tmp_path / "networks"


def test_the_table_has_a_row_for_each_and_no_control_characters(folder: Path, capsys: Captured) -> None:
    assert run(["networks", str(folder)]) == 0
    head, ada, zkz = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["name", "kind"]
    assert ada.startswith("lora/ada") and "zkz [bold]woman" in ada and "\x1b" not in ada
    assert zkz.split()[:2] == ["zkz", "embedding"]


def test_json_has_the_hashes(folder: Path, capsys: Captured) -> None:
    assert run(["networks", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folders"] == [str(folder)]
    assert [(item["name"], item["kind"]) for item in told["networks"]] == [("ada", "lora"), ("zkz", "embedding")]
    assert all(len(item["sha256"]) == 64 and len(item["short_hash"]) == 12 for item in told["networks"])


def test_without_a_folder_it_looks_where_the_environment_says_or_beside(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "empty").mkdir()
    monkeypatch.chdir(folder.parent / "empty")
    assert run(["networks"]) == 4
    assert "IMPRINT_NETWORKS" in capsys.readouterr().err
    monkeypatch.setenv("IMPRINT_NETWORKS", os.pathsep.join([str(folder / "lora"), str(folder.parent / "empty")]))
    assert run(["networks"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("ada ")
    monkeypatch.delenv("IMPRINT_NETWORKS")
    monkeypatch.chdir(folder.parent)
    assert run(["networks", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["networks"]) == 2
    assert run(["networks", "empty"]) == 0
    assert capsys.readouterr().out == "no networks in empty\n"
