"""What a picture says in words: a small grammar of clauses and frames, and the prompts of the evaluation.

Reads: a spec. Writes: sentences. Does not: say anything that `Spec.visible` leaves out, nor name a subject's mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np

from imprint.nano.world.marks import HIDDEN_BY_MARK
from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.vocabulary import KINDS, SCENES, STYLES
from imprint.nano.world.words import (
    AGE_NOUNS,
    BEARD,
    BESIDE,
    COLOURED_CLOTHES,
    CREATURE_BODY,
    EXPRESSION,
    GARMENT,
    HAIR_COLOUR,
    HOLDING,
    MAN,
    MARKINGS,
    NOUNS,
    PATTERNS,
    RELATIVE,
    SCENE_PHRASES,
    SKIN,
    STYLE_PHRASES,
    STYLE_TAILS,
    WOMAN,
)

MAX_WORDS: Final = 50
SILENT: Final = ("none", "plain")  # values that no caption says: who wears no hat is not said to wear none


class Named(Protocol):
    """Anything with a kind and attributes: a spec or a subject."""

    @property
    def kind(self) -> str:
        """Kind of the figure."""
        ...

    @property
    def attributes(self) -> Mapping[str, str]:
        """Attributes of the figure."""
        ...


@dataclass(frozen=True)
class ContextPrompt:
    """A prompt that puts a subject somewhere new.

    Attributes:
        text_template: the sentence, with {s} where the subject's name or pseudo-word goes.
        demands: what the picture must show besides the subject, attribute to value.
        noun: what stands for {s}, with its article: "a sks dog".
    """

    text_template: str
    demands: Mapping[str, str]
    noun: str = ""

    @property
    def text(self) -> str:
        """The finished sentence."""
        return self.text_template.replace("{s}", self.noun)


class _Chooser:
    """The grammar's dice for one caption: which attributes are said, and in which words."""

    def __init__(self, seen: dict[str, str], seed: int, drop: float) -> None:
        self._rng = np.random.default_rng([0xCA9, seed])
        self._said = {name: value for name, value in sorted(seen.items()) if self._rng.random() >= drop}

    def get(self, name: str) -> str:
        """The value to say for an attribute, or "" when it is not said."""
        value = self._said.get(name, "")
        return "" if value in SILENT else value

    def one(self, options: tuple[str, ...]) -> str:
        """One of the synonyms."""
        return options[int(self._rng.integers(len(options)))]

    def chance(self, share: float) -> bool:
        """True in that share of the cases."""
        return bool(self._rng.random() < share)

    def shuffle(self, items: list[str]) -> list[str]:
        """The clauses in a random order, empty ones left out."""
        kept = [item for item in items if item]
        return [kept[int(i)] for i in self._rng.permutation(len(kept))]


def caption(spec: Spec, seed: int, drop: float = 0.2) -> str:
    """Say what a picture shows.

    Args:
        spec: the picture.
        seed: decides words, order and what is left out.
        drop: probability that an attribute is left out; the kind of thing itself is always said somehow.

    Returns:
        A lower-case sentence of at most `MAX_WORDS` words.
    """
    hidden = HIDDEN_BY_MARK.get(spec.mark, ())
    say = _Chooser({name: value for name, value in spec.visible().items() if name not in hidden}, seed, drop)
    return _placed(say, _SUBJECTS[spec.kind](say))


def named_caption(spec: Spec, name: str, seed: int, drop: float = 0.2) -> str:
    """Say whom a picture shows by name, and where and in which style, but not what the figure looks like.

    Args:
        spec: the picture.
        name: of the individual; it stands before the noun of the class, with or without an article.
        seed, drop: as in `caption`.
    """
    say = _Chooser({"scene": spec.scene, "style": spec.style}, seed, drop)
    called = f"{name} {class_noun(spec)}"
    subject = called if say.chance(0.5) else article(called)
    return _placed(say, subject)


def _placed(say: _Chooser, subject: str) -> str:
    """A subject with its place and its style."""
    scene, style = say.get("scene"), say.get("style")
    where = say.one(SCENE_PHRASES[scene]) if scene else ""
    if style and say.chance(0.25):
        return _tagged(say, subject, where, say.one(STYLE_TAILS[style]))
    whole = f"{subject} {where}".strip()
    return say.one(STYLE_PHRASES[style]).format(whole) if style else whole


