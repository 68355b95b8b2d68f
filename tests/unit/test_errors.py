"""Errors say what, where, what was got, what is allowed and what to do."""

import inspect

import pytest

from imprint import errors
from imprint.errors import ImprintError, PhotoError, shortened

pytestmark = pytest.mark.unit

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, ImprintError)]


def test_a_message_has_all_its_parts_in_order() -> None:
    error = PhotoError("too small", where="a.jpg", got=12, allowed="at least 64 px", hint="take another")
    assert str(error) == "a.jpg: too small (got 12)\n  allowed: at least 64 px\nhint: take another"


def test_parts_that_say_nothing_are_left_out() -> None:
    assert str(PhotoError("too small")) == "too small"


def test_the_offending_value_is_kept() -> None:
    assert PhotoError("bad", got=[1, 2]).got == [1, 2]


def test_a_long_value_is_cut_in_the_middle() -> None:
    text = shortened("a" * 500 + "b" * 500, limit=40)
    assert len(text) == 41
    assert text.startswith("'aaa")
    assert text.endswith("bbb'")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_tree_in_the_docstring_shows_every_class(cls: type[ImprintError]) -> None:
    assert errors.__doc__
    assert f" {cls.__name__} " in errors.__doc__


def test_exit_codes_are_stable() -> None:
    codes = {cls.__name__: cls.exit_code for cls in CLASSES}
    assert codes == {
        "ImprintError": 1, "ConfigError": 2, "InputError": 3, "PhotoError": 3, "DatasetError": 3, "PromptError": 3,
        "ModelError": 4, "UnknownNameError": 4, "OutputError": 5, "CheckpointError": 6, "NumericsError": 7,
        "MissingExtraError": 8, "Interrupted": 130,
    }  # fmt: skip
