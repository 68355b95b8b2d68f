"""`imprint again`: the same pixels from every kind of file, and models that are missing named by name and hash."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from imprint.app.cli.edge import run
from imprint.artifacts.network_hash import header_texts, network_hash
from imprint.artifacts.picture import Picture, read_record, save_picture
from imprint.artifacts.picture_file import Jpeg
from imprint.errors import ConfigError, InputError, ModelError
from imprint.families import Family
from imprint.jobs.again import AgainRecipe, again, locate
from imprint.jobs.base_names import base_hash
from imprint.jobs.exported import exported_hash
from imprint.jobs.generate import generate
from imprint.jobs.recipe import GenerateRecipe
from imprint.methods import Lora, build_method
from imprint.weights import export_method, save_state
from imprint.weights.network_header import hashes, read_header, short_hash
from make import tiny_base, tiny_family, write_tiny_base

pytestmark = pytest.mark.unit

Captured = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
INFOTEXT = (
    "a dog\nNegative prompt: blur\nSteps: 2, Sampler: Euler, Schedule type: Uniform, CFG scale: 3, Seed: 5, "
    "Size: 32x32, Model hash: 6ce0161689, Model: v1-5, Hires upscale: 2, Clip skip: 1, Version: v1.10.1"
)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: Patch) -> None:
    """No runs, bases or pictures of the machine that runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMPRINT_MODELS", raising=False)


def drawn(out: Path | None, **changes: Any) -> Path:
    fields = {"prompt": "a: dog, 🐶", "base": str(tiny_base()), "seed": 3, "steps": 2, "sampler": "euler_a", "out": out}
    return generate(GenerateRecipe(**{**fields, **changes})).pictures[0]


def redrawn(picture: Path, **changes: Any) -> Path:
    return again(AgainRecipe(**{"picture": picture, "base": str(tiny_base()), "out": Path("out"), **changes})).picture


def pixels(path: Path) -> Any:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def trained_run(folder: Path, seed: int = 1) -> Path:
    """A run's result: a LoRA with something in it, and its export."""
    family: Family = tiny_family()
    handle = build_method(Lora(rank=2, alpha=2)).inject(family, seed)
    for parameter in handle.parameters():
        parameter.data.add_(0.05 * seed)
    state = handle.state()
    handle.eject()
    (folder / "result").mkdir(parents=True)
    save_state(folder / "result" / "weights.safetensors", state)
    export_method(state, family, folder / "result")
    (folder / "recipe.toml").write_text(f'photos = "p"\nname = "zkz"\nclass_word = "dog"\nbase = "{tiny_base()}"\n')
    return folder


def foreign(path: Path, text: str = INFOTEXT) -> Path:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (32, 32)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_again_gives_the_pixels_of_the_first_time(tmp_path: Path, kind: str) -> None:
    whole = drawn(tmp_path / "first")
    picture = drawn(tmp_path / "second", format={"kind": kind})
    result = again(AgainRecipe(picture=picture, base=str(tiny_base()), out=tmp_path / "third"))
    assert np.array_equal(pixels(result.picture), pixels(whole))
    assert (result.notes, result.same_pixels) == ((), True if kind == "png" else None)
    assert read_record(result.picture) == read_record(whole)


def test_a_changed_setting_arrives_and_others_stay(tmp_path: Path) -> None:
    picture = drawn(tmp_path)
    other = redrawn(picture, changes=("steps=3", "prompt=a cat"), format={"kind": "webp"})
    before, after = read_record(picture), read_record(other)
    assert (after.steps, after.prompt, other.suffix) == (3, "a cat", ".webp")
    assert after.model_copy(update={"steps": 2, "prompt": before.prompt}) == before


def test_again_draws_in_the_number_format_of_the_record_or_in_the_one_that_is_asked_for(tmp_path: Path) -> None:
    whole, half = drawn(tmp_path / "whole"), drawn(tmp_path / "half", precision="bf16")
    same = again(AgainRecipe(picture=half, base=str(tiny_base()), out=tmp_path / "again"))
    assert (same.same_pixels, read_record(same.picture).precision) == (True, "bf16")
    other = again(AgainRecipe(picture=half, base=str(tiny_base()), out=tmp_path / "other", precision="fp32"))
    assert (other.same_pixels, read_record(other.picture).precision) == (None, "fp32")
    assert np.array_equal(pixels(other.picture), pixels(whole))


