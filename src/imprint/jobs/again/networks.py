"""The networks of another tool's record, as they are here.

Reads: what an infotext asks for, runs, a shelf. Writes: fields of a request. Does not: open tensors.

A file is the same by its hash, whatever it is called; one that only has the name is taken too, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imprint.artifacts.infotext import written
from imprint.errors import ModelError, UnknownNameError, shortened
from imprint.generation.record import NetworkWanted, Understood
from imprint.jobs.again.locating import network_of
from imprint.jobs.again.recipe import AgainRecipe
from imprint.weights.network_header import NetworkKind
from imprint.weights.shelf import NetworkFile, Shelf

TITLES = {"lora": "LoRA", "hypernetwork": "hypernetwork", "embedding": "embedding"}
KINDS: Mapping[str, tuple[NetworkKind, ...]] = {
    "lora": ("lora", "blend"), "hypernetwork": ("hypernetwork",), "embedding": ("embedding",),
}  # fmt: skip
COMPARABLE = 10  # digits: eight are of a hash that only old versions of A1111 had
_PLAIN = re.compile(r"[^:<>/\\.][^:<>/\\]*")


@dataclass(frozen=True)
class Placed:
    """Where the networks of a record went.

    Attributes:
        fields: of the request, its prompts with the networks by their names here.
        weights: of runs, each with what it stands for.
        notes: what is missing, or another file than it was.
    """

    fields: Mapping[str, Any]
    weights: tuple[tuple[Path, NetworkWanted], ...]
    notes: tuple[str, ...]


def place_networks(recipe: AgainRecipe, understood: Understood, shelf: Shelf | None) -> Placed:
    """Find what an infotext asks for: a LoRA among the runs by the hash of its export, else all on the shelf."""
    fields, weights, notes = dict(understood.fields), list[tuple[Path, NetworkWanted]](), list[str]()
    for network in understood.networks:
        path = network_of(recipe, network.short_hash) if network.kind == "lora" else None
        if path is not None:
            weights.append((path, network))
            continue
        file, note = _on_shelf(network, shelf)
        if note:
            notes.append(note)
        if file is not None:
            _name(fields, network, file, shelf)
    return Placed(fields, tuple(weights), tuple(notes))


def _on_shelf(network: NetworkWanted, shelf: Shelf | None) -> tuple[NetworkFile | None, str]:
    """The file that a network is, and what is to be said of it."""
    digest = network.short_hash
    title = f"{TITLES[network.kind]} {shortened(network.name)} ({f'hash {digest}' if digest else 'no hash is given'})"
    why = "neither among the runs looked at nor the networks" if network.kind == "lora" else "not among the networks"
    for word in (digest, network.name):
        if shelf and word:
            try:
                file = shelf.find(word, KINDS[network.kind]).file
            except UnknownNameError:
                continue
            except ModelError as error:
                why = error.what
                continue
            other = word == network.name and len(digest) >= COMPARABLE
            return file, f"{title}: the one of that name here has the hash {file.short_hash}" if other else ""
    rest = "its name is read as words" if network.kind == "embedding" else "drawn without"
    return None, f"{title}: {why}; {rest}"


def _name(fields: dict[str, Any], network: NetworkWanted, file: NetworkFile, shelf: Shelf | None) -> None:
    """Write a network into the prompt as it is called here."""
    if network.kind == "embedding":
        pattern = re.compile(rf"(?<!\w){re.escape(network.name)}(?!\w)", re.IGNORECASE)
        for prompt in ("prompt", "negative_prompt"):
            fields[prompt] = pattern.sub(lambda _: file.name, fields[prompt])
        return
    kind = "lora" if network.kind == "lora" else "hypernet"
    strengths = [network.strength] if network.text_encoder is None else [network.text_encoder, network.strength]
    fields["prompt"] += f" <{':'.join((kind, _word(network, file, shelf), *map(written, strengths)))}>"


def _word(network: NetworkWanted, file: NetworkFile, shelf: Shelf | None) -> str:
    """What finds a file from a prompt: its name, or its hash where others have that name or a tag cannot hold it."""
    try:
        alone = shelf is not None and shelf.find(file.name, KINDS[network.kind]).file.path == file.path
    except ModelError:
        alone = False
    return file.name if alone and _PLAIN.fullmatch(file.name) else file.sha256
