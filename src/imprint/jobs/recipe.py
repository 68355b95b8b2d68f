"""What a user may ask of a run, as one tree of fields. Reads and writes nothing.

The unions of methods and objectives are assembled here, downstream of those that define them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from imprint.artifacts.picture import Precision
from imprint.artifacts.picture_file import JPEG_PROMPTS_BYTES, Jpeg, PictureFormat, Png
from imprint.config import Config
from imprint.evaluation.names import JudgeName
from imprint.generation.canvas import ImageSettings
from imprint.generation.conditioning import GuidanceSettings
from imprint.generation.hires import Hires
from imprint.generation.reading import PromptSettings
from imprint.generation.request import Prompt
from imprint.generation.sampling import SamplerName, SamplerSettings
from imprint.generation.seeds import SEED_LIMIT, SeedSettings, SidePx
from imprint.generation.tiling import TilingAxes
from imprint.jobs.best_of.recipe import BestOf
from imprint.methods import Lora, MethodConfig
from imprint.training.denoising import LearningRates, NoiseOptions
from imprint.training.loop import LoopConfig
from imprint.training.objectives import Objective, PriorPreservation

PICTURES_LIMIT = 100_000  # of one call
CHOOSE_SEED = -1  # stands for a seed that is chosen when the job begins
SEED_RANGE = 2**32  # what other programs choose from, so that a seed found here can be used there
StyleName = Annotated[str, Field(min_length=1, max_length=200)]


class ClassImages(Config):
    """Pictures of the class, drawn by the base itself; used by the objective prior_preservation only."""

    count: int = Field(default=48, ge=2, le=10_000)
    """How many are drawn, once for a base, prompt, sampler and seed; later runs take them from the cache."""
    prompt: Prompt | None = None
    """What they are drawn with, and their caption; left out, "a photo of a CLASS"."""
    steps: int = Field(default=15, ge=1, le=500)
    """Network calls for each."""
    cfg_scale: float = Field(default=4.0, ge=0, le=100)
    """How strongly the prompt is followed."""
    sampler: SamplerName = "dpmpp_2m"
    """How they are drawn."""
    seed: int = Field(default=1000, ge=0, le=SEED_LIMIT)
    """Seed of the first; each next one has the next seed."""


class Samples(Config):
    """The pictures that every checkpoint draws from the same seeds, to be looked at and scored."""

    per_prompt: int = Field(default=4, ge=2, le=64)
    """Pictures of the subject, and of its class without the name, at every checkpoint."""
    steps: int = Field(default=15, ge=1, le=500)
    """Network calls for each."""
    cfg_scale: float = Field(default=4.0, ge=0, le=100)
    """How strongly the prompt is followed."""
    sampler: SamplerName = "dpmpp_2m"
    """How they are drawn."""
    seed: int = Field(default=7, ge=0, le=SEED_LIMIT)
    """Seed of the first; each next one has the next seed."""
    batch: int = Field(default=8, ge=1, le=256)
    """Pictures drawn at a time; more is faster and needs more memory."""


class PersonalizeRecipe(Config):
    """Teach a base model the subject of some photos."""

    photos: Path
    """A folder of photos of one subject; 5 to 20 are good."""
    name: str = Field(min_length=1, max_length=100)
    """A rare word that will stand for the subject in prompts, as `zkz`."""
    class_word: str = Field(default="", max_length=100)
    """What the subject is: dog, woman, vase."""
    base: str = "nano"
    """The base model: "nano", which ships with the package, or a folder in diffusers layout."""
    out: Path | None = None
    """The run's folder, which must not exist; left out, runs/NAME."""
    seed: int = Field(default=0, ge=0, le=SEED_LIMIT)
    """Decides every random number of the run."""
    device: str = "cpu"
    """Where the networks are: "cpu", "cuda", "cuda:1"."""
    weights_dtype: Literal["fp32", "bf16"] = "fp32"
    """Number format of the base's frozen weights; bf16 halves their memory and suits LoRA only."""
    size_px: Annotated[int, Field(ge=8, le=4096, multiple_of=8)] | None = None
    """Side of the training pictures, a multiple of 8; left out, the base's native size."""
    held_out: int | None = Field(default=None, ge=0)
    """Photos kept from training, for scoring; left out, 1 of 5 or more and 2 of 10 or more."""
    method: MethodConfig = Lora(rank=16, alpha=16)
    """What is trained: finetune or lora."""
    objective: Objective = PriorPreservation()
    """The loss: plain or prior_preservation."""
    class_images: ClassImages = ClassImages()
    """Pictures of the class for prior_preservation."""
    batch_size: int = Field(default=4, ge=1, le=1024)
    """Photos in one step; with prior_preservation as many class images join them."""
    learning_rates: LearningRates | None = None
    """Peak learning rates; left out, what suits the method and the size of the base."""
    noise: NoiseOptions = NoiseOptions()
    """How noise is added in training."""
    caption_dropout: float = Field(default=0.0, ge=0, le=1)
    """Chance that a photo is trained with an empty caption."""
    flip: float = Field(default=0.0, ge=0, le=1)
    """Chance that a picture is mirrored; 0 keeps scars and partings on their side."""
    loop: LoopConfig = LoopConfig()
    """Steps, checkpoints, optimiser, averaging."""
    samples: Samples = Samples()
    """What every checkpoint draws."""
    judge: JudgeName = "nano"
    """Who scores the pictures."""
    truth: str | None = None
    """For a subject of the embedded world, its name there: its ground truth is then measured as well."""

    @model_validator(mode="after")
    def _bf16_only_for_frozen_weights(self) -> PersonalizeRecipe:
        if self.weights_dtype == "bf16" and self.method.kind != "lora":
            raise ValueError(
                "weights_dtype = 'bf16' needs method.kind = 'lora': updates of fine-tuning are lost in bf16 rounding; "
                "use loop.precision = 'bf16' instead"
            )
        if isinstance(self.objective, PriorPreservation) and not (self.class_word or self.class_images.prompt):
            raise ValueError("prior_preservation needs class_word (or class_images.prompt): what is to be preserved?")
        return self


