"""The reference page of samplers and schedules, written from the registries. `make docs` writes it; a test compares."""
# ruff: noqa: E501 - the lines of a Markdown table cannot be broken, and its prose is as wide as that of other pages

from __future__ import annotations

from imprint.diffusion.schedule_registry import SCHEDULES, ScheduleEntry
from imprint.generation.samplers import SAMPLERS, SamplerEntry
from imprint.registry import Registry
from surface.recipe_pages import REFERENCE

HEAD = """# Samplers and schedules

The tables are written from the registries by `make docs`. Set them with `--set sampler=dpmpp_2m --set schedule=karras`, or
by the name another tool has for them: capitals do not matter, and "DPM++ 2M Karras" says both at once. Left out, or
"Automatic", the schedule is the sampler's own.

## Samplers

**Order** is that with which the error of the deterministic equation falls as steps grow in number, measured on a Gaussian
(`tests/unit/test_samplers.py`). **Calls** of the network are for most steps; a step to level 0 has one. **Noise** is drawn a
step at a time (each), or is a Brownian path over the levels (path), which more steps follow more closely: their pictures
converge. **Options** are fields too, with the default that a sampler has for them.

| name | title | order | calls | noise | schedule | options | paper | also known as |
|---|---|---|---|---|---|---|---|---|
"""

NOTES = """
- `dpm_2`, `dpm_2_a` and `dpmpp_3m_sde` leave out the level before the last, as A1111 does; one more is chosen in its place.
- `eta` is the share of noise drawn afresh, 0 to 1. A1111 passes 1 to DPM fast and DPM adaptive too; here they have the
  paper's 0 unless `eta=1` is set.
- `s_churn` (0 to the number of steps) puts noise back between the levels `s_tmin` and `s_tmax`; `s_noise` is the standard
  deviation of all noise that is drawn, about 1. An option that a sampler does not have is refused.
- `dpm_fast` and `dpm_adaptive` solve from the first level to the last above 0 with levels of their own in between. Their
  schedule ends above 0, as in A1111; on one that ends at 0 the last call goes there. The steps of `dpm_adaptive` are the
  picture's: `steps` does nothing, and pictures are drawn one at a time whatever the batch.
- `restart` goes back up from about 0.1 to 2 once from 20 steps and twice from 36; each time has a quarter of the steps,
  which are part of the whole.
- `dpmpp_3m_sde` is of order 2 as published (and as everywhere): its formula counts the curvature half. Its error is a
  third of 2M's.
- `lcm` is for networks distilled for it, at guidance 1 to 2 and 1 to 8 steps.
- `unipc_bh2` and `unipc` differ in a function that matters at few steps only.

## Schedules

A schedule chooses the noise levels between those the network was trained on.

| name | title | from | also known as |
|---|---|---|---|
"""

TAIL = """
- `normal` of ComfyUI and A1111 is `uniform`.
- `ddim` ends at the noise of timestep 0, as diffusers' DDIMScheduler; `ddim_uniform` is what ComfyUI calls so and A1111
  offers as schedule type DDIM: it ends at 0, and where the steps do not divide 1000 it has more (30 steps visit 31 levels).
- `kl_optimal`, `time_uniform` and `ddim` end above 0.
- `align_your_steps` has levels for ten steps, log-linear in between; a family with levels of its own (SDXL) takes those. On
  a noise table other than Stable Diffusion's the same shares of the training time are visited.
- `beta` is linear in sigma, as in A1111 and diffusers; `beta_comfy`, which ComfyUI calls beta, takes the quantiles of the
  timesteps, rounded: where two fall on one they count once, and 150 steps visit 149 levels.
- `lcm` has 50 levels at most.

## Seeds

The same seed is the same noise on any device, alone or in a batch. `noise_source` says whose seeds:

| source | the noise of | exact |
|---|---|---|
| `imprint` | Imprint: counted by seed, step and picture | bit for bit |
| `cpu` | PyTorch on a CPU, one generator a picture: A1111 with RNG CPU, InvokeAI; ComfyUI for a batch of one | bit for bit |
| `nv` | PyTorch on a GPU without limit: A1111 with RNG NV | to rounding |
| `nv:46`, `nv:108x2048` | PyTorch on a GPU of so many multiprocessors (and threads in each, 1536 unless said): A1111 with RNG GPU | to rounding |

The first draw is the first noise, later draws are the sampler's. A Brownian path is always counted from the seed.

- `variation_seed` and `variation_strength` turn the first noise towards another seed's. `imprint generate` with several
  pictures then counts the variation seed on, not the seed.
- `ensd` is added to the seed for what the sampler draws; 31337 is a habit from NovelAI. It does not move a Brownian path.
- `resize_from_width_px` and `resize_from_height_px` draw the first noise at another size and put it in the middle.
"""


def page() -> str:
    """The page in Markdown."""
    samplers = "\n".join(_sampler(entry) for entry in SAMPLERS.items().values())
    schedules = "\n".join(_schedule(entry) for entry in SCHEDULES.items().values())
    return f"{HEAD}{samplers}\n{NOTES}{schedules}\n{TAIL}"


def _sampler(entry: SamplerEntry) -> str:
    if entry.stochastic:
        noise = "path" if entry.brownian else "each"
    else:
        noise = "each if eta > 0" if "eta" in entry.options else ""
    options = ", ".join(f"{name} {value:g}" for name, value in entry.options.items())
    calls = f"{entry.calls_per_step} a try" if entry.adaptive else str(entry.calls_per_step)
    paper = f"[{entry.reference.rpartition('/')[2]}]({entry.reference})"
    aliases = _aliases(SAMPLERS, entry.name, entry.title)
    return (
        f"| `{entry.name}` | {entry.title} | {entry.order} | {calls} | {noise} | `{entry.schedule}` | {options} | {paper} "
        f"| {aliases} |"
    )


def _schedule(entry: ScheduleEntry) -> str:
    return f"| `{entry.name}` | {entry.title} | {entry.source} | {_aliases(SCHEDULES, entry.name, entry.title)} |"


def _aliases(registry: Registry[SamplerEntry] | Registry[ScheduleEntry], name: str, title: str) -> str:
    return ", ".join(alias for alias in registry.aliases(name) if alias != title)


def write() -> None:
    """Write the page."""
    (REFERENCE / "samplers.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
