"""What is compared, and on what: one frozen description that travels to the child processes as JSON.

Reads: nothing. Writes: nothing. Does not: import torch, which a child may load only after it chose its cores.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

ROOT = Path(__file__).resolve().parents[1]

Case: TypeAlias = Literal["tiny", "nano", "sd15"]
Method: TypeAlias = Literal["lora", "finetune"]
Precision: TypeAlias = Literal["bf16", "fp32"]
Side: TypeAlias = Literal["ours", "plain"]
SIDES: tuple[Side, Side] = ("ours", "plain")


@dataclass(frozen=True)
class Setup:
    """One comparison.

    Attributes:
        case: whose networks: the tests' tiny base, the embedded base, or Stable Diffusion 1.5's true shape.
        method: what is trained.
        base: folder of the base; "" where the networks are made in memory.
        work: folder for pictures and the latent cache, shared by both sides.
        batch_size: pictures in a step.
        pictures: in the data set, >= batch_size and >= 2.
        precision: arithmetic of the U-Net, on both sides.
        weights: number format of the weights and optimiser that full fine-tuning trains, on both sides.
        rank: of LoRA, on both sides.
        threads: cores and threads of each side.
        steps: timed steps of a turn.
        warmup: untimed steps before them, in every turn.
        turns: how often this process is asked for steps.
        memory_limit_gb: of one process; above it, it fails instead of pushing others out.
        seed: of all counted randomness.
    """

    case: Case
    method: Method
    base: str
    work: str
    batch_size: int
    pictures: int
    precision: Precision
    weights: Precision
    rank: int
    threads: int
    steps: int
    warmup: int
    turns: int
    memory_limit_gb: float
    seed: int = 0

    @property
    def total_steps(self) -> int:
        """Steps of the process in all its turns."""
        return self.turns * (self.warmup + self.steps)

    @property
    def learning_rate(self) -> float:
        """The same on both sides; it changes no time."""
        return 1e-4 if self.method == "lora" else 1e-6

    def to_json(self) -> str:
        """For the command line of a child process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Setup:
        """What `to_json` gave."""
        return cls(**json.loads(text))
