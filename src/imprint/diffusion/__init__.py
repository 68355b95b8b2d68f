"""Noise schedules, predictions, loss weights and counted randomness: pure functions, no models."""

from imprint.diffusion.prediction import add_noise, denoised_from_prediction, min_snr_weight, target
from imprint.diffusion.randomness import Purpose
from imprint.diffusion.schedule import NoiseSchedule
from imprint.diffusion.schedule_registry import SCHEDULES, ScheduleEntry

__all__ = [
    "SCHEDULES",
    "NoiseSchedule",
    "Purpose",
    "ScheduleEntry",
    "add_noise",
    "denoised_from_prediction",
    "min_snr_weight",
    "target",
]
