"""`constraints.txt` pins the whole closure of the dependencies, and what is installed is what is pinned."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.surface

ROOT = Path(__file__).parents[2]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {str(canonicalize_name(name)): number for name, number in pairs}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["dev"])]


def extras() -> list[Requirement]:
    """What only some users install; not pinned, as the tests do without."""
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return [Requirement(text) for name, needs in optional.items() if name != "dev" for text in needs]


def closure() -> set[str]:
    """Every package that the declared ones need on this machine."""
    waiting, seen = declared(), set[str]()
    while waiting:
        wanted = waiting.pop()
        name = str(canonicalize_name(wanted.name))
        if name in seen:
            continue
        seen.add(name)
        needs = [Requirement(text) for text in distribution(name).requires or ()]
        extras = {"", *wanted.extras}
        waiting += [n for n in needs if not n.marker or any(n.marker.evaluate({"extra": extra}) for extra in extras)]
    return seen


def test_every_direct_and_indirect_dependency_is_pinned() -> None:
    nvidia = {name for name in closure() if name.startswith(("nvidia-", "cuda-", "triton"))}  # pinned by torch itself
    assert closure() - nvidia - set(pins()) == set()


def test_nothing_is_pinned_that_is_not_needed() -> None:
    elsewhere = {"colorama", "exceptiongroup", "tomli"}  # needed on other systems or older Pythons only
    assert set(pins()) - closure() - elsewhere == set()


def test_what_is_installed_is_what_is_pinned() -> None:
    found: dict[str, str] = {}
    for name in pins():
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    assert found == {name: number for name, number in pins().items() if name in found}


def test_torch_is_pinned_without_a_build_so_that_pip_may_take_the_cpu_one() -> None:
    assert re.fullmatch(r"[0-9.]+", pins()["torch"])


def test_torchvision_and_torchaudio_are_not_needed() -> None:
    assert not closure() & {"torchvision", "torchaudio"}


def test_each_dependency_is_justified() -> None:
    page = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text(encoding="utf-8")
    assert [need.name for need in [*declared(), *extras()] if f"| {need.name} |" not in page] == []
