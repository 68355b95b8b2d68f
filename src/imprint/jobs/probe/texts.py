"""What a base's text encoder makes of candidates: cheap, for all of them, before anything is drawn.

Reads: a family. Writes: numbers. Does not: draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imprint.families import Family
from imprint.jobs.naming import LEAST, encoding_shifts
from imprint.jobs.probe.candidates import Candidate
from imprint.jobs.probe.looking import prompt_of
from imprint.jobs.probe.recipe import TokenRecipe
from imprint.jobs.progress import announce


@dataclass(frozen=True)
class TextFigures:
    """What the text encoder makes of one candidate, against the median of ordinary words.

    Attributes:
        candidate: the word.
        shift: how far it moves the encoding of the class prompt; 1 is as far as ordinary words do.
        norm: length of the longest of its token vectors; 1 is that of ordinary words. A token that was hardly trained
            keeps the length it began with, or loses some by weight decay.
    """

    candidate: Candidate
    shift: float
    norm: float


def measure_texts(
    family: Family, recipe: TokenRecipe, candidates: Sequence[Candidate]
) -> tuple[list[TextFigures], list[TextFigures]]:
    """Measure candidates by their texts.

    Returns: those of the recipe's ordinary words, and those of the candidates: first the half with the shorter vectors,
        which were trained least, and there what the text encoder sees best. A name that it does not see is no handle
        to learn a subject by; whether one means something is left to the pictures.
    """
    ordinary = [Candidate(word, tuple(family.token_ids(word))) for word in recipe.ordinary]
    words = [*ordinary, *candidates]
    shifts, norms = _shifts(family, recipe, words), _norms(family, words)
    first = len(ordinary)
    shift_unit, norm_unit = (max(float(np.median(values[:first])), LEAST) for values in (shifts, norms))
    figures = [
        TextFigures(word, shift / shift_unit, norm / norm_unit)
        for word, shift, norm in zip(words, shifts, norms, strict=True)
    ]
    trained = np.array(norms[first:]) > np.median(norms[first:])
    order = np.lexsort((-np.array(shifts[first:]), trained))
    return figures[:first], [figures[first + int(place)] for place in order]


def _shifts(family: Family, recipe: TokenRecipe, candidates: Sequence[Candidate]) -> list[float]:
    """1 - cosine of the encoding of the class prompt with and without each candidate, 0..2."""
    prompts = [prompt_of(recipe, one.text, recipe.class_word) for one in candidates]
    return encoding_shifts(family, prompt_of(recipe, recipe.class_word), prompts, announce("texts"))


def _norms(family: Family, candidates: Sequence[Candidate]) -> list[float]:
    named = family.parameters("text_encoder").items()
    table = next(value for name, value in named if name.endswith("token_embedding.weight"))
    lengths = table.detach().double().square().sum(dim=1).sqrt().cpu()
    return [float(lengths[list(one.tokens)].max()) for one in candidates]
