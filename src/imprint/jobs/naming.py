"""Is a name a good one to teach a subject by: no word that the base knows, and one that its text encoder sees.

Reads: a family. Writes: numbers and advice. Does not: draw, or know whose name it is.
"""

# B texts, D text width
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from imprint.evaluation import class_prompt, subject_prompt
from imprint.families import Family

ORDINARY = ("red", "black", "striped")  # what a name is held against
RARE_NAMES = ("zkz", "qvx", "vqk", "vdyw", "vvh vdyw")  # proposed where a name will not do, in this order
#: Of what ordinary words move the encoding of a text. On the embedded base names below this were learnt late or not at
#: all, those above it within 360 steps (docs/lab-log.md, "A name that can be seen").
SEEN = 0.15
LEAST = 1e-9  # of a shift or a norm that others are divided by
TEXT_BATCH = 128  # texts encoded at a time: 30 MB of hidden states at the width of Stable Diffusion 1


@dataclass(frozen=True)
class NameAdvice:
    """What is wrong with a subject's name, and a better one; None where none that is known here is better."""

    warning: str
    proposal: str | None


def name_advice(family: Family, name: str, class_word: str = "") -> NameAdvice | None:
    """What speaks against a name; None when nothing does.

    A word that the tokenizer keeps whole was common in what it was made from: the base has a meaning for it, which the
    subject would have to replace. A name that the text encoder hardly heeds before the class gives a method nothing to
    tell "a photo of a zkz dog" from "a photo of a dog" by.

    Args:
        family: the base.
        name: of the subject.
        class_word: what the subject is; without one only the first is looked at.
    """
    if all(len(family.token_ids(word)) == 1 for word in name.split()):
        warning = f"the name {name!r} is a common word of this base, whose meaning it would have to unlearn"
        return NameAdvice(warning, _better(family, name, class_word))
    if class_word and (seen := visibility(family, [name], class_word)[0]) < SEEN:
        warning = (
            f"this base's text encoder hardly sees the name {name!r} before {class_word!r} ({seen:.2f} of what "
            "ordinary words move): it may be learnt late or not at all"
        )
        return NameAdvice(warning, _better(family, name, class_word))
    return None


def visibility(family: Family, names: Sequence[str], class_word: str) -> list[float]:
    """How far names move the encoding of the class prompt; 1 is as far as the median ordinary word does."""
    prompts = [subject_prompt(name, class_word) for name in (*ORDINARY, *names)]
    shifts = encoding_shifts(family, class_prompt(class_word), prompts)
    unit = max(median(shifts[: len(ORDINARY)]), LEAST)
    return [shift / unit for shift in shifts[len(ORDINARY) :]]


def encoding_shifts(
    family: Family, prompt: str, others: Sequence[str], tell: Callable[[int, int], object] = lambda _done, _total: None
) -> list[float]:
    """1 - cosine of the encodings of a prompt and of each other one, 0..2; `tell` hears how many of them are done."""
    first_D = _encodings(family, [prompt])[0]
    found: list[float] = []
    for start in range(0, len(others), TEXT_BATCH):
        encodings_BD = _encodings(family, others[start : start + TEXT_BATCH])
        found += [float(value) for value in 1.0 - torch.cosine_similarity(encodings_BD, first_D[None], dim=1)]
        tell(len(found), len(others))
    return found


def _better(family: Family, name: str, class_word: str) -> str | None:
    """The first rare name that is seen, else the one that is seen best."""
    rare = [word for word in RARE_NAMES if word != name and len(family.token_ids(word)) > 1]
    if not rare or not class_word:
        return next(iter(rare), None)
    seen = dict(zip(rare, visibility(family, rare, class_word), strict=True))
    return next((word for word in rare if seen[word] >= SEEN), max(rare, key=lambda word: seen[word]))


def _encodings(family: Family, prompts: Sequence[str]) -> Tensor:
    """The mean of each prompt's hidden states over its whole window, float64 (B, D).

    Cross-attention reads every place, padding included, which in CLIP carries what stands before it. The end token
    alone, CLIP's own summary, tells nothing here: any word in pieces throws it far off (docs/lab-log.md).
    """
    with torch.no_grad():
        return family.encode_text(list(prompts)).text_BND.double().mean(dim=1).cpu()
