"""Upscaling models from files, by spandrel. No pickle is opened in this process.

Reads: safetensors, and pickles by way of `weights.pickles`. Writes: nothing itself. Does not: run models.
"""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any, cast

import torch

from imprint.errors import MissingExtraError, ModelError
from imprint.refine.upscalers.models import UpscalingModel
from imprint.weights.network_content import check_numbers, read_network

# What spandrel raises on tensors that only look like those of an architecture: it promises nothing.
BUILDING_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, LookupError, AttributeError, ArithmeticError)


def open_upscaling_model(path: Path, device: str = "cpu") -> UpscalingModel:
    """The network in a file, whatever its architecture: its tensors tell.

    Args:
        path: .safetensors, .pt, .bin, .ckpt or .pth. What is a pickle is turned into safetensors first, in a process
            of its own; nothing in it runs.
        device: where it is put.
    Raises:
        MissingExtraError: if spandrel, or torchvision which it needs, cannot be imported.
        ModelError: if the file is missing, damaged, refused, or of no architecture that spandrel knows.
    """
    spandrel = _spandrel()
    tensors = read_tensors(path)
    try:
        with warnings.catch_warnings():  # of torch's, about how a network is written
            warnings.simplefilter("ignore")
            found = spandrel.ModelLoader(device).load_from_state_dict(tensors)
    except spandrel.UnsupportedModelError as error:
        raise ModelError(
            "this is no upscaling model of an architecture that spandrel knows", where=path, got=", ".join(tensors),
            hint="a newer spandrel may know it: pip install --upgrade 'imprint[upscale]'",
        ) from error  # fmt: skip
    except BUILDING_ERRORS as error:
        what = "the tensors of this model do not fit together; the file is damaged, or of a variant that is not known"
        raise ModelError(what, where=path, got=str(error)) from error
    return cast("UpscalingModel", found.to(torch.float32).eval())


def read_tensors(path: Path) -> dict[str, Any]:
    """The tensors of a file; of a nested pickle, in its dictionaries.

    Raises: ModelError: if the file is missing, damaged or refused, or a tensor holds NaN or infinity.
    """
    content, nested = read_network(path), dict[str, Any]()
    for keys, tensor in content.tensors.items():
        *outer, last = map(str, keys)
        if tensor.is_floating_point():
            tensor = tensor.float() if tensor.dtype.itemsize == 1 else tensor  # torch cannot look at 8 bits
            check_numbers(path, ".".join(map(str, keys)), tensor)
        place = nested
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = tensor
    return nested


def _spandrel() -> Any:
    """The library, when it is needed.

    Raises: MissingExtraError: saying what to install.
    """
    try:
        return importlib.import_module("spandrel")
    # RuntimeError is what torchvision raises beside a torch of another build, and spandrel needs torchvision.
    except (ImportError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "spandrel":
            hint = "pip install 'imprint[upscale]'"
            raise MissingExtraError("models of upscalers need spandrel, which is not installed", hint=hint) from error
        raise MissingExtraError(
            "spandrel is installed but cannot be imported", got=str(error),
            hint=f"it needs the torchvision that was built for this torch ({torch.__version__}), from the same index",
        ) from error  # fmt: skip
