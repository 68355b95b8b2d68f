"""Where pictures are prepared: prompts are read, their networks put on the base, their texts encoded.

Reads: requests, a family, a shelf of networks. Writes: what pictures are told; networks on the family, for a while.
Does not: draw.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from imprint.artifacts.picture import AdapterRecord
from imprint.errors import ConfigError
from imprint.families.family import Family
from imprint.generation.conditioning import Conditioning
from imprint.generation.networks import PromptNetworks, ShelfEmbeddings
from imprint.generation.reading import Reader, ReadPair, Told
from imprint.prompts.encoding import EncodeSettings
from imprint.weights.shelf import Shelf

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """The prompts of one picture, as they are read for one pass."""

    pair: ReadPair
    encode: EncodeSettings

    @property
    def alone(self) -> bool:
        """Whether the picture changes the base while it is drawn, so that no other can be drawn beside it."""
        return self.pair.names_networks


class Briefing:
    """What the pictures of one batch are told, for as long as their networks are on the base.

    Args:
        asked: their prompts.
        networks: those of the first one's, on the base.
        embeddings: those that may stand in texts.
        reader: encodes texts.
    """

    def __init__(
        self, asked: Sequence[Asked], networks: PromptNetworks, embeddings: ShelfEmbeddings, reader: Reader
    ) -> None:
        self.networks = networks
        self._asked, self._embeddings, self._reader = tuple(asked), embeddings, reader
        self._told: dict[torch.dtype, list[Told]] = {}  # a batch may have more texts than the reader keeps

    def conditionings(self) -> list[Conditioning]:
        """What each is told, in the precision that the base has now; encoded once for each precision."""
        return [one.conditioning for one in self._all()]

    def records(self) -> list[tuple[AdapterRecord, ...]]:
        """The networks and embeddings of each."""
        return [(*self.networks.records, *self._embeddings.records(one.embeddings)) for one in self._all()]

    def _all(self) -> list[Told]:
        dtype = self._reader.family.dtype
        if dtype not in self._told:
            self._told[dtype] = [self._reader.tell(one.pair, one.encode, self.networks) for one in self._asked]
        return self._told[dtype]


class Desk:
    """Prepares pictures for one family; a text is encoded once however often it comes.

    Args:
        family: the base; its weights must not change while the desk is used.
        shelf: where networks and embeddings are that prompts name; None leaves them out, with a warning.
    """

    def __init__(self, family: Family, shelf: Shelf | None) -> None:
        self.family, self.shelf = family, shelf
        self._reader, self._embeddings = Reader(family), ShelfEmbeddings(family, shelf)

    @contextmanager
    def briefing(self, asked: Sequence[Asked]) -> Generator[Briefing]:
        """Put the networks of the first picture's prompt on the base and tell all what they are to become.

        Yields: what they are told; the networks are taken off afterwards.
        """
        texts = [text for one in asked for text in (one.pair.positive.text, one.pair.negative.text)]
        if self._embeddings.look_for(*texts):
            self._reader.use(self._embeddings.vectors)
        with PromptNetworks(self.family, asked[0].pair.positive, self.shelf) as networks:
            for one in asked:
                _say(one.pair)
            yield Briefing(asked, networks, self._embeddings, self._reader)


def _say(pair: ReadPair) -> None:
    for what, prompt in (("prompt", pair.positive), ("negative prompt", pair.negative)):
        places: dict[str, list[int]] = {}
        for remark in prompt.remarks:
            places.setdefault(remark.text, []).append(remark.start + 1)
        for text, at in places.items():  # a thousand brackets without an end are one line
            more = f", and at {len(at) - 1} more places" if len(at) > 1 else ""
            log.info("%s, character %d%s: %s", what, at[0], more, text)
    for name in dict.fromkeys(one.name for _, named in pair.negative.network_schedule() for one in named):
        log.warning("the network %s is left out: networks are named in the prompt, not in the negative one", name)


@contextmanager
def only_drawing(family: Family) -> Generator[None]:
    """No gradients and no dropout inside; afterwards every module is in the mode it was in, as training needs."""
    networks = (family.unet, family.text_encoder, family.vae)
    training = [module for network in networks for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad(), family.drawing():
            yield
    finally:
        for module in training:
            module.training = True


def batch_size(asked: int | None) -> int:
    """How many pictures may be computed at a time; one where nothing was asked.

    Raises: ConfigError: if less than one is asked for.
    """
    if asked is not None and asked < 1:
        raise ConfigError("a batch holds at least one picture", where="batch", got=asked, allowed=">= 1")
    return asked or 1


def batches(tasks: Iterator[T], room: Callable[[T], int], together: Callable[[T, T], bool]) -> Iterator[list[T]]:
    """Neighbours that may be computed together, in order; a task is taken when it is needed.

    Args:
        tasks: in the order of their pictures.
        room: how many may be in a batch that begins with this one.
        together: whether a further one may join the first.
    """
    batch: list[T] = []
    for task in tasks:
        if batch and (len(batch) >= room(batch[0]) or not together(batch[0], task)):
            yield batch
            batch = []
        batch.append(task)
    if batch:
        yield batch