def test_a_number_format_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    picture = drawn(tmp_path)
    with Image.open(picture) as opened:
        unknown = Picture(np.asarray(opened), read_record(picture).model_copy(update={"precision": "fp8"}))
    save_picture(picture, unknown)
    with pytest.raises(InputError, match=r"(?s)another number format.*fp8.*precision=fp32"):
        redrawn(picture)


def test_a_change_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean `steps`"):
        redrawn(drawn(tmp_path), changes=("stepz=3",))


def test_weights_are_found_from_the_picture_and_put_on_again(tmp_path: Path) -> None:
    picture = drawn(None, run=trained_run(tmp_path / "ada"), base=None)
    assert picture.parent == tmp_path / "ada" / "pictures"
    result = again(AgainRecipe(picture=picture))  # the base is the run's own
    assert result.same_pixels
    assert read_record(result.picture).adapters == read_record(picture).adapters
    assert not np.array_equal(pixels(picture), pixels(drawn(tmp_path / "plain")))


def test_weights_are_told_apart_by_their_hash(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "out", run=trained_run(tmp_path / "ada"))
    shutil.move(tmp_path / "ada", tmp_path / "moved")
    other = trained_run(tmp_path / "other", seed=2)
    with pytest.raises(ModelError) as told:
        redrawn(picture, runs=(other,))
    wanted = read_record(picture).adapters[0].sha256
    assert "'zkz' (lora, hash " + wanted[:12] in told.value.what
    assert (wanted in told.value.allowed, str(other) in str(told.value.got)) == (True, True)
    assert np.array_equal(pixels(redrawn(picture, runs=(other, tmp_path / "moved"))), pixels(picture))


def test_a_base_is_found_by_name_and_hash(tmp_path: Path, monkeypatch: Patch) -> None:
    shutil.copytree(tiny_base(), tmp_path / "models" / "tiny")
    picture = drawn(tmp_path, base=str(tmp_path / "models" / "tiny"))
    assert again(AgainRecipe(picture=picture, models=(tmp_path / "models",))).same_pixels
    monkeypatch.setenv("IMPRINT_MODELS", f"{tmp_path / 'none'}:{tmp_path / 'models'}")
    assert locate(AgainRecipe(picture=picture)).base == str(tmp_path / "models" / "tiny")


def test_a_missing_base_is_named_with_its_hash_before_torch_is_loaded(tmp_path: Path, monkeypatch: Patch) -> None:
    picture = drawn(tmp_path)
    monkeypatch.setitem(sys.modules, "imprint.jobs.bases", None)  # an import of it would fail
    with pytest.raises(ModelError) as told:
        again(AgainRecipe(picture=picture))
    digest = base_hash(str(tiny_base()))
    assert told.value.what == f"the base of this picture is not here: it was drawn with 'base' (hash {digest[:12]})"
    assert digest in told.value.allowed
    assert "--base" in told.value.hint


def test_another_base_is_refused_unless_it_is_wanted(tmp_path: Path) -> None:
    picture, other = drawn(tmp_path), write_tiny_base(tmp_path / "other", prediction="v_prediction")
    with pytest.raises(ModelError, match="not the base that the picture was drawn with"):
        redrawn(picture, base=str(other))
    result = again(AgainRecipe(picture=picture, base=str(other), any_base=True, out=tmp_path / "out"))
    assert len(result.notes) == 1
    assert read_record(result.picture).base == base_hash(str(other))


def test_the_embedded_base_is_found_by_itself(tmp_path: Path) -> None:
    picture = drawn(tmp_path, base="nano", steps=1)
    assert locate(AgainRecipe(picture=picture)).base == "nano"


def test_a_base_that_is_broken_does_not_hide_the_next(tmp_path: Path) -> None:
    (tmp_path / "broken" / "base").mkdir(parents=True)
    models = (tmp_path / "broken", tiny_base().parent)
    assert locate(AgainRecipe(picture=drawn(tmp_path), models=models)).base == str(tiny_base())


