"""The networks that a prompt names, on the base while its picture appears, each as long as the prompt says.

Reads: a prompt that was read, a shelf of networks. Writes: hooks on a family, until detached. Does not: parse, draw.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from torch import Tensor

from imprint.artifacts.picture import AdapterRecord
from imprint.errors import ModelError, UnknownNameError
from imprint.families.family import Family
from imprint.prompts.reading import Prompt
from imprint.prompts.syntax import Network
from imprint.weights.applying import LoadedNetwork, Strengths, attach
from imprint.weights.blends import members
from imprint.weights.embeddings import read_embedding
from imprint.weights.opening import open_network
from imprint.weights.shelf import FoundNetwork, NetworkFile, Shelf

log = logging.getLogger(__name__)

OFF = Strengths(0.0, 0.0)
_Slot: TypeAlias = tuple[str, str, int]  # kind, name, which of several of that name


@dataclass(frozen=True)
class _Member:
    """One network of a slot: where it stands among all, and what the slot's strengths are multiplied by."""

    index: int
    factor: Strengths


class PromptNetworks:
    """The networks of one prompt on a base, from making until `detach`; use it in a `with` block.

    A network that is not on the shelf, or does not fit the base, is left out and a warning names it.

    Args:
        family: the base.
        prompt: whose networks.
        shelf: where they are found; None finds none.
    """

    def __init__(self, family: Family, prompt: Prompt, shelf: Shelf | None) -> None:
        self._timeline = [(end, _slots(networks)) for end, networks in prompt.network_schedule()]
        self._loaded: list[LoadedNetwork] = []
        self._slots: dict[_Slot, list[_Member]] = {}
        self._records: dict[str, AdapterRecord] = {}
        for _, slots in self._timeline:
            for slot, network in slots.items():
                if slot not in self._slots:
                    self._slots[slot] = _load(family, network, shelf, self._loaded, self._records)
        self._applied = attach(family, self._loaded, dict.fromkeys(range(len(self._loaded)), OFF))

    @property
    def records(self) -> tuple[AdapterRecord, ...]:
        """What is on the base at some step, for the picture's record."""
        return tuple(self._records.values())

    @property
    def key(self) -> tuple[object, ...]:
        """What decides how text is encoded now, besides the text."""
        pairs = zip(self._loaded, self._applied.strengths, strict=True)
        return tuple((one.path, now.text_encoder) for one, now in pairs if now.text_encoder)

    def enter(self, unit: int) -> None:
        """Set the strengths of a step (or call, as the prompt counts), from 0."""
        current = next((slots for end, slots in self._timeline if unit < end), self._timeline[-1][1])
        wanted = dict.fromkeys(range(len(self._loaded)), OFF)
        for slot, network in current.items():
            for member in self._slots[slot]:
                wanted[member.index] = Strengths(
                    network.text_encoder * member.factor.text_encoder, network.unet * member.factor.unet
                )
        self._applied.set_strengths(wanted)

    def detach(self) -> None:
        """Take them off; nothing of them is left."""
        self._applied.detach()

    def __enter__(self) -> PromptNetworks:
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()


def _slots(networks: tuple[Network, ...]) -> dict[_Slot, Network]:
    seen: Counter[tuple[str, str]] = Counter()
    slots: dict[_Slot, Network] = {}
    for network in networks:
        seen[network.kind, network.name] += 1
        slots[network.kind, network.name, seen[network.kind, network.name]] = network
    return slots


def _load(
    family: Family, network: Network, shelf: Shelf | None, loaded: list[LoadedNetwork],
    records: dict[str, AdapterRecord],
) -> list[_Member]:
    """Open what a network of a prompt stands for: one file, or those of a blend."""
    if network.options or network.rank is not None:
        log.warning("network %s: dyn= and values with other names mean nothing here and are ignored", network.name)
    if shelf is None:
        hint = "there is no folder of networks: make networks/, or name one in `networks` or IMPRINT_NETWORKS"
        log.warning("the network %s of the prompt is left out: %s", network.name, hint)
        return []
    try:
        found = shelf.find(network.name, ("lora", "blend") if network.kind == "lora" else ("hypernetwork",))
        opened = [(one, factor, open_network(one.file.path, family)) for one, factor in members(shelf, found)]
    except (UnknownNameError, ModelError) as error:
        log.warning("the network %s of the prompt is left out: %s", network.name, error)
        return []
    out: list[_Member] = []
    for one, factor, content in opened:
        for remark in (one.remark, *content.remarks):
            if remark:
                log.info("network %s: %s", network.name, remark)
        out.append(_Member(len(loaded), factor))
        loaded.append(content)
        records[one.file.spelling] = _record(one, "lora" if network.kind == "lora" else "hypernetwork", network.unet)
    return out


def _record(found: FoundNetwork, kind: str, strength: float) -> AdapterRecord:
    file = found.file
    return AdapterRecord(
        name=file.name, kind=kind, strength=strength, sha256=file.sha256, short_hash=file.short_hash
    )  # fmt: skip


def _plain(text: str) -> str:
    """As tokens see it: in small letters, white space of any length as one space."""
    return " ".join(text.lower().split())


def embeddings_named(shelf: Shelf, *texts: str) -> list[NetworkFile]:
    """The embeddings of a shelf, and pickles that may be some, whose name stands in a text."""
    said = _plain(" ".join(texts))
    return [file for file in shelf.files if file.kind in ("embedding", "pickle") and _plain(file.name) in said]


class ShelfEmbeddings:
    """The embeddings of a shelf, opened when a prompt may name them.

    Args:
        family: the base that they must fit.
        shelf: where they are; None has none.
    """

    def __init__(self, family: Family, shelf: Shelf | None) -> None:
        self._family = family
        self._shelf = shelf
        self._tried: set[Path] = set()
        self.vectors: dict[str, Tensor] = {}
        self.files: dict[str, NetworkFile] = {}

    def look_for(self, *texts: str) -> bool:
        """Open those whose name stands in a text. Returns: whether there are more than before."""
        named = embeddings_named(self._shelf, *texts) if self._shelf else []
        named = [file for file in named if file.path not in self._tried]
        self._tried |= {file.path for file in named}
        before = len(self.vectors)
        for file in named:
            try:
                self.vectors[file.name] = read_embedding(file.path, self._family).vectors_VD
                self.files[file.name] = file
            except ModelError as error:
                if file.kind == "embedding":  # a pickle may be anything
                    log.warning("the embedding %s is left out: %s", file.name, error)
        return len(self.vectors) > before

    def records(self, names: frozenset[str]) -> tuple[AdapterRecord, ...]:
        """Of some of them, for a picture's record."""
        files = [self.files[name] for name in sorted(names)]
        return tuple(
            AdapterRecord(name=file.name, kind="embedding", strength=1, sha256=file.sha256, short_hash=file.short_hash)
            for file in files
        )
