"""The guide to upscaling names everything that can be chosen, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imprint.generation.latent_upscaling import LATENT_UPSCALERS
from imprint.refine.upscalers import UPSCALERS
from imprint.refine.upscalers.finding import ENDINGS, PUBLISHED_AS

pytestmark = pytest.mark.surface

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "upscaling.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("registry", [UPSCALERS, LATENT_UPSCALERS], ids=lambda registry: registry.kind)
def test_the_guide_has_a_row_for_every_upscaler(registry: object) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", GUIDE, flags=re.MULTILINE))
    for name, entry in registry.items().items():  # type: ignore[attr-defined]
        assert entry.title in rows[name].split(", ")


def test_the_guide_names_published_models_and_their_endings() -> None:
    words = [*PUBLISHED_AS, *(f"`{name}`" for names in PUBLISHED_AS.values() for name in names), *ENDINGS]
    assert [word for word in words if word not in GUIDE] == []


def test_the_code_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["larger"].shape == (1024, 1536, 3)  # type: ignore[attr-defined]
