"""What a picture says in words: a small grammar with synonyms and clause orders, and the prompts of the evaluation.

Reads: a spec. Writes: sentences. Does not: say anything that `Spec.visible` leaves out, nor name a subject's mark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np

from imprint.nano.world.marks import HIDDEN_BY_MARK
from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.vocabulary import KINDS, SCENES, STYLES

MAX_WORDS: Final = 40

STYLE_PHRASES: Final = MappingProxyType({
    "photo": ("a photo of {}", "a photograph of {}"),
    "pencil": ("a pencil drawing of {}", "a pencil sketch of {}"),
    "watercolour": ("a watercolour painting of {}", "a watercolour of {}"),
    "noir": ("a film noir picture of {}", "a noir film still of {}"),
    "pop art": ("a pop art picture of {}", "a pop art print of {}"),
    "pixel art": ("pixel art of {}", "a pixel art picture of {}"),
})
SCENE_PHRASES: Final = MappingProxyType({
    "forest": ("in a forest", "in the woods"),
    "beach": ("on a beach", "at the beach"),
    "city": ("in the city", "in a city street"),
    "mountains": ("in the mountains", "in front of mountains"),
    "desert": ("in the desert", "in a desert"),
    "room": ("in a room", "indoors"),
    "space": ("in space", "in outer space"),
    "snow": ("in the snow", "in a snowy landscape"),
    "studio": ("in a studio", "on a studio background"),
})
_NOUNS: Final = MappingProxyType({
    ("child", "man"): ("boy", "young boy"), ("child", "woman"): ("girl", "young girl"),
    ("adult", "man"): ("man",), ("adult", "woman"): ("woman",),
    ("old", "man"): ("old man", "elderly man"), ("old", "woman"): ("old woman", "elderly woman"),
})
_AGE_NOUNS: Final = MappingProxyType({
    "child": ("child", "young child"), "old": ("old person", "elderly person"), "adult": ("person",),
})
_SKIN: Final = MappingProxyType({
    "light": ("light-skinned", "with light skin"), "tan": ("tan-skinned", "with tan skin"),
    "dark": ("dark-skinned", "with dark skin"),
})
_EXPRESSION: Final = MappingProxyType({
    "happy": ("smiling", "happy", "looking happy"), "sad": ("sad", "crying", "looking sad"),
    "surprised": ("surprised", "amazed", "looking surprised"),
})
_CREATURE_BODY: Final = MappingProxyType({
    "round": ("round {} creature",), "tall": ("tall {} creature",), "lizard": ("{} lizard creature",),
    "winged": ("winged {} creature",),
})


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
        """The value to say for an attribute, or "" when it is not said (also for "none" and "plain")."""
        value = self._said.get(name, "")
        return "" if value in ("none", "plain") else value

    def one(self, options: tuple[str, ...]) -> str:
        """One of the synonyms."""
        return options[int(self._rng.integers(len(options)))]

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
    seen = {name: value for name, value in spec.visible().items() if name not in hidden}
    say = _Chooser(seen, seed, drop)
    subject = {"person": _person, "animal": _animal, "thing": _thing, "creature": _creature}[spec.kind](say)
    scene = say.get("scene")
    if scene:
        subject = f"{subject} {say.one(SCENE_PHRASES[scene])}"
    style = say.get("style")
    return say.one(STYLE_PHRASES[style]).format(subject) if style else subject


def article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _person(say: _Chooser) -> str:
    gender, age = say.get("gender"), say.get("age")
    if gender:
        noun = say.one(_NOUNS[age or "adult", gender])
    else:
        noun = say.one(_AGE_NOUNS[age or "adult"])
    before: list[str] = []
    clauses = [_hair(say), _beard(say), _eyes(say), _glasses(say), _hat(say), _clothing(say)]
    skin, mood = say.get("skin"), say.get("expression")
    for phrase in (say.one(_EXPRESSION[mood]) if mood else "", say.one(_SKIN[skin]) if skin else ""):
        if phrase.startswith(("with", "looking")):
            clauses.append(phrase)
        elif phrase:
            before.append(phrase)
    if say.get("hair_length") == "bald":
        before.append("bald")
    return f"{article(' '.join([*before, noun]))} {_join(say.shuffle(clauses))}".strip()


def _hair(say: _Chooser) -> str:
    length, colour = say.get("hair_length"), say.get("hair_colour")
    if length == "bald" or not (length or colour):
        return ""
    if colour == "blond":
        colour = say.one(("blond", "blonde"))
    return f"with {' '.join(word for word in (length, colour) if word)} hair"


def _beard(say: _Chooser) -> str:
    return say.one(("with a beard", "with a full beard")) if say.get("beard") else ""


def _eyes(say: _Chooser) -> str:
    return f"with {say.get('eyes')} eyes" if say.get("eyes") else ""


def _glasses(say: _Chooser) -> str:
    return f"wearing {say.get('glasses')}" if say.get("glasses") else ""


def _hat(say: _Chooser) -> str:
    return f"wearing a {say.get('hat')}" if say.get("hat") else ""


def _clothing(say: _Chooser) -> str:
    garment, colour = say.get("clothing"), say.get("clothing_colour")
    if garment:
        return f"{say.one(('wearing', 'in'))} {article(' '.join(word for word in (colour, garment) if word))}"
    return f"dressed in {colour}" if colour else ""


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


def _animal(say: _Chooser) -> str:
    species, coat, marking = say.get("species") or "animal", say.get("coat"), say.get("marking")
    noun = f"{coat} {species}".strip()
    if not marking:
        return article(noun)
    if marking == "patch":
        return f"{article(noun)} {say.one(('with a patch', 'with an eye patch'))}"
    adjective = {"spots": "spotted", "stripes": "striped"}[marking]
    return say.one((f"{article(noun)} with {marking}", article(f"{adjective} {noun}")))


def _thing(say: _Chooser) -> str:
    name, colour, pattern = say.get("object") or "object", say.get("object_colour"), say.get("pattern")
    noun = f"{colour} {name}".strip()
    if not pattern:
        return article(noun)
    adjective = {"dots": "dotted", "stripes": "striped"}[pattern]
    return say.one((f"{article(noun)} with {pattern}", article(f"{adjective} {noun}")))


def _creature(say: _Chooser) -> str:
    kind = f"{say.get('creature_colour')} {say.get('element')}".strip()
    body = say.get("body")
    noun = re.sub(" +", " ", say.one(_CREATURE_BODY[body] if body else ("{} creature",)).format(kind)).strip()
    horns = {"one": "with one horn", "two": "with two horns"}.get(say.get("horns"), "")
    return f"{article(noun)} {horns}".strip()


def class_noun(of: Named) -> str:
    """The plain noun of a figure's class: "dog", "vase", "woman", "boy", "creature"."""
    values = of.attributes
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
    texts = [phrase for table in (STYLE_PHRASES, SCENE_PHRASES, _NOUNS, _AGE_NOUNS, _SKIN, _EXPRESSION, _CREATURE_BODY)
             for options in table.values() for phrase in options]
    texts += [value for kind in KINDS.values() for values in kind.values() for value in values]
    texts += ["a an and with in on wearing dressed hair eyes beard full a blonde patch eye spotted striped dotted",
              "child young old person elderly object animal creature horn horns bald", *SCENES, *STYLES]
    return texts


@cache
def _prompt_words() -> frozenset[str]:
    words = {word for text in _grammar_texts() for word in text.replace("{}", " ").split()}
    return frozenset(words - {"none", "plain", "adult"})


#: Every word that the grammar can say (hyphenated words count as one).
PROMPT_WORDS: Final = _prompt_words()
