"""What `import imprint` costs and offers."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import imprint

pytestmark = pytest.mark.surface

LIMIT_S = 0.5
PROBE = """
import sys, time
before = set(sys.modules)
start = time.perf_counter()
import imprint
seconds = time.perf_counter() - start
import json
print(json.dumps([seconds, sorted({name.partition(".")[0] for name in set(sys.modules) - before})]))
"""


def probed() -> tuple[float, set[str]]:
    """Seconds that the import takes in a new process, and the top modules that it loads."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


def test_importing_takes_less_than_half_a_second() -> None:
    assert min(probed()[0] for _ in range(3)) < LIMIT_S


def test_importing_loads_nothing_but_the_standard_library() -> None:
    foreign = {name for name in probed()[1] if name not in sys.stdlib_module_names}
    assert foreign == {"imprint"}


def test_every_public_name_is_there_and_no_other_is_promised() -> None:
    assert len(set(imprint.__all__)) == len(imprint.__all__)
    assert set(imprint.__all__) == {*imprint._PLACES, "__version__"}
    for name in imprint.__all__:
        assert getattr(imprint, name) is not None
    assert set(imprint.__all__) <= set(dir(imprint))


def test_type_checkers_see_the_same_places_as_the_interpreter() -> None:
    tree = ast.parse(Path(imprint.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == imprint._PLACES


@pytest.mark.parametrize("module", sorted(set(imprint._PLACES.values())))
def test_the_place_of_a_public_name_exists(module: str) -> None:
    assert import_module(module)


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'personalise'"):
        _ = imprint.personalise  # type: ignore[attr-defined]
