"""Recipes: TOML in and out, settings, every problem at once, help for each field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from imprint.config import Config, FieldHelp, changed, describe, dump_toml, explain, load_config
from imprint.errors import ConfigError

pytestmark = pytest.mark.unit


class Adapter(Config):
    """Small trained matrices."""

    kind: Literal["adapter"] = "adapter"
    rank: int = Field(8, ge=1, le=512)
    """Rank of the update."""
    layers: Literal["all", "attention"] = "all"
    """Which layers."""


class Everything(Config):
    """All the weights."""

    kind: Literal["everything"] = "everything"
    text_encoder: bool = False
    """Train it too."""


class Average(Config):
    """Averaged weights."""

    decay: float = Field(0.999, gt=0, lt=1)
    """Closer to 1 remembers longer."""


Method = Annotated[Adapter | Everything, Field(discriminator="kind")]


class Toy(Config):
    """A toy recipe."""

    name: str
    """What the subject is called."""
    steps: int = Field(400, ge=1)
    """Optimiser steps."""
    method: Method = Adapter(rank=4)
    """What is trained."""
    average: Average | None = Average()
    """Averaged weights, or none."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Learning rate."""
    size_px: int | Literal["native"] = "native"
    """Edge length."""
    photos: Path | None = None
    """A folder."""
    more: tuple[Method, ...] = ()
    """Further methods."""

    @model_validator(mode="after")
    def _steps_suffice(self) -> Toy:
        if self.name == "long" and self.steps < 100:
            raise ValueError("a long run has at least 100 steps")
        return self


def toy(*sets: str, file: Path | None = None, name: str | None = "zkz") -> Toy:
    return load_config(Toy, file, sets, {"name": name})


def problems(*sets: str, name: str | None = "zkz") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        toy(*sets, name=name)
    return [line.strip() for line in caught.value.what.splitlines()[1:]]


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        toy().steps = 3  # type: ignore[misc]


def test_a_setting_wins_over_the_file_and_a_value_over_both(tmp_path: Path) -> None:
    file = written(tmp_path, 'name = "from file"\nsteps = 7\n[method]\nkind = "everything"\n')
    recipe = toy("steps=9", "name=from set", file=file, name="given")
    assert (recipe.name, recipe.steps, recipe.method) == ("given", 9, Everything())


@pytest.mark.parametrize("setting", ["method.rank=16", "method.adapter.rank=16"])
def test_a_kind_may_be_named_or_left_out(setting: str) -> None:
    assert toy(setting).method == Adapter(rank=16)


def test_a_table_without_a_kind_keeps_the_default_and_its_other_fields() -> None:
    assert toy("method.layers=attention").method == Adapter(rank=4, layers="attention")


def test_choosing_another_kind_starts_the_table_afresh(tmp_path: Path) -> None:
    file = written(tmp_path, '[method]\nkind = "adapter"\nrank = 3\n')
    assert toy("method.everything.text_encoder=true", file=file).method == Everything(text_encoder=True)


def test_the_order_of_settings_does_not_matter_for_a_kind() -> None:
    assert toy("method.text_encoder=true", "method.kind=everything").method == Everything(text_encoder=True)


def test_none_switches_an_optional_field_off() -> None:
    assert toy("average=none").average is None


@pytest.mark.parametrize("word", ["2024", "true", "1e3", "2024-01-01", "a = b", "1\nsteps=3"])
def test_text_fields_take_any_text(word: str) -> None:
    recipe = load_config(Toy, None, [f"name={word}"])
    assert (recipe.name, recipe.steps) == (word, 400)


def test_quotes_of_toml_are_taken_off() -> None:
    assert load_config(Toy, None, ['name="a b"']).name == "a b"


@pytest.mark.parametrize(("setting", "value"), [("size_px=64", 64), ("size_px=native", "native")])
def test_a_choice_of_number_or_word_takes_both(setting: str, value: object) -> None:
    assert toy(setting).size_px == value


