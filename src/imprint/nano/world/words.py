"""The words of the captions: synonyms for every value of every attribute.

Reads: nothing. Writes: nothing. Does not: build sentences (see `captions`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

STYLE_PHRASES: Final = MappingProxyType({
    "photo": ("a photo of {}", "a photograph of {}", "a photographic picture of {}"),
    "pencil": ("a pencil drawing of {}", "a pencil sketch of {}", "{} drawn in pencil"),
    "watercolour": ("a watercolour painting of {}", "a watercolour of {}", "{} painted in watercolour"),
    "noir": ("a film noir picture of {}", "a film noir still of {}", "{} in film noir style"),
    "pop art": ("a pop art picture of {}", "a pop art print of {}", "{} in pop art style"),
    "pixel art": ("pixel art of {}", "a pixel art picture of {}", "{} in pixel art style"),
    "oil painting": ("an oil painting of {}", "an oil painting showing {}", "{} painted in oil"),
    "stained glass": ("a stained glass window of {}", "a stained glass picture of {}", "{} in stained glass"),
})
#: How a style is named at the end of a sentence, after a comma.
STYLE_TAILS: Final = MappingProxyType({
    "photo": ("photo", "photograph"), "pencil": ("pencil drawing", "pencil sketch"),
    "watercolour": ("watercolour", "watercolour painting"), "noir": ("film noir", "film noir style"),
    "pop art": ("pop art", "pop art style"), "pixel art": ("pixel art", "pixel art style"),
    "oil painting": ("oil painting",), "stained glass": ("stained glass", "stained glass window"),
})
SCENE_PHRASES: Final = MappingProxyType({
    "forest": ("in a forest", "in the woods", "in the forest"),
    "beach": ("on a beach", "at the beach", "on the beach"),
    "city": ("in the city", "in a city street", "in a city"),
    "mountains": ("in the mountains", "in front of mountains"),
    "desert": ("in the desert", "in a desert"),
    "room": ("in a room", "indoors"),
    "space": ("in space", "in outer space"),
    "snow": ("in the snow", "in a snowy landscape"),
    "studio": ("in a studio", "on a studio background"),
    "garden": ("in a garden", "in the garden", "in a blooming garden"),
    "castle": ("in front of a castle", "at a castle", "by the castle"),
    "underwater": ("underwater", "under the sea", "on the bottom of the sea"),
})
MAN: Final = ("man", "man", "guy", "gentleman")
WOMAN: Final = ("woman", "woman", "lady")
NOUNS: Final = MappingProxyType({
    ("child", "man"): ("boy", "young boy", "little boy"), ("child", "woman"): ("girl", "young girl", "little girl"),
    ("adult", "man"): MAN, ("adult", "woman"): WOMAN,
    ("old", "man"): ("old man", "elderly man"), ("old", "woman"): ("old woman", "elderly woman", "old lady"),
})
AGE_NOUNS: Final = MappingProxyType({
    "child": ("child", "young child", "kid"), "old": ("old person", "elderly person"), "adult": ("person",),
})
SKIN: Final = MappingProxyType({
    "light": ("light-skinned", "with light skin", "with fair skin"), "tan": ("tan-skinned", "with tan skin"),
    "dark": ("dark-skinned", "with dark skin"),
})
EXPRESSION: Final = MappingProxyType({
    "happy": ("smiling", "happy", "looking happy", "with a smile"), "sad": ("sad", "crying", "looking sad"),
    "surprised": ("surprised", "amazed", "looking surprised", "astonished"),
})
HAIR_COLOUR: Final = MappingProxyType({
    "black": ("black",), "brown": ("brown",), "blond": ("blond", "blonde"), "red": ("red",), "white": ("white",),
})
BEARD: Final = ("with a beard", "with a full beard")
HOLDING: Final = ("holding a {}", "with a {} in hand", "holding a {} in one hand")
GARMENT: Final = ("wearing", "in", "dressed in")
COLOURED_CLOTHES: Final = ("dressed in {}", "in {}", "wearing {} clothes", "in {} clothes")
BESIDE: Final = ("and", "and", "next to", "beside", "standing next to")
CREATURE_BODY: Final = MappingProxyType({
    "round": ("round {} creature",), "tall": ("tall {} creature",), "lizard": ("{} lizard creature",),
    "winged": ("winged {} creature",),
})
MARKINGS: Final = MappingProxyType({
    "patch": ("with a patch", "with an eye patch", "with a patch round one eye"),
    "spots": ("with spots", "spotted", "with a spotted coat"),
    "stripes": ("with stripes", "striped", "with a striped coat"),
})
PATTERNS: Final = MappingProxyType({
    "dots": ("with dots", "dotted", "with polka dots"),
    "stripes": ("with stripes", "striped", "with a striped pattern"),
})
#: What "with", "wearing" and so on become right after the noun, now and then.
RELATIVE: Final = MappingProxyType({
    "with": "who has", "wearing": "who wears", "holding": "who holds", "looking": "who looks",
})
