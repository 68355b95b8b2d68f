"""What can be in a picture of the world: every attribute, its values and their colours. The ground truth's alphabet.

Reads: nothing. Writes: nothing. Everything that draws, captions, judges or scores takes its words from here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

PERSON: Final = MappingProxyType({
    "gender": ("man", "woman"),
    "age": ("child", "adult", "old"),
    "skin": ("light", "tan", "dark"),
    "hair_colour": ("black", "brown", "blond", "red", "white"),
    "hair_length": ("bald", "short", "long"),
    "beard": ("none", "beard"),
    "glasses": ("none", "glasses", "sunglasses"),
    "hat": ("none", "cap", "top hat", "crown"),
    "clothing": ("t-shirt", "suit", "hoodie", "striped sweater"),
    "clothing_colour": ("red", "blue", "green", "yellow", "purple", "white"),
    "expression": ("happy", "sad", "surprised"),
    "eyes": ("brown", "blue", "green"),
    "holding": ("none", "balloon", "flower", "book", "cup"),
})
#: Two people, left and right as the viewer sees them: are colours bound to the right one?
COUPLE: Final = MappingProxyType({
    f"{side}_{name}": PERSON[name]
    for side in ("left", "right")
    for name in ("gender", "hair_colour", "clothing_colour")
})
ANIMAL: Final = MappingProxyType({
    "species": ("dog", "cat", "rabbit", "bear", "fox", "owl", "elephant", "pig"),
    "coat": ("brown", "black", "white", "grey", "ginger"),
    "marking": ("plain", "spots", "stripes", "patch"),
})
THING: Final = MappingProxyType({
    "object": ("vase", "backpack", "car", "teapot", "lamp", "boat", "chair", "guitar", "rocket", "boot"),
    "object_colour": ("red", "blue", "green", "yellow", "purple", "white"),
    "pattern": ("plain", "stripes", "dots"),
})
CREATURE: Final = MappingProxyType({
    "body": ("round", "tall", "lizard", "winged"),
    "creature_colour": ("red", "blue", "green", "yellow", "purple"),
    "element": ("fire", "water", "leaf", "electric"),
    "horns": ("none", "one", "two"),
})
KINDS: Final = MappingProxyType({
    "person": PERSON, "animal": ANIMAL, "thing": THING, "creature": CREATURE, "couple": COUPLE,
})

SCENES: Final = ("forest", "beach", "city", "mountains", "desert", "room", "space", "snow", "studio", "garden",
                 "castle", "underwater")
STYLES: Final = ("photo", "pencil", "watercolour", "noir", "pop art", "pixel art", "oil painting", "stained glass")
MONOCHROME: Final = ("pencil", "noir")

#: Attributes whose value cannot be seen in a monochrome style.
COLOUR_ATTRIBUTES: Final = (
    "hair_colour", "clothing_colour", "eyes", "coat", "object_colour", "creature_colour", "skin",
    "left_hair_colour", "left_clothing_colour", "right_hair_colour", "right_clothing_colour",
)

#: Every attribute that the judge names and its values, in a fixed order.
ATTRIBUTES: Final = MappingProxyType({
    "kind": tuple(KINDS),
    "scene": SCENES,
    "style": STYLES,
    **PERSON, **ANIMAL, **THING, **CREATURE, **COUPLE,
})

RGB: Final = MappingProxyType({
    "red": (208, 52, 48), "blue": (52, 98, 204), "green": (58, 152, 76), "yellow": (240, 200, 54),
    "purple": (138, 70, 176), "white": (238, 238, 236), "black": (38, 36, 42), "grey": (140, 142, 150),
    "brown": (124, 78, 44), "ginger": (222, 130, 52), "blond": (236, 200, 112),
})
SKIN_RGB: Final = MappingProxyType({"light": (250, 214, 190), "tan": (214, 158, 112), "dark": (128, 82, 56)})
HAIR_RGB: Final = MappingProxyType({
    "black": (36, 32, 38), "brown": (112, 68, 38), "blond": (240, 204, 106), "red": (196, 78, 34),
    "white": (226, 226, 230),
})
EYES_RGB: Final = MappingProxyType({"brown": (122, 66, 20), "blue": (20, 118, 255), "green": (14, 172, 62)})
