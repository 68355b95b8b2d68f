"""Fixtures that tests of several modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A change is told of what it broke, not of what chance found or how busy the machine is; `make test-explore` looks on.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", parent=settings.get_profile("steady"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("IMPRINT_EXAMPLES", "steady"))


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of tests that do not ask for one."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def no_cache_of_the_user(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier version left in the user's cache decides no test, nor what a test set and did not unset."""
    monkeypatch.setenv("IMPRINT_CACHE", str(session_cache))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is empty at the beginning of the test, and none of the user's."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("IMPRINT_CACHE", str(folder))
    return folder
