"""Imports point up the list of packages only: no cycles, and a stage knows only those before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from surface.import_graph import ORDER, violations

pytestmark = pytest.mark.surface

SOURCE = Path(__file__).parents[2] / "src" / "imprint"


def planted(folder: Path, where: str, text: str) -> list[str]:
    """What is found when one line is planted into an otherwise clean package."""
    file = folder / "imprint" / where
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return [str(found).removeprefix(f"{file.parent}/") for found in violations(folder / "imprint")]


def test_every_import_points_up_the_order() -> None:
    assert "\n".join(map(str, violations(SOURCE))) == ""


def test_every_package_has_its_place_in_the_order() -> None:
    names = {path.stem for path in SOURCE.iterdir() if path.name[0] != "_" and (path.is_dir() or path.suffix == ".py")}
    assert names <= set(ORDER)


@pytest.mark.parametrize(
    "text",
    [
        "import imprint.methods.lora",
        "from imprint import methods",
        "from imprint.methods import METHODS",
        "from ..methods import METHODS",
        "from .. import methods",
        "from ..methods.lora import method",
        "if TYPE_CHECKING:\n    from imprint.methods import METHODS",
        "def read():\n    from ..methods import METHODS",
        "def read():\n    importlib.import_module('imprint.methods.lora')",
    ],
)
def test_a_planted_import_is_found_with_file_and_line(tmp_path: Path, text: str) -> None:
    line = len(text.splitlines())
    assert planted(tmp_path, "photos/reading.py", text) == [f"reading.py:{line}: photos imports methods"]


def test_a_relative_import_in_an_init_is_resolved_from_its_folder(tmp_path: Path) -> None:
    found = planted(tmp_path, "photos/__init__.py", "from ..methods import METHODS")
    assert found == ["__init__.py:1: photos imports methods"]


@pytest.mark.parametrize("text", ["from imprint import personalize", "import imprint", "from .. import personalize"])
def test_reaching_the_whole_package_from_inside_is_found(tmp_path: Path, text: str) -> None:
    assert len(planted(tmp_path, "photos/reading.py", text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from imprint import __version__, errors",
        "from imprint.artifacts.files import write_text",
        "from . import captions",
        "from .captions import clean_caption",
        "from ..config import Config",
        "import torch, methods",
    ],
)
def test_imports_up_the_order_are_allowed(tmp_path: Path, text: str) -> None:
    assert planted(tmp_path, "photos/reading.py", text) == []
