"""How `kdiffusion_vectors.json` was made: k-diffusion's own sampling.py on an analytic denoiser, in float64.

Not part of any test run. It needs packages that Imprint does not: in a virtual environment of its own,

    pip install torch==2.13.0 numpy tqdm scipy torchsde torchdiffeq
    pip download --no-deps --no-binary :all: k-diffusion==0.1.1.post1 && tar xzf k_diffusion-*.tar.gz
    python make_kdiffusion_vectors.py k_diffusion-0.1.1.post1/k_diffusion/sampling.py > kdiffusion_vectors.json

The package itself is not imported, because it loads CLIP and torchvision; `sampling` uses one function of its `utils`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LEVELS = [14.6146, 8.1, 5.0878, 3.3, 2.2765, 1.6, 1.1606, 0.8, 0.5693, 0.3, 0.12, 0.0292, 0.0]
SHAPE = (1, 4)
NO_SIGNS = torch.tensor([[1.0, -1.0, 0.5, 2.0]], dtype=torch.float64)


def denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """Neither linear nor symmetric, so that every coefficient shows."""
    return torch.tanh(x / (1 + sigma[:, None] ** 2)) + 0.1 * x / (1 + sigma[:, None])


def noise_of(number: int) -> Tensor:
    """The noise of a draw: closed form, so that the test needs no generator."""
    return torch.sin(12.9898 * (number + 1) * (NO_SIGNS + 3)) * 1.4


def noise_between(sigma: Any, sigma_next: Any) -> Tensor:
    return torch.cos(7.1 * float(sigma) + 3.3 * float(sigma_next) + NO_SIGNS) * 1.3


class Counted:
    """One noise for each call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *levels: Any) -> Tensor:
        self.calls += 1
        return noise_of(self.calls - 1)


def load(path: str) -> Any:
    package, utils = types.ModuleType("k_diffusion"), types.ModuleType("k_diffusion.utils")
    package.__path__ = []
    utils.append_dims = lambda x, dims: x[(...,) + (None,) * (dims - x.ndim)]  # type: ignore[attr-defined]
    package.utils = utils  # type: ignore[attr-defined]
    sys.modules |= {"k_diffusion": package, "k_diffusion.utils": utils}
    spec = importlib.util.spec_from_file_location("k_diffusion.sampling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def churned(sample: Callable[..., Tensor], *args: Any, **options: Any) -> Tensor:
    """With the global generator, which the churning samplers draw from, replaced."""
    draw, torch.randn_like = torch.randn_like, Counted()
    try:
        return sample(*args, **options)
    finally:
        torch.randn_like = draw


def main() -> None:
    k = load(sys.argv[1])
    torch.set_default_dtype(torch.float64)
    sigmas = torch.tensor(LEVELS, dtype=torch.float64)
    x = NO_SIGNS * LEVELS[0]
    churn = {"s_churn": 3.0, "s_tmin": 0.2, "s_tmax": 9.0, "s_noise": 1.01}
    fresh = {"eta": 0.8, "s_noise": 1.02}
    first, last = LEVELS[0], LEVELS[-2]
    runs: list[tuple[str, dict[str, float], Callable[..., Tensor]]] = [
        ("lms", {}, lambda **o: k.sample_lms(denoise, x, sigmas, disable=True)),
        ("dpmpp_2m", {}, lambda **o: k.sample_dpmpp_2m(denoise, x, sigmas, disable=True)),
    ]
    for name in ("euler", "heun", "dpm_2"):
        sample = getattr(k, f"sample_{name}")
        runs += [
            (name, o, lambda sample=sample, **o: churned(sample, denoise, x, sigmas, disable=True, **o))
            for o in ({}, churn)
        ]
    for name, theirs in (
        ("euler_a", "euler_ancestral"), ("dpm_2_a", "dpm_2_ancestral"), ("dpmpp_2s_a", "dpmpp_2s_ancestral"),
    ):  # fmt: skip
        sample = getattr(k, f"sample_{theirs}")
        runs += [
            (name, o, lambda sample=sample, **o: sample(denoise, x, sigmas, disable=True, noise_sampler=Counted(), **o))
            for o in ({}, fresh)
        ]
    for name, theirs, more in (
        ("dpmpp_sde", "dpmpp_sde", {}), ("dpmpp_2m_sde", "dpmpp_2m_sde", {}),
        ("dpmpp_2m_sde_heun", "dpmpp_2m_sde", {"solver_type": "heun"}), ("dpmpp_3m_sde", "dpmpp_3m_sde", {}),
    ):  # fmt: skip
        sample = getattr(k, f"sample_{theirs}")
        runs += [
            (name, o, lambda sample=sample, more=more, **o: sample(
                denoise, x, sigmas, disable=True, noise_sampler=noise_between, **more, **o))
            for o in ({}, fresh)
        ]  # fmt: skip
    for calls in (1, 2, 3, 7, 8, 9):
        runs += [
            (f"dpm_fast {calls}", o, lambda calls=calls, **o: k.sample_dpm_fast(
                denoise, x, last, first, calls, disable=True, noise_sampler=Counted(), **o))
            for o in ({}, {"eta": 1.0, "s_noise": 1.02})
        ]  # fmt: skip
    runs += [
        ("dpm_adaptive", o, lambda **o: k.sample_dpm_adaptive(
            denoise, x, last, first, disable=True, noise_sampler=Counted(), **o))
        for o in ({}, {"eta": 1.0, "s_noise": 1.02}, {"rtol": 0.001, "atol": 0.0001})
    ]  # fmt: skip
    found = [{"sampler": name, "options": o, "end": run(**o)[0].tolist()} for name, o, run in runs]
    lines = ",\n  ".join(json.dumps(one) for one in found)
    print(f'{{"source": "k-diffusion 0.1.1.post1", "levels": {LEVELS}, "runs": [\n  {lines}\n]}}')


if __name__ == "__main__":
    main()
