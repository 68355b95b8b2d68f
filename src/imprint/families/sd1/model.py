"""Stable Diffusion 1.x as a Family.

Reads: a model folder, or networks in memory. Writes: a model folder. Does not: sample, train or download.

Shapes: B batch, C channels, H W pixels, c h w latent channels and cells, N tokens (77), D text width, T timesteps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from imprint.errors import ModelError
from imprint.families.detect import detect_family
from imprint.families.diffusers_folder import DiffusersFolder, read_diffusers_folder
from imprint.families.family import LatentMoments, Layers, Part, PredictionKind, TextEncoding, TextWindow
from imprint.families.sd1.drawing import Drawing, Walk, can_walk
from imprint.families.sd1.networks import load_network, load_tokenizer, native_name
from imprint.families.sd1.saving import save_model
from imprint.families.sd1.scheduler import alphas_cumprod, prediction_kind, scheduler_config
from imprint.families.sd1.text import hidden_states, token_ids, window_of
from imprint.families.sd1.walking import walk

if TYPE_CHECKING:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

PARTS: tuple[Part, ...] = ("unet", "text_encoder", "vae")
LATENT_SCALE = 0.18215  # 1 / std of SD1 latents, CompVis v1-inference.yaml: scale_factor
CONTEXT_TOKENS = 77  # of CLIP's text encoder
PLAIN_ATTENTION_POSITIONS = 256  # 16 x 16 latent cells; measured, see docs/lab-log.md


@dataclass(frozen=True)
class Networks:
    """The networks and the tokenizer of one model."""

    unet: nn.Module
    text_encoder: nn.Module
    vae: nn.Module
    tokenizer: CLIPTokenizer


class StableDiffusion1:
    """Stable Diffusion 1.x; open one with `open`, or make one with `create`.

    Args:
        networks: its parts.
        scheduler: the JSON of its scheduler.
        folder: where it was opened, or None.
        hash_of: computes `base_hash`, once, when first asked.
    """

    name = "sd1"

    def __init__(
        self, networks: Networks, scheduler: Mapping[str, Any], folder: Path | None, hash_of: Callable[[], str]
    ) -> None:
        self.unet, self.text_encoder, self.vae = networks.unet, networks.text_encoder, networks.vae
        self.tokenizer = networks.tokenizer
        self.scheduler = dict(scheduler)
        self.folder = folder
        self.alphas_cumprod_T = alphas_cumprod(scheduler, folder)
        self.prediction: PredictionKind = prediction_kind(scheduler, folder)
        self.latent_channels = int(self._setting("vae", "latent_channels"))
        self.beside_channels = int(self._setting("unet", "in_channels")) - self.latent_channels
        self.latent_stride = 2 ** (len(self._setting("vae", "block_out_channels")) - 1)
        cells = self._setting("unet", "sample_size")
        self.native_px = self.latent_stride * int(cells if isinstance(cells, int) else max(cells))
        self.latent_scale = float(self._setting("vae", "scaling_factor") or LATENT_SCALE)
        self._hash_of, self._base_hash = hash_of, ""
        self._drawing: Drawing | None = None
        self._compiled: Walk | None = None
        # Taken before any method wraps a module, so that names stay those of the base.
        self._parameters = {part: self._own_parameters(part) for part in PARTS}
        self._leaves = {part: self._leaf_names(part) for part in PARTS}
        self._choose_attention()
        self.freeze()

    @classmethod
    def open(cls, folder: Path | str, dtype: torch.dtype | None = None, device: str = "cpu") -> StableDiffusion1:
        """Open a folder in diffusers layout; its weights are read without pickle, memory-mapped.

        Args:
            folder: any Stable Diffusion 1.x, full-size or small, fp16 file names included.
            dtype: of the U-Net and the text encoder; None is float32. The autoencoder is always float32: half
                precision overflows in it or shows bands.
            device: where the networks go.
        Raises: ModelError: if it is no Stable Diffusion 1, or incomplete or damaged.
        """
        opened = read_diffusers_folder(Path(folder))
        if (name := detect_family(opened)) != cls.name:
            raise ModelError("this is no Stable Diffusion 1", where=folder, got=name, allowed=cls.name)
        return cls.from_folder(opened, dtype, device)

    @classmethod
    def from_folder(
        cls, folder: DiffusersFolder, dtype: torch.dtype | None = None, device: str = "cpu"
    ) -> StableDiffusion1:
        """`open` for a folder that was read already."""
        scheduler = folder.config("scheduler", "scheduler_config.json")
        networks = Networks(
            load_network(folder, "unet", dtype or torch.float32, device),
            load_network(folder, "text_encoder", dtype or torch.float32, device),
            load_network(folder, "vae", torch.float32, device),
            load_tokenizer(folder),
        )
        return cls(networks, scheduler, folder.path, folder.base_hash)

    @classmethod
    def create(
        cls,
        unet: nn.Module,
        text_encoder: nn.Module,
        vae: nn.Module,
        tokenizer: CLIPTokenizer,
        *,
        prediction: PredictionKind = "epsilon",
    ) -> StableDiffusion1:
        """A family of networks in memory, with Stable Diffusion 1's noise schedule.

        `base_hash` is of their values at this moment.
        """
        scheduler = scheduler_config(prediction)
        networks = Networks(unet, text_encoder, vae, tokenizer)
        digest = _tensor_hash([unet, text_encoder, vae])
        return cls(networks, scheduler, None, lambda: digest)

    @property
    def base_hash(self) -> str:
        """SHA-256 over weights, configurations and tokenizer (some seconds for a full-size model, then kept)."""
        self._base_hash = self._base_hash or self._hash_of()
        return self._base_hash

    @property
    def device(self) -> torch.device:
        """Where the U-Net is."""
        return next(iter(self._parameters["unet"].values())).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the U-Net and the text encoder."""
        return next(iter(self._parameters["unet"].values())).dtype

    def to(self, device: torch.device | str) -> StableDiffusion1:
        """Move all networks. Returns: itself."""
        for part in PARTS:
            self._network(part).to(device)
        return self

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Tokens of each text, padded or cut to 77 as the tokenizer's configuration says: int64 (B, 77), on the CPU."""
        length = min(int(cast("Any", self.tokenizer).model_max_length), CONTEXT_TOKENS)
        encoded = cast("Callable[..., Mapping[str, Tensor]]", self.tokenizer)(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        return encoded["input_ids"]

    @property
    def text_window(self) -> TextWindow:
        """Start, 75 tokens, end; filled up as the tokenizer's configuration says."""
        return window_of(self.tokenizer, CONTEXT_TOKENS)

    def token_ids(self, text: str) -> list[int]:
        """Tokens of a text of any length, with nothing before, after or cut."""
        return token_ids(self.tokenizer, text)

    def encode_tokens(
        self, tokens_BN: Tensor, clip_skip: int = 1, inserted: Mapping[tuple[int, int], Tensor] | None = None,
        seen_BN: Tensor | None = None,
    ) -> TextEncoding:
        """Hidden states of a layer after the final layer norm; gradients flow where the text encoder trains.

        Args and errors: as `Family.encode_tokens`.
        """
        seen_BN = None if seen_BN is None else seen_BN.to(self.device)
        tokens_BN = tokens_BN.to(self.device)
        return TextEncoding(hidden_states(self.text_encoder, tokens_BN, clip_skip, inserted or {}, seen_BN))

    def encode_text(self, texts: Sequence[str]) -> TextEncoding:
        """`tokenize`, then `encode_tokens`; records no gradient unless the text encoder trains."""
        trains = torch.is_grad_enabled() and any(value.requires_grad for value in self.text_encoder.parameters())
        with torch.set_grad_enabled(trains):
            return self.encode_tokens(self.tokenize(texts))

    @torch.no_grad()
    def encode_image(self, pixels_BCHW: Tensor) -> LatentMoments:
        """Moments of pictures in -1..1, float32.

        Raises: ValueError: if a side is no multiple of `latent_stride`.
        """
        if any(side % self.latent_stride for side in pixels_BCHW.shape[-2:]):
            sides = tuple(pixels_BCHW.shape[-2:])
            raise ValueError(f"picture sides must be multiples of {self.latent_stride} px, got {sides}")
        posterior = cast("Any", self.vae).encode(pixels_BCHW.to(self._vae_like)).latent_dist
        mean_Bchw, std_Bchw = posterior.mean * self.latent_scale, posterior.std * self.latent_scale
        return LatentMoments(mean_Bchw.float(), std_Bchw.float())

    @torch.no_grad()
    def decode(self, latent_Bchw: Tensor) -> Tensor:
        """Pictures in -1..1, clamped, float32."""
        pixels = cast("Any", self.vae).decode(latent_Bchw.to(self._vae_like) / self.latent_scale).sample
        return cast("Tensor", pixels).clamp(-1, 1).float()

    def predict(self, x_Bchw: Tensor, timestep_B: Tensor, text_BND: Tensor) -> Tensor:
        """The U-Net's raw output for noisy latents in variance-preserving form, in their shape and dtype.

        Args:
            x_Bchw: noisy latents, and behind them what an inpainting model sees beside.
            timestep_B: 0..T-1, integer or fractional.
            text_BND: from `encode_text`.
        """
        if self._drawing and not torch.is_grad_enabled():
            quick = self._drawing.predict(x_Bchw, timestep_B, text_BND)
            if quick is not None:
                return quick
        text_BND = text_BND.to(self.device, self.dtype)
        timestep_B = timestep_B.to(self.device)
        output = self.unet(x_Bchw.to(self.device, self.dtype), timestep_B, encoder_hidden_states=text_BND)
        return cast("Tensor", output.sample).to(x_Bchw.dtype)

    @contextmanager
    def drawing(self) -> Generator[None]:
        """Predictions without gradients are faster inside, and differ in their last bits: what stays is kept.

        Weights must not change inside; hooks may come, go and change what they add. Inside of another, the weights that
        that one packed serve as well; packed ones are held until the outermost ends.
        """
        before = self._drawing
        if not can_walk(self.unet):
            self._drawing = None
        elif before is None or before.compiled is not self._compiled:
            self._drawing = Drawing(self.unet, self._compiled)
        try:
            yield
        finally:
            if before is not None:
                before.forget_texts()
            self._drawing = before

    @contextmanager
    def compiled(self, mode: str = "reduce-overhead", backend: str = "inductor") -> Generator[None]:
        """Draw with a compiled U-Net inside; nothing of it is left afterwards.

        The first picture of a size waits for the compiler. While a prompt's networks are on the base it is not used.

        Args:
            mode: of torch.compile; "reduce-overhead" records graphs on a GPU.
            backend: of torch.compile.
        Raises: ModelError: if this U-Net is of a kind that cannot be compiled here.
        """
        if not can_walk(self.unet):
            what = "this U-Net has settings or attention processors that cannot be compiled here"
            raise ModelError(what, where=self.folder, hint="draw without compile")
        options: dict[str, Any] = {"mode": mode} if backend == "inductor" else {}
        self._compiled = cast("Walk", cast("Any", torch).compile(walk, backend=backend, dynamic=False, **options))
        try:
            yield
        finally:
            self._compiled = None

    def module_names(self, layers: Layers) -> list[str]:
        """Leaf modules of the U-Net: all of them; the four projections of attention; or those of cross-attention."""
        kinds = {"all": ("",), "attention": (".attn1.", ".attn2."), "cross_attention": (".attn2.",)}[layers]
        return [name for name in self._leaves["unet"] if any(kind in name for kind in kinds)]

    def text_module_names(self, layers: Layers) -> list[str]:
        """Leaf modules of the text encoder without its token table; of its attention for either attention filter."""
        leaves = [name for name in self._leaves["text_encoder"] if not name.endswith("token_embedding")]
        return leaves if layers == "all" else [name for name in leaves if ".self_attn." in name]

    def parameters(self, part: Part) -> Mapping[str, nn.Parameter]:
        """The base's own parameters by the names that every version of the libraries shares."""
        return self._parameters[part]

    def freeze(self) -> None:
        """No parameter of the base trains; every network in evaluation mode."""
        for part in PARTS:
            self._network(part).eval()
            for value in self._parameters[part].values():
                value.requires_grad_(False)

    def save(
        self,
        folder: Path,
        *,
        dtype: torch.dtype | None = None,
        replaced: Mapping[str, Tensor] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write a complete diffusers folder that stock `StableDiffusionPipeline.from_pretrained` opens.

        Args:
            folder: must not exist; appears complete or not at all.
            dtype: of all networks on disk; None keeps what is in memory.
            replaced: values to write instead of the base's, by "unet.NAME" or "text_encoder.NAME".
            metadata: extra text for the header of the U-Net's file.
        Raises: OutputError: if the folder exists or cannot be written.
        """
        save_model(self, folder, dtype=dtype, replaced=replaced or {}, metadata=metadata or {})

    def _choose_attention(self) -> None:
        """Plain products instead of the fused kernel where that one is slow: training on short sequences on a CPU.

        With 256 positions its backward pass takes three times as long there; a training step of the embedded base is
        1.5 times faster without it, and a call without gradients 1.3 times faster with it. With thousands of positions
        its memory matters more.
        """
        positions = (self.native_px // self.latent_stride) ** 2
        if self.device.type == "cpu" and positions <= PLAIN_ATTENTION_POSITIONS:
            from imprint.families.sd1.attention import PlainWithGradients

            cast("Any", self.unet).set_attn_processor(PlainWithGradients())
            cast("Any", self.text_encoder).set_attn_implementation("eager")

    @property
    def _vae_like(self) -> Tensor:
        """On the autoencoder's device, in its dtype: float32, but where a stage is computed again in a higher one."""
        return next(iter(self._parameters["vae"].values()))

    def _network(self, part: Part) -> nn.Module:
        return {"unet": self.unet, "text_encoder": self.text_encoder, "vae": self.vae}[part]

    def _setting(self, part: Part, name: str) -> Any:
        return getattr(cast("Any", self._network(part)).config, name)

    def _own_parameters(self, part: Part) -> dict[str, nn.Parameter]:
        return {native_name(part, name): value for name, value in self._network(part).named_parameters()}

    def _leaf_names(self, part: Part) -> list[str]:
        return list(dict.fromkeys(name.rpartition(".")[0] for name in self._parameters[part]))


def _tensor_hash(networks: Sequence[nn.Module]) -> str:
    """SHA-256 over names, shapes and bytes of all tensors."""
    digest = hashlib.sha256()
    for network in networks:
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
