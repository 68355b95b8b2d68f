"""The model card in Markdown.

Reads: figures, captions, names of charts. Writes: text. Does not: measure, or draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from imprint.evaluation.identity import NO_IDENTITY
from imprint.jobs.nano.report.asking import Asked
from imprint.jobs.nano.report.bars import NOT_HELD_OUT, bar_rows
from imprint.jobs.nano.report.figures import FINE, Measured
from imprint.nano.world.unseen import UNSEEN_PAIRS

CAPTIONS_SHOWN = 20

#: Figure, what it is, digits, and what to say where it was not measured.
ROWS = (
    ("psnr_db", "autoencoder on held-out renders, PSNR in dB", 2, ""),
    ("renders", "judge on held-out renders, mean over attributes", 3, ""),
    ("reconstructions", "judge on their reconstructions", 3, ""),
    ("kept", "reconstructions / renders", 3, ""),
    *((f"kept_{name}", f"reconstructions / renders, {name}", 3, "no such attribute") for name in FINE),
    ("judge_ece", "judge, expected calibration error on renders", 3, ""),
    ("identity_auc", "judge, identity within a class, AUC", 3, NO_IDENTITY),
    ("drawn", "unseen captions, mean over attributes", 3, ""),
    ("worst", "unseen captions, the worst attribute", 3, ""),
    ("binding", "colours that read as asked, captions with two or more", 3, ""),
    ("swapped", "colours read as another thing's, of those at risk", 3, ""),
    ("unseen_pairs", "both values of a pair never seen together", 3, NOT_HELD_OUT),
    ("unseen_attributes", "all attributes of these pictures", 3, NOT_HELD_OUT),
    ("unseen_renders", "the pairs on renders, where only the judge can be wrong", 3, NOT_HELD_OUT),
    ("face_diversity", "variety of one caption's faces / of renders that it goes with", 2, ""),
    ("face_diversity_anyone", "variety of one caption's faces / of renders of anyone who fits its words", 2, ""),
    ("seconds", "seconds for one picture, drawn alone", 2, ""),
    ("seconds_guided", "seconds for one picture with guidance in every step", 2, ""),
)


def card_text(measured: Measured, asked: Sequence[Asked], charts: Sequence[str]) -> str:
    """The card.

    Args:
        measured: all figures.
        asked: the captions of the pictures on the sheet.
        charts: file names of the curves.
    """
    plan = measured.plan
    return CARD.format(
        version=version("imprint"), bars=_bars(measured), figures=_figures(measured), attributes=_attributes(measured),
        base_mb=measured.base_megabytes, judge_mb=measured.judge_megabytes, ran_on=measured.ran_on, plan=plan,
        seeds=", ".join(str(seed) for seed in plan.seeds), worst=measured.worst,
        pairs="; ".join(f"{a[1]} + {b[1]}" for a, b in UNSEEN_PAIRS),
        shown=len(asked), captions="\n".join(f"{n}. {a.prompt}" for n, a in enumerate(asked[:CAPTIONS_SHOWN], 1)),
        charts="\n".join(f"![{Path(name).stem}]({name})" for name in charts),
    )  # fmt: skip


def _bars(measured: Measured) -> str:
    rows = [f"| {row.what} | {row.asked} | {row.measured} | {row.met} |" for row in bar_rows(measured)]
    return "\n".join(["| | bar | measured | met? |", "|---|---|---|---|", *rows])


def _figures(measured: Measured) -> str:
    figures = measured.figures
    rows = [
        f"| {words} | {figures[name].text(digits) if name in figures else missing or 'not measured'} |"
        for name, words, digits, missing in ROWS
    ]
    return "\n".join(["| figure | mean ± deviation over seeds |", "|---|---|", *rows])


def _attributes(measured: Measured) -> str:
    tables = ("renders", "reconstructions", "drawn")
    known = {table: measured.attributes(table) for table in tables}
    rows = [
        f"| {name} | {' | '.join(measured.attribute(t, name).text() if name in known[t] else '–' for t in tables)} |"
        for name in known["drawn"]
    ]
    return "\n".join(["| attribute | renders | reconstructions | drawn |", "|---|---|---|---|", *rows])


CARD = """\
# nano: the embedded base

A complete Stable Diffusion 1 in small: text encoder and tokenizer (CLIP), U-Net with cross-attention, autoencoder
(8 times smaller latents, 4 channels), 128 px. It learnt its pictures from the procedural world in
`imprint.nano.world`, all of whose attributes are known. Stock `diffusers.StableDiffusionPipeline.from_pretrained` opens
`base/`; `judge/` is the network that scores pictures. It draws cartoon figurines and nothing else: it is there to try,
test and benchmark with.

Made by `imprint nano train` from `recipes/nano/`; this page by `imprint nano report` (version {version}).
Licence: Apache-2.0. No picture of a real person or place was used. Weights in fp16: base {base_mb:.1f} MB, judge
{judge_mb:.1f} MB.

## What it has to reach
{bars}

## Figures
Seeds {seeds}: each with captions, renders and noise of its own; {plan.renders} renders, {plan.captions} captions and
{plan.unseen} captions with unseen pairs in all. Pictures: {plan.steps} steps of {plan.sampler}, CFG {plan.cfg_scale:g}
from {plan.cfg_start:.0%} to {plan.cfg_end:.0%} of the steps, {ran_on}. The worst attribute is {worst}.

{figures}

Captions leave nothing out. A colour is at risk where another thing in the picture is asked to have a different colour
that it could take as well. Faces: {plan.faces} captions for each seed that say gender, age, hair and place,
{plan.per_face} pictures each; variety is the mean distance of the judge's features over pairs of pictures. Captions
never say that something is not there: in renders that such a caption goes with, what it could have mentioned is
{plan.left_out:.0%} as likely against its absence as in the world, as training's captions left out that much. Anyone who
fits its words has hats, glasses, beards and balloons as people of the world have them.

Pairs that no training picture shows together: {pairs}.

## Attributes
Share of right answers of the judge; the last column is what the base drew from unseen captions.

{attributes}

## Drawn by the base
Unseen captions of the first seed, none chosen. In pairs: the world's picture of a caption, and on its right the base's.

![the world's pictures and the base's](beside.png)

{captions}

{shown} captions, these among them:

![drawn](drawn.png)

## The world it learnt from
![renders](renders.png)

## Training
{charts}
"""
