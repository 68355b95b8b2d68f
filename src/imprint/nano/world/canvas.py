"""Antialiased drawing in unit coordinates, the one surface that every figure and scene of the world is drawn on.

Reads: nothing. Writes: RGBA pixels. Does not: know what a face or a forest is.

Antialiasing is by supersampling: shapes are drawn `SUPERSAMPLE` times larger with Pillow and reduced by a box filter,
which is deterministic and fast. The unit square has x to the right and y down; (0.5, 0.5) is the middle of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SUPERSAMPLE = 3  # 2 left visible stair steps on spectacle rims at 128 px; 4 cost twice the time of 3

Point = tuple[float, float]
_CIRCLE = np.array([(math.cos(math.pi * k / 18), math.sin(math.pi * k / 18)) for k in range(36)])
Colour = tuple[int, int, int] | tuple[int, int, int, int]
Band = tuple[Sequence[Colour], float, float]
Glow = tuple[float, float, float, Colour, float]


@dataclass(frozen=True)
class Frame:
    """A local coordinate system: scale, then rotate, then move. Figures draw in their own frame, whatever their pose.

    Attributes:
        x: where the local origin lies, in unit coordinates.
        y: the same, downwards.
        scale: units of the canvas per local unit, > 0.
        angle: rotation in radians, clockwise as seen (y is down).
        flip: mirror left and right before rotating.
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    angle: float = 0.0
    flip: bool = False

    def apply(self, point: Point) -> Point:
        """Map a local point to unit coordinates of the canvas."""
        px, py = (-point[0] if self.flip else point[0]) * self.scale, point[1] * self.scale
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return self.x + cos * px - sin * py, self.y + sin * px + cos * py

    def child(self, x: float, y: float, scale: float = 1.0, angle: float = 0.0) -> Frame:
        """A frame inside this one (a head on its body)."""
        cx, cy = self.apply((x, y))
        return Frame(cx, cy, self.scale * scale, self.angle + (-angle if self.flip else angle), self.flip)


IDENTITY = Frame()


@dataclass(frozen=True)
class Form:
    """A part of the figure that bulges towards the viewer like half an ellipsoid, in unit coordinates.

    Attributes:
        x, y: its middle.
        rx, ry: its radii along its own axes.
        angle: rotation in radians, clockwise as seen.
    """

    x: float
    y: float
    rx: float
    ry: float
    angle: float = 0.0


