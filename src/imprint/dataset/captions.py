"""The text that a photo of the subject is trained with.

Reads: nothing. Writes: nothing. Does not: draw at random: which template a photo gets is decided by its number.
"""

from __future__ import annotations

import re
from typing import Final

from imprint.artifacts.picture import clean_text
from imprint.errors import PromptError

NAME_LIMIT: Final = 100  # characters; 77 tokens hold the whole caption

# Nothing that may be untrue of a photo ("close-up", "portrait") and no style: what a caption leaves out is learnt as a
# part of the subject, what it says wrongly is unlearnt. Shortened from DreamBooth's and textual inversion's lists.
TEMPLATES: Final = (
    "a photo of {}",
    "a photograph of {}",
    "a picture of {}",
    "{}",
    "an image of {}",
)


def subject_words(name: str, class_word: str) -> str:
    """What the subject is called in prompts: "zkz dog".

    Raises: PromptError: if the name is empty, too long or holds signs that cannot be shown.
    """
    for word, field in ((name, "name"), (class_word, "class")):
        if len(word) > NAME_LIMIT or clean_text(word) != word or "\n" in word or "\t" in word:
            raise PromptError(
                "not usable in a prompt", where=field, got=word, allowed=f"one line, at most {NAME_LIMIT} characters"
            )
    words = " ".join(f"{name} {class_word}".split())
    if not name.strip():
        raise PromptError("the subject needs a name", where="name", got=name, hint="a rare one, as `zkz`")
    return words


def caption_for(index: int, name: str, class_word: str, own: str | None = None) -> str:
    """The caption of a photo.

    Args:
        index: number of the photo, >= 0; the templates rotate with it.
        name: of the subject.
        class_word: what the subject is, or "".
        own: the user's caption. Used as it is if it has the name in it; otherwise the template goes before it, as the
            name would not be learnt without.
    Returns: one line of text.
    """
    subject = subject_words(name, class_word)
    if own and re.search(rf"(?<!\w){re.escape(name.strip())}(?!\w)", own, re.IGNORECASE):
        return own
    # `replace`, not `format`: a name may hold braces.
    caption = TEMPLATES[index % len(TEMPLATES)].replace("{}", subject)
    return f"{caption}, {own}" if own else caption
