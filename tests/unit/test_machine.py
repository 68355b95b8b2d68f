"""What a job ran on is named wherever times are."""

from __future__ import annotations

from pathlib import Path

import pytest

from imprint.jobs import machine

pytestmark = pytest.mark.unit


def test_the_processor_is_named_as_the_system_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: AMD EPYC 9B14\nmodel name\t: another\n")
    monkeypatch.setattr(machine, "CPUINFO", path)
    assert machine.processor() == "AMD EPYC 9B14"


@pytest.mark.parametrize("text", ["processor: 0\nBogoMIPS: 50\n", None], ids=["nameless", "no file"])
def test_a_nameless_processor_has_its_kind(text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if text:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.processor", str)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert machine.processor() == "aarch64"
