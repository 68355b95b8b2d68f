"""From the prompts of a request to what its picture is told at each step.

Reads: texts, a family with its networks. Writes: conditionings. Does not: find networks, or draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import Field
from torch import Tensor

from imprint.config.base import Config
from imprint.families.family import Family
from imprint.generation.conditioning import Conditioning, Line, Stretch
from imprint.generation.networks import PromptNetworks
from imprint.prompts.chunking import COMMA_BACKTRACK, Tokens, chunks_of
from imprint.prompts.emphasis import EmphasisMode
from imprint.prompts.encoding import EncodeSettings, encode_chunks
from imprint.prompts.reading import Prompt, read_prompt
from imprint.prompts.scheduling import Schedule
from imprint.prompts.settings import Compat, ReadSettings
from imprint.prompts.weighting import Weighted

ENCODINGS_KEPT = 64  # texts whose encoding is kept; 0.2 MB each at the size of Stable Diffusion 1


class PromptSettings(Config):
    """How prompts are read."""

    compat: Compat = "imprint"
    """Whose reading: imprint repairs what breaks elsewhere and says so; a1111 keeps AUTOMATIC1111's quirks."""
    emphasis: EmphasisMode = "original"
    """What a word's weight does: original (A1111), original_per_sample, no_norm, comfy, compel or ignore."""
    clip_skip: int = Field(default=1, ge=1, le=100)
    """Which layer of the text encoder is read, from the last (1) backwards; 2 for models that were trained so."""


@dataclass(frozen=True)
class ReadPair:
    """A prompt and its negative prompt, read but not encoded."""

    positive: Prompt
    negative: Prompt

    @classmethod
    def of(cls, prompt: str, negative_prompt: str, settings: ReadSettings) -> ReadPair:
        """Read both.

        Args:
            prompt: as written, wildcards expanded.
            negative_prompt: the same.
            settings: of the prompt; the negative one is read with the same, but for AND.
        """
        return cls(read_prompt(prompt, settings), read_prompt(negative_prompt, replace(settings, negative=True)))

    @property
    def names_networks(self) -> bool:
        """Whether networks are on the base at any step."""
        return any(networks for _, networks in self.positive.network_schedule())


@dataclass(frozen=True)
class Told:
    """What a picture is told, and how that was read."""

    conditioning: Conditioning
    by_calls: bool
    """Whether texts change by model calls, as in A1111, and not by steps."""
    embeddings: frozenset[str] = frozenset()
    """Names of those that stand in the texts."""


class Reader:
    """Reads and encodes prompts for one family; a text is encoded once however often it comes.

    Args:
        family: the base; its weights must not change while the reader is used.
        vectors: embeddings (V, D) by the names that call them.
        backtrack: how many tokens behind a comma move to the next chunk at most.
    """

    def __init__(
        self, family: Family, vectors: Mapping[str, Tensor] | None = None, backtrack: int = COMMA_BACKTRACK
    ) -> None:
        self.family, self.backtrack = family, backtrack
        self._tokens = Tokens(family.token_ids)
        self.use(vectors or {})

    def use(self, vectors: Mapping[str, Tensor]) -> None:
        """Know these embeddings (V, D), by name, from now on."""
        self.vectors = dict(vectors)
        self._sizes = {name: len(rows) for name, rows in self.vectors.items()}
        self._kept: dict[tuple[object, ...], tuple[Tensor, frozenset[str]]] = {}

    def tell(self, pair: ReadPair, encode: EncodeSettings, networks: PromptNetworks | None = None) -> Told:
        """What a picture with these prompts is told.

        Args:
            pair: the prompts.
            encode: emphasis and layer.
            networks: of the prompt, on the base; every text is encoded under those that hold when it does.
        Raises: ConfigError: if the text encoder has no such layer, or an embedding another width.
        """
        wanted, unwanted = pair.positive, pair.negative
        names: set[str] = set()
        parts = tuple((part.weight, self._line(part.schedule, encode, networks, names)) for part in wanted.parts)
        negative = self._line(unwanted.parts[0].schedule, encode, networks, names)
        by_calls = wanted.parts[0].schedule.inclusive
        return Told(Conditioning(parts, negative), by_calls, frozenset(names))

    def _line(
        self, schedule: Schedule, encode: EncodeSettings, networks: PromptNetworks | None, names: set[str]
    ) -> Line:
        stretches: list[Stretch] = []
        for entry in schedule.entries:
            if networks:
                networks.enter(stretches[-1].end if stretches else 0)
            text_1ND, found = self._encoded(entry.weighted, encode, networks.key if networks else ())
            stretches.append(Stretch(entry.end, text_1ND))
            names |= found
        return Line(tuple(stretches))

    def _encoded(
        self, weighted: tuple[Weighted, ...], encode: EncodeSettings, under: tuple[object, ...]
    ) -> tuple[Tensor, frozenset[str]]:
        key = (weighted, encode.emphasis, encode.clip_skip, under, self.family.dtype)  # raised if a stage came to NaN
        if key not in self._kept:
            chunks = chunks_of(weighted, self._tokens, self._sizes, self.backtrack)
            settings = replace(encode, vectors=self.vectors)
            while len(self._kept) >= ENCODINGS_KEPT:
                self._kept.pop(next(iter(self._kept)))
            named = {token.embedding for chunk in chunks for token in chunk.tokens if token.embedding is not None}
            self._kept[key] = encode_chunks(self.family, chunks, settings), frozenset(named)
        return self._kept[key]
