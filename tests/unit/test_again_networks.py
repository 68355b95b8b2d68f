"""Networks of another tool's record, found here by hash or name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, PngImagePlugin

from imprint.artifacts.picture import PictureRecord, read_record
from imprint.jobs.again import AgainRecipe, AgainResult, again
from imprint.weights import Shelf, save_embedding
from make import tiny_base, tiny_family
from make_networks import hypernetwork, write_converted, write_lora

pytestmark = pytest.mark.unit

SETTINGS = "Steps: 1, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 32x32, RNG: NV"


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network of each kind, where they are looked for by default."""
    monkeypatch.setenv("IMPRINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("IMPRINT_NETWORKS", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = Path("networks")
    write_lora(folder / "ink.safetensors", tiny_family())
    write_converted(folder / "anime.safetensors", hypernetwork(widths=(8, 16)))
    for seed, name in enumerate(("zkz", "other")):
        noise = torch.randn(2, 16, generator=torch.Generator().manual_seed(seed))
        save_embedding(folder / f"{name}.safetensors", noise)
    return folder


def short(name: str) -> str:
    return Shelf([Path("networks")]).find(name).file.short_hash


def redrawn(prompt: str, *more: str, negative: str = "") -> tuple[AgainResult, PictureRecord]:
    info = PngImagePlugin.PngInfo()
    lines = [prompt, *([f"Negative prompt: {negative}"] if negative else []), ", ".join((SETTINGS, *more))]
    info.add_text("parameters", "\n".join([*lines[:-1], f"{lines[-1]}, Version: v1.10.1"]))
    Image.new("RGB", (32, 32)).save("a.png", pnginfo=info)
    result = again(AgainRecipe(picture=Path("a.png"), base=str(tiny_base()), out=Path("out")))
    return result, read_record(result.picture)


def used(record: PictureRecord) -> list[tuple[str, str, float]]:
    return [(one.kind, one.name, one.strength) for one in record.networks]


def notes(result: AgainResult) -> list[str]:
    return [note for note in result.notes if not note.startswith("base")]


def test_an_embedding_is_used_by_the_name_it_has_here() -> None:
    said = f'TI hashes: "theirs: {short("zkz")}, other: {short("other")}"'
    result, record = redrawn("a Theirs dog, theirself", said, negative="other")
    assert (record.prompt, record.negative_prompt) == ("a zkz dog, theirself", "other")
    assert {name for _, name, _ in used(record)} == {"zkz", "other"}
    assert notes(result) == []


def test_an_embedding_that_is_missing_is_said_with_its_hash() -> None:
    result, record = redrawn("a gone dog", 'TI hashes: "gone: 0123456789ab"')
    assert (record.prompt, used(record)) == ("a gone dog", [])
    assert notes(result) == [
        "embedding 'gone' (hash 0123456789ab): not among the networks; its name is read as words"
    ]


@pytest.mark.parametrize("old", [False, True])
def test_a_hypernetwork_is_found_by_name_in_a_tag_and_in_old_keys(old: bool) -> None:
    if old:
        digest = Shelf([Path("networks")]).find("anime").file.sha256[:10]
        result, record = redrawn("a dog", f"Hypernet: theirs({digest})", "Hypernet strength: 0.4")
    else:
        result, record = redrawn("a dog<hypernet:anime:0.4>")
    assert used(record) == [("hypernetwork", "anime", 0.4)]
    assert (record.prompt, notes(result)) == ("a dog <hypernet:anime:0.4>", [])


def test_a_hypernetwork_that_is_missing_is_said() -> None:
    result, _ = redrawn("a dog", "Hypernet: gone(0123abcd)", "Hypernet strength: 0.4")
    assert notes(result) == ["hypernetwork 'gone' (hash 0123abcd): not among the networks; drawn without"]


def test_a_lora_keeps_both_strengths_and_is_found_by_hash_first() -> None:
    result, record = redrawn("a dog <lora:mine:0.25:0.5>", f'Lora hashes: "mine: {short("ink")}"')
    assert (record.prompt, notes(result)) == ("a dog <lora:ink:0.25:0.5>", [])
    assert used(record) == [("lora", "ink", 0.5)]


def test_another_file_of_the_name_is_taken_and_said() -> None:
    result, record = redrawn("a dog <lora:ink:1>", 'Lora hashes: "ink: 0123456789ab"')
    assert used(record) == [("lora", "ink", 1.0)]
    assert notes(result) == [
        f"LoRA 'ink' (hash 0123456789ab): the one of that name here has the hash {short('ink')}"
    ]


def test_a_name_that_is_not_the_only_one_is_written_as_a_hash() -> None:
    write_lora(Path("networks", "below", "ink.safetensors"), tiny_family(), seed=9)
    found = next(file for file in Shelf([Path("networks")]).files if file.spelling == "below/ink")
    result, record = redrawn("a dog <lora:mine:1>", f'Lora hashes: "mine: {found.short_hash}"')
    assert [one.sha256 for one in record.networks] == [found.sha256]
    result, record = redrawn("a dog <lora:ink:1>")
    assert used(record) == []
    assert notes(result) == ["LoRA 'ink' (no hash is given): several networks have that name; drawn without"]


def test_the_same_networks_by_hash_and_by_name_draw_the_same_picture() -> None:
    def pixels(prompt: str, *more: str) -> Any:
        with Image.open(redrawn(prompt, *more)[0].picture) as opened:
            return opened.tobytes()

    there = pixels("a theirs dog<hypernet:anime:0.4>", f'TI hashes: "theirs: {short("zkz")}"')
    assert there == pixels("a zkz dog<hypernet:anime:0.4>", f'TI hashes: "zkz: {short("zkz")}"') != pixels("a dog")
