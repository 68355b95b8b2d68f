"""Our samplers against k-diffusion's published ones on an analytic denoiser with given noise, in float64.

The figures of `kdiffusion_vectors.json` are k-diffusion's own; `make_kdiffusion_vectors.py` says how they were made.
Tolerance 1e-6. Measured: at most 1.2e-13.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imprint.generation.samplers import SAMPLERS

pytestmark = pytest.mark.parity

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "kdiffusion_vectors.json").read_text())
SIGNS = torch.tensor([[1.0, -1.0, 0.5, 2.0]], dtype=torch.float64)


class Noise:
    """The closed forms of the script."""

    def __call__(self, draw: int) -> Tensor:
        return torch.sin(12.9898 * (draw + 1) * (SIGNS + 3)) * 1.4

    def between(self, sigma_from: float, sigma_to: float) -> Tensor:
        return torch.cos(7.1 * sigma_from + 3.3 * sigma_to + SIGNS) * 1.3


def denoise(x: Tensor, sigma: float) -> Tensor:
    return torch.tanh(x / (1 + sigma**2)) + 0.1 * x / (1 + sigma)


def levels_of(name: str) -> Tensor:
    levels = torch.tensor(VECTORS["levels"], dtype=torch.float64)
    if not name.startswith("dpm_fast") and name != "dpm_adaptive":
        return levels
    calls = int(name.partition(" ")[2] or 1)  # these solve between two levels above 0
    return torch.linspace(float(levels[0]), float(levels[-2]), calls + 1, dtype=torch.float64)


@pytest.mark.parametrize("run", VECTORS["runs"], ids=lambda run: f"{run['sampler']}-{len(run['options'])}")
def test_the_end_is_that_of_k_diffusion(run: dict[str, Any]) -> None:
    sampler = SAMPLERS.get(run["sampler"].partition(" ")[0]).with_options(run["options"])
    end = sampler(denoise, SIGNS * VECTORS["levels"][0], levels_of(run["sampler"]), Noise())[0]
    difference = float((end - torch.tensor(run["end"], dtype=torch.float64)).abs().max())
    print(f"{run['sampler']} {run['options']}: {difference:.1e}")
    assert difference < 1e-6


def test_every_sampler_that_k_diffusion_has_is_compared() -> None:
    compared = {run["sampler"].partition(" ")[0] for run in VECTORS["runs"]}
    assert set(SAMPLERS.names()) - compared == {"restart", "ddim", "plms", "unipc", "unipc_bh2", "lcm"}
