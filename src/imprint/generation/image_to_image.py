"""Pictures from pictures: drawn anew as a whole (img2img) or inside a mask (inpainting).

Reads: a family, a source picture with or without a mask, requests. Writes: pictures (in memory). Does not: open or save
files, or open models.

Where a mask keeps the source, the result has its very bytes. Suffixes: B batch, c channels, h w latent cells.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from imprint.artifacts.picture import AdapterRecord, Picture
from imprint.families.family import Family
from imprint.generation.beside import beside_picture
from imprint.generation.canvas import Canvas, ImageSettings, Source, canvas_of
from imprint.generation.desk import Asked, Desk, batch_size, batches, only_drawing
from imprint.generation.fitting import with_drawable_sizes
from imprint.generation.listening import Listener, OnGenerationStep
from imprint.generation.masks import latent_mask
from imprint.generation.passes import Pass, Start, noise_schedule, noises, pass_of, run_pass
from imprint.generation.pixels import latents_of, picture_of
from imprint.generation.reading import ReadPair
from imprint.generation.recording import Drawn, record_of
from imprint.generation.request import PictureRequest
from imprint.generation.seeds import PictureNoise
from imprint.generation.soft_inpainting import cell_shares, overlay_mask
from imprint.generation.tiling import tiled
from imprint.weights.shelf import Shelf

log = logging.getLogger(__name__)


class ImageToImage(PictureRequest):
    """One picture to be made from a prompt and another picture."""

    image: ImageSettings = ImageSettings()
    """How the source is used."""


@dataclass(frozen=True)
class _Task:
    request: ImageToImage
    canvas: Canvas
    plan: Pass
    asked: Asked

    @property
    def alone(self) -> bool:
        """Whether no other picture may be drawn beside it."""
        return self.plan.own_steps or self.asked.alone


def image_to_image(
    family: Family, source: Source, requests: Sequence[ImageToImage], *, adapters: Sequence[AdapterRecord] = (),
    on_step: OnGenerationStep | None = None, batch: int | None = None, shelf: Shelf | None = None,
) -> Iterator[Picture]:
    """Make pictures from one picture, one for each request and in their order, each as soon as it is done.

    Args:
        family: the base, with any adapters already applied; its weights must not change during the call.
        source: the picture, and the mask if only a part is to be drawn.
        requests: prompts, seeds and settings, free to differ.
        adapters, on_step, batch, shelf: as in `text_to_image`.
    Returns: an iterator of pictures.
    Raises:
        ConfigError: at once, for a batch < 1, too many steps for a schedule, or a strength too small for its rule.
        InputError: at once, for a mask of another size than the picture.
        NumericsError: while iterating, if the network answers with NaN or infinity.
    """
    room = batch_size(batch)
    drawable = with_drawable_sizes(requests, family.latent_stride)
    canvases: dict[tuple[Any, ...], Canvas] = {}  # of a large source one is enough; it has its size
    tasks = [_task(family, source, request, canvases) for request in drawable]
    return _pictures(Desk(family, shelf), source, tasks, tuple(adapters), Listener(on_step, len(tasks)), room)


def _task(family: Family, source: Source, request: ImageToImage, canvases: dict[tuple[Any, ...], Canvas]) -> _Task:
    settings, asked_px = request.image, (request.width_px, request.height_px)
    if (settings, asked_px) not in canvases:
        canvases[settings, asked_px] = canvas_of(source, settings, asked_px, family)
        _warn_of_small_mask(canvases[settings, asked_px], settings, family.latent_stride)
    canvas = canvases[settings, asked_px]
    plan = pass_of(family, request, canvas.drawn_px, strength=settings.strength, rule=settings.step_rule)
    levels = plan.levels(noise_schedule(family))
    if settings.strength and not len(levels):
        log.warning("a strength of %g is less than one of %d steps: nothing is drawn", settings.strength, request.steps)
    # Edits and alternation run over the calls that are made; in A1111 over the steps that were asked for.
    made = max(1, len(levels) - 1)
    steps = request.steps if request.compat == "a1111" else made
    pair = ReadPair.of(request.prompt, request.negative_prompt, request.read_settings(steps))
    return _Task(request, canvas, plan, Asked(pair, request.encode_settings()))


def _warn_of_small_mask(canvas: Canvas, settings: ImageSettings, stride: int) -> None:
    if canvas.mask_HW is None or settings.soft is not None or latent_mask(canvas.shown_mask(), stride).any():
        return
    log.warning(
        "the mask covers half of no square of %d pixels: nothing new is drawn; image.only_masked draws it larger",
        stride,
    )


def _pictures(
    desk: Desk, source: Source, tasks: Sequence[_Task], adapters: tuple[AdapterRecord, ...], listener: Listener,
    room: int,
) -> Iterator[Picture]:
    said = source.said()

    def together(first: _Task, other: _Task) -> bool:
        same = (first.plan, first.request.tiling) == (other.plan, other.request.tiling)
        return first.canvas is other.canvas and same and not other.alone

    for group in batches(iter(tasks), lambda task: 1 if task.alone else room, together):
        with only_drawing(desk.family), tiled(desk.family, group[0].request.tiling):
            drawn = _draw(desk, group, listener)
        for task, one in zip(group, drawn, strict=True):
            image: dict[str, Any] = {**said, **task.request.image.model_dump(), "keeps_size": task.canvas.keeps_size}
            record = record_of(
                desk.family, task.request, task.plan, adapters, one, kind="image_to_image", image=image
            )
            yield Picture(one.pixels_HWC, record)
        listener.done += len(group)


def _draw(desk: Desk, group: Sequence[_Task], listener: Listener) -> list[Drawn]:
    family, task = desk.family, group[0]
    canvas, settings, plan = task.canvas, task.request.image, task.plan
    requests, notes = [one.request for one in group], list[str]()
    with desk.briefing([one.asked for one in group]) as brief:
        networks = brief.records()
        if not len(plan.levels(noise_schedule(family))):
            return [Drawn(canvas.kept(), one) for one in networks]
        start = _start(family, canvas, settings, noises(family, plan, requests), notes)
        beside = beside_picture(family, canvas.at_drawn_size(), canvas.shown_mask(), settings.mask_weight, notes)
        latent_Bchw = run_pass(
            family, plan, brief, requests, notes, on_step=listener.of(len(group)), start=start, beside_1khw=beside
        )
    return [_finished(family, task, start, latent_Bchw, place, networks[place], notes) for place in range(len(group))]


def _start(
    family: Family, canvas: Canvas, settings: ImageSettings, noises: Sequence[PictureNoise], notes: list[str]
) -> Start:
    """What the pictures begin from: the source's latents, and under the mask what is to be there."""
    latent_1chw = latents_of(family, canvas.shown(settings.fill), notes)
    cells = canvas.drawn_px[1] // family.latent_stride, canvas.drawn_px[0] // family.latent_stride
    if tuple(latent_1chw.shape[-2:]) != cells:
        latent_1chw = functional.interpolate(latent_1chw, cells, mode="bilinear", align_corners=False)
    latent_Bchw = latent_1chw.expand(len(noises), -1, -1, -1)
    if canvas.mask_HW is None:
        return Start(latent_Bchw, None, None, settings.noise_multiplier, settings.extra_noise)
    share = latent_mask if settings.soft is None else cell_shares
    mask_11hw = share(canvas.shown_mask(), family.latent_stride).to(latent_1chw)
    if settings.fill in ("noise", "nothing"):
        under = torch.zeros_like(latent_Bchw)
        if settings.fill == "noise":
            under = torch.stack([noise.under_mask() for noise in noises]).to(latent_Bchw)
        latent_Bchw = torch.lerp(latent_Bchw, under, mask_11hw)
    return Start(latent_Bchw, mask_11hw, settings.soft, settings.noise_multiplier, settings.extra_noise)


def _finished(
    family: Family, task: _Task, start: Start, latent_Bchw: Tensor, place: int, networks: tuple[AdapterRecord, ...],
    notes: Sequence[str],
) -> Drawn:
    canvas, soft, own = task.canvas, task.request.image.soft, list(notes)
    latent_1chw = latent_Bchw[place : place + 1]
    pixels = picture_of(family, latent_1chw, own)
    overlay = None
    if soft is not None and canvas.mask_HW is not None:
        begun_1chw = start.latent_Bchw[place : place + 1]
        overlay = overlay_mask(canvas.shown_mask(), begun_1chw, latent_1chw, soft, family.latent_stride)
    return Drawn(canvas.finished(pixels, overlay), networks, tuple(own))
