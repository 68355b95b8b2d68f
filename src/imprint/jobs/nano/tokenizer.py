"""The tokenizer stage: a byte-level BPE learnt from the world's captions, made once a build.

Reads: the grammar of captions. Writes: `tokenizer/` as CLIP tokenizer files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from transformers import CLIPTokenizer

from imprint.nano.networks import train_tokenizer
from imprint.nano.world.captions import all_captions_corpus

CORPUS, VOCABULARY = 20_000, 2048


def open_tokenizer(build: Path) -> CLIPTokenizer:
    """The tokenizer of a build, learnt now if it is not there yet."""
    folder = build / "tokenizer"
    if not (folder / "tokenizer_config.json").exists():  # written last
        train_tokenizer(all_captions_corpus(CORPUS), VOCABULARY, folder)
    return cast("Any", CLIPTokenizer).from_pretrained(folder)
