"""What a grid of pictures is asked for. Reads and writes nothing; `plan` makes cells of it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, field_validator, model_validator

from imprint.config import Config
from imprint.jobs.recipe import GenerateRecipe


class Axis(Config):
    """One axis of a grid: what changes along it, and through which values."""

    field: str = Field(min_length=1)
    """What changes: any field of the recipe of a picture (steps, cfg_scale, sampler, seed, base, strength, ...); size,
    as in 512x768; prompt_replace, which puts each value in the place of the first; or prompt_order, which puts the
    values, parts of the prompt, in every order. A1111's names work too: "CFG Scale", "Prompt S/R"."""
    values: str | tuple[str | int | float | bool, ...]
    """A list, or text: values between commas, those with commas in quotes; of numbers also ranges: 1-5, 1-10 (+3),
    1-10 [5] for five values from end to end. A seed of -1 is chosen once, for the whole grid, and written down."""

    @field_validator("values", mode="before")
    @classmethod
    def _list_from_text(cls, value: Any) -> Any:
        # `--set x.values=[5, 10]` arrives as text, since text may stand here.
        if isinstance(value, str) and value.strip().startswith("["):
            try:
                return tomllib.loads(f"value = {value}")["value"]
            except tomllib.TOMLDecodeError:
                return value
        return value


class Matrix(Config):
    """A prompt matrix: the prompt is `base|option|option`, and every combination of its options is drawn."""

    side: Literal["positive", "negative"] = "positive"
    """Which prompt has the options: prompt or negative_prompt."""
    joint: Literal["comma", "space"] = "comma"
    """What stands between the parts."""
    place: Literal["start", "end"] = "end"
    """Where the options go: before or after the base."""


class Sheet(Config):
    """How the finished sheet looks."""

    picture_px: int | None = Field(default=None, ge=16, le=4096)
    """Longest side of the largest picture on the sheet; left out, its own size, or what `megapixels` allows."""
    megapixels: float = Field(default=40.0, gt=0, le=200)
    """The largest a sheet may be. Pictures become thumbnails above it; what cannot fit is refused before drawing."""
    z: Literal["files", "stacked"] = "files"
    """A sheet of its own for each value of z, or all in one file, one below another."""
    columns: int = Field(default=8, ge=1, le=100)
    """Pictures in a row where a grid has one axis only."""
    title: str | None = None
    """Above the pictures; left out, the prompt that they share."""
    font: Path | None = None
    """A TrueType or OpenType file; left out, one that has the letters of the labels."""
    font_px: int | None = Field(default=None, ge=8, le=200)
    """Height of the letters; left out, what suits the pictures."""


class GridRecipe(Config):
    """Draw a grid of pictures, a cell for every combination of the values of its axes, and a sheet with labels."""

    generate: GenerateRecipe
    """The picture that the axes vary; one for each cell, so its count stays 1."""
    x: Axis | None = None
    """What changes from column to column."""
    y: Axis | None = None
    """What changes from row to row."""
    z: Axis | None = None
    """What changes from sheet to sheet."""
    matrix: Matrix | None = None
    """Combine the options in the prompt, on x and y."""
    prompts: Path | None = None
    """A file of prompts, one a line, or of lines of options as `--prompt "a dog" --steps 20`; they lie on y, and
    generate.prompt may be left out."""
    vary_seeds: bool = False
    """Give every cell a seed of its own: that of the picture, and one more for each next cell."""
    max_cells: int = Field(default=1000, ge=1, le=100_000)
    """Larger grids are refused before anything is drawn."""
    sheet: Sheet = Sheet()
    """How the finished sheet looks."""
    out: Path = Path("grid")
    """The folder of cells, manifest and sheets. Where a grid stands already, what is missing or changed is drawn."""

    @model_validator(mode="before")
    @classmethod
    def _prompts_are_in_the_file(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        values = cast("dict[str, Any]", data)
        picture = values.get("generate", {})
        if values.get("prompts") is None or not isinstance(picture, dict):
            return values
        return values | {"generate": {"prompt": "", **cast("dict[str, Any]", picture)}}

    @model_validator(mode="after")
    def _one_thing_on_an_axis(self) -> GridRecipe:
        on_y = [name for name in ("y", "prompts", "matrix") if getattr(self, name) is not None]
        if len(on_y) > 1:
            raise ValueError(f"{' and '.join(on_y)} cannot lie on y together; leave out all but one")
        if self.matrix is not None and self.x is not None:
            raise ValueError("a prompt matrix lies on x and y; move what stands on x to z")
        if self.generate.count != 1:
            raise ValueError("a cell is one picture: leave generate.count at 1, and give an axis of seeds")
        if self.generate.dynamic == "all":
            raise ValueError("a cell is one picture: generate.dynamic cannot be 'all'; give an axis of prompt_replace")
        if self.generate.best is not None:
            raise ValueError("a cell is one picture, not the best of several: leave generate.best out")
        return self
