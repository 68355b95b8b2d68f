"""What a grid's recipe means: fields by any name, prompts rewritten, cells, their order."""

from __future__ import annotations

import itertools
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.config import load_config
from imprint.errors import ConfigError, InputError
from imprint.jobs.grid import GridRecipe
from imprint.jobs.grid.fields import ALIASES, NO_AXIS, ORDER, REPLACE, SIZE, axis_field, field_named
from imprint.jobs.grid.lines import read_lines
from imprint.jobs.grid.plan import Plan, drawing_order, plan_grid
from imprint.jobs.grid.prompts import combinations, matrix_parts
from imprint.jobs.recipe import GenerateRecipe

pytestmark = pytest.mark.unit

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "grids.md"


def chosen() -> Iterator[int]:
    return iter(range(1000, 2000))


def planned(prompt: str = "a red dog", /, *, generate: dict[str, Any] | None = None, **fields: Any) -> Plan:
    values = {"generate": {"prompt": prompt, **(generate or {})}, **fields}
    for letter in "xyz":
        if isinstance(values.get(letter), tuple):
            values[letter] = dict(zip(("field", "values"), values[letter], strict=True))
    return plan_grid(load_config(GridRecipe, values=values), chosen().__next__)


def prompts(plan: Plan) -> list[str]:
    return [cell.recipe.prompt for cell in plan.cells]


def lines(folder: Path, text: str) -> Path:
    (folder / "prompts.txt").write_text(text)
    return folder / "prompts.txt"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("CFG Scale", "cfg_scale"), ("cfg_scale", "cfg_scale"), ("Sampler", "sampler"), ("Steps", "steps"),
        ("Prompt S/R", REPLACE), ("Prompt order", ORDER), ("Checkpoint name", "base"), ("Size", SIZE), ("Seed", "seed"),
        ("Negative prompt", "negative_prompt"), ("strength", "strength"), ("width", "width_px"),
    ],
)  # fmt: skip
def test_a_field_has_the_names_that_users_know(name: str, field: str) -> None:
    assert axis_field(name, "x.field") == field


def test_every_field_of_a_picture_may_be_an_axis() -> None:
    fields = [name for name in GenerateRecipe.model_fields if name not in NO_AXIS]
    assert all(field_named(name) == name for name in fields)


def test_every_alias_means_something_that_exists() -> None:
    assert [name for name in ALIASES.values() if name not in (REPLACE, ORDER, SIZE) and not field_named(name)] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("setps", "did you mean `steps`"), ("out", "does not change a picture"), ("", "no such field"), ("..", "no such")],
)
def test_a_wrong_field_is_refused(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        axis_field(name, "x.field")


def test_cells_lie_row_by_row_and_sheet_by_sheet() -> None:
    plan = planned(x=("steps", "1-3"), y=("cfg_scale", "2, 4"), z=("sampler", "euler, ddim"))
    shown = [(cell.recipe.sampler, cell.recipe.cfg_scale, cell.recipe.steps) for cell in plan.cells]
    assert shown == list(itertools.product(("euler", "ddim"), (2.0, 4.0), (1, 2, 3)))
    assert plan.values(plan.cells[4]) == {"x": 2, "y": 4.0, "z": "euler"}


def test_replacing_takes_the_first_value_away() -> None:
    plan = planned(generate={"negative_prompt": "dogs"}, x=("Prompt S/R", 'dog, cat, "an owl, asleep"'))
    assert prompts(plan) == ["a red dog", "a red cat", "a red an owl, asleep"]
    assert [cell.recipe.negative_prompt for cell in plan.cells] == ["dogs", "cats", "an owl, asleeps"]


def test_what_is_replaced_must_occur_somewhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.values: this does not occur .*'bird'"):
        planned(x=("prompt_replace", "bird, cat"))
    both = planned(x=("prompt_replace", "bird, cat"), prompts=lines(tmp_path, "a dog\na bird"))
    assert prompts(both) == ["a dog", "a dog", "a bird", "a cat"]


def test_two_axes_replace_one_after_the_other() -> None:
    plan = planned(x=("prompt_replace", "dog, cat"), y=("prompt_replace", "red, blue"))
    assert prompts(plan) == ["a red dog", "a red cat", "a blue dog", "a blue cat"]


def test_order_puts_parts_in_each_others_places() -> None:
    plan = planned("a fox, in snow, (at night)", x=("Prompt order", '"at night", a fox, in snow'))
    assert prompts(plan)[0] == "at night, a fox, (in snow)"
    assert len(set(prompts(plan))) == 6


@pytest.mark.parametrize(
    ("values", "said"),
    [("a, bird", "does not occur"), ("red, ed d", "lie over"), ("a, a", "twice"), ("a,b,c,d,e,f,g", "too many parts")],
)
def test_a_wrong_order_is_refused(values: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        planned(x=("prompt_order", values))


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ({}, ["fox", "fox, red", "fox, big", "fox, red, big"]),
        ({"joint": "space"}, ["fox", "fox red", "fox big", "fox red big"]),
        ({"place": "start"}, ["fox", "red, fox", "big, fox", "red, big, fox"]),
    ],
)
def test_a_matrix_draws_every_combination(matrix: dict[str, str], shown: list[str]) -> None:
    plan = planned("fox|red|big", matrix=matrix)
    assert prompts(plan) == shown
    assert [len(axis) for axis in (plan.axes.x, plan.axes.y, plan.axes.z)] == [2, 2, 1]


