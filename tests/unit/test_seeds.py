"""From seeds to noise: sources, variation, ENSD, another size."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from imprint.diffusion.cuda_randomness import cuda_normal, grid_threads
from imprint.diffusion.randomness import Purpose, normal
from imprint.generation.seeds import BatchNoise, PictureNoise, SeedSettings, pasted, slerp

pytestmark = pytest.mark.unit

SHAPE = (4, 6, 8)


def noise_of(seed: int = 5, **settings: Any) -> PictureNoise:
    return PictureNoise(seed, SeedSettings(**settings), SHAPE, stride=8)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_imprints_noise_is_counted_from_the_seed() -> None:
    noise = noise_of()
    assert torch.equal(noise.first(), normal(5, 0, [0], Purpose.LATENT, SHAPE)[0])
    assert torch.equal(noise(3), normal(5, 3, [0], Purpose.SAMPLER, SHAPE)[0])


def test_cpu_noise_is_one_generator_from_the_first_draw_on() -> None:
    noise, theirs = noise_of(noise_source="cpu"), generator(5)
    drawn = [torch.randn(SHAPE, generator=theirs) for _ in range(4)]
    assert torch.equal(noise.first(), drawn[0])
    assert all(torch.equal(noise(draw), drawn[1 + draw]) for draw in (0, 1, 2, 0))


def test_nv_noise_is_one_generator_from_the_first_draw_on() -> None:
    noise = noise_of(noise_source="NV")
    assert torch.equal(noise.first(), cuda_normal(5, 0, SHAPE))
    assert torch.equal(noise(1), cuda_normal(5, 2, SHAPE))


@pytest.mark.parametrize(("source", "threads"), [("nv:2", grid_threads(2)), ("nv:2x1024", grid_threads(2, 1024))])
def test_a_named_card_has_its_own_noise_for_large_pictures(source: str, threads: int) -> None:
    noise = PictureNoise(5, SeedSettings(noise_source=source), (4, 64, 64), stride=8)
    assert torch.equal(noise.first(), cuda_normal(5, 0, (4, 64, 64), threads))
    assert not torch.equal(noise.first(), cuda_normal(5, 0, (4, 64, 64)))


def test_ensd_seeds_anew_what_the_sampler_draws() -> None:
    for source in ("imprint", "cpu", "nv"):
        plain, moved = noise_of(noise_source=source), noise_of(noise_source=source, ensd=31337)
        assert torch.equal(moved.first(), plain.first())
        assert torch.equal(moved.between(3.0, 1.0), plain.between(3.0, 1.0))
    assert torch.equal(noise_of(ensd=31337)(0), noise_of(seed=5 + 31337)(0))
    assert torch.equal(noise_of(noise_source="cpu", ensd=2)(1), noise_of(seed=7, noise_source="cpu")(0))
    assert torch.equal(noise_of(noise_source="nv", ensd=2)(0), cuda_normal(7, 0, SHAPE))


@pytest.mark.parametrize("source", ["imprint", "cpu", "nv"])
def test_a_variation_goes_from_one_seed_to_the_other(source: str) -> None:
    def varied(strength: float) -> torch.Tensor:
        return noise_of(noise_source=source, variation_seed=9, variation_strength=strength).first()

    assert torch.equal(varied(0), noise_of(noise_source=source).first())
    torch.testing.assert_close(varied(1), noise_of(seed=9, noise_source=source).first())
    assert 0 < float((varied(0.1) - varied(0)).abs().mean()) < float((varied(0.4) - varied(0)).abs().mean())


def test_what_the_sampler_draws_does_not_vary() -> None:
    assert torch.equal(noise_of(variation_seed=9, variation_strength=0.5)(2), noise_of()(2))


def test_a_turned_noise_keeps_its_length_along_the_columns() -> None:
    low, high = torch.randn(2, *SHAPE, generator=generator(1)).double()
    unit_low, unit_high = (part / part.norm(dim=1, keepdim=True) for part in (low, high))
    turned = slerp(0.3, unit_low, unit_high)
    torch.testing.assert_close(turned.norm(dim=1), torch.ones(4, 8, dtype=torch.float64))
    angle = (unit_low * unit_high).sum(dim=1).acos()
    torch.testing.assert_close((turned * unit_low).sum(dim=1).acos(), 0.3 * angle)


def test_noises_that_are_all_but_equal_are_mixed_with_the_weights_the_other_way_round() -> None:
    noise = torch.randn(SHAPE, generator=generator(1))
    near = noise + 1e-4
    torch.testing.assert_close(slerp(0.25, noise, near), 0.25 * noise + 0.75 * near)


@pytest.mark.parametrize("shape", [(4, 1, 8), (4, 1, 1)])
def test_columns_of_one_cell_are_mixed_and_no_nan(shape: tuple[int, int, int]) -> None:
    low, high = torch.randn(2, *shape, generator=generator(1))
    torch.testing.assert_close(slerp(0.25, low, high), 0.75 * low + 0.25 * high)


def test_noise_of_another_size_is_put_in_the_middle() -> None:
    small = PictureNoise(5, SeedSettings(), (4, 2, 4), stride=8).first()
    put = noise_of(resize_from_width_px=32, resize_from_height_px=16).first()
    assert torch.equal(put[:, 2:4, 2:6], small)
    around = noise_of().first()
    assert torch.equal(put[:, :2], around[:, :2])
    assert torch.equal(put[:, :, 6:], around[:, :, 6:])


def test_of_larger_noise_the_middle_is_taken() -> None:
    large, onto = torch.arange(64.0).reshape(1, 8, 8), torch.zeros(1, 4, 2)
    assert torch.equal(pasted(large, onto), large[:, 2:6, 3:5])


@pytest.mark.parametrize("source", ["imprint", "cpu", "nv"])
def test_pictures_in_a_batch_have_the_noise_they_have_alone(source: str) -> None:
    batch = BatchNoise([noise_of(seed=seed, noise_source=source) for seed in (1, 2)], "cpu")
    alone = noise_of(seed=2, noise_source=source)
    assert torch.equal(batch.first()[1], alone.first())
    assert torch.equal(batch(0)[1], alone(0))
    assert torch.equal(batch.between(5.0, 2.0)[1], alone.between(5.0, 2.0))
    assert batch.first().shape == (2, *SHAPE)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"noise_source": "gpu"}, "there is no such source of noise; allowed: imprint, cpu, nv"),
        ({"noise_source": "nv:0"}, "no such source"),
        ({"noise_source": "nv:46x999"}, "no such source"),
        ({"variation_strength": 0.5}, "needs variation_seed"),
        ({"variation_strength": 1.5, "variation_seed": 1}, "less than or equal to 1"),
        ({"resize_from_width_px": 512}, "go together"),
        ({"resize_from_width_px": 7, "resize_from_height_px": 512}, "greater than or equal to 8"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SeedSettings(**settings)
