"""What the text encoder is read for, against diffusers' own pipeline. In float32 they differ by 2e-6."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from make import tiny_base, tiny_family

pytestmark = [
    pytest.mark.parity,
    # diffusers hands a torch tensor to numpy.array(); nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.mark.parametrize("clip_skip", [1, 2])
def test_a_skipped_layer_is_the_one_that_diffusers_reads(clip_skip: int) -> None:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    pipeline: Any = StableDiffusionPipeline.from_pretrained(tiny_base(), safety_checker=None)
    # diffusers 0.42 looks for the final norm where transformers kept it up to 5.0.
    pipeline.text_encoder.__dict__["text_model"] = pipeline.text_encoder
    # Theirs counts the layers that are left out, ours (as A1111) from the last.
    skipped = None if clip_skip == 1 else clip_skip - 1
    theirs, _ = pipeline.encode_prompt("a photo of a dog", "cpu", 1, False, clip_skip=skipped)
    family = tiny_family()
    ours = family.encode_tokens(family.tokenize(["a photo of a dog"]), clip_skip).text_BND
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