class Canvas:
    """One transparent (or filled) layer of size `size_px`, drawn at `SUPERSAMPLE` times that.

    All coordinates and lengths are local to `frame`, which callers may replace at any time. `forms` says where the
    figure bulges, back to front: what the light needs to know of it.
    """

    def __init__(
        self, size_px: int, fill: Colour = (0, 0, 0, 0), frame: Frame = IDENTITY, supersample: int = SUPERSAMPLE,
    ) -> None:
        self.size_px = size_px
        self.frame = frame
        self.supersample = supersample
        self.forms: list[Form] = []
        self.image = Image.new("RGBA", (size_px * supersample, size_px * supersample), fill)
        self._draw = ImageDraw.Draw(self.image)

    def pixels(self, points: Sequence[Point]) -> list[Point]:
        """Local points as pixel positions on the supersampled image."""
        frame, k = self.frame, self.size_px * self.supersample
        x0, y0, scale = frame.x * k, frame.y * k, frame.scale * k
        cos, sin = scale * math.cos(frame.angle), scale * math.sin(frame.angle)
        mirror = -1 if frame.flip else 1
        return [(x0 + cos * mirror * x - sin * y, y0 + sin * mirror * x + cos * y) for x, y in points]

    def length(self, local: float) -> float:
        """A local length in supersampled pixels."""
        return local * self.frame.scale * self.size_px * self.supersample

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon through at least three points."""
        self._draw.polygon(self.pixels(points), fill=fill)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: Colour, angle: float = 0.0) -> None:
        """A filled ellipse; `angle` in radians turns it in its own place."""
        if rx == ry or (angle == 0.0 and self.frame.angle == 0.0):
            (px, py), k = self.pixels([(cx, cy)])[0], self.length(1.0)
            self._draw.ellipse((px - rx * k, py - ry * k, px + rx * k, py + ry * k), fill=fill)
        else:
            self.polygon(ellipse_points(cx, cy, rx, ry, angle), fill)

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """A polyline with round joints and ends, `width` in local units."""
        pixel, w = self.pixels(points), max(1.0, self.length(width))
        self._stroke(pixel, w, fill, pixel)

    def _stroke(self, pixel: Sequence[Point], w: float, fill: Colour, joints: Sequence[Point]) -> None:
        """A polyline with discs at its joints, in supersampled pixels: joint="curve" is a slow Python loop."""
        self._draw.line(pixel, fill=fill, width=round(w))
        for x, y in joints:
            self._draw.ellipse((x - w / 2, y - w / 2, x + w / 2, y + w / 2), fill=fill)

    def curve(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """A smooth stroke through the points (Catmull-Rom)."""
        self.line(smooth(points, closed=False), width, fill)

    def blob(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled smooth closed shape through the points (Catmull-Rom): hair, clouds, cloth."""
        self.polygon(smooth(points, closed=True), fill)

    def outlined(self, points: Sequence[Point], fill: Colour, ink: Colour, width: float) -> None:
        """A filled polygon with an inked contour, `width` in local units."""
        self.polygon(points, fill)
        pixel, w = self.pixels([*points, points[0]]), max(1.0, self.length(width))
        self._stroke(pixel, w, ink, pixel[:: max(1, len(points) // 20)])

    def ribbon(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """What `curve` draws, as one polygon: several times faster, for bends wider than `width`."""
        middle = self._placed(_open_basis(len(points)) @ np.asarray(points, dtype=np.float64))
        half = max(0.5, self.length(width) / 2)
        ahead = np.empty_like(middle)
        ahead[1:-1], ahead[0], ahead[-1] = middle[2:] - middle[:-2], middle[1] - middle[0], middle[-1] - middle[-2]
        aside = ahead[:, ::-1] * (-1, 1) * (half / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9))[:, None]
        self._draw.polygon(np.concatenate((middle + aside, (middle - aside)[::-1])).ravel().tolist(), fill=fill)
        for x, y in (middle[0].tolist(), middle[-1].tolist()):
            self._draw.ellipse((x - half, y - half, x + half, y + half), fill=fill)

    def wash(self, bands: Sequence[Band], glows: Sequence[Glow] = ()) -> None:
        """Replace the whole layer by smooth vertical runs of colour with soft lights on them; it is opaque then.

        Painted at the final size and enlarged: nothing in it is sharp, and at three times the size it costs a
        millisecond. The frame plays no part.

        Args:
            bands: (colours from top to bottom, top, bottom), in unit coordinates; they cover the whole height.
            glows: (x, y, radius, colour, strength 0..1 in the middle), in unit coordinates.
        """
        side = self.size_px
        small = Image.new("RGB", (side, side))
        for stops, top, bottom in bands:
            column = Image.new("RGB", (1, len(stops)))
            for row, stop in enumerate(stops):
                column.putpixel((0, row), stop[:3])
            first, rows = round(top * side), round(bottom * side) - round(top * side)
            # The box ends half a stop inside: the outermost colours sit exactly on the first and the last row.
            run = column.resize((1, rows), Image.Resampling.BILINEAR, (0.0, 0.5, 1.0, len(stops) - 0.5))
            small.paste(run.resize((side, rows), Image.Resampling.NEAREST), (0, first))
        for x, y, radius, colour, strength in glows:
            r = round(radius * side)
            mask = _glow_mask(2 * r, round(255 * strength))
            small.paste(colour[:3], (round(x * side) - r, round(y * side) - r), mask)
        large = side * self.supersample
        self.image = small.resize((large, large), Image.Resampling.NEAREST)
        self._draw = ImageDraw.Draw(self.image)

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        """`blob`, worked out for all points at once: three times as fast, for figures that are made of many."""
        self._filled(_spline_basis(len(points)) @ np.asarray(points, dtype=np.float64), fill)

    def oval(self, cx: float, cy: float, rx: float, ry: float, fill: Colour, angle: float = 0.0) -> None:
        """`ellipse`, several times as fast where the frame is tilted."""
        if rx == ry or (angle == 0.0 and self.frame.angle == 0.0):
            self.ellipse(cx, cy, rx, ry, fill)
            return
        cos, sin = math.cos(angle), math.sin(angle)
        axes = np.array(((rx * cos, rx * sin), (-ry * sin, ry * cos)))
        self._filled(_CIRCLE @ axes + (cx, cy), fill)

    def _filled(self, at: NDArray[np.float64], fill: Colour) -> None:
        """A filled polygon through local points, given as an array (N, 2)."""
        self._draw.polygon(self._placed(at).ravel().tolist(), fill=fill)

    def _placed(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """`pixels` for an array (N, 2)."""
        (ox, oy), (ux, uy), (vx, vy) = self.pixels(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
        return at @ np.array(((ux - ox, uy - oy), (vx - ox, vy - oy))) + (ox, oy)

    def form(self, cx: float, cy: float, rx: float, ry: float) -> None:
        """Say that the figure bulges here; lighting rounds whatever is painted on it."""
        (x, y), scale = self.frame.apply((cx, cy)), self.frame.scale
        self.forms.append(Form(x, y, rx * scale, ry * scale, self.frame.angle))

    def paste_inside(self, other: Canvas) -> None:
        """Draw `other` over this layer, only where this layer is already painted (a pattern on a coat)."""
        alpha = np.minimum(np.asarray(self.image.getchannel("A")), np.asarray(other.image.getchannel("A")))
        self.image.paste(other.image, (0, 0), Image.fromarray(alpha))
        self._draw = ImageDraw.Draw(self.image)

    def over(self, other: Canvas) -> None:
        """Draw `other` over this layer by its alpha."""
        self.image.alpha_composite(other.image)
        self._draw = ImageDraw.Draw(self.image)

    def rgb(self) -> NDArray[np.float32]:
        """An opaque layer reduced to `size_px`: float32 (H, W, 3) in 0..1."""
        # Without alpha: Pillow would multiply it in and out again, at nine times the pixels.
        opaque = self.image if self.image.mode == "RGB" else self.image.convert("RGB")
        return np.asarray(opaque.reduce(self.supersample), dtype=np.float32) / 255.0

    def rgba(self) -> NDArray[np.float32]:
        """The layer reduced to `size_px`: float32 (H, W, 4) in 0..1, colour not premultiplied by alpha."""
        whole = np.zeros((self.size_px, self.size_px, 4), dtype=np.float32)
        if box := self.image.getbbox():
            fine = self.supersample
            left, top, right, bottom = box[0] // fine, box[1] // fine, -(-box[2] // fine), -(-box[3] // fine)
            painted = self.image.crop((left * fine, top * fine, right * fine, bottom * fine))
            reduced = painted.convert("RGBa").reduce(fine).convert("RGBA")
            whole[top:bottom, left:right] = np.asarray(reduced, dtype=np.float32) / 255.0
        return whole


def rounded_points(x: float, y: float, rx: float, ry: float, power: float = 0.4) -> list[Point]:
    """A rectangle with generous corners (a superellipse) round a middle."""
    points: list[Point] = []
    for cos, sin in _CIRCLE.tolist():
        px, py = math.copysign(abs(cos) ** power, cos), math.copysign(abs(sin) ** power, sin)
        points.append((x + rx * px, y + ry * py))
    return points


def ellipse_points(
    cx: float, cy: float, rx: float, ry: float, angle: float = 0.0, count: int = 40,
    start: float = 0.0, end: float = 2 * math.pi,
) -> list[Point]:
    """Points on an ellipse or an arc of it, angles in radians, clockwise from the right (y is down)."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn = [start + (end - start) * i / count for i in range(count + 1)]
    local = [(rx * math.cos(t), ry * math.sin(t)) for t in turn]
    return [(cx + cos * x - sin * y, cy + sin * x + cos * y) for x, y in local]


def smooth(points: Sequence[Point], closed: bool, per_segment: int = 6) -> list[Point]:
    """A Catmull-Rom spline through the points, sampled `per_segment` times between two of them."""
    basis = _spline_basis(len(points), per_segment, closed)
    return [(x, y) for x, y in (basis @ np.asarray(points, dtype=np.float64)).tolist()]


@cache
def _spline_basis(count: int, per_segment: int = 6, closed: bool = True) -> NDArray[np.float64]:
    """The matrix that turns `count` points into those of a spline through them; an open one ends on its last point."""
    segments = count if closed else count - 1
    basis = np.zeros((segments * per_segment + (not closed), count))
    for i in range(segments):
        for step in range(per_segment):
            for k in range(4):
                a, b, c, d = (float(j == k) for j in range(4))
                near = (i + k - 1) % count if closed else min(max(i + k - 1, 0), count - 1)
                basis[i * per_segment + step, near] += _catmull_rom(a, b, c, d, step / per_segment)
    if not closed:
        basis[-1, -1] = 1.0
    return basis


@cache
def _open_basis(count: int, per_segment: int = 5) -> NDArray[np.float64]:
    """The matrix that turns `count` points into `smooth(points, closed=False)`."""
    units = np.eye(count).tolist()
    columns = [[y for _, y in smooth([(0.0, value) for value in unit], closed=False, per_segment=per_segment)]
               for unit in units]
    return np.array(columns).T


def _catmull_rom(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)


@lru_cache(maxsize=256)
def _glow_mask(side: int, peak: int) -> Image.Image:
    """A disc that falls off smoothly from `peak` (0..255) in its middle to 0 at its rim."""
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    near = np.clip(1 - np.hypot(axis[:, None], axis[None, :]), 0, 1)
    return Image.fromarray((peak * near * near * (3 - 2 * near)).astype(np.uint8))


def mix(a: Colour, b: Colour, share: float) -> tuple[int, int, int]:
    """A colour between `a` (share 0) and `b` (share 1)."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def darker(colour: Colour, share: float = 0.25) -> tuple[int, int, int]:
    """The colour moved towards black."""
    return mix(colour, (0, 0, 0), share)


def lighter(colour: Colour, share: float = 0.25) -> tuple[int, int, int]:
    """The colour moved towards white."""
    return mix(colour, (255, 255, 255), share)
