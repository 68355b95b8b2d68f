"""Registries: explicit, atomic, and helpful about names that do not exist."""

import pytest

from imprint.errors import UnknownNameError
from imprint.registry import Registry, nearest

pytestmark = pytest.mark.unit


def samplers() -> Registry[int]:
    registry: Registry[int] = Registry("sampler")
    registry.add("euler", 1, aliases=("k_euler",))
    registry.add("ddim", 2)
    return registry


def test_names_come_in_order_and_without_aliases() -> None:
    assert samplers().names() == ("euler", "ddim")


def test_an_alias_finds_its_entry() -> None:
    assert samplers().get("k_euler") == samplers().get("euler") == 1


@pytest.mark.parametrize(("name", "found"), [("euler", "euler"), ("K_Euler", "euler"), ("DDIM", "ddim"), ("x", None)])
def test_finding_ignores_capitals_and_gives_the_registered_name(name: str, found: str | None) -> None:
    assert samplers().find(name) == found


def test_an_entry_knows_its_other_names() -> None:
    assert samplers().aliases("euler") == ("k_euler",)
    assert samplers().aliases("ddim") == ()


def test_an_unknown_name_is_answered_with_the_nearest_and_all_others() -> None:
    with pytest.raises(UnknownNameError) as caught:
        samplers().get("DDMI")
    assert caught.value.hint == "did you mean `ddim`?"
    assert caught.value.allowed == "euler, ddim"


@pytest.mark.parametrize(("name", "aliases"), [("ddim", ()), ("k_euler", ()), ("new", ("euler",)), ("new", ("a", "a"))])
def test_a_taken_name_is_refused_and_nothing_is_added(name: str, aliases: tuple[str, ...]) -> None:
    registry = samplers()
    with pytest.raises(ValueError, match="already registered"):
        registry.add(name, 3, aliases=aliases)
    assert registry.names() == ("euler", "ddim")
    assert "new" not in registry
    assert "a" not in registry


def test_items_are_a_copy() -> None:
    registry = samplers()
    dict(registry.items()).clear()
    assert len(list(registry)) == 2


@pytest.mark.parametrize(("name", "found"), [("Rank", "rank"), ("rnak", "rank"), ("zzzz", None)])
def test_nearest_ignores_case_and_gives_nothing_where_nothing_is_near(name: str, found: str | None) -> None:
    assert nearest(name, ["rank", "alpha"]) == found


def test_the_nearest_is_the_name_and_not_an_alias_in_other_capitals() -> None:
    registry: Registry[int] = Registry("thing")
    registry.add("euler", 1, aliases=("Euler", "EULER A"))
    with pytest.raises(UnknownNameError, match="did you mean `euler`"):
        registry.get("eulr")
    assert registry.find("EULER") == "euler"
