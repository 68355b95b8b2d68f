"""Measures a base of the world and writes its model card, curves and contact sheets. Anyone can run it again.

Reads: a base, the judge, the world. Writes: README.md, measured.json and pictures beside the weights.
Does not: train, or choose what looks good: seeds are fixed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from imprint.artifacts.event_log import EventLog
from imprint.artifacts.files import write_json, write_text
from imprint.evaluation.report.curves import Curve, line_chart
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.bases import NANO, base_path, open_base
from imprint.jobs.nano.judge import attribute_accuracy
from imprint.jobs.nano.rendered import HELD_OUT_SEED, to_model_range
from imprint.jobs.progress import announce
from imprint.nano import judge_folder
from imprint.nano.judge import Judge
from imprint.nano.world.captions import caption
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec, sample_spec
from imprint.training.autoencoding import psnr_B

CAPTION_SEED = HELD_OUT_SEED + 500_000
CHART_STYLE = (
    "<style>svg{font:11px sans-serif}.line{fill:none;stroke:#3c4fb0;stroke-width:1.6}.grid{stroke:#ddd}"
    ".axis{stroke:#888}.tick{fill:#666}.dot{fill:#3c4fb0}</style>"
)


@dataclass(frozen=True)
class Plan:
    """How much is measured, and how pictures are drawn."""

    renders: int = 1000
    captions: int = 500
    steps: int = 25
    cfg_scale: float = 4.0
    batch: int = 16


@dataclass(frozen=True)
class Measured:
    """The figures of the card; accuracies are shares of right answers, 0..1."""

    psnr_db: float
    judge_renders: Mapping[str, float]
    judge_reconstructions: Mapping[str, float]
    drawn: Mapping[str, float]
    seconds_for_four: float
    threads: int
    megabytes: float

    @property
    def means(self) -> dict[str, float]:
        """Mean over attributes of the three accuracies."""
        tables = {"renders": self.judge_renders, "reconstructions": self.judge_reconstructions, "drawn": self.drawn}
        return {name: float(np.mean(list(table.values()))) for name, table in tables.items()}


def write_card(base: str = NANO, out: Path | None = None, plan: Plan | None = None) -> Path:
    """Measure a base and write its card.

    Args:
        base: "nano" or a folder.
        out: where the card goes; left out, the folder above the base's.
        plan: how much is measured.
    Returns: the card, README.md.
    """
    plan = plan or Plan()
    folder = out or base_path(base).parent
    folder.mkdir(parents=True, exist_ok=True)
    family, judge = open_base(base), Judge.open(judge_folder())
    specs = [sample_spec(HELD_OUT_SEED + number) for number in range(plan.renders)]
    pictures = np.stack([render(spec, family.native_px) for spec in specs])
    psnr, reconstructions = _reconstruct(family, pictures)
    wanted = [sample_spec(CAPTION_SEED + number) for number in range(plan.captions)]
    drawn = _draw(family, wanted, plan)
    measured = Measured(
        psnr_db=psnr,
        judge_renders=attribute_accuracy(judge, _as_seen(pictures), specs),
        judge_reconstructions=attribute_accuracy(judge, _as_seen(reconstructions), specs),
        drawn=attribute_accuracy(judge, _as_seen(drawn), wanted),
        seconds_for_four=_seconds_for_four(family, plan),
        threads=torch.get_num_threads(),
        megabytes=sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 1e6,
    )
    sheet(drawn[:60], 10).save(folder / "drawn.png")
    sheet(pictures[:60], 10).save(folder / "renders.png")
    charts = _charts(folder)
    write_json(folder / "measured.json", {**asdict(measured), "means": measured.means, "plan": asdict(plan)})
    write_text(folder / "README.md", card_text(measured, plan, wanted, charts))
    return folder / "README.md"


@torch.no_grad()
def _reconstruct(family: Family, pictures_NHWC: NDArray[np.uint8]) -> tuple[float, NDArray[np.uint8]]:
    """Mean PSNR in dB of pictures through the autoencoder, and what came out."""
    tell, values, out = announce("autoencoder"), list[Tensor](), list[NDArray[np.uint8]]()
    for start in range(0, len(pictures_NHWC), 25):
        pixels = to_model_range(pictures_NHWC[start : start + 25])
        decoded = family.decode(family.encode_image(pixels).mean_Bchw)
        values.append(psnr_B(decoded, pixels))
        out.append(((decoded + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy())
        tell(start + len(pixels), len(pictures_NHWC))
    return float(torch.cat(values).mean()), np.concatenate(out)


def _draw(family: Family, specs: Sequence[Spec], plan: Plan) -> NDArray[np.uint8]:
    """One picture for the full caption of each spec."""
    requests = [
        TextToImage(
            prompt=full_caption(spec, number), steps=plan.steps, cfg_scale=plan.cfg_scale, seed=number,
        )
        for number, spec in enumerate(specs)
    ]
    tell, out = announce("drawn"), list[NDArray[np.uint8]]()
    for picture in text_to_image(family, requests, batch=plan.batch):
        out.append(picture.pixels_HWC)
        tell(len(out), len(requests))
    return np.stack(out)


def full_caption(spec: Spec, number: int) -> str:
    """A caption that leaves nothing out."""
    return caption(spec, CAPTION_SEED + number, drop=0.0)


def _as_seen(pictures_NHWC: NDArray[np.uint8]) -> list[Tensor]:
    """Batches as the judge takes them, 0..1."""
    return [
        (to_model_range(pictures_NHWC[start : start + 50]) + 1) / 2 for start in range(0, len(pictures_NHWC), 50)
    ]


def _seconds_for_four(family: Family, plan: Plan) -> float:
    """Wall time of four pictures, one at a time, after one to warm up; the best of three."""
    requests = [
        TextToImage(prompt="a photo of a dog", steps=plan.steps, cfg_scale=plan.cfg_scale, seed=n) for n in range(4)
    ]
    list(text_to_image(family, requests[:1]))
    times: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        list(text_to_image(family, requests))
        times.append(time.perf_counter() - start)
    return min(times)


def sheet(pictures_NHWC: NDArray[np.uint8], columns: int) -> Image.Image:
    """Pictures side by side, row by row."""
    count, height, width = pictures_NHWC.shape[:3]
    page = Image.new("RGB", (columns * width, -(-count // columns) * height), (255, 255, 255))
    for number, pixels in enumerate(pictures_NHWC):
        page.paste(Image.fromarray(pixels), (number % columns * width, number // columns * height))
    return page


def _charts(folder: Path) -> list[str]:
    """Curves of the training logs that lie in `curves/`, as SVG files. Returns: their names."""
    names: list[str] = []
    for path in sorted((folder / "curves").glob("*.jsonl")):
        log = EventLog(path)
        series = {"loss": _points(log, "step", "loss"), "psnr_db": _points(log, "held_out", "psnr_db")}
        for key, points in series.items():
            if points:
                chart = str(line_chart(Curve(f"{path.stem} {key}", "", tuple(points))))
                chart = chart.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
                name = f"curves/{path.stem}-{key}.svg"
                write_text(folder / name, chart.replace("</title>", "</title>" + CHART_STYLE, 1))
                names.append(name)
    return names


def _points(log: EventLog, kind: str, key: str) -> list[tuple[float, float]]:
    return [(float(e.step or 0), float(e.fields[key])) for e in log.by_step(kind) if key in e.fields]


def card_text(measured: Measured, plan: Plan, specs: Sequence[Spec], charts: Sequence[str]) -> str:
    """The model card in Markdown."""
    means = measured.means
    worst = min(measured.drawn, key=lambda name: measured.drawn[name])
    rows = "\n".join(
        f"| {name} | {measured.judge_renders.get(name, float('nan')):.3f} "
        f"| {measured.judge_reconstructions.get(name, float('nan')):.3f} | {value:.3f} |"
        for name, value in measured.drawn.items()
    )
    captions = "\n".join(f"{n + 1}. {full_caption(spec, n)}" for n, spec in enumerate(specs[:20]))
    pictures = "\n".join(f"![{Path(name).stem}]({name})" for name in charts)
    return CARD.format(
        version=version("imprint"), megabytes=measured.megabytes, psnr=measured.psnr_db, renders=means["renders"],
        reconstructions=means["reconstructions"], drawn=means["drawn"], worst=worst, worst_value=measured.drawn[worst],
        four=measured.seconds_for_four, threads=measured.threads, rows=rows, captions=captions, charts=pictures,
        plan=plan,
    )


CARD = """\
# nano: the embedded base

