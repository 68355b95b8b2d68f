"""Second passes and source pictures in records, in infotexts, and drawn once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imprint.app.cli.edge import run
from imprint.artifacts.infotext import KEY_ORDER, parse_infotext
from imprint.artifacts.picture import PictureRecord, read_record
from imprint.artifacts.source_picture import pixels_md5
from imprint.errors import ConfigError, InputError, PhotoError
from imprint.generation import Hires, ImageSettings
from imprint.generation.record import infotext_of, understand
from imprint.jobs.again import AgainRecipe, again
from imprint.jobs.generate import generate
from imprint.jobs.grid import GridRecipe, grid
from imprint.jobs.recipe import GenerateRecipe
from make import tiny_base

pytestmark = pytest.mark.unit

Captured = pytest.CaptureFixture[str]
SOFT = {
    "power": 1.5, "scale": 0.4, "detail_preservation": 3.0, "mask_influence": 0.2, "difference_threshold": 0.6,
    "difference_contrast": 2.5,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(5).integers(0, 256, (40, 32, 3)).astype(np.uint8)
    Image.fromarray(noise).save("source.png")
    mask = np.zeros((40, 32), np.uint8)
    mask[8:24, 8:24] = 255
    Image.fromarray(mask).save("mask.png")


def drawn(**changes: Any) -> Path:
    fields = {"prompt": "a dog", "base": str(tiny_base()), "seed": 3, "steps": 2, "out": Path("out")}
    return generate(GenerateRecipe(**{**fields, **changes})).pictures[0]


def pixels(path: Path) -> Any:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


EVERY_WAY: list[dict[str, Any]] = [
    {"hires": {"scale": 1.5, "steps": 3, "sampler": "heun", "prompt": "a cat"}},
    {"hires": {"width_px": 48, "height_px": 40, "upscaler": "Latent (nearest)"}},
    {"tiling": "both"},
    {"source": "source.png"},
    {"source": "source.png", "width_px": 48},
    {"source": "source.png", "mask": "mask.png", "image": {"fill": "noise", "strength": 1, "invert_mask": True}},
    {"source": "source.png", "mask": "mask.png", "image": {"only_masked": True, "padding_px": 3, "soft": SOFT}},
]


@pytest.mark.parametrize("changes", EVERY_WAY)
def test_a_picture_however_it_was_made_is_drawn_again_bit_for_bit(changes: dict[str, Any]) -> None:
    first = drawn(**changes)
    result = again(AgainRecipe(picture=first, base=str(tiny_base()), out=Path("new")))
    assert result.same_pixels is True and result.notes == ()
    kept = [read_record(one).model_dump() for one in (first, result.picture)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("changes", EVERY_WAY)
def test_its_infotext_says_so_and_is_understood(changes: dict[str, Any]) -> None:
    record = read_record(drawn(**changes))
    info = parse_infotext(infotext_of(record))
    understood = understand(info)
    assert not understood.notes
    if record.hires is not None:
        wanted = Hires(**record.hires.model_dump(exclude={"upscaler_sha256"}))
        assert Hires(**understood.fields["hires"]) == wanted.model_copy(update={"upscaler": _name(wanted.upscaler)})
    assert understood.fields.get("tiling") == record.tiling
    if record.image is not None and understood.image is not None:
        said = ImageSettings(**dict(understood.image))
        assert (said.strength, said.fill) == (record.image.strength, record.image.fill)
        assert (said.soft.model_dump() if said.soft else None) == record.image.soft
        assert understood.source_md5 == pixels_md5(pixels(Path("source.png")))


def _name(upscaler: str) -> str:
    return {"Latent (nearest)": "latent_nearest"}.get(upscaler, upscaler)


def test_keys_stand_in_the_order_of_a1111() -> None:
    said = infotext_of(read_record(drawn(**EVERY_WAY[-1])))
    found = list(parse_infotext(said).parameters)
    ranked = [key for key in found if key in KEY_ORDER]
    assert ranked == sorted(ranked, key=KEY_ORDER.index) and found[-1] == "Version"
    assert "Denoising strength: 0.75, Init image hash: " in said and "Inpaint area: Only masked" in said


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([
    "Denoising strength", "Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Hires sampler",
    "Hires schedule type", "Hires CFG Scale", "Mask blur", "Inpaint area", "Masked area padding", "Mask mode",
    "Soft inpainting enabled", "Soft inpainting schedule bias", "Soft inpainting mask influence", "Init image hash",
    "Tiling",
]), st.one_of(st.text(max_size=8), st.sampled_from([
    "True", "2", "64", "0.5", "64x64", "9999x0", "12345x12345", "nan", "1e999", "Use same sampler",
]))))  # fmt: skip
def test_no_value_of_a_foreign_infotext_ends_in_anything_but_fields_and_notes(values: dict[str, str]) -> None:
    from imprint.artifacts.infotext import Infotext

    understood = understand(Infotext("a dog", "", {"Steps": "5", "Sampler": "Euler", "Size": "64x64", **values}))
    if "hires" in understood.fields:
        Hires(**understood.fields["hires"])
    if understood.image is not None:
        ImageSettings(**dict(understood.image))


@pytest.mark.parametrize("size", ["6000x0", "12345x12345", "large"])
def test_a_size_of_a_second_pass_that_cannot_be_is_noted(size: str) -> None:
    info = parse_infotext(f"a dog\nSteps: 5, Sampler: Euler, CFG scale: 5, Seed: 1, Size: 64x64, Hires resize: {size}")
    understood = understand(info)
    assert Hires(**understood.fields["hires"]).width_px in (4096, None)
    assert ("Hires resize", size) in [(note.key, note.value) for note in understood.notes]


@pytest.mark.parametrize("name", ["a\u200eb.png", "a\tb\x07.png", "dçg ' $(x).png"])
def test_a_source_is_found_whatever_its_name(name: str) -> None:
    Path("source.png").rename(name)
    Path("mask.png").rename(f"m{name}")
    first = drawn(source=name, mask=f"m{name}")
    assert again(AgainRecipe(picture=first, base=str(tiny_base()), out=Path("new"))).same_pixels is True


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "source.png", "width_px": 200}, {"source": "source.png", "mask": "mask.png", "height_px": 48},
        {"source": "source.png", "mask": "mask.png", "image": {"resize": "latent", "fill": "fill"}, "width_px": 40},
        {"source": "source.png", "sampler": "dpm_fast", "image": {"strength": 0.3, "step_rule": "a1111"}},
        {"source": "source.png", "sampler": "restart", "eta": None, "image": {"strength": 0.1 + 0.2}},
        {"source": "source.png", "variation_seed": 9, "variation_strength": 0.1, "noise_source": "nv:46", "ensd": 7},
        {"hires": {"scale": 1.7, "strength": 1 / 3}, "resize_from_width_px": 40, "resize_from_height_px": 24},
        {"compat": "a1111", "prompt": "a [cat|dog] [x:y:1.5]", "hires": {"steps": 3}, "cfg_end": 0.6},
    ],
)  # fmt: skip
def test_settings_that_meet_at_their_edges_are_drawn_again_bit_for_bit(changes: dict[str, Any]) -> None:
    result = again(AgainRecipe(picture=drawn(**changes), base=str(tiny_base()), out=Path("new")))
    assert result.same_pixels is True


def test_a_source_is_found_by_its_pixels_under_its_name_and_nothing_else(tmp_path: Path) -> None:
    first = drawn(source="source.png")
    Image.open("source.png").save("other.bmp")
    Path("source.png").unlink()
    recipe = AgainRecipe(picture=first, base=str(tiny_base()), out=Path("new"))
    with pytest.raises(InputError, match=r"not here: .*source\.png"):
        again(recipe)
    assert again(recipe.model_copy(update={"source": Path("other.bmp")})).same_pixels is True
    Image.new("RGB", (32, 40)).save("source.png")
    with pytest.raises(InputError, match="not here"):
        again(recipe)
    with pytest.raises(InputError, match="this is not the source"):
        again(recipe.model_copy(update={"source": Path("source.png")}))


def test_a_foreign_picture_from_a_picture_is_drawn_from_the_one_with_its_hash() -> None:
    md5 = pixels_md5(pixels(Path("source.png")))
    text = (
        "a dog\nSteps: 4, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 32x40, Denoising strength: 0.5, "
        f"Init image hash: {md5}, Version: v1.10.1"
    )
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (32, 40)).save("foreign.png", pnginfo=info)
    record = read_record(again(AgainRecipe(picture=Path("foreign.png"), base=str(tiny_base()))).picture)
    assert record.image is not None
    assert (record.image.strength, record.image.step_rule, record.image.source_name) == (0.5, "a1111", "source.png")
    Path("source.png").unlink()
    without = again(AgainRecipe(picture=Path("foreign.png"), base=str(tiny_base())))
    assert read_record(without.picture).image is None
    assert any("it began with another picture" in note and md5 in note for note in without.notes)


@pytest.mark.parametrize("mask", [None, Path("mask.png")])
def test_a_foreign_picture_inside_a_mask_says_where_the_mask_is_missing(mask: Path | None) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text(
        "parameters",
        "a dog\nSteps: 2, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 32x40, Denoising strength: 0.5, "
        f"Init image hash: {pixels_md5(pixels(Path('source.png')))}, Mask blur: 1, Version: v1.10.1",
    )
    Image.new("RGB", (32, 40)).save("foreign.png", pnginfo=info)
    notes = again(AgainRecipe(picture=Path("foreign.png"), base=str(tiny_base()), mask=mask)).notes
    assert any("inside a mask" in note for note in notes) == (mask is None)


def test_a_grid_varies_what_a_picture_begins_with_and_sees_when_it_changed() -> None:
    picture = {"prompt": "a dog", "base": str(tiny_base()), "steps": 2, "source": "source.png"}
    recipe = GridRecipe.model_validate(
        {"generate": picture, "x": {"field": "Denoising", "values": "0.2, 0.9"}, "out": "grid"}
    )
    first = [pixels(cell.file) for cell in grid(recipe).cells if cell.file]
    assert len(first) == 2 and not np.array_equal(first[0], first[1])
    Image.new("RGB", (32, 40)).save("source.png")
    second = [pixels(cell.file) for cell in grid(recipe).cells if cell.file]
    assert not np.array_equal(first[0], second[0])


def test_one_setting_of_a_second_pass_is_changed_and_the_others_stay() -> None:
    first = drawn(hires={"scale": 1.5, "strength": 0.4, "steps": 1})
    recipe = AgainRecipe(picture=first, base=str(tiny_base()), changes=("hires.steps=2",))
    hires = read_record(again(recipe).picture).hires
    assert hires is not None and (hires.scale, hires.strength, hires.steps) == (1.5, 0.4, 2)


def test_a_grid_varies_the_second_pass() -> None:
    picture = {"prompt": "a dog", "base": str(tiny_base()), "steps": 2}
    recipe = GridRecipe.model_validate(
        {"generate": picture, "x": {"field": "hires.scale", "values": [1.5, 2.0]}, "out": "grid"}
    )
    assert [pixels(cell.file).shape for cell in grid(recipe).cells if cell.file] == [(48, 48, 3), (64, 64, 3)]


def test_the_verb_takes_a_source_and_a_mask(capsys: Captured) -> None:
    words = ["generate", "a dog", "--base", str(tiny_base()), "--source", "source.png", "--mask", "mask.png"]
    assert run([*words, "--out", "o", "--set", "steps=2", "--set", "image.mask_blur_px=0", "--json"]) == 0
    path = Path(json.loads(capsys.readouterr().out)["pictures"][0])
    kept = pixels(Path("mask.png"))[..., 0] == 0
    assert np.array_equal(pixels(path)[kept], pixels(Path("source.png"))[kept])
    assert run(["show", str(path)]) == 0
    assert "mask_sha256" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mask": "mask.png"}, "a mask needs a source"),
        ({"image": {"strength": 0.5}}, "give source, the picture to begin with"),
        ({"source": "source.png", "hires": {}}, "hires is a second pass behind one from noise"),
    ],
)
def test_fields_that_do_not_go_together_are_told(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        GenerateRecipe(prompt="a dog", **changes)


def test_a_source_that_is_no_picture_is_told_before_the_base_is_opened() -> None:
    Path("text.png").write_text("hello")
    with pytest.raises(PhotoError, match="it is text"):
        drawn(source="text.png", base="there is no such base")
    with pytest.raises((ConfigError, PhotoError), match="does not exist"):
        drawn(source="gone.png")


def test_a_record_of_a_later_version_with_more_fields_is_still_read() -> None:
    record = PictureRecord.model_validate({
        "prompt": "", "steps": 1, "cfg_scale": 1, "sampler": "euler", "schedule": "uniform", "seed": 1, "width_px": 8,
        "height_px": 8, "kind": "image_to_image", "image": {"strength": 0.5, "new": 1}, "hires": None,
    })  # fmt: skip
    assert record.image is not None and record.image.strength == 0.5