def test_a_matrix_may_be_of_the_negative_prompt() -> None:
    plan = planned("a|b", generate={"negative_prompt": "bad|ugly"}, matrix={"side": "negative"})
    assert [(c.recipe.prompt, c.recipe.negative_prompt) for c in plan.cells] == [("a|b", "bad"), ("a|b", "bad, ugly")]


def test_bars_in_brackets_belong_to_the_prompt() -> None:
    assert matrix_parts("a [b|c] {d|e}|f| ", "generate.prompt") == ("a [b|c] {d|e}", ("f",))


@pytest.mark.parametrize(("prompt", "said"), [("fox", "needs options"), ("|".join("abcdefghijkl"), "too many options")])
def test_a_matrix_without_or_with_too_many_options_is_refused(prompt: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        planned(prompt, matrix={})


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), max_size=6, unique=True))
def test_combinations_are_all_the_subsets_in_order(options: list[str]) -> None:
    found = combinations(options)
    assert len({*found}) == 2 ** len(options)
    assert all([option for option in options if option in chosen] == list(chosen) for chosen in found)


def test_lines_set_prompts_and_options(tmp_path: Path) -> None:
    text = '# mine\n\na dog\n--prompt "a cat, asleep" --steps 3 --sampler_name "Euler a" --width 64 --cfg_scale 2\n'
    text += "--prompt an owl at night --negative_prompt day --sd_model nano --seed -1\r\n"
    first, second, third = (cell.recipe for cell in planned(prompts=lines(tmp_path, text)).cells)
    assert (first.prompt, first.steps) == ("a dog", 25)
    assert (second.prompt, second.steps, second.sampler, second.width_px) == ("a cat, asleep", 3, "euler_a", 64)
    assert (third.prompt, third.negative_prompt, third.base, third.seed) == ("an owl at night", "day", "nano", 1000)


def test_a_file_of_prompts_needs_no_other_prompt(tmp_path: Path) -> None:
    recipe = load_config(GridRecipe, sets=[f"prompts={lines(tmp_path, 'a dog')}"])
    assert prompts(plan_grid(recipe, chosen().__next__)) == ["a dog"]


