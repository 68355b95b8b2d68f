"""Training: the loop, objectives, optimisers, averaging, checkpoints. LatentCache + methods -> weights.

Reads: encoded data, injected methods. Writes: trained parameters and checkpoints. Does not: generate or judge; previews
and scores come from listeners that the job passes in.
"""

from imprint.training.checkpoints import Checkpoint, CheckpointStore, Damage
from imprint.training.ema import Ema
from imprint.training.events import CheckpointDone, Listener, StepDone
from imprint.training.loop import LoopConfig, Trainer
from imprint.training.objectives import Objective, Plain, PriorPreservation

__all__ = [
    "Checkpoint", "CheckpointDone", "CheckpointStore", "Damage", "Ema", "Listener", "LoopConfig", "Objective", "Plain",
    "PriorPreservation", "StepDone", "Trainer",
]  # fmt: skip
