"""A training loop as diffusers' example scripts write it: the measure that ours is held against.

Reads: networks and pictures. Writes: trained weights. Does not: use anything of Imprint's but the opened networks.

Follows examples/text_to_image/train_text_to_image.py (full fine-tuning) and train_text_to_image_lora.py of diffusers
with --mixed_precision=bf16 --max_grad_norm=1.0, line by line where a line takes time. Left out, in the plain loop's
favour: accelerate's bookkeeping, logging, resizing and augmentation of pictures, EMA. The LoRA matrices are float32, as
the scripts hold them with fp16.
"""

# B batch, C channels, H W pixels, c h w latent cells, N tokens

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as functional
from benchmarks.setup import Setup
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from peft import LoraConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from imprint.artifacts.dataset_folder import Dataset as PictureFolder
from imprint.families.sd1 import StableDiffusion1


@dataclass(frozen=True)
class Draws:
    """The random numbers of one step, to give both sides the same."""

    posterior_Bchw: Tensor
    noise_Bchw: Tensor
    timestep_B: Tensor


class Pictures(Dataset[dict[str, Tensor]]):
    """Pixels and tokens, made anew at every access as the scripts' `preprocess_train` does."""

    def __init__(self, folder: PictureFolder, tokenize: Callable[[Sequence[str]], Tensor]) -> None:
        self.folder = folder
        self.tokenize = tokenize

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        pixels_HWC = torch.as_tensor(self.folder.pixels(index))
        return {
            "pixel_values": pixels_HWC.permute(2, 0, 1).float() / 127.5 - 1,
            "input_ids": self.tokenize([self.folder.items[index].text])[0],
        }


class PlainLoop:
    """The scripts' loop.

    Args:
        family: opened, fresh; its networks are taken over.
        folder: pictures with captions.
        setup: of the comparison.
    """

    def __init__(self, family: StableDiffusion1, folder: PictureFolder, setup: Setup) -> None:
        self.setup = setup
        self.bf16 = setup.precision == "bf16"
        weight_dtype = torch.bfloat16 if self.bf16 else torch.float32  # of whatever is not trained
        # nn.Module's own `to`, because diffusers' warns of what the scripts do.
        self.vae: Any = nn.Module.to(family.vae, weight_dtype)
        self.text_encoder = family.text_encoder.to(weight_dtype)
        self.unet: Any = family.unet
        self.scheduler: Any = cast("Any", DDPMScheduler).from_config(family.scheduler)
        self.vae.requires_grad_(False)
        self.text_encoder.requires_grad_(False)
        self.parameters = self._lora(weight_dtype) if setup.method == "lora" else self._full()
        self.unet.train()
        self.optimizer: Any = torch.optim.AdamW(
            self.parameters, lr=setup.learning_rate, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8
        )
        self.data = Pictures(folder, family.tokenize)

    def _lora(self, weight_dtype: torch.dtype) -> list[nn.Parameter]:
        self.unet.requires_grad_(False)
        self.unet.to(weight_dtype)
        self.unet.add_adapter(
            LoraConfig(
                r=self.setup.rank, lora_alpha=self.setup.rank, init_lora_weights="gaussian",
                target_modules=["to_k", "to_q", "to_v", "to_out.0"],
            )
        )  # fmt: skip
        trained = [value for value in self.unet.parameters() if value.requires_grad]
        for value in trained:
            value.data = value.data.float()
        return trained

    def _full(self) -> list[nn.Parameter]:
        self.unet.requires_grad_(True)
        return list(self.unet.parameters())

    def loss(self, batch: dict[str, Tensor], draws: Draws | None = None) -> Tensor:
        """Mean squared error of the predicted noise.

        Args:
            batch: pixel_values (B, C, H, W) in -1..1 and input_ids (B, N).
            draws: random numbers to use; None draws them as the scripts do.
        """
        dtype = next(self.vae.parameters()).dtype
        posterior = self.vae.encode(batch["pixel_values"].to(dtype)).latent_dist
        if draws is None:
            latents = posterior.sample() * self.vae.config.scaling_factor
            noise = torch.randn_like(latents)
            steps = self.scheduler.config.num_train_timesteps
            timesteps = torch.randint(0, steps, (latents.shape[0],), device=latents.device).long()
        else:
            latents = posterior.mean + posterior.std * draws.posterior_Bchw.to(dtype)
            latents = latents * self.vae.config.scaling_factor
            noise, timesteps = draws.noise_Bchw.to(dtype), draws.timestep_B
        noisy_latents = self.scheduler.add_noise(latents, noise, timesteps)
        encoder_hidden_states = self.text_encoder(batch["input_ids"], return_dict=False)[0]
        v = self.scheduler.config.prediction_type == "v_prediction"
        target = self.scheduler.get_velocity(latents, noise, timesteps) if v else noise
        # accelerate's prepare() puts the U-Net's forward under autocast and gives its output back in float32.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            model_pred = self.unet(noisy_latents, timesteps, encoder_hidden_states, return_dict=False)[0]
        return functional.mse_loss(model_pred.float(), target.float(), reduction="mean")

    def loss_with(self, draws: Draws, items: Sequence[int]) -> float:
        """The loss of given pictures with given random numbers; trains nothing."""
        rows = [self.data[item] for item in items]
        batch = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
        with torch.no_grad():
            return float(self.loss(batch, draws))

    def run(self, after_step: Callable[[], None]) -> None:
        """Train to the last step."""
        cast("Any", torch).manual_seed(self.setup.seed)
        loader = DataLoader(self.data, batch_size=self.setup.batch_size, shuffle=True, drop_last=True, num_workers=0)
        done = 0
        while done < self.setup.total_steps:
            for batch in cast("Any", loader):
                loss: Any = self.loss(batch)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad()
                loss.detach().item()  # the scripts log it
                done += 1
                after_step()
                if done == self.setup.total_steps:
                    return