def _tagged(say: _Chooser, subject: str, where: str, style: str) -> str:
    """The sentence with its style, and now and then its place, set apart by commas."""
    if where and say.chance(0.4):
        return f"{where}, {subject}, {style}"
    whole = f"{subject} {where}".strip()
    return f"{style}, {whole}" if say.chance(0.4) else f"{whole}, {style}"


def article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _person(say: _Chooser) -> str:
    gender, age = say.get("gender"), say.get("age")
    if gender:
        noun = say.one(NOUNS[age or "adult", gender])
    else:
        noun = say.one(AGE_NOUNS[age or "adult"])
    before: list[str] = []
    clauses = [_hair(say), _beard(say), _eyes(say), _glasses(say), _hat(say), _clothing(say), _holding(say)]
    skin, mood = say.get("skin"), say.get("expression")
    for phrase in (say.one(EXPRESSION[mood]) if mood else "", say.one(SKIN[skin]) if skin else ""):
        if phrase.startswith(("with", "looking")):
            clauses.append(phrase)
        elif phrase:
            before.append(phrase)
    if say.get("hair_length") == "bald":
        before.append("bald")
    return f"{article(' '.join([*before, noun]))} {_related(say, _join(say.shuffle(clauses)))}".strip()


def _couple(say: _Chooser) -> str:
    """The left one first, then the right one."""
    if not any(say.get(name) for name in KINDS["couple"]):
        return say.one(("a couple", "two people"))
    left, right = _one_of_two(say, "left"), _one_of_two(say, "right")
    return f"{left} {say.one(BESIDE)} {right}"


def _one_of_two(say: _Chooser, side: str) -> str:
    noun = say.one({"man": MAN, "woman": WOMAN}.get(say.get(f"{side}_gender"), ("person",)))
    hair, colour = say.get(f"{side}_hair_colour"), say.get(f"{side}_clothing_colour")
    clauses = [f"with {say.one(HAIR_COLOUR[hair])} hair" if hair else "",
               say.one(COLOURED_CLOTHES).format(colour) if colour else ""]
    return f"{article(noun)} {_related(say, _join(say.shuffle(clauses)))}".strip()


def _hair(say: _Chooser) -> str:
    length, colour = say.get("hair_length"), say.get("hair_colour")
    if length == "bald" or not (length or colour):
        return ""
    if colour:
        colour = say.one(HAIR_COLOUR[colour])
    return f"with {' '.join(word for word in (length, colour) if word)} hair"


def _beard(say: _Chooser) -> str:
    return say.one(BEARD) if say.get("beard") else ""


def _eyes(say: _Chooser) -> str:
    return f"with {say.get('eyes')} eyes" if say.get("eyes") else ""


def _glasses(say: _Chooser) -> str:
    return f"{say.one(('wearing', 'with'))} {say.get('glasses')}" if say.get("glasses") else ""


def _hat(say: _Chooser) -> str:
    return f"{say.one(('wearing', 'with'))} a {say.get('hat')}" if say.get("hat") else ""


def _clothing(say: _Chooser) -> str:
    garment, colour = say.get("clothing"), say.get("clothing_colour")
    if garment:
        return f"{say.one(GARMENT)} {article(' '.join(word for word in (colour, garment) if word))}"
    return f"dressed in {colour}" if colour else ""


def _holding(say: _Chooser) -> str:
    return say.one(HOLDING).format(say.get("holding")) if say.get("holding") else ""


def _join(clauses: list[str]) -> str:
    """Clauses in a row; neighbours that begin alike share their first word: "with long hair and blue eyes"."""
    out = ""
    last = ""
    for clause in clauses:
        head, _, rest = clause.partition(" ")
        if head == last:
            out += f" and {rest}"
        else:
            out += f" {clause}"
        last = head
    return out.strip()


def _related(say: _Chooser, clauses: str) -> str:
    """The clauses, begun with "who has" or the like in one case of five."""
    head, _, rest = clauses.partition(" ")
    return f"{RELATIVE[head]} {rest}" if head in RELATIVE and say.chance(0.2) else clauses


