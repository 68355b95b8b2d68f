"""Fixtures that tests of several modules share."""

from __future__ import annotations

from pathlib import Path

import pytest


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
