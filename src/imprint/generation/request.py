"""What every picture is asked for, whatever it begins as.

Reads: what a user wrote. Writes: checked fields. Does not: draw.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from imprint.generation.conditioning import Guidance, GuidanceSettings
from imprint.generation.reading import PromptSettings
from imprint.generation.samplers import SAMPLERS
from imprint.generation.sampling import SAMPLER_OPTIONS, SamplerSettings
from imprint.generation.seeds import SEED_LIMIT, SeedSettings, SidePx
from imprint.generation.tiling import TilingAxes
from imprint.prompts.encoding import EncodeSettings
from imprint.prompts.settings import ReadSettings

PROMPT_LIMIT = 10_000  # characters; the record must stay small


def _readable(text: str) -> str:
    """A prompt as it is used and recorded: line ends unified, invisible format characters dropped."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for place, character in enumerate(text):
        if character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cs"}:
            raise ValueError(f"character {place + 1} is U+{ord(character):04X}, a control character; delete it")
    # Joiners build emoji and Indic or Arabic letters; other format characters only hide or reverse text.
    return "".join(c for c in text if c in "\u200c\u200d" or unicodedata.category(c) != "Cf")


Prompt = Annotated[str, Field(max_length=PROMPT_LIMIT), AfterValidator(_readable)]


class PictureRequest(SamplerSettings, SeedSettings, GuidanceSettings, PromptSettings):
    """One picture to be made."""

    prompt: Prompt
    """What to draw, in the language of docs/guides/prompts.md; may be empty, and of any number of tokens."""
    negative_prompt: Prompt = ""
    """What to keep away from. Without influence when cfg_scale is 1."""
    steps: int = Field(default=25, ge=1, le=500)
    """Network calls. More is finer and slower; 20 to 30 is usual."""
    cfg_scale: float = Field(default=5.0, ge=0, le=100)
    """How strongly the prompt is followed. 1 is no guidance, 5 to 8 is usual, far above that colours burn."""
    seed: int = Field(ge=0, le=SEED_LIMIT)
    """Decides all noise. The same seed and settings are the same picture."""
    width_px: SidePx | None = None
    """Rounded to what the base can draw, mostly a multiple of 8; left out, the base's native size."""
    height_px: SidePx | None = None
    """Rounded the same; left out, the base's native size."""
    tiling: TilingAxes | None = None
    """Let the picture go on at its other edge, so that copies beside each other show no seam: both, x or y."""

    def guidance(self) -> Guidance:
        """How the prompt guides."""
        return Guidance(self.cfg_scale, self.cfg_start, self.cfg_end, self.cfg_rescale)

    def encode_settings(self) -> EncodeSettings:
        """How its texts become vectors."""
        return EncodeSettings(self.emphasis, self.clip_skip)

    def read_settings(self, steps: int, hires_steps: int | None = None) -> ReadSettings:
        """How its prompts are read, for a pass of so many steps."""
        calls = SAMPLERS.get(self.sampler).calls_per_step
        return ReadSettings(steps=steps, hires_steps=hires_steps, compat=self.compat, calls_per_step=calls)


#: Fields of a request that a record repeats as they are.
RECORDED = (
    "prompt", "negative_prompt", "cfg_scale", "seed", "tiling",
    *SAMPLER_OPTIONS, *SeedSettings.model_fields, *GuidanceSettings.model_fields, *PromptSettings.model_fields,
)