A complete Stable Diffusion 1 in small: text encoder and tokenizer (CLIP), U-Net with cross-attention, autoencoder
(8 times smaller latents, 4 channels), 128 px. It learnt people, animals and things from the procedural world in
`imprint.nano.world`, all of whose attributes are known. Stock `diffusers.StableDiffusionPipeline.from_pretrained` opens
`base/`; `judge/` is the network that scores pictures. It draws cartoon figurines and nothing else: it is there to try,
test and benchmark with.

Made by `imprint nano train` from `recipes/nano/`; this page by `imprint nano report` (version {version}).
Licence: Apache-2.0. No picture of a real person or place was used.

| figure | value |
|---|---|
| weights, fp16 | {megabytes:.1f} MB |
| autoencoder on {plan.renders} held-out renders | {psnr:.2f} dB PSNR |
| judge, mean attribute accuracy on held-out renders | {renders:.3f} |
| the same on their reconstructions | {reconstructions:.3f} |
| {plan.captions} unseen captions, {plan.steps} steps, CFG {plan.cfg_scale:g}: mean attribute accuracy | {drawn:.3f} |
| worst attribute of these ({worst}) | {worst_value:.3f} |
| 4 pictures of {plan.steps} steps, {threads} threads | {four:.1f} s |

## Attributes
Share of right answers of the judge; the last column is what the base drew from full captions.

| attribute | renders | reconstructions | drawn |
|---|---|---|---|
{rows}

## Drawn by the base
Sixty unseen captions, seeds 0 to 59, none chosen.

![drawn](drawn.png)

The first captions:
{captions}

## The world it learnt from
![renders](renders.png)

## Training
{charts}
"""
