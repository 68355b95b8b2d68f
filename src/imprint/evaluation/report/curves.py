"""Line charts as inline SVG: axes, ticks, a base level, a chosen point. Colours come from the page's style sheet.

Reads: numbers and titles. Writes: markup, every text in it escaped. Does not: need scripts or fonts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 340, 190  # shown about 1:1 on a 360 px screen, so that 11 px text stays readable there
LEFT, RIGHT, TOP, BOTTOM = 36, 14, 14, 34
MOST_DOTS = 24  # more points than this are drawn as a line only


@dataclass(frozen=True)
class Curve:
    """One number over the steps.

    Attributes:
        title: what it is.
        about: one line on how to read it.
        points: (step, value), steps rising; a value that is not finite leaves a gap.
        base: the base's level, or None.
        chosen: the chosen step, or None.
        y_range: fixed ends of the vertical axis, or None to fit the values.
    """

    title: str
    about: str
    points: tuple[tuple[float, float], ...]
    base: float | None = None
    chosen: float | None = None
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Axes:
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, float]
    high: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        share_x = (x - self.low[0]) / max(self.high[0] - self.low[0], 1e-12)
        share_y = (y - self.low[1]) / max(self.high[1] - self.low[1], 1e-12)
        inside = min(max(share_y, 0.0), 1.0)
        return LEFT + share_x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - inside * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, about: int) -> tuple[float, ...]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that cover low..high in about so many steps."""
    span = max(high - low, 1e-9)
    raw = span / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(step * i, 10) for i in range(first, last + 1))


def line_chart(curve: Curve) -> Markup:
    """Draw one curve.

    Args:
        curve: what to draw; with no finite point the chart says so.
    Returns: an `<svg>` element with a title for screen readers.
    """
    finite = [(x, y) for x, y in curve.points if math.isfinite(y)]
    if not finite:
        return Markup('<p class="empty">No values.</p>')
    axes = _axes(curve, finite)
    parts = [_grid(axes)]
    if curve.base is not None and math.isfinite(curve.base):
        parts.append(_base(axes, curve.base))
    parts += [_segment(axes, segment) for segment in _segments(curve.points)]
    if len(finite) <= MOST_DOTS:
        parts += [_dot(axes, x, y, "dot") for x, y in finite]
    parts += [_chosen(axes, x, y) for x, y in finite if x == curve.chosen]
    last = finite[-1][1]
    title = Markup("{}: {} points, last value {}").format(curve.title, len(finite), f"{last:.3g}")
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img"><title>{}</title>{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(parts),
    )


def _axes(curve: Curve, finite: list[tuple[float, float]]) -> _Axes:
    values = [y for _, y in finite] + ([curve.base] if curve.base is not None and math.isfinite(curve.base) else [])
    low, high = curve.y_range or (min(values), max(values))
    y_ticks = ticks(low, max(high, low + 1e-6), 4)
    x_low, x_high = finite[0][0], finite[-1][0]
    inside = [tick for tick in ticks(x_low, max(x_high, x_low + 1), 4) if x_low <= tick <= x_high]
    return _Axes(tuple(inside), y_ticks, (x_low, y_ticks[0]), (x_high, y_ticks[-1]))


def _grid(axes: _Axes) -> Markup:
    parts: list[Markup] = []
    for tick in axes.y:
        y = axes.place(axes.low[0], tick)[1]
        parts.append(Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT))
        parts.append(_text(LEFT - 6, y + 3.5, f"{tick:g}", "end"))
    for tick in axes.x:
        x = axes.place(tick, axes.low[1])[0]
        parts.append(_text(x, HEIGHT - BOTTOM + 15, f"{tick:g}", "middle"))
    parts.append(Markup('<path class="axis" d="M{} {}H{}"/>').format(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 4, "step", "end"))
    return Markup("").join(parts)


def _text(x: float, y: float, words: str, anchor: str, kind: str = "tick") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, words)


def _base(axes: _Axes, level: float) -> Markup:
    y = axes.place(axes.low[0], level)[1]
    line = Markup('<path class="base" d="M{} {:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT)
    return line + _text(WIDTH - RIGHT, y - 4 if y > TOP + 12 else y + 12, "base", "end", "base-label")


def _segments(points: tuple[tuple[float, float], ...]) -> list[list[tuple[float, float]]]:
    """The runs of finite points."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [segment for segment in found if segment]


def _segment(axes: _Axes, points: list[tuple[float, float]]) -> Markup:
    placed = [axes.place(x, y) for x, y in points]
    return Markup('<polyline class="line" points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in placed))


def _dot(axes: _Axes, x: float, y: float, kind: str) -> Markup:
    px, py = axes.place(x, y)
    radius = 2.5 if kind == "dot" else 5
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(kind, px, py, radius)


def _chosen(axes: _Axes, x: float, y: float) -> Markup:
    px, py = axes.place(x, y)
    stem = Markup('<path class="stem" d="M{:.1f} {}V{}"/>').format(px, TOP, HEIGHT - BOTTOM)
    inside = min(max(px, LEFT + 14.0), WIDTH - RIGHT - 14.0)
    label = _text(inside, py - 11 if py > TOP + 18 else py + 20, f"{y:.2f}", "middle", "value")
    return stem + _dot(axes, x, y, "chosen") + label
