"""Pictures from prompts.

Reads: a family, requests. Writes: pictures (in memory). Does not: save them, or open models.

The same request is the same picture, alone or among others: all noise is counted from the request's own seed, and each
picture has its own network calls unless a larger batch is asked for. Suffixes: B batch, c channels, h w latent cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from imprint.artifacts.picture import AdapterRecord, Picture
from imprint.families.family import Family
from imprint.generation.beside import beside_noise
from imprint.generation.desk import Asked, Desk, batch_size, batches, only_drawing
from imprint.generation.fitting import with_drawable_sizes
from imprint.generation.hires import Hires, OpenUpscaler, SecondPass, second_pass, second_request
from imprint.generation.listening import Listener, OnGenerationStep
from imprint.generation.passes import Pass, Start, pass_of, run_pass
from imprint.generation.pixels import picture_of
from imprint.generation.reading import ReadPair
from imprint.generation.recording import Drawn, record_of
from imprint.generation.request import PictureRequest
from imprint.generation.tiling import TilingAxes, tiled
from imprint.weights.shelf import Shelf


class TextToImage(PictureRequest):
    """One picture to be made from a prompt."""

    hires: Hires | None = None
    """A second pass that draws the picture larger; left out, there is none."""


@dataclass(frozen=True)
class _Shape:
    """What requests must share to be computed in one batch."""

    first: Pass
    second: SecondPass | None
    tiling: TilingAxes | None

    @property
    def alone(self) -> bool:
        """Whether a sampler chooses its own steps, so that pictures cannot share them."""
        return self.first.own_steps or (self.second is not None and self.second.plan.own_steps)


@dataclass(frozen=True)
class _Task:
    """A request with its prompts read."""

    request: TextToImage
    shape: _Shape
    first: Asked
    second: Asked | None

    @property
    def alone(self) -> bool:
        """Whether no other picture may be drawn beside it."""
        return self.shape.alone or self.first.alone or (self.second is not None and self.second.alone)


def text_to_image(
    family: Family, requests: Sequence[TextToImage], *, adapters: Sequence[AdapterRecord] = (),
    on_step: OnGenerationStep | None = None, batch: int | None = None, shelf: Shelf | None = None,
    open_upscaler: OpenUpscaler | None = None,
) -> Iterator[Picture]:
    """Make pictures, one for each request and in their order, each as soon as it is done.

    Args:
        family: the base, with any adapters already applied; its weights must not change during the call.
        requests: prompts, seeds and settings, free to differ.
        adapters: what is applied to the base, for the record.
        on_step: called after every sampler step; may raise to stop.
        batch: pictures to compute at a time, >= 1. Left out or 1, a picture does not depend on its neighbours by a
            single bit; more is faster on a GPU and may change the last bits. Only neighbouring requests that differ
            in nothing but prompts and seed share a batch; one whose prompt names networks is drawn by itself.
        shelf: where the networks and embeddings are that prompts name. Without one they are left out, with a warning.
        open_upscaler: finds upscalers of pixels for second passes; without one those of latents can be had.
    Returns: an iterator of pictures.
    Raises:
        ConfigError: at once, for a batch < 1, or too many steps for a schedule.
        NumericsError: while iterating, if the network answers with NaN or infinity.
    """
    room = batch_size(batch)
    drawable = with_drawable_sizes(requests, family.latent_stride)
    shapes = [_shape(family, request, open_upscaler) for request in drawable]
    tasks = (_task(request, shape) for request, shape in zip(drawable, shapes, strict=True))
    listener = Listener(on_step, len(shapes))
    return _pictures(Desk(family, shelf), tasks, tuple(adapters), listener, room)


def _shape(family: Family, request: TextToImage, open_upscaler: OpenUpscaler | None) -> _Shape:
    width, height = request.width_px or family.native_px, request.height_px or family.native_px
    second = None
    if request.hires is not None:
        again = second_request(request, request.hires)
        second = second_pass(family, again, request.hires, (width, height), open_upscaler)
    return _Shape(pass_of(family, request, (width, height)), second, request.tiling)


def _task(request: TextToImage, shape: _Shape) -> _Task:
    pair = ReadPair.of(request.prompt, request.negative_prompt, request.read_settings(request.steps))
    first = Asked(pair, request.encode_settings())
    if request.hires is None:
        return _Task(request, shape, first, None)
    again = second_request(request, request.hires)
    settings = again.read_settings(request.steps, hires_steps=again.steps)
    second = Asked(ReadPair.of(again.prompt, again.negative_prompt, settings), again.encode_settings())
    return _Task(request, shape, first, second)


def _pictures(
    desk: Desk, tasks: Iterator[_Task], adapters: tuple[AdapterRecord, ...], listener: Listener, room: int
) -> Iterator[Picture]:
    def together(first: _Task, other: _Task) -> bool:
        return other.shape == first.shape and not other.alone

    for group in batches(tasks, lambda task: 1 if task.alone else room, together):
        shape = group[0].shape
        with only_drawing(desk.family), tiled(desk.family, shape.tiling):
            drawn = _draw(desk, group, listener)
        for task, one in zip(group, drawn, strict=True):
            hires, second = task.request.hires, shape.second
            more = {"hires": second.said(hires)} if hires and second else {}
            yield Picture(one.pixels_HWC, record_of(desk.family, task.request, shape.first, adapters, one, **more))
        listener.done += len(group)


def _draw(desk: Desk, group: Sequence[_Task], listener: Listener) -> list[Drawn]:
    shape, family = group[0].shape, desk.family
    requests, notes = [task.request for task in group], list[str]()
    with desk.briefing([task.first for task in group]) as brief:
        latent_Bchw = run_pass(
            family, shape.first, brief, requests, notes, on_step=listener.of(len(group)),
            beside_1khw=beside_noise(family, shape.first, notes),
        )
        networks = brief.records()
    if shape.second is not None:
        larger_Bchw = shape.second.started(family, latent_Bchw, notes)
        with desk.briefing([task.second for task in group if task.second is not None]) as brief:
            latent_Bchw = run_pass(
                family, shape.second.plan, brief, requests, notes, on_step=listener.of(len(group)),
                start=Start(larger_Bchw), beside_1khw=beside_noise(family, shape.second.plan, notes),
            )
            networks = [tuple(dict.fromkeys((*a, *b))) for a, b in zip(networks, brief.records(), strict=True)]
    return [_decoded(family, latent_Bchw[place : place + 1], networks[place], notes) for place in range(len(group))]


def _decoded(
    family: Family, latent_1chw: Tensor, networks: tuple[AdapterRecord, ...], notes: Sequence[str]
) -> Drawn:
    own = list(notes)
    return Drawn(picture_of(family, latent_1chw, own), networks, tuple(own))
