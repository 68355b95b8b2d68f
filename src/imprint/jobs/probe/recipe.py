"""What a probe and a search for tokens are asked for. Reads and writes nothing."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from imprint.config import Config
from imprint.evaluation.concepts import LEAST_SEEDS
from imprint.evaluation.names import JudgeName
from imprint.generation.request import Prompt
from imprint.generation.sampling import SamplerName
from imprint.generation.seeds import SEED_LIMIT, SidePx

PHRASE_LIMIT = 1000  # characters; the sentence around a phrase must stay within a prompt's limit
PLACE = "{}"


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("nothing but blanks; write what is to be drawn")
    if len(text) > PHRASE_LIMIT:
        raise ValueError(f"{len(text)} characters; a phrase has at most {PHRASE_LIMIT}")
    return text.strip()


def _sentence(text: str) -> str:
    if text.count(PLACE) != 1 or len(text) > PHRASE_LIMIT:
        raise ValueError(f'needs {{}} once, where the phrase goes, as in "a photo of {{}}"; {PHRASE_LIMIT} characters')
    return text


Phrase = Annotated[Prompt, AfterValidator(_said)]
Words = tuple[Phrase, ...]


class MeasureSettings(Config):
    """How pictures are drawn and judged, and what they are measured between."""

    base: str = "nano"
    """The base model: "nano", which ships with the package, or a folder in diffusers layout."""
    judge: JudgeName = "nano"
    """Who looks at the pictures; the one that ships knows the embedded base's world only."""
    sentence: Annotated[str, AfterValidator(_sentence)] = "a photo of {}"
    """What every phrase stands in, in the place of {}; an article is put before it where it has none."""
    known: Words = Field(default=("dog", "car", "chair"), min_length=2, max_length=16)
    """Words that the base knows for certain: the upper end of every scale."""
    fillers: Words = Field(default=("qqv", "xjq", "wzx"), min_length=3, max_length=16)
    """Strings that mean nothing to it: the lower end."""
    ordinary: Words = Field(default=("red", "black", "striped"), min_length=1, max_length=16)
    """Words that change a class when they stand before it: the upper end of the distance to the class."""
    seeds: int = Field(default=8, ge=LEAST_SEEDS, le=256)
    """Pictures of every prompt; more make the errors smaller."""
    seed: int = Field(default=0, ge=0, le=SEED_LIMIT - 256)
    """Seed of the first; each next one has the next seed, the same for every prompt."""
    steps: int = Field(default=8, ge=1, le=500)
    """Network calls for each; few are enough to see what a picture shows."""
    cfg_scale: float = Field(default=4.0, ge=0, le=100)
    """How strongly the prompt is followed."""
    sampler: SamplerName = "dpmpp_2m"
    """How they are drawn."""
    size_px: SidePx | None = None
    """Width and height; left out, the base's native size."""
    batch: int = Field(default=8, ge=1, le=256)
    """Pictures at a time; more is faster and needs more memory."""
    device: str = "cpu"
    """Where the networks are: "cpu", "cuda", "cuda:1"."""

    @model_validator(mode="after")
    def _ends_differ(self) -> Self:
        for name in ("known", "fillers", "ordinary"):
            words: Words = getattr(self, name)
            if len(set(words)) < len(words):
                raise ValueError(f"{name} names a word twice")
        if both := sorted(set(self.known) & set(self.fillers)):
            raise ValueError(f"{both[0]!r} is in known and in fillers; it can be one only")
        return self


class ProbeRecipe(MeasureSettings):
    """Measure how well a base knows a phrase."""

    phrase: Phrase
    """What is asked about: a word, a name or a few words, read as every prompt is."""
    class_word: Phrase | None = None
    """What it would stand before in prompts, as in "zkz dog"; left out, no distance to a class is measured."""


class TokenRecipe(MeasureSettings):
    """Find words that mean nothing to a base, to name a subject with."""

    class_word: Phrase
    """What the subject is: dog, woman, vase."""
    count: int = Field(default=5, ge=1, le=100)
    """How many are proposed."""
    seeds: int = Field(default=6, ge=LEAST_SEEDS, le=256)
    """Pictures of every prompt; more make the errors smaller."""
    drawn: int = Field(default=12, ge=1, le=500)
    """How many candidates are drawn, the best by their texts; not fewer than `count`."""
    texts: int = Field(default=1000, ge=1, le=100_000)
    """How many candidates are measured by their texts at most, the rarest tokens first."""
    tokens: int = Field(default=3, ge=1, le=3)
    """Tokens that a candidate may have; a word of one token is tried before strings of several."""
    pronounceable: bool = False
    """Only words whose consonants and vowels take turns."""
    avoid: tuple[str, ...] = ()
    """Words that are not wanted."""

    @model_validator(mode="after")
    def _enough_is_drawn(self) -> Self:
        if self.drawn < self.count:
            raise ValueError(f"drawn = {self.drawn} is fewer than count = {self.count}; set drawn higher as well")
        return self
