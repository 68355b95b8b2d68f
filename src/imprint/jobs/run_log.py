"""Keeps the losses of a run in its event log, and tells where training stands.

Reads: steps. Writes: `events.jsonl`, progress. Does not: change the run.
"""

from __future__ import annotations

from pathlib import Path

from imprint.artifacts.event_log import EventLog
from imprint.jobs.progress import announce
from imprint.training.events import CheckpointDone, Listener, StepDone

EVERY_STEPS = 5


class RunLog(Listener):
    """One line for every `EVERY_STEPS` steps, with the mean of their losses.

    Args:
        path: of the event log.
    """

    def __init__(self, path: Path) -> None:
        self._events = EventLog(path)
        self._tell = announce("training")
        self._recent: list[StepDone] = []

    def after_step(self, event: StepDone) -> None:
        """Gather the step; write when there are enough."""
        self._recent.append(event)
        self._tell(event.step, event.steps)
        if event.step % EVERY_STEPS and event.step != event.steps:
            return
        count = len(self._recent)
        means = {name: sum(e.losses[name] for e in self._recent) / count for name in event.losses}
        self._events.append(
            "step", step=event.step, **{name: round(value, 6) for name, value in means.items()},
            gradient_norm=round(event.gradient_norm, 4), learning_rate=event.learning_rate,
            seconds_a_step=round(sum(e.seconds for e in self._recent) / count, 4),
        )
        self._recent.clear()

    def after_checkpoint(self, event: CheckpointDone) -> None:
        """Note that a checkpoint is safe."""
        self._events.append("checkpoint", step=event.step, folder=event.folder.name)
