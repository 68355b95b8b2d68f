"""From chunks to the vectors that the network reads.

Reads: chunks, a family, the vectors of embeddings. Writes: encodings. Does not: parse, cut or schedule.

Every chunk is encoded by itself, so that no text's encoding depends on another by a single bit, and the results are put
one behind the other along the sequence. Shapes: N tokens of a window (77), K chunks, V vectors, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imprint.families.family import Family
from imprint.prompts.chunking import Chunk
from imprint.prompts.emphasis import EmphasisMode, needs_empty, weighted


@dataclass(frozen=True)
class EncodeSettings:
    """How text becomes vectors, besides its words."""

    emphasis: EmphasisMode = "original"
    """What a word's weight does."""
    clip_skip: int = 1
    """Which layer of the text encoder is read, from the last backwards."""
    vectors: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Embeddings (V, D) by the names that chunks call them."""


def encode_chunks(family: Family, chunks: Sequence[Chunk], settings: EncodeSettings) -> Tensor:
    """Encode the chunks of one text.

    Args:
        family: the base.
        chunks: from `chunks_of`, at least one; every embedding they name is in `settings.vectors`.
        settings: emphasis, layer, embeddings.
    Returns: shape (1, 77 * K, D).
    Raises: ConfigError: if the text encoder has no such layer, or an embedding another width.
    """
    empty_ND = _states(family, Chunk(()), settings)[0] if needs_empty(settings.emphasis) else None
    return torch.cat([_encoded(family, chunk, settings, empty_ND) for chunk in chunks], dim=1)


def _encoded(family: Family, chunk: Chunk, settings: EncodeSettings, empty_ND: Tensor | None) -> Tensor:
    states_1ND = _states(family, chunk, settings)
    weights_1N = torch.ones(states_1ND.shape[:2])
    weights_1N[0, 1 : 1 + len(chunk.tokens)] = torch.tensor([token.weight for token in chunk.tokens])
    return weighted(
        states_1ND, weights_1N, settings.emphasis, states_1ND[0] if empty_ND is None else empty_ND,
        lambda seen_1N: _states(family, chunk, settings, seen_1N),
    )  # fmt: skip


def _states(family: Family, chunk: Chunk, settings: EncodeSettings, seen_1N: Tensor | None = None) -> Tensor:
    rows = torch.tensor(family.text_window.rows([[token.id for token in chunk.tokens]]))
    inserted = {
        (0, 1 + place): settings.vectors[token.embedding][token.row]
        for place, token in enumerate(chunk.tokens)
        if token.embedding is not None
    }
    return family.encode_tokens(rows, settings.clip_skip, inserted, seen_1N).text_BND
