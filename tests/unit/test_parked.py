"""The base's weights are put back bit for bit, from memory and from a file."""

import functools
from pathlib import Path

import pytest
import torch

from imprint.methods import Finetune, build_method
from imprint.methods.finetune.parked import TensorsInFile, parked
from make import tiny_family

pytestmark = pytest.mark.unit

TENSORS = {
    "transposed": torch.arange(6.0).reshape(2, 3).t(),
    "half": torch.tensor([float("nan"), 1.5], dtype=torch.bfloat16),
    "scalar": torch.tensor(7),
    "nothing": torch.empty(0, 3),
}


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(
        one.contiguous().reshape(-1).view(torch.uint8), other.contiguous().reshape(-1).view(torch.uint8),
    ) and one.shape == other.shape


def test_tensors_come_back_from_a_file_in_any_order_and_as_copies() -> None:
    kept = TensorsInFile(TENSORS)
    assert list(kept) == list(TENSORS)
    for name in reversed(TENSORS):
        assert same_bits(kept[name], TENSORS[name])
    kept["half"].zero_()
    assert same_bits(kept["half"], TENSORS["half"])


def test_only_large_weights_go_to_a_file() -> None:
    size = sum(value.nbytes for value in TENSORS.values())
    assert isinstance(parked(TENSORS, size), dict)
    assert isinstance(parked(TENSORS, size - 1), TensorsInFile)


def test_without_room_for_a_file_they_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    kept = parked(TENSORS, 0)
    assert isinstance(kept, dict)
    assert all(same_bits(kept[name], value) for name, value in TENSORS.items())


def test_fine_tuning_gives_the_base_back_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imprint.methods.finetune.method.parked", functools.partial(parked, in_memory_bytes=0))
    family = tiny_family()
    before = {name: value.detach().clone() for name, value in family.parameters("unet").items()}
    handle = build_method(Finetune()).inject(family, 0)
    with torch.no_grad():
        for value in handle.parameters():
            value.add_(1)
    handle.eject()
    assert all(same_bits(value, before[name]) for name, value in family.parameters("unet").items())