def test_the_grids_of_the_guide_are_grids(tmp_path: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for number, text in enumerate(re.findall(r"```toml\n(.*?)```", guide, flags=re.DOTALL)):
        (tmp_path / f"{number}.toml").write_text(text)
        assert len(plan_grid(load_config(GridRecipe, tmp_path / f"{number}.toml"), chosen().__next__).cells) in (8, 12)
    (command,) = re.findall(r"```sh\n(.*?)```", guide, flags=re.DOTALL)
    words = shlex.split(command)
    sets = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert len(plan_grid(load_config(GridRecipe, sets=sets), chosen().__next__).cells) == 12
    (text,) = re.findall(r"```text\n(.*?)```", guide, flags=re.DOTALL)
    assert [line.number for line in read_lines(lines(tmp_path, text))] == [2, 3]


def test_every_wrong_line_is_named_by_its_number(tmp_path: Path) -> None:
    text = 'a dog\n--promt "x"\n--prompt "x\n--steps\n--steps 3 4\n--out x\n--restore_faces true'
    with pytest.raises(InputError) as caught:
        read_lines(lines(tmp_path, text), NO_AXIS)
    said = str(caught.value)
    assert "6 wrong line(s)" in said
    assert "line 2: unknown option --promt; did you mean --prompt?" in said
    assert all(f"line {number}:" in said for number in (3, 4, 5, 6, 7))


def test_a_wrong_value_in_a_line_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2: steps = 'many'"):
        planned(prompts=lines(tmp_path, "a dog\n--steps many"))


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"\xff\xfe\x00"])
def test_a_file_without_prompts_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p.txt").write_bytes(data)
    with pytest.raises(InputError):
        read_lines(tmp_path / "p.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_lines(tmp_path / "none.txt")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_file_of_prompts_ends_in_anything_but_lines_or_a_message(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.txt"
        path.write_text("--prompt " + text, encoding="utf-8", errors="replace")
        try:
            assert read_lines(path)
        except InputError as error:
            assert str(path) in str(error)


def test_size_sets_both_sides() -> None:
    cells = planned(x=("size", "64x128, 32 X 32")).cells
    assert [(cell.recipe.width_px, cell.recipe.height_px) for cell in cells] == [(64, 128), (32, 32)]


def test_a_seed_of_minus_one_is_chosen_once_and_shown() -> None:
    plan = planned(x=("seed", "-1, 5, -1"), y=("steps", "1, 2"))
    assert [cell.recipe.seed for cell in plan.cells] == [1000, 5, 1001] * 2
    assert [step.label for step in plan.axes.x.steps] == ["1000", "5", "1001"]


def test_the_seed_of_all_cells_may_be_chosen_too() -> None:
    plan = planned(generate={"seed": -1}, x=("steps", "1, 2"))
    assert [cell.recipe.seed for cell in plan.cells] == [1000, 1000]


def test_names_of_other_programs_are_axes() -> None:
    picture = {"variation_seed": 3}
    plan = planned(generate=picture, x=("Schedule type", "karras, uniform"), y=("Var. strength", "0, 0.5"))
    assert {cell.recipe.schedule for cell in plan.cells} == {"karras", "uniform"}
    assert {cell.recipe.variation_strength for cell in plan.cells} == {0, 0.5}


def test_seeds_may_differ_from_cell_to_cell() -> None:
    plan = planned(generate={"seed": 7}, x=("steps", "1, 2"), y=("cfg_scale", "1, 2"), vary_seeds=True)
    assert [cell.recipe.seed for cell in plan.cells] == [7, 8, 9, 10]


@pytest.mark.parametrize("letters", ["xyz", "zyx", "yxz", "zxy"])
def test_costly_axes_change_seldom_wherever_they_lie(letters: str) -> None:
    axes = (("base", "a, b"), ("strength", "0.5, 1"), ("steps", "1, 2, 3"))
    cells = drawing_order(planned(**dict(zip(letters, axes, strict=True))).cells)
    bases = [base for base, _ in itertools.groupby(cell.recipe.base for cell in cells)]
    strengths = [both for both, _ in itertools.groupby((cell.recipe.base, cell.recipe.strength) for cell in cells)]
    assert bases == ["a", "b"]
    assert len(strengths) == 4
    assert len({cell.place for cell in cells}) == 12


def test_cells_that_can_share_a_batch_are_neighbours() -> None:
    cells = drawing_order(planned(x=("steps", "1, 2"), y=("seed", "1-3")).cells)
    assert [(cell.recipe.steps, cell.recipe.seed) for cell in cells] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"x": ("steps", "0, 5, many")}, r"2 problem\(s\)\n.*steps = 0: .*\n.*steps = 'many'"),
        ({"x": ("sampler", "eulr")}, "no sampler of that name"),
        ({"x": ("steps", "1-500"), "y": ("seed", "1-500")}, r"too many cells .*250000"),
        ({"x": ("steps", "1"), "y": ("steps", "2")}, "x and y both set this field"),
        ({"x": ("size", "64")}, "width x height"),
        ({"x": ("steps", "1"), "matrix": {}}, "lies on x and y"),
        ({"y": ("steps", "1"), "prompts": "p.txt"}, "cannot lie on y together"),
        ({"generate": {"count": 2}}, "a cell is one picture"),
        ({"x": ("prompt_replace", '"", a')}, "cannot be empty"),
    ],
)
def test_a_wrong_grid_is_refused_with_what_is_wrong(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        planned(**fields)


def test_values_may_be_a_list_in_a_setting() -> None:
    sets = ["generate.prompt=a dog", "x.field=prompt_replace", 'x.values=["dog", "cat, asleep"]']
    assert prompts(plan_grid(load_config(GridRecipe, sets=sets), chosen().__next__)) == ["a dog", "a cat, asleep"]