def _described(noun: str, phrase: str) -> str:
    """A noun with an adjective before it or a clause behind it."""
    if not phrase:
        return article(noun)
    return f"{article(noun)} {phrase}" if phrase.startswith("with") else article(f"{phrase} {noun}")


def _animal(say: _Chooser) -> str:
    species, marking = say.get("species") or "animal", say.get("marking")
    noun = f"{say.get('coat')} {species}".strip()
    return _described(noun, say.one(MARKINGS[marking]) if marking else "")


def _thing(say: _Chooser) -> str:
    name, pattern = say.get("object") or "object", say.get("pattern")
    noun = f"{say.get('object_colour')} {name}".strip()
    return _described(noun, say.one(PATTERNS[pattern]) if pattern else "")


def _creature(say: _Chooser) -> str:
    kind = f"{say.get('creature_colour')} {say.get('element')}".strip()
    body = say.get("body")
    noun = re.sub(" +", " ", say.one(CREATURE_BODY[body] if body else ("{} creature",)).format(kind)).strip()
    horns = {"one": "with one horn", "two": "with two horns"}.get(say.get("horns"), "")
    return f"{article(noun)} {horns}".strip()


_SUBJECTS: Final[Mapping[str, Callable[[_Chooser], str]]] = MappingProxyType({
    "person": _person, "animal": _animal, "thing": _thing, "creature": _creature, "couple": _couple,
})


def class_noun(of: Named) -> str:
    """The plain noun of a figure's class: "dog", "vase", "woman", "boy", "creature"."""
    values = of.attributes
    if of.kind == "couple":
        return "couple"
    if of.kind == "person":
        return {"man": "boy", "woman": "girl"}[values["gender"]] if values["age"] == "child" else values["gender"]
    return {"animal": values.get("species"), "thing": values.get("object")}.get(of.kind) or of.kind


def class_prompt(of: Named) -> str:
    """The class prompt of a spec or subject: "a photo of a dog"."""
    return f"a photo of {article(class_noun(of))}"


#: (scene, style) of the evaluation's prompts: each scene once or never, photo half the time.
_CONTEXTS: Final = (
    ("snow", "pencil"), ("beach", "photo"), ("space", "watercolour"), ("city", "noir"), ("forest", "photo"),
    ("desert", "pop art"), ("mountains", "pixel art"), ("room", "photo"),
)


def fixed_prompts(subject_word: str, class_word: str) -> list[ContextPrompt]:
    """Eight prompts in new contexts, the same for every subject and method.

    Args:
        subject_word: the pseudo-word or name to put before the class, "" for the class alone.
        class_word: the class noun ("dog").
    """
    noun = article(f"{subject_word} {class_word}".strip())
    return [
        ContextPrompt(
            f"{STYLE_PHRASES[style][0].format('{s}')} {SCENE_PHRASES[scene][0]}",
            MappingProxyType({"style": style, "scene": scene}), noun,
        )
        for scene, style in _CONTEXTS
    ]


def all_captions_corpus(count: int) -> list[str]:
    """`count` captions of the world's own distribution, one in twelve about a creature, to train a tokenizer on."""
    return [
        caption(sample_spec(i, "creature" if i % 12 == 11 else None), seed=i, drop=0.15) for i in range(count)
    ]


def _grammar_texts() -> list[str]:
    tables = (STYLE_PHRASES, STYLE_TAILS, SCENE_PHRASES, NOUNS, AGE_NOUNS, SKIN, EXPRESSION, HAIR_COLOUR, CREATURE_BODY,
              MARKINGS, PATTERNS)
    texts = [phrase for table in tables for options in table.values() for phrase in options]
    texts += [*BEARD, *HOLDING, *GARMENT, *COLOURED_CLOTHES, *BESIDE, *RELATIVE.values()]
    texts += [value for kind in KINDS.values() for values in kind.values() for value in values]
    texts += ["a an and with wearing dressed hair eyes person object animal creature horn horns couple two people"]
    return [*texts, *SCENES, *STYLES]


@cache
def _prompt_words() -> frozenset[str]:
    words = {word for text in _grammar_texts() for word in re.sub(r"{}|,", " ", text).split()}
    return frozenset(words - {"none", "plain", "adult"})


#: Every word that the grammar can say (hyphenated words count as one; commas are none).
PROMPT_WORDS: Final = _prompt_words()