class _Wanted(Config):
    """What `imprint generate` asks for first: fields come in the order of the bases from the last."""

    prompt: Prompt
    """What to draw; a run's subject is called by its name, as in "a pencil drawing of zkz dog in space"."""
    negative_prompt: Prompt = ""
    """What to keep away from."""
    styles: tuple[StyleName, ...] = Field(default=(), max_length=32)
    """Styles by name, around the prompts in this order, before anything else is read."""
    styles_files: tuple[Path, ...] = ()
    """CSV files of the styles; of several with one name the last counts. Left out, IMPRINT_STYLES or styles.csv."""
    wildcards: tuple[Path, ...] = ()
    """Folders of the lists that `__name__` in a prompt draws from; left out, IMPRINT_WILDCARDS or wildcards/."""
    dynamic: Literal["random", "all", "off"] | None = None
    """Variants `{a|b}`, wildcards and variables: random writes them out by each picture's seed, all makes every
    combination of the prompt, off leaves them as text. Left out, random, or off where compat is a1111."""
    max_combinations: int = Field(default=1000, ge=1, le=10_000)
    """More combinations than these are refused where dynamic is all."""
    run: Path | None = None
    """A finished run whose result is put on its base."""
    strength: float = Field(default=1.0, ge=-2, le=4)
    """How much of the result is put on the base: 0 is the base, 1 what was trained."""
    base: str | None = None
    """The base model; left out, the run's own, or "nano" without a run."""
    networks: tuple[Path, ...] = ()
    """Folders of the LoRAs, hypernetworks and embeddings that prompts name; left out, IMPRINT_NETWORKS or networks/."""
    count: int = Field(default=1, ge=1, le=PICTURES_LIMIT)
    """How many pictures; where dynamic is all, of each combination."""
    seed: int = Field(default=0, ge=CHOOSE_SEED, le=SEED_LIMIT)
    """Seed of the first; each next picture has the next seed. -1 chooses one; files and records name it."""
    out: Path | None = None
    """Where they go; left out, RUN/pictures, or pictures/ without a run."""
    steps: int = Field(default=25, ge=1, le=500)
    """Network calls for each."""
    cfg_scale: float = Field(default=4.0, ge=0, le=100)
    """How strongly the prompt is followed."""
    width_px: SidePx | None = None
    """Width, rounded to what the base can draw, mostly a multiple of 8; left out, the base's native size."""
    height_px: SidePx | None = None
    """Height, rounded the same; left out, the base's native size."""
    source: Path | None = None
    """A picture to begin with, instead of noise; width and height are then its own unless given."""
    mask: Path | None = None
    """Where the source is drawn anew: a picture of its size, white there. What is black stays, bit for bit."""
    image: ImageSettings = ImageSettings()
    """How source and mask are used."""
    hires: Hires | None = None
    """A second pass that draws the picture larger; `--set hires.scale=2` is enough to have one."""
    upscalers: tuple[Path, ...] = ()
    """Folders of models for hires.upscaler; left out, IMPRINT_UPSCALERS or upscalers/."""
    tiling: TilingAxes | None = None
    """Let the picture go on at its other edge, so that copies beside each other show no seam: both, x or y."""
    batch: int | None = Field(default=None, ge=1, le=256)
    """Pictures at a time; left out, one, so that a picture does not depend on its neighbours by a single bit."""
    format: PictureFormat = Png()
    """The kind of file: png, jpeg or webp; each carries the whole record."""
    device: str = "cpu"
    """Where the networks are."""
    precision: Precision = "fp32"
    """Number format of the U-Net and the text encoder: bf16 and fp16 take half the memory and less time where the
    device computes in them, most GPUs and some CPUs; pictures differ a little from those of fp32."""
    preview: Literal["off", "fast", "full"] = "off"
    """Show what appears in OUT/preview.png, of `imprint generate` alone: fast guesses colours, full decodes them."""
    preview_every: int = Field(default=5, ge=1, le=500)
    """Steps from one preview to the next."""
    compile: bool = False
    """Compile the U-Net (torch.compile), of `imprint generate` alone: slow at first, for many pictures on a GPU."""
    best: BestOf | None = None
    """Draw `best.draw` pictures and keep the best `best.keep` of them, or `count` where that is left out."""

    @model_validator(mode="after")
    def _best_agrees_with_count(self) -> Self:
        if self.best is not None:
            self.best.kept(self.count)
            if self.dynamic == "all":
                raise ValueError("best compares pictures of one prompt: dynamic cannot be 'all'")
        return self

    @model_validator(mode="after")
    def _record_fits(self) -> Self:
        prompts = self.prompt + self.negative_prompt
        if self.hires is not None:
            prompts += (self.hires.prompt or "") + (self.hires.negative_prompt or "")
        if isinstance(self.format, Jpeg) and len(json.dumps(prompts)) > JPEG_PROMPTS_BYTES:
            raise ValueError("format.kind = 'jpeg' has no room for so long prompts in its record; use png or webp")
        return self

    @model_validator(mode="after")
    def _begins_with_a_picture_or_not(self) -> Self:
        if self.source is None and self.mask is not None:
            raise ValueError("a mask needs a source: the picture that it is of")
        if self.source is None and self.image != ImageSettings():
            raise ValueError("image says how a source is used; give source, the picture to begin with")
        if self.source is not None and self.hires is not None:
            raise ValueError("hires is a second pass behind one from noise; from a source, ask for a larger width_px")
        return self


