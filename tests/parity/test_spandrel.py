"""Models of real architectures, by spandrel where it can be imported (it needs torchvision)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imprint.errors import ModelError
from imprint.refine.upscalers import open_upscaler
from make_upscalers import Pixels, noisy

# RuntimeError would be torchvision's beside a torch of another build; then there is nothing to compare with either.
try:
    spandrel: Any = pytest.importorskip("spandrel", exc_type=ImportError)
except RuntimeError as error:
    pytest.skip(f"spandrel cannot be imported: {error}", allow_module_level=True)

from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.SPAN import SPAN
from spandrel.architectures.SwinIR import SwinIR

pytestmark = [
    pytest.mark.parity, pytest.mark.filterwarnings("ignore:torch.meshgrid"), pytest.mark.usefixtures("own_cache")
]  # fmt: skip

MAKERS: dict[str, Any] = {
    "Compact": lambda: Compact(num_feat=8, num_conv=2, upscale=2),
    "ESRGAN": lambda: ESRGAN(num_filters=8, num_blocks=2, scale=4),
    "SPAN": lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2),
    "SwinIR": lambda: SwinIR(
        img_size=64, embed_dim=12, depths=[2, 2], num_heads=[2, 2], window_size=8, upscale=2, upsampler="pixelshuffle"
    ),
}
SCALES = {"Compact": 2, "ESRGAN": 4, "SPAN": 2, "SwinIR": 2}


def state_of(name: str, channels: int = 3) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        grey = {"num_in_ch": channels, "num_out_ch": channels, "num_feat": 8, "num_conv": 2, "upscale": 2}
        model = MAKERS[name]() if channels == 3 else Compact(**grey)
    return {key: value.detach().clone() for key, value in model.state_dict().items()}


def direct(state: dict[str, torch.Tensor], picture: Pixels) -> Pixels:
    """The picture as spandrel's own call gives it."""
    model = spandrel.ModelLoader().load_from_state_dict({key: value.clone() for key, value in state.items()}).eval()
    out = model(torch.tensor(picture).permute(2, 0, 1)[None] / 255)[0]
    return np.rint(out.permute(1, 2, 0).numpy() * 255).astype(np.uint8)


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_an_architecture_gives_what_spandrel_gives(name: str, ending: str, tmp_path: Path) -> None:
    state, picture, scale = state_of(name), noisy(33, 50), SCALES[name]
    path = tmp_path / f"model{ending}"
    save_file(state, path) if ending == ".safetensors" else torch.save({"params_ema": state}, path)
    out = open_upscaler("model", [tmp_path])(picture, (50 * scale, 33 * scale))
    assert np.array_equal(out, direct(state, picture)) and len(set(out.flat)) > 20


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_its_tiles_are_nearly_the_whole(name: str, tmp_path: Path) -> None:
    state, picture, scale = state_of(name), noisy(230, 64), SCALES[name]
    save_file(state, tmp_path / "model.safetensors")
    out = open_upscaler("model", [tmp_path])(picture, (64 * scale, 230 * scale))
    assert np.abs(out.astype(int) - direct(state, picture)).max() <= 1


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 450)])
def test_any_size_is_taken(name: str, height: int, width: int, tmp_path: Path) -> None:
    save_file(state_of(name), tmp_path / "model.safetensors")
    out = open_upscaler("model", [tmp_path])(noisy(height, width), (2 * width, 2 * height + 1))
    assert out.shape == (2 * height + 1, 2 * width, 3)


def test_half_precision_is_computed_in_single(tmp_path: Path) -> None:
    state, picture = {key: value.half() for key, value in state_of("Compact").items()}, noisy(20, 20)
    save_file(state, tmp_path / "model.safetensors")
    single = {key: value.float() for key, value in state.items()}
    assert np.array_equal(open_upscaler("model", [tmp_path])(picture, (40, 40)), direct(single, picture))


def test_a_grey_model_is_refused(tmp_path: Path) -> None:
    save_file(state_of("Compact", channels=1), tmp_path / "grey.safetensors")
    with pytest.raises(ModelError, match="1 channels in, 1 out"):
        open_upscaler("grey", [tmp_path])


def test_tensors_of_something_else_are_refused(tmp_path: Path) -> None:
    save_file({"lora_unet_a.weight": torch.ones(2, 2)}, tmp_path / "lora.safetensors")
    with pytest.raises(ModelError, match="architecture that spandrel knows"):
        open_upscaler("lora", [tmp_path])
    cut = {key: value for key, value in state_of("ESRGAN").items() if "bias" not in key}
    save_file(cut, tmp_path / "cut.safetensors")
    with pytest.raises(ModelError, match="do not fit together"):
        open_upscaler("cut", [tmp_path])
