"""Styles: around or behind the prompt, in the order they are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from imprint.errors import PromptError
from imprint.prompts import Style, apply_styles, chosen, read_styles

pytestmark = pytest.mark.unit

FILE = '\ufeffname,prompt,negative_prompt\r\nphoto,"a photo of {prompt}, sharp",blurry\r\nink,"in ink",\r\nshort\r\n'


def written(folder: Path, data: bytes | str) -> Path:
    path = folder / "styles.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_a_file_is_read_in_order(tmp_path: Path) -> None:
    styles = read_styles(written(tmp_path, FILE))
    assert list(styles) == ["photo", "ink", "short"]
    assert styles["photo"] == Style("photo", "a photo of {prompt}, sharp", "blurry")
    assert styles["short"] == Style("short")


def test_styles_apply_in_the_order_they_are_listed(tmp_path: Path) -> None:
    styles = read_styles(written(tmp_path, FILE))
    both = chosen(styles, ["photo", "ink"])
    assert apply_styles("a dog", "ugly", both) == ("a photo of a dog, sharp, in ink", "ugly, blurry")
    assert apply_styles("a dog", "", both[::-1]) == ("a photo of a dog, in ink, sharp", "blurry")


def test_an_empty_style_changes_nothing() -> None:
    assert apply_styles(" a ", "b", [Style("none")]) == (" a ", "b")


def test_a_style_that_repeats_the_prompt_cannot_fill_the_memory() -> None:
    with pytest.raises(PromptError, match="too long"):
        apply_styles("ab", "", [Style("twice", "{prompt}{prompt}")] * 64)
    with pytest.raises(PromptError, match="too long"):
        apply_styles("a" * 10_000, "", [Style("often", "{prompt}" * 16_000)])


def test_an_unknown_style_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="did you mean `photo`"):
        chosen(read_styles(written(tmp_path, FILE)), ["phto"])


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", "a,b\n1,2\n", 'name,prompt\n"a,' + "b" * 200_000])
def test_a_file_that_is_no_table_of_styles_is_named(tmp_path: Path, data: bytes | str) -> None:
    with pytest.raises(PromptError, match=r"styles\.csv"):
        read_styles(written(tmp_path, data))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="none"):
        read_styles(tmp_path / "none.csv")
