"""What a stranger may type: each is a clear error, or a repair that is said. Nothing here opens a base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imprint.app.cli.edge import run

pytestmark = pytest.mark.unit

REFUSED = {
    "a megabyte of prompt": (["cat, " * 200_000], "prompt", "at most 10000 characters"),
    "a megabyte that is not wanted": (["a", "--set", "negative_prompt=" + "dog " * 250_000], "at most 10000"),
    "a NUL": (["a\0cat"], "prompt", "character 2 is U+0000", "delete it"),
    "bytes that are no UTF-8": (["a\udcff\udcfecat"], "prompt", "no valid UTF-8"),
    "all of 2^30 combinations": (["{a|b}" * 30, "--set", "dynamic=all"], "too many prompts", "1000 combinations"),
    "no steps": (["a", "--set", "steps=0"], "steps = 0", "greater than or equal to 1"),
    "NaN guidance": (["a", "--set", "cfg_scale=nan"], "cfg_scale = nan", "finite"),
    "an unknown sampler": (["a", "--set", "sampler=Eulr a"], "did you mean `Euler a`?"),
    "a hundredfold picture": (["a", "--set", "hires.scale=100"], "hires.scale = 100", "less than or equal to 8"),
    "best of none": (["a", "--set", "best.draw=0"], "best.draw = 0", "greater than or equal to 2"),
    "best of all variants": (["{a|b}", "--set", "best.draw=4", "--set", "dynamic=all"], "pictures of one prompt"),
    "a tiling of z": (["a", "--set", "tiling=z"], "tiling = 'z'", "'both', 'x' or 'y'"),
    "a table as a number": (["a", "--set", "hires=2"], "hires = 2", "a table", "hires.scale"),
    "a kind of file that is none": (["a", "--set", "format=gif"], "format.kind = 'gif'", "png, jpeg, webp"),
    "A1111's name of guidance": (["a", "--set", "cfg=7"], "did you mean `cfg_scale`?"),
    "A1111's name of strength": (["a", "--set", "Denoising strength=0.4"], "did you mean `image.strength`?"),
    "a source that is missing": (["a", "--source", "no.png"], "no.png", "does not exist"),
    "a source that is text": (["a", "--source", "text.png"], "text.png", "it is text"),
    "a source that is a folder": (["a", "--source", "."], "a folder"),
    "a mask of another size": (["a", "--source", "grey.png", "--mask", "mask.png"], "8 x 8", "allowed: 16 x 16"),
    "too strong": (["a", "--source", "grey.png", "--set", "image.strength=2"], "image.strength = 2", "equal to 1"),
    "a file of styles that is missing": (["a", "--set", "styles=['x']", "--set", "styles_files=['no.csv']"], "no.csv"),
}


@pytest.fixture(autouse=True)
def _a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("I am no picture")
    Image.fromarray(np.full((16, 16, 3), 128, np.uint8)).save("grey.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("mask.png")


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused_with_what_is_wrong(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, *said = REFUSED[case]
    assert run(["generate", *arguments]) in (2, 3)
    told = capsys.readouterr().err
    assert [part for part in said if part not in told] == []
    assert len(told) < 1500
    assert not Path("pictures").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["probe", ""], "nothing but blanks"),
        (["probe", "a" * 2000], "at most 1000"),
        (["token", "suggest", "--class", " "], "nothing but blanks"),
        (["explain", "cfg", "--recipe", "generate"], "did you mean `cfg_scale`?"),
    ],
)
def test_other_verbs_say_what_they_want(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_device_that_is_not_there_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "a", "--set", "device=cuda:77"]) == 2
    told = capsys.readouterr().err
    assert "this device cannot be used" in told
    assert "--set device=cpu" in told


def test_an_upscaler_that_is_not_there_says_what_to_put_where(capsys: pytest.CaptureFixture[str]) -> None:
    from imprint.errors import UnknownNameError
    from imprint.jobs.upscalers import upscaler_opener

    with pytest.raises(UnknownNameError, match=r"RealESRGAN_x4plus .* into upscalers/"):
        upscaler_opener()("R-ESRGAN 4x+")
