"""Pictures from prompts.

Reads: a family, requests. Writes: pictures (in memory). Does not: save them, or open models.

The same request is the same picture, alone or among others: all noise is counted from the request's own seed, and each
picture has its own network calls unless a larger batch is asked for. Suffixes: B batch, c channels, H W pixels, h w
latent cells, N tokens, D text width.
"""

from __future__ import annotations

import logging
import math
import unicodedata
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from torch import Tensor

from imprint.artifacts.picture import AdapterRecord, Picture, PictureRecord
from imprint.diffusion.schedule import SCHEDULES, NoiseSchedule
from imprint.errors import ConfigError, NumericsError
from imprint.families.family import Family
from imprint.generation.conditioning import Guidance, GuidanceSettings, Progress
from imprint.generation.denoiser import guided_denoiser
from imprint.generation.networks import PromptNetworks, ShelfEmbeddings
from imprint.generation.reading import PromptSettings, Reader, Told
from imprint.generation.samplers import SAMPLERS, SamplerStep
from imprint.generation.sampling import SAMPLER_OPTIONS, SamplerSettings
from imprint.generation.seeds import SEED_LIMIT, BatchNoise, PictureNoise, SeedSettings, SizePx
from imprint.prompts.encoding import EncodeSettings
from imprint.prompts.reading import Prompt as ReadPrompt
from imprint.prompts.reading import read_prompt
from imprint.prompts.settings import ReadSettings
from imprint.weights.shelf import Shelf

log = logging.getLogger(__name__)

PROMPT_LIMIT = 10_000  # characters; the record must stay small


def _readable(text: str) -> str:
    """A prompt as it is used and recorded: line ends unified, invisible format characters dropped."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for place, character in enumerate(text):
        if character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cs"}:
            raise ValueError(f"character {place + 1} is U+{ord(character):04X}, a control character; delete it")
    # Joiners build emoji and Indic or Arabic letters; other format characters only hide or reverse text.
    return "".join(c for c in text if c in "\u200c\u200d" or unicodedata.category(c) != "Cf")


RECORDED = (
    *SAMPLER_OPTIONS, *SeedSettings.model_fields, *GuidanceSettings.model_fields, *PromptSettings.model_fields,
)  # fields of a request that a record repeats as they are
Prompt = Annotated[str, Field(max_length=PROMPT_LIMIT), AfterValidator(_readable)]


class TextToImage(SamplerSettings, SeedSettings, GuidanceSettings, PromptSettings):
    """One picture to be made from a prompt."""

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
    width_px: SizePx | None = None
    """Multiple of 8; left out, the base's native size."""
    height_px: SizePx | None = None
    """Multiple of 8; left out, the base's native size."""


@dataclass(frozen=True)
class GenerationStep:
    """Where a call of `text_to_image` stands, for progress bars and previews.

    Attributes:
        pictures_done: finished before this step's batch.
        pictures: in all.
        batch: pictures that this step worked on.
        sampler: the step.
    """

    pictures_done: int
    pictures: int
    batch: int
    sampler: SamplerStep


OnGenerationStep = Callable[[GenerationStep], None]


@dataclass(frozen=True)
class _Shape:
    """What requests must share to be computed in one batch; every field resolved."""

    steps: int
    guidance: Guidance
    by_calls: bool
    sampler: str
    schedule: str
    options: tuple[tuple[str, float], ...]
    width_px: int
    height_px: int

    @property
    def own_steps(self) -> bool:
        """Whether the sampler chooses steps by looking at the picture, which must then be alone."""
        return SAMPLERS.get(self.sampler).adaptive


