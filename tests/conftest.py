"""Fixtures that tests of several modules share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is empty at the beginning of the test, and none of the user's."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("IMPRINT_CACHE", str(folder))
    return folder
