"""From prompts, and pictures, to pictures: samplers, guidance, text to image, image to image."""

from imprint.generation.canvas import ImageSettings, Source
from imprint.generation.hires import Hires
from imprint.generation.image_to_image import ImageToImage, image_to_image
from imprint.generation.listening import GenerationStep
from imprint.generation.samplers import SAMPLERS, SamplerEntry
from imprint.generation.text_to_image import TextToImage, text_to_image

__all__ = [
    "SAMPLERS", "GenerationStep", "Hires", "ImageSettings", "ImageToImage", "SamplerEntry", "Source", "TextToImage",
    "image_to_image", "text_to_image",
]  # fmt: skip