def text_to_image(
    family: Family, requests: Sequence[TextToImage], *, adapters: Sequence[AdapterRecord] = (),
    on_step: OnGenerationStep | None = None, batch: int | None = None, shelf: Shelf | None = None,
) -> Iterator[Picture]:
    """Make pictures, one for each request and in their order, each as soon as it is done.

    Args:
        family: the base, with any adapters already applied; its weights must not change during the call.
        requests: prompts, seeds and settings, free to differ.
        adapters: what is applied to the base, for the record.
        on_step: called after every sampler step; may raise to stop.
        batch: pictures to compute at a time, >= 1. Left out or 1, a picture does not depend on its neighbours by a
            single bit; more is faster on a GPU and may change the last bits. Only neighbouring requests that differ
            in nothing but prompts and seed share a batch; one whose prompt names networks is drawn by itself.
        shelf: where the networks and embeddings are that prompts name. Without one they are left out, with a warning.
    Returns: an iterator of pictures.
    Raises:
        ConfigError: at once, for a batch < 1 or a size that the family cannot draw.
        NumericsError: while iterating, if the network answers with NaN or infinity.
    """
    if batch is not None and batch < 1:
        raise ConfigError("a batch holds at least one picture", where="batch", got=batch, allowed=">= 1")
    shapes = [_shape(family, request, number) for number, request in enumerate(requests)]
    return _pictures(family, list(requests), shapes, tuple(adapters), on_step, batch or 1, shelf)


def _shape(family: Family, request: TextToImage, number: int) -> _Shape:
    width, height = request.width_px or family.native_px, request.height_px or family.native_px
    for name, value in (("width_px", width), ("height_px", height)):
        if value % family.latent_stride:
            raise ConfigError(
                "this base cannot draw such a size",
                where=f"requests[{number}].{name}", got=value, allowed=f"multiples of {family.latent_stride}",
            )
    schedule = SCHEDULES.get(request.schedule or SAMPLERS.get(request.sampler).schedule)
    return _Shape(
        request.steps, Guidance(request.cfg_scale, request.cfg_start, request.cfg_end, request.cfg_rescale),
        request.compat == "a1111", request.sampler, schedule.variants.get(family.name, schedule.name),
        tuple(request.options().items()), width, height,
    )


def _pictures(
    family: Family, requests: list[TextToImage], shapes: list[_Shape], adapters: tuple[AdapterRecord, ...],
    on_step: OnGenerationStep | None, batch: int, shelf: Shelf | None,
) -> Iterator[Picture]:
    reader, embeddings = Reader(family), ShelfEmbeddings(family, shelf)
    first = 0
    while first < len(requests):
        shape, last = shapes[first], first + 1
        room = 1 if shape.own_steps or _names_networks(requests[first]) else batch
        while last < len(requests) and last - first < room and shapes[last] == shape:
            if _names_networks(requests[last]):
                break
            last += 1
        group = requests[first:last]
        listener = _listener(on_step, first, len(requests), len(group))
        if embeddings.look_for(*(text for one in group for text in (one.prompt, one.negative_prompt))):
            reader.use(embeddings.vectors)
        with _drawing(family), PromptNetworks(family, _read(group[0]), shelf) as networks:
            told = [_told(reader, request, networks) for request in group]
            pixels = _draw(family, group, shape, told, networks, listener)
        for request, one, pixels_HWC in zip(group, told, pixels, strict=True):
            on_it = (*networks.records, *embeddings.records(one.embeddings))
            yield Picture(pixels_HWC, _record(family, request, shape, adapters, on_it))
        first = last


def _listener(
    on_step: OnGenerationStep | None, done: int, pictures: int, batch: int
) -> Callable[[SamplerStep], None] | None:
    if on_step is None:
        return None
    return lambda step: on_step(GenerationStep(done, pictures, batch, step))


def _names_networks(request: TextToImage) -> bool:
    return any(mark in request.prompt for mark in ("<lora:", "<lyco:", "<hypernet:"))


def _settings(request: TextToImage) -> ReadSettings:
    calls = SAMPLERS.get(request.sampler).calls_per_step
    return ReadSettings(steps=request.steps, compat=request.compat, calls_per_step=calls)


def _read(request: TextToImage) -> ReadPrompt:
    return read_prompt(request.prompt, _settings(request))


