"""Pictures of prompts, drawn and looked at: the same seeds for every prompt, each prompt once.

Reads: a family, a judge. Writes: features. Does not: keep pictures, or compute scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imprint.evaluation.concepts import Ends, Looked
from imprint.evaluation.judges import Features, ImageJudge, Pixels, image_features, open_judge, text_features
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.probe.recipe import PLACE, MeasureSettings
from imprint.jobs.progress import announce
from imprint.prompts import plain_text

ARTICLES = ("a", "an", "the")


def prompt_of(settings: MeasureSettings, *words: str) -> str:
    """The sentence with words in it: "a photo of a zkz dog"."""
    together = " ".join(words)
    first = together.split()[0].lower()
    if first not in ARTICLES and first[0].isalnum():
        together = f"{'an' if first[0] in 'aeiou' else 'a'} {together}"
    return settings.sentence.replace(PLACE, together)


@dataclass(frozen=True)
class Looks:
    """What a judge saw in the pictures of every prompt.

    Attributes:
        settings: how they were drawn.
        judge: who looked.
        seen: by prompt, a row for each seed.
    """

    settings: MeasureSettings
    judge: ImageJudge
    seen: Mapping[str, Features]

    def pictures(self, *words: str) -> Features:
        """What was seen for the sentence with these words in it."""
        return self.seen[prompt_of(self.settings, *words)]

    def looked(self, *words: str) -> Looked:
        """The same, and what the judge reads in the words."""
        read = plain_text(prompt_of(self.settings, *words))
        return Looked(self.pictures(*words), text_features(self.judge, [read])[0])

    def ends(self, apart_from: str) -> Ends:
        """The ends of the scales for a word; where it is one of them itself, they are the others."""
        known = [word for word in self.settings.known if word != apart_from]
        fillers = [word for word in self.settings.fillers if word != apart_from]
        return Ends([self.pictures(word) for word in fillers], [self.looked(word) for word in known])


def look(family: Family, settings: MeasureSettings, asked: Iterable[tuple[str, ...]]) -> Looks:
    """Draw prompts and look at them; each once, whoever asks for it.

    Args:
        family: the base.
        settings: how, and who looks.
        asked: the words that stand in the sentence, one tuple for each prompt.
    """
    judge = open_judge(settings.judge)
    prompts = list(dict.fromkeys(prompt_of(settings, *words) for words in asked))
    tell, total = announce("pictures"), len(prompts) * settings.seeds
    seen: dict[str, Features] = {}
    for prompt in prompts:
        # A call for each: the same pictures are together always, so that not one bit depends on the other prompts.
        pixels: list[Pixels] = []
        for picture in text_to_image(family, _requests(settings, prompt), batch=settings.batch):
            pixels.append(picture.pixels_HWC)
            tell(len(seen) * settings.seeds + len(pixels), total)
        seen[prompt] = image_features(judge, pixels)
    return Looks(settings, judge, seen)


def _requests(settings: MeasureSettings, prompt: str) -> list[TextToImage]:
    return [
        TextToImage(
            prompt=prompt, steps=settings.steps, cfg_scale=settings.cfg_scale, sampler=settings.sampler,
            seed=settings.seed + number, width_px=settings.size_px, height_px=settings.size_px,
        )
        for number in range(settings.seeds)
    ]