def test_names_in_a_record_cannot_leave_the_folder_of_models(tmp_path: Path) -> None:
    shutil.copytree(tiny_base(), tmp_path / "base")
    (tmp_path / "models").mkdir()
    for name in ("../base", str(tmp_path / "base"), "..", "."):
        with pytest.raises(ModelError):
            picture = foreign(tmp_path / "a.png", INFOTEXT.replace("v1-5", name))
            locate(AgainRecipe(picture=picture, models=(tmp_path / "models",)))


def test_pictures_of_a_training_cannot_be_drawn_again(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "out", run=trained_run(tmp_path / "ada"))
    record = read_record(picture)
    unkept = record.adapters[0].model_copy(update={"sha256": ""})
    save_picture(picture, Picture(pixels(picture), record.model_copy(update={"adapters": (unkept,)})))
    with pytest.raises(InputError, match="still being trained"):
        redrawn(picture)


def test_a_foreign_picture_is_drawn_and_everything_left_out_is_named(tmp_path: Path) -> None:
    picture = foreign(tmp_path / "a.png")
    result = again(AgainRecipe(picture=picture, base=str(tiny_base())))
    record = read_record(result.picture)
    assert (record.prompt, record.steps, record.sampler, record.seed) == ("a dog", 2, "euler", 5)
    assert record.hires is not None and (record.hires.scale, record.hires.strength) == (2, 0.7)
    assert any(note.startswith("Denoising strength: ") for note in result.notes)
    assert any(note.startswith("base: made with 'v1-5' (hash 6ce0161689)") for note in result.notes)
    assert result.same_pixels is None


def test_a_picture_of_novelai_is_drawn(tmp_path: Path) -> None:
    said = {"steps": 1, "scale": 5, "seed": 9, "sampler": "k_euler_ancestral", "uc": "bad", "width": 32, "height": 40}
    info = PngImagePlugin.PngInfo()
    for key, text in {"Software": "NovelAI", "Description": "{girl}", "Comment": json.dumps(said)}.items():
        info.add_text(key, text)
    Image.new("RGB", (32, 40)).save(tmp_path / "a.png", pnginfo=info)
    record = read_record(redrawn(tmp_path / "a.png"))
    assert (record.sampler, record.seed, record.negative_prompt, record.height_px) == ("euler_a", 9, "bad", 40)


def test_a_foreign_picture_without_a_base_says_what_it_was_made_with(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"drawn with 'v1-5' \(hash 6ce0161689\)"):
        again(AgainRecipe(picture=foreign(tmp_path / "a.png")))
    unnamed = foreign(tmp_path / "b.png", "a dog\nSteps: 1, Seed: 1, Version: Imprint 0-1-0")
    with pytest.raises(ModelError, match="without a name"):
        again(AgainRecipe(picture=unnamed))


def test_a_foreign_model_is_found_by_its_name(tmp_path: Path) -> None:
    shutil.copytree(tiny_base(), tmp_path / "models" / "v1-5")
    located = locate(AgainRecipe(picture=foreign(tmp_path / "a.png"), models=(tmp_path / "models",)))
    assert located.base == str(tmp_path / "models" / "v1-5")
    assert "has the name" in located.base_note


def test_a_lora_that_a1111_drew_with_is_found_by_the_hash_of_its_export(tmp_path: Path) -> None:
    ada = trained_run(tmp_path / "ada")
    digest = exported_hash(ada / "result" / "weights.safetensors")
    text = INFOTEXT.replace("a dog", "a dog <lora:mine:0.5> <lora:gone:1>")
    text = text.replace(", Version", f', Lora hashes: "mine: {digest}, gone: 0123456789ab", Version')
    recipe = AgainRecipe(picture=foreign(tmp_path / "a.png", text), base=str(tiny_base()), runs=(ada,))
    result = again(recipe)
    applied = [(one.name, one.strength) for one in read_record(result.picture).adapters]
    assert applied == [("mine", 0.5)]
    assert any("'gone' (hash 0123456789ab)" in note for note in result.notes)


