"""kill -9 anywhere in a run, and the resumed run ends with the same bytes. IMPRINT_KILLS sets how many instants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.reliability

TESTS = Path(__file__).parents[1]
ALWAYS = {"cache", "class images", "prune", "save", "step", "time"}


def script(name: str, *arguments: str) -> dict[str, Any]:
    """Run one of this folder's scripts in a process that may fork: one thread, no other state."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"reliability.{name}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_a_run_killed_anywhere_ends_the_same() -> None:
    wanted = int(os.environ.get("IMPRINT_KILLS", "24"))
    found = script("kill", "--kills", str(wanted), "--seed", os.environ.get("IMPRINT_KILL_SEED", "0"))
    assert found["failures"] == []
    assert sum(found["kills"].values()) >= wanted
    assert found["kills"].keys() >= ALWAYS


def test_a_run_stopped_by_a_signal_ends_the_same() -> None:
    found = script("signals")
    assert found["failures"] == []
    assert found["stops"] >= 10
