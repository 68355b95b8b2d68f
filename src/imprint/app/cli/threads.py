"""As many threads as this process may really use.

Reads: the affinity mask, the cgroup's quota. Writes: torch's thread count. Does not: load torch before a job starts.

More threads than cores make a training step ten times slower, and a container's quota shows in no core count.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cores(quota: Path = CGROUP_QUOTA) -> int:
    """Cores of the affinity mask, or fewer where a container's quota allows less; at least 1.

    Args:
        quota: cgroup 2's `cpu.max`: "max 100000", or microseconds of CPU time and the period.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return max(1, min(allowed, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):  # no cgroup 2, or "max"
        return allowed


def use_available_cores() -> None:
    """Give torch that many threads, unless the user said how many with OMP_NUM_THREADS."""
    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(available_cores())