def test_our_infotext_alone_is_enough_where_the_record_was_lost(tmp_path: Path) -> None:
    picture = drawn(tmp_path)
    with Image.open(picture) as opened:
        lost = foreign(tmp_path / "lost.png", opened.info["parameters"])
    assert np.array_equal(pixels(redrawn(lost)), pixels(picture))


def test_a_graph_of_comfyui_is_shown_and_not_run(tmp_path: Path, capsys: Captured) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", '{"3": {}}')
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    assert run(["again", str(tmp_path / "a.png")]) == 3
    assert "which Imprint does not run" in capsys.readouterr().err
    assert run(["show", str(tmp_path / "a.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["graph"] == {"prompt": '{"3": {}}'}


def test_the_verb_draws_with_changes_and_names_what_it_left_out(tmp_path: Path, capsys: Captured) -> None:
    picture = foreign(tmp_path / "a.png")
    words = ["again", str(picture), "--base", str(tiny_base()), "--out", "new", "--set", "steps=1"]
    assert run([*words, "--set", "format.kind=jpeg"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "new/00000-5.jpg\n"
    assert "Denoising strength:  (not given; 0.7 is taken)" in shown.err
    assert read_record(Path("new/00000-5.jpg")).steps == 1


def test_show_says_which_tool_wrote_what(tmp_path: Path, capsys: Captured) -> None:
    assert run(["show", str(foreign(tmp_path / "a.png")), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["tool"], shown["place"], shown["prompt"]) == ("AUTOMATIC1111 v1.10.1", "PNG text", "a dog")
    assert (shown["parameters"]["Seed"], shown["filled_in"]["RNG"]) == ("5", "GPU")
    assert run(["show", str(drawn(tmp_path))]) == 0
    assert capsys.readouterr().out.split()[:2] == ["tool", "Imprint"]


def test_prompts_that_no_jpeg_can_hold_are_refused_before_drawing() -> None:
    with pytest.raises(ValueError, match="no room for so long prompts"):
        GenerateRecipe(prompt="🐶" * 10_000, format=Jpeg())
    with pytest.raises(ValueError, match="no room for so long prompts"):
        GenerateRecipe.model_validate({"prompt": "", "hires": {"prompt": "🐶" * 10_000}, "format": Jpeg()})


def test_a_loras_hash_is_that_of_its_tensors_or_of_its_header(tmp_path: Path) -> None:
    """Vectors by hand: 12 digits of SHA-256 of what follows the header, of `sshs_model_hash`, of the whole file."""
    bare, named, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "c.pt"
    bare.write_bytes((2).to_bytes(8, "little") + b"{}" + b"abc")
    header = b'{"__metadata__": {"sshs_model_hash": "0123456789abcdef"}}'
    named.write_bytes(len(header).to_bytes(8, "little") + header + b"abc")
    other.write_bytes(b"abc")
    assert [network_hash(path) for path in (bare, named, other)] == ["ba7816bf8f01", "0123456789ab", "ba7816bf8f01"]


@pytest.mark.parametrize("claim", ["", "0123456789ABCDEF", "0123456789abcdef" * 4, "0123", "no hash, but: text"])
def test_a_lora_has_the_same_hash_in_an_infotext_and_on_the_shelf(tmp_path: Path, claim: str) -> None:
    """By A1111's rule; a claim that is no hash would break the line that it stands in."""
    path = tmp_path / "a.SafeTensors"
    tensor = {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}
    header = json.dumps({"__metadata__": {"sshs_model_hash": claim}, "t": tensor}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"abc")
    known = read_header(path).metadata
    assert network_hash(path) == short_hash("lora", known, *hashes(path))
    assert network_hash(path) == (claim[:12].lower() if len(claim) in (16, 64) else "ba7816bf8f01")


LISTED = b'{"__metadata__": [] }'


@pytest.mark.parametrize("data", [b"", b"\xff" * 50, b"\x02" + bytes(7) + b"[]", b"\x15" + bytes(7) + LISTED])
def test_headers_that_are_none_are_model_errors(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="no readable safetensors"):
        header_texts(tmp_path / "a.safetensors")
