"""From prompts to pictures: samplers, guidance, text to image."""

from imprint.generation.samplers import SAMPLERS, SamplerEntry
from imprint.generation.text_to_image import GenerationStep, TextToImage, text_to_image

__all__ = ["SAMPLERS", "GenerationStep", "SamplerEntry", "TextToImage", "text_to_image"]
