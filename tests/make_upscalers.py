"""Upscaling models that tests make: small networks with the shape of spandrel's descriptors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Pixels = NDArray[np.uint8]


def noisy(height: int, width: int, seed: int = 0) -> Pixels:
    """A picture with every detail there is."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@dataclass
class Descriptor:
    """What is read of spandrel's `ImageModelDescriptor`, and the pictures that it was shown."""

    network: Callable[[Tensor], Tensor]
    scale: int = 2
    purpose: str = "SR"
    input_channels: int = 3
    output_channels: int = 3
    minimum: int = 0
    multiple_of: int = 1
    tiling: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="SUPPORTED"))
    seen: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    @property
    def size_requirements(self) -> SimpleNamespace:
        return SimpleNamespace(minimum=self.minimum, multiple_of=self.multiple_of)

    def __call__(self, image: Tensor) -> Tensor:
        assert image.dtype == torch.float32 and image.shape[:2] == (1, 3)
        self.seen.append((image.shape[3], image.shape[2]))
        return self.network(image)


def repeating(scale: int = 2, **said: object) -> Descriptor:
    """Repeats pixels."""
    return Descriptor(lambda image: image.repeat_interleave(scale, 2).repeat_interleave(scale, 3), scale, **said)


def convolutional(layers: int, kernel: int, scale: int = 2, seed: int = 0) -> Descriptor:
    """Random weights that see `layers` * (kernel // 2) pixels far and use the whole range."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: list[nn.Module] = [nn.Conv2d(3, 8, kernel, padding="same"), nn.LeakyReLU(0.2)]
        for _ in range(layers - 2):
            parts += [nn.Conv2d(8, 8, kernel, padding="same"), nn.LeakyReLU(0.2)]
        parts += [nn.Conv2d(8, 3 * scale**2, kernel, padding="same"), nn.PixelShuffle(scale)]
        for part in parts:
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, 0.2)
    body = nn.Sequential(*parts)
    return Descriptor(lambda image: torch.sigmoid(2 * body(2 * image - 1)), scale)
