"""States and exports on disk: what is read back, refused and replaced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from imprint.artifacts.files import load_tensors, save_tensors
from imprint.artifacts.readback import check_written, same_bits
from imprint.errors import ModelError, NumericsError, OutputError, UnknownNameError
from imprint.families import open_family
from imprint.methods import METHODS, Finetune, Lora, MethodState, apply, build_method
from imprint.weights import EXPORTERS, export_method, load_state, save_state
from make import tiny_family

pytestmark = pytest.mark.unit


def lora_state(**fields: float) -> MethodState:
    return build_method(Lora(**{"rank": 2, "alpha": 2.0} | fields)).inject(tiny_family(), seed=1).state()


def test_every_method_has_an_export() -> None:
    assert set(EXPORTERS) == set(METHODS)


def test_a_state_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    state = lora_state(alpha=3.0)
    save_state(tmp_path / "state.safetensors", state)
    again = load_state(tmp_path / "state.safetensors")
    assert (again.kind, again.metadata) == (state.kind, state.metadata)
    assert all(same_bits(again.tensors[name], value) for name, value in state.tensors.items())


def test_foreign_and_damaged_state_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_tensors(path, {"a": torch.ones(1)})
    with pytest.raises(ModelError, match="no weights saved by Imprint"):
        load_state(path)
    save_tensors(path, {"a": torch.ones(1)}, {"imprint.kind": "lora", "imprint.format": "99"})
    with pytest.raises(ModelError, match="another version"):
        load_state(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="no readable safetensors"):
        load_state(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_never_written(tmp_path: Path, value: float) -> None:
    state = lora_state()
    name = next(iter(state.tensors))
    broken = replace(state, tensors={**state.tensors, name: torch.full_like(state.tensors[name], value)})
    with pytest.raises(NumericsError, match="not written"):
        save_state(tmp_path / "state.safetensors", broken)
    with pytest.raises(NumericsError, match="not written"):
        export_method(broken, tiny_family(), tmp_path / "result")
    assert not list(tmp_path.iterdir())


def test_a_file_that_reads_back_differently_is_named(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(4), "b": torch.tensor([float("nan")])}
    save_tensors(tmp_path / "x.safetensors", tensors)
    check_written(tmp_path / "x.safetensors", tensors)
    for other in ({**tensors, "a": torch.tensor([0.0, -0.0, 0.0, 0.0])}, {"a": tensors["a"]}):
        with pytest.raises(OutputError, match="reads back differently"):
            check_written(tmp_path / "x.safetensors", other)


def test_an_unknown_method_or_family_is_refused() -> None:
    state = lora_state()
    with pytest.raises(UnknownNameError, match="did you mean `lora`"):
        apply(tiny_family(), replace(state, kind="lorra"))
    with pytest.raises(ModelError, match="another model family"):
        apply(tiny_family(), replace(state, metadata={**state.metadata, "family": "sdxl"}))
    with pytest.raises(ModelError, match="settings of these weights"):
        apply(tiny_family(), replace(state, metadata={**state.metadata, "config": '{"rank": -1}'}))


def test_a_lora_is_exported_in_half_precision(tmp_path: Path) -> None:
    (path,) = export_method(lora_state(), tiny_family(), tmp_path, dtype=torch.float16)
    assert path == tmp_path / "pytorch_lora_weights.safetensors"
    assert {value.dtype for value in load_tensors(path).values()} == {torch.float16}


def test_a_new_finetune_export_replaces_the_old(tmp_path: Path) -> None:
    family = tiny_family()
    handle = build_method(Finetune(layers="attention")).inject(family, seed=1)
    export_method(handle.state(), family, tmp_path)
    handle.parameters()[0].data.add_(1)
    (folder,) = export_method(handle.state(), family, tmp_path)
    name = next(iter(handle.named_parameters())).removeprefix("unet.")
    assert torch.equal(open_family(folder).parameters("unet")[name], handle.parameters()[0])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_finetune_export_leaves_strange_folders_alone(tmp_path: Path) -> None:
    family = tiny_family()
    state = build_method(Finetune()).inject(family, seed=1).state()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "diary.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else has this name"):
        export_method(state, family, tmp_path)
    assert (tmp_path / "model" / "diary.txt").read_text() == "mine"


def test_a_finetune_export_needs_its_own_base(tmp_path: Path) -> None:
    state = build_method(Finetune()).inject(tiny_family(), seed=1).state()
    with pytest.raises(ModelError, match="another base"):
        export_method(replace(state, metadata={**state.metadata, "base_hash": "0" * 64}), tiny_family(), tmp_path)


def test_an_export_ignores_other_methods_on_the_base(tmp_path: Path) -> None:
    family = tiny_family()
    state = build_method(Finetune()).inject(family, seed=1).state()
    build_method(Lora(layers="all")).inject(family, seed=1)
    (folder,) = export_method(state, family, tmp_path)
    unet = open_family(folder).parameters("unet")
    assert all(torch.equal(unet[name], value) for name, value in tiny_family().parameters("unet").items())


def test_an_export_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        export_method(lora_state(), tiny_family(), tmp_path / "file" / "result")