def test_items_of_a_list_can_be_set() -> None:
    recipe = toy('more=[{kind="adapter"}, {kind="everything"}]', "more.0.rank=2", "more.1.everything.text_encoder=true")
    assert recipe.more == (Adapter(rank=2), Everything(text_encoder=True))


def test_items_of_a_list_by_default_can_be_set() -> None:
    class Listed(Config):
        """A list that is not empty by default."""

        methods: tuple[Method, ...] = (Adapter(rank=3),)
        """Some."""

    assert load_config(Listed, None, ["methods.0.layers=attention"]).methods == (Adapter(rank=3, layers="attention"),)


def test_all_problems_are_reported_at_once() -> None:
    assert problems("steps=x", "method.rank=0", "method.rnak=3", "average.decay=1", name=None) == [
        "name: required, and not given",
        "steps = 'x': input should be a valid integer, unable to parse string as an integer",
        "method.adapter.rank = 0: input should be greater than or equal to 1",
        "method.adapter.rnak: unknown field; did you mean `rank`?",
        "average.decay = 1: input should be less than 1",
    ]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("setps=3", "setps: unknown field; did you mean `steps`?"),
        ("text_encoder=true", "text_encoder: unknown field; did you mean `method.everything.text_encoder`?"),
        ("method.text_encoder=true", "method.adapter.text_encoder: unknown field; did you mean `method.every"),
        ("average.qqqq=1", "average.qqqq: unknown field; here can stand decay"),
        ("method.kind=adaptor", "method.kind = 'adaptor': should be one of adapter, everything; did you mean `ada"),
        ("method.layers=atention", "method.adapter.layers = 'atention': input should be 'all' or 'attention'; did you"),
        ("size_px=big", "size_px = 'big': input should be a valid integer, unable to parse string as an integer, or"),
        ('more=[{rank=1}]', "more.0.kind: required, and not given; one of adapter, everything"),
        ('more=[{kind="adapter",rank=0}]', "more.0.adapter.rank = 0: input should be greater than or equal to 1"),
        ("more.0.rank=1", "more.0: there is no such item in the list"),
        ("steps", "'steps': a setting is written path=value"),
        (".steps=1", "'.steps=1': a setting is written path=value"),
        ("rate=nan", "rate = nan: input should be a finite number"),
    ],
)  # fmt: skip
def test_a_problem_says_where_what_and_the_nearest_name(setting: str, problem: str) -> None:
    found = problems(setting)
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_a_rule_across_fields_is_reported_by_its_own_words() -> None:
    assert problems("steps=5", name="long") == ["a long run has at least 100 steps"]


def test_an_error_names_the_file_and_the_next_command(tmp_path: Path) -> None:
    file = written(tmp_path, "name = 'a'\n[method]\nrank = 0\n")
    with pytest.raises(ConfigError) as caught:
        load_config(Toy, file)
    assert str(caught.value).startswith(f"{file}: 1 problem(s)\n  method.adapter.rank = 0:")
    assert caught.value.hint == "`imprint explain method.adapter` lists every field"


@pytest.mark.parametrize(("text", "said"), [(b"a = b", "line 1"), (b"\xff\xfe", "UTF-8"), (None, "cannot be read")])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: bytes | None, said: str) -> None:
    path = tmp_path / "recipe.toml"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ConfigError, match=said):
        load_config(Toy, path)


def test_a_problem_with_a_long_value_stays_readable() -> None:
    assert len(problems("steps=" + "9" * 5 + "x" * 5000)[0]) < 300


RECIPES = st.builds(
    Toy,
    name=st.text(min_size=1).filter(lambda text: text not in {"long", "none"}),
    steps=st.integers(1, 10**9),
    method=st.one_of(st.builds(Adapter, rank=st.integers(1, 512)), st.builds(Everything, text_encoder=st.booleans())),
    average=st.none() | st.builds(Average, decay=st.floats(0.001, 0.9999)),
    rate=st.none() | st.floats(1e-12, 1e3),
    size_px=st.just("native") | st.integers(8, 4096),
    photos=st.none() | st.just(Path("photos/zkz dog")),
    more=st.lists(st.builds(Adapter, rank=st.integers(1, 512)) | st.just(Everything()), max_size=3).map(tuple),
)


