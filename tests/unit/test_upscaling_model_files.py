"""Files of upscaling models: whatever is in them, nothing runs; what spandrel knows is opened by it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imprint.errors import MissingExtraError, ModelError
from imprint.refine.upscalers import model_files, open_upscaler, open_upscaling_model
from imprint.refine.upscalers.model_files import read_tensors
from make_upscalers import Descriptor, noisy

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("own_cache")]


class Payload:
    """Calls something when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.canary}",)


class UnknownArchitectureError(Exception):
    """What the stand-in raises for tensors that it does not know."""


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for spandrel that keeps what it was given and answers with a model that repeats pixels."""
    kept = SimpleNamespace(states=[], error=None)

    class ModelLoader:
        def __init__(self, device: str) -> None:
            kept.device = device

        def load_from_state_dict(self, state: dict[str, Any]) -> Any:
            kept.states.append(state)
            if kept.error:
                raise kept.error
            return _Loaded(lambda image: image.repeat_interleave(2, 2).repeat_interleave(2, 3))

    module: Any = ModuleType("spandrel")
    module.ModelLoader, module.UnsupportedModelError = ModelLoader, UnknownArchitectureError
    monkeypatch.setitem(sys.modules, "spandrel", module)
    return kept


class _Loaded(Descriptor):
    done: tuple[object, ...] = ()

    def to(self, dtype: torch.dtype) -> _Loaded:
        self.done += (dtype,)
        return self

    def eval(self) -> _Loaded:
        self.done += ("eval",)
        return self


def test_a_model_in_safetensors_is_opened_by_name(tmp_path: Path, loader: SimpleNamespace) -> None:
    save_file({"conv.weight": torch.ones(2)}, tmp_path / "4x.safetensors")
    out = open_upscaler("4X", [tmp_path])(noisy(3, 4), (8, 6))
    assert np.array_equal(out, noisy(3, 4).repeat(2, 0).repeat(2, 1))
    assert list(loader.states[0]) == ["conv.weight"] and loader.device == "cpu"


def test_a_model_computes_in_single_precision_and_does_not_train(tmp_path: Path, loader: SimpleNamespace) -> None:
    save_file({"conv.weight": torch.ones(2).half()}, tmp_path / "4x.safetensors")
    model: Any = open_upscaling_model(tmp_path / "4x.safetensors", "meta")
    assert model.done == (torch.float32, "eval") and loader.device == "meta"


def test_a_pickle_is_turned_into_safetensors_once_and_keeps_its_nesting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "4x.pth"
    torch.save({"params_ema": {"conv.weight": torch.ones(2), "index": torch.arange(3)}, "epoch": 3}, path)
    monkeypatch.setattr(torch, "load", None)  # not in this process
    first, second = read_tensors(path), read_tensors(path)
    assert list(first) == list(second) == ["params_ema"]
    assert set(first["params_ema"]) == {"conv.weight", "index"}
    assert torch.equal(second["params_ema"]["conv.weight"], torch.ones(2))
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 1


def test_a_payload_never_runs(tmp_path: Path, loader: SimpleNamespace) -> None:
    canary = tmp_path / "canary"
    torch.save({"params": {"conv.weight": torch.ones(2)}, "x": Payload(canary)}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="could run code"):
        open_upscaler("evil", [tmp_path])
    assert not canary.exists() and not loader.states


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", b"\xff" * 64, b"\x80\x02}q\x00."])
def test_a_damaged_file_is_named(ending: str, data: bytes, tmp_path: Path, loader: SimpleNamespace) -> None:
    (tmp_path / f"4x{ending}").write_bytes(data)
    with pytest.raises(ModelError) as caught:
        open_upscaler("4x", [tmp_path])
    assert caught.value.where == str(tmp_path / f"4x{ending}") and not loader.states


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_folder_or_nothing_in_place_of_a_file_is_refused(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"folder{ending}").mkdir()
    for name in ("folder", "nothing"):
        with pytest.raises(ModelError):
            read_tensors(tmp_path / f"{name}{ending}")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_numbers_that_are_none_are_named(dtype: torch.dtype, tmp_path: Path) -> None:
    save_file({"conv.weight": torch.tensor([1.0, float("nan")]).to(dtype)}, tmp_path / "4x.safetensors")
    with pytest.raises(ModelError, match="NaN or infinity") as caught:
        read_tensors(tmp_path / "4x.safetensors")
    assert caught.value.got == "conv.weight"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UnknownArchitectureError(), "of an architecture that spandrel knows"),
        (RuntimeError("size mismatch for conv"), "do not fit together"),
        (KeyError("conv.bias"), "do not fit together"),
        (AssertionError(), "do not fit together"),
    ],
)
def test_what_spandrel_cannot_open_is_named(
    error: Exception, told: str, tmp_path: Path, loader: SimpleNamespace
) -> None:
    save_file({"lora_unet.weight": torch.ones(2)}, tmp_path / "4x.safetensors")
    loader.error = error
    with pytest.raises(ModelError, match=told) as caught:
        open_upscaling_model(tmp_path / "4x.safetensors")
    assert caught.value.where == str(tmp_path / "4x.safetensors")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'spandrel'", name="spandrel"), "not installed"),
        (ModuleNotFoundError("No module named 'torchvision'", name="torchvision"), "cannot be imported"),
        (RuntimeError("operator torchvision::nms does not exist"), "cannot be imported"),
    ],
)
def test_what_is_missing_is_said(error: Exception, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(name: str) -> ModuleType:
        raise error

    monkeypatch.setattr(model_files.importlib, "import_module", failing)
    with pytest.raises(MissingExtraError, match=told) as caught:
        open_upscaling_model(Path("4x.pth"))
    assert ("imprint[upscale]" if told == "not installed" else torch.__version__) in caught.value.hint