class GenerateRecipe(PromptSettings, GuidanceSettings, SeedSettings, SamplerSettings, _Wanted):
    """Draw pictures from a prompt."""

    OTHER_NAMES: ClassVar[Mapping[str, str]] = MappingProxyType({
        "cfg": "cfg_scale", "guidance": "cfg_scale", "guidance_scale": "cfg_scale", "negative": "negative_prompt",
        "sampling_steps": "steps", "sampler_name": "sampler", "sampling_method": "sampler", "schedule_type": "schedule",
        "scheduler": "schedule", "checkpoint_name": "base", "checkpoint": "base", "model": "base",
        "width": "width_px", "height": "height_px", "batch_size": "batch", "batch_count": "count", "n_iter": "count",
        "var_seed": "variation_seed", "subseed": "variation_seed", "var_strength": "variation_strength",
        "subseed_strength": "variation_strength", "sigma_churn": "s_churn", "sigma_noise": "s_noise",
        "rng": "noise_source", "init_image": "source",
        "denoising": "image.strength", "denoising_strength": "image.strength", "denoise": "image.strength",
        "initial_noise_multiplier": "image.noise_multiplier", "extra_noise": "image.extra_noise",
        "cond_image_mask_weight": "image.mask_weight", "mask_blur": "image.mask_blur_px",
        "masked_content": "image.fill", "inpaint_area": "image.only_masked",
        "hires_upscale": "hires.scale", "hires_steps": "hires.steps", "hires_upscaler": "hires.upscaler",
        "hires_sampler": "hires.sampler", "hires_fix": "hires",
    })  # fmt: skip
