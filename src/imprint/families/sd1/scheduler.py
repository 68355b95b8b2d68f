"""The noise schedule of Stable Diffusion 1, from its scheduler_config.json.

Reads: a JSON object. Writes: numbers, or the JSON for a new folder. Does not: sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from imprint.errors import ModelError
from imprint.families.family import PredictionKind

TRAIN_STEPS = 1000  # CompVis v1-inference.yaml: timesteps
BETA_START, BETA_END = 0.00085, 0.012  # CompVis v1-inference.yaml: linear_start, linear_end
PREDICTIONS: tuple[PredictionKind, ...] = ("epsilon", "v_prediction")


def scheduler_config(prediction: PredictionKind = "epsilon") -> dict[str, Any]:
    """The `scheduler_config.json` of Stable Diffusion 1, as diffusers' converter writes it, for DDIM."""
    return {
        "_class_name": "DDIMScheduler",
        "beta_start": BETA_START,
        "beta_end": BETA_END,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "num_train_timesteps": TRAIN_STEPS,
        "prediction_type": prediction,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "timestep_spacing": "leading",
        "trained_betas": None,
    }


def alphas_cumprod(config: Mapping[str, Any], where: Path | None = None) -> Tensor:
    """Signal power left at every timestep.

    Args:
        config: the scheduler's JSON.
        where: the file, for messages.
    Returns: float64 of shape (T,), falling, in (0, 1).
    Raises: ModelError: for a schedule that Stable Diffusion 1 does not use.
    """
    place = where or "scheduler_config.json"
    count = config.get("num_train_timesteps", TRAIN_STEPS)
    start, end = config.get("beta_start", BETA_START), config.get("beta_end", BETA_END)
    kind = config.get("beta_schedule", "scaled_linear")
    if config.get("rescale_betas_zero_snr"):
        raise ModelError("a zero terminal signal-to-noise ratio is not supported yet", where=place)
    try:
        if config.get("trained_betas") is not None:
            betas_T = torch.tensor(cast("list[float]", config["trained_betas"]), dtype=torch.float64)
        elif kind == "scaled_linear":
            betas_T = torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2
        elif kind == "linear":
            betas_T = torch.linspace(start, end, count, dtype=torch.float64)
        else:
            raise ModelError("unknown noise schedule", where=place, got=kind, allowed="scaled_linear, linear")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError("the noise schedule makes no sense", where=place, got=str(error)) from error
    if betas_T.ndim != 1 or len(betas_T) < 2 or not bool(((betas_T > 0) & (betas_T < 1)).all()):
        raise ModelError("the noise schedule makes no sense", where=place, got=[start, end, count])
    return torch.cumprod(1 - betas_T, dim=0)


def prediction_kind(config: Mapping[str, Any], where: Path | None = None) -> PredictionKind:
    """What the U-Net was trained to predict.

    Raises: ModelError: for a kind that Stable Diffusion 1 does not use.
    """
    kind = config.get("prediction_type", "epsilon")
    for known in PREDICTIONS:
        if kind == known:
            return known
    raise ModelError(
        "unknown prediction type", where=where or "scheduler_config.json", got=kind, allowed=", ".join(PREDICTIONS)
    )
