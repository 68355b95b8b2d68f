"""Wildcards, variants and variables: drawn by seed, or every combination; and nothing outside the folder."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.errors import PromptError
from imprint.prompts import Wildcards, escape, expand, expand_all, read_prompt

pytestmark = pytest.mark.unit


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    folder = tmp_path / "wildcards"
    (folder / "dir").mkdir(parents=True)
    (folder / "colours.txt").write_text("red\n\n# none\n3::blue\n{light|dark} green\n", encoding="utf-8")
    (folder / "dir" / "card1.txt").write_text("ace\n", encoding="utf-8")
    (folder / "dir" / "card2.txt").write_text("king\n", encoding="utf-8")
    (folder / "outfit.txt").write_text("a ${c:plain} coat\n", encoding="utf-8")
    (folder / "loop.txt").write_text("__loop__\n", encoding="utf-8")
    (folder / "clothes.yaml").write_text("clothes:\n  hats: [cap, 7]\n  shoe: boot\n", encoding="utf-8")
    (folder / "list.json").write_text('["one", "two"]', encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret\n", encoding="utf-8")
    return Wildcards(folder)


def every(text: str, known: Wildcards | None = None) -> list[str]:
    return [one.text for one in expand_all(text, wildcards=known)]


def drawn(text: str, count: int = 300, known: Wildcards | None = None) -> Counter[str]:
    return Counter(expand(text, seed, wildcards=known).text for seed in range(count))


def doubling(text: str) -> str:
    """Variables each of which is the one before, twice: 2 ** 25 times the text."""
    names = [f"v{number}" for number in range(26)]
    sets = "".join(f"${{{name}=${{{before}}}${{{before}}}}}" for before, name in itertools.pairwise(names))
    return f"${{v0={text}}}{sets}${{v25}}"


def aliases() -> str:
    """YAML whose aliases stand for a tree of 9 ** 8 names."""
    level = "b: &l0 {" + ", ".join(f"k{n}: x" for n in range(9)) + "}\n"
    for depth in range(7):
        level += f"c{depth}: &l{depth + 1} {{" + ", ".join(f"k{n}: *l{depth}" for n in range(9)) + "}\n"
    return level


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ["a"]),
        ("{a|b}", ["a", "b"]),
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("{a|{b|c}}", ["a", "b", "c"]),
        ("{a|}x", ["ax", "x"]),
        ("{2::a|0::b|c}", ["a", "c"]),
        ("{2$$a|b|c}", ["a, b", "a, c", "b, c"]),
        ("{1-2$$ and $$a|b}", ["a", "b", "a and b"]),
        ("{-1$$a|b}", ["", "a", "b"]),
        ("{2-$$/$$a|b}", ["a/b"]),
        ("{9$$a|b}", ["a, b"]),
        ("{[a|b]|c}", ["[a|b]", "c"]),
        ("{[a|b}", ["[a", "b"]),
        ("${v={x|y}}${v}${v}", ["xx", "xy", "yx", "yy"]),
        ("${v=!{x|y}}${v}${v}", ["xx", "yy"]),
        ("${v:z}", ["z"]),
        ("${v=a|b}${v}", ["a|b"]),
        (r"\{a|b\} {c|d\}}", [r"\{a|b\} c", r"\{a|b\} d\}"]),
        ("[a|b] x", ["[a|b] x"]),
        ("a # {b|c}", ["a # {b|c}"]),
        ("{@a|b} {c|d}", ["a c", "b d"]),
    ],
)
def test_every_combination_comes_once_in_order(text: str, expected: list[str]) -> None:
    assert every(text) == expected


def test_the_same_text_and_seed_are_the_same_prompt() -> None:
    text = "{a|b|c} {2$$d|e|f}"
    assert drawn(text) == drawn(text)
    assert set(drawn("{a|b} {c|d}")) == {"a c", "a d", "b c", "b d"}


def test_words_beside_a_variant_do_not_change_what_it_becomes() -> None:
    for seed in range(20):
        assert expand("a bird, {a|b|c|d}", seed).text[8:] == expand("{a|b|c|d}", seed).text


def test_weights_decide_how_often_an_option_is_drawn() -> None:
    found = drawn("{3::a|b|0::c}")
    assert found["c"] == 0
    assert 195 <= found["a"] <= 255  # 225 of 300; 4 standard deviations of 7.5


def test_several_options_are_drawn_without_repeats_in_any_order() -> None:
    assert set(drawn("{2$$a|b|c}")) == {", ".join(pair) for pair in itertools.permutations("abc", 2)}


def test_two_texts_of_a_picture_draw_apart() -> None:
    pairs = {(expand("{a|b}", seed).text, expand("{a|b}", seed, stream=1).text) for seed in range(30)}
    assert len(pairs) == 4


def test_a_cyclic_variant_goes_with_the_number_in_the_batch() -> None:
    assert [expand("{@a|b|c}", 7, index=index).text for index in range(4)] == ["a", "b", "c", "a"]


def test_a_random_variant_is_drawn_even_among_all_combinations() -> None:
    assert len(every("{~a|b} {c|d}")) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__colours__", ["red", "blue", "light green", "dark green"]),
        ("__dir/card*__", ["ace", "king"]),
        ("__**/card?__", ["ace", "king"]),
        ("__dir/card1__", ["ace"]),
        ("__outfit(c=blue)__ ${c:none}", ["a blue coat none"]),
        ("${c=red}__outfit__", ["a red coat"]),
        ("__clothes/hats__ __clothes/shoe__", ["cap boot", "7 boot"]),
        ("__list__", ["one", "two"]),
        ("{2$$__list__}", ["one, two"]),
        ("{__list__|x}", ["one", "two", "x"]),
    ],
)
def test_a_wildcard_is_a_line_of_its_file(text: str, expected: list[str], wildcards: Wildcards) -> None:
    assert every(text, wildcards) == expected


def test_a_line_may_weigh_more(wildcards: Wildcards) -> None:
    assert drawn("__colours__", 200, wildcards).most_common(1)[0][0] == "blue"


@pytest.mark.parametrize("name", ["../secret", "dir/../../secret", "/etc/passwd", "..\\secret"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, wildcards: Wildcards) -> None:
    found = expand(f"a __{name}__", 1, wildcards=wildcards)
    assert found.text == f"a __{name}__"
    assert [(remark.kind, remark.start) for remark in found.remarks] == [("wildcard-name", 2)]


def test_a_link_that_leads_out_of_the_folder_is_passed_over(wildcards: Wildcards) -> None:
    (folder,) = wildcards.folders
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    assert "link" not in Wildcards(folder).names()


@pytest.mark.parametrize(
    ("text", "kind"), [("a __none__", "wildcard-unknown"), ("a ${none}", "variable-unknown"), ("a {b", "brace")]
)
def test_what_does_not_exist_stays_and_is_reported(text: str, kind: str) -> None:
    found = expand(text, 1)
    assert found.text == text
    assert [(remark.kind, remark.start) for remark in found.remarks] == [(kind, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "{a|b}" * 30,
        "{~a|b}" * 1500 + "{a|b}" * 9,
        doubling("xx"),
        doubling(""),
        "${a=${a}}${a}",
        "{" * 1_000_000,
        "{[" * 100_000,
        "__a" * 300_000 + "|",
    ],
)
def test_a_bomb_ends_in_a_clear_error(text: str) -> None:
    with pytest.raises(PromptError, match="too"):
        expand_all(text)


def test_a_wildcard_that_holds_itself_ends_in_a_clear_error(wildcards: Wildcards) -> None:
    with pytest.raises(PromptError, match="does a wildcard or a variable hold itself"):
        expand("__loop__", 1, wildcards=wildcards)


def test_combinations_are_made_as_they_are_asked_for() -> None:
    assert next(expand_all("{a|b}" * 9)).text == "a" * 9
    with pytest.raises(PromptError, match="512 combinations"):
        expand_all("{a|b}" * 10, limit=512)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "a: [1"), ("a.yaml", "a: !!python/object/apply:os.system [ls]"), ("a.json", "[" * 100_000),
        ("a.txt", "\udcff"), ("a.yaml", "a: 2020-01-01"), ("a.yaml", "a: b\n" * 250_000),
        ("a.yaml", aliases()),
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PromptError, match=name):
        Wildcards(tmp_path).names()


def test_folders_hold_so_much_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("x" * 100)
    monkeypatch.setattr("imprint.prompts.wildcards.TOTAL_LIMIT_BYTES", 150)
    assert Wildcards(tmp_path).names() == ("a",)
    with pytest.raises(PromptError, match="too many wildcards"):
        Wildcards(tmp_path, tmp_path)


def test_lists_of_one_name_in_two_folders_are_one_list(tmp_path: Path, wildcards: Wildcards) -> None:
    (tmp_path / "more" / "dir").mkdir(parents=True)
    (tmp_path / "more" / "dir" / "card1.txt").write_text("ten\n", encoding="utf-8")
    assert every("__dir/card1__", Wildcards(*wildcards.folders, tmp_path / "more")) == ["ace", "ten"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="nowhere"):
        Wildcards(tmp_path / "nowhere")


@given(st.text(st.sampled_from("{}|$_:=!~@2-[]\\#ab \n"), max_size=50), st.integers())
def test_any_text_expands_or_says_why_not(text: str, seed: int) -> None:
    try:
        found = expand(text, seed)
    except PromptError:
        return
    assert all(0 <= remark.start < remark.end <= len(text) for remark in found.remarks)


@given(st.text(st.characters(), max_size=50) | st.text(st.sampled_from("{}|$_(:\\#ab"), max_size=50))
def test_an_escaped_text_passes_unchanged(text: str) -> None:
    found = expand(escape(text), 1)
    assert found.text == escape(text)
    assert found.remarks == ()
    assert len(read_prompt(found.text).parts) == 1