@given(RECIPES)
def test_a_recipe_comes_back_from_toml(tmp_path_factory: pytest.TempPathFactory, recipe: Toy) -> None:
    file = tmp_path_factory.mktemp("recipes") / "recipe.toml"
    file.write_text(dump_toml(recipe, header="a recipe\n\nof two lines"), encoding="utf-8", newline="")
    assert load_config(Toy, file) == recipe


def test_a_field_is_explained_by_its_docstring_type_bounds_and_default() -> None:
    assert describe(Toy, "method.adapter.rank") == [
        FieldHelp("method.adapter.rank", "integer", "1 to 512", "4", "Rank of the update."),
    ]


def test_the_default_shown_is_the_one_that_holds_in_this_recipe() -> None:
    (shown,) = describe(Toy, "method.adapter.rank")
    assert shown.default == str(Toy(name="zkz").method.model_dump()["rank"]) == "4"
    assert describe(Toy, "more.0.adapter.rank")[0].default == "8"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", "name  (text; required)"),
        ("", "average  (table or none)"),
        ("", "rate  (number or none, > 0; default none)"),
        ("", "more  (list of one of adapter, everything; default [])"),
        ("method", "method  (one of adapter, everything; default adapter)"),
        ("method", "  method.everything  (table, kind = \"everything\")"),
        ("method.rank", "method.adapter.rank  (integer, 1 to 512; default 4)"),
        ("average", "  average.decay  (number, > 0, < 1; default 0.999)"),
        ("more", "  more.0.adapter  (table, kind = \"adapter\")"),
        ("size_px", "size_px  (integer or one of native; default \"native\")"),
    ],
)  # fmt: skip
def test_explain_shows_a_place_and_what_is_below(path: str, line: str) -> None:
    assert line in explain(Toy, path).splitlines()


def test_explain_of_a_wrong_path_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean `method\.adapter\.rank`"):
        explain(Toy, "method.adapter.rnak")


def test_fields_are_changed_by_path_and_the_rest_stays() -> None:
    before = toy("method.rank=16", "average=none", "rate=0.5", "photos=some")
    after = changed(before, {"method.layers": "attention", "rate": None, "steps": "7"})
    assert after.model_dump() == {**before.model_dump(), "rate": None, "steps": 7, "method": after.method.model_dump()}
    assert after.method == Adapter(rank=16, layers="attention")
    assert changed(before, {}) == before
    assert changed(before, {"method.everything.text_encoder": True}).method == Everything(text_encoder=True)


def test_a_wrong_change_names_every_problem() -> None:
    with pytest.raises(ConfigError, match=r"cell: 2 problem.*\n.*method\.adapter\.rank = 0.*\n.*did you mean `steps`"):
        changed(toy(), {"method.rank": 0, "stepz": 3}, where="cell")
    with pytest.raises(ConfigError, match="at least 100 steps"):
        changed(toy(), {"name": "long", "steps": 5})


def test_a_kind_alone_is_a_table_of_that_kind(tmp_path: Path) -> None:
    file = tmp_path / "toy.toml"
    file.write_text('name = "zkz"\nmethod = "everything"\n')
    assert load_config(Toy, file).method == Everything()
    assert load_config(Toy, None, ["name=zkz", "method=everything"]).method == Everything()
    assert load_config(Toy, None, ["name=zkz", "method=adapter"]).method == Adapter(rank=4)
    for sets in (["method=everything", "method.text_encoder=true"], ["method.text_encoder=true", "method=everything"]):
        assert load_config(Toy, None, ["name=zkz", *sets]).method == Everything(text_encoder=True)
    with pytest.raises(ConfigError, match=r"method.kind = 'adaptor': should be one of .* did you mean `adapter`"):
        load_config(Toy, None, ["name=zkz", "method=adaptor"])


def test_a_value_where_a_table_belongs_names_its_fields() -> None:
    with pytest.raises(ConfigError, match=r"average = 3: this is a table; set its fields, as in average.decay"):
        load_config(Toy, None, ["name=zkz", "average=3"])