def _told(reader: Reader, request: TextToImage, networks: PromptNetworks) -> Told:
    encode = EncodeSettings(request.emphasis, request.clip_skip)
    told = reader.read(request.prompt, request.negative_prompt, _settings(request), encode, networks)
    for what, prompt in (("prompt", told.positive), ("negative prompt", told.negative)):
        for remark in prompt.remarks:
            log.info("%s, character %d: %s", what, remark.start + 1, remark.text)
    for name in dict.fromkeys(one.name for _, named in told.negative.network_schedule() for one in named):
        log.warning("the network %s is left out: networks are named in the prompt, not in the negative one", name)
    return told


@contextmanager
def _drawing(family: Family) -> Generator[None]:
    """No gradients and no dropout inside; afterwards every module is in the mode it was in, as training needs."""
    networks = (family.unet, family.text_encoder, family.vae)
    training = [module for network in networks for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad(), family.drawing():
            yield
    finally:
        for module in training:
            module.training = True


def _draw(
    family: Family, group: list[TextToImage], shape: _Shape, told: list[Told], networks: PromptNetworks,
    on_step: Callable[[SamplerStep], None] | None,
) -> list[NDArray[np.uint8]]:
    """The pixels of requests that share a shape, each uint8 (H, W, 3)."""
    sampler = SAMPLERS.get(shape.sampler)
    schedule = NoiseSchedule.from_alphas_cumprod(family.alphas_cumprod_T)
    sigmas = sampler.sigmas(schedule, shape.schedule, shape.steps)
    size = (
        family.latent_channels, shape.height_px // family.latent_stride, shape.width_px // family.latent_stride,
    )

    pictures = [PictureNoise(request.seed, request, size, family.latent_stride) for request in group]
    noise = BatchNoise(pictures, family.device)
    progress = Progress(shape.steps, shape.by_calls)
    conditionings = [one.conditioning for one in told]
    denoise = guided_denoiser(family, schedule, conditionings, shape.guidance, progress, networks.enter)
    # The network saw sqrt(abar) * latent + sqrt(1 - abar) * noise. At the first level that is nearly all noise, of
    # variance one; here everything is divided by sqrt(abar) = 1 / sqrt(1 + sigma^2), and multiplied by it at the end.
    first, last = float(sigmas[0]), float(sigmas[-1])
    x_Bchw = noise.first() * math.sqrt(1 + first**2)
    x_Bchw = sampler.with_options(dict(shape.options))(denoise, x_Bchw, sigmas, noise, progress.told_to(on_step))
    latent_Bchw = x_Bchw / math.sqrt(1 + last**2)
    return [_pixels(family, latent_Bchw[place : place + 1]) for place in range(len(group))]


def _pixels(family: Family, latent_1chw: Tensor) -> NDArray[np.uint8]:
    decoded_1CHW = family.decode(latent_1chw)
    if not bool(torch.isfinite(decoded_1CHW).all()):
        raise NumericsError(
            "the base drew NaN or infinity",
            where="text_to_image",
            got=str(family.dtype),
            hint="use bfloat16 or float32, a lower cfg_scale, or adapters of lower strength",
        )
    levels_HWC = ((decoded_1CHW[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return np.ascontiguousarray(levels_HWC.cpu().numpy())


def _record(
    family: Family, request: TextToImage, shape: _Shape, adapters: tuple[AdapterRecord, ...],
    networks: tuple[AdapterRecord, ...],
) -> PictureRecord:
    from imprint import __version__

    return PictureRecord(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        steps=shape.steps,
        cfg_scale=request.cfg_scale,
        sampler=shape.sampler,
        schedule=shape.schedule,
        seed=request.seed,
        width_px=shape.width_px,
        height_px=shape.height_px,
        base=family.base_hash,
        family=family.name,
        adapters=adapters,
        networks=networks,
        **{name: getattr(request, name) for name in RECORDED},
        imprint=__version__,
    )
