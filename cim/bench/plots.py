"""Plots as SVG: lines over two axes, and stacked bars. They need no script and no font of their own.

A plot follows the reader's light or dark colours, has a title and a description for those who do not see it, and tells
its series apart by shape as well as by colour. The same plot gives the same bytes: coordinates have one decimal.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from cim.bench.figures import measured, number

Element = ElementTree.Element

WIDTH = 720
HEIGHT = 400
TOP_OF_LEGEND = 46
LEGEND_ROW = 20
HEAD = 24
LEFT, RIGHT, BOTTOM = 74, 30, 52
NEAR = 44
"""Pixels between two ticks that can both be read."""

BAR_ROW, BAR, BAR_APART = 46, 18, 8
CHARACTER = 7.0
"""Width of a character at 12 px, on average: there is no font to measure with."""

MAX_TICKS = 8
SHAPES = 6

STYLE = """
.cim-plot { font: 12px system-ui, sans-serif; }
.cim-plot text { fill: #3a4048; }
.cim-plot .title { font-size: 15px; font-weight: 600; fill: #16191d; }
.cim-plot .paper { fill: #ffffff; }
.cim-plot .grid { stroke: #e1e4e8; }
.cim-plot .axis { stroke: #8a929c; }
.cim-plot .target { stroke: #3a4048; stroke-dasharray: 5 4; }
.cim-plot .s0 { fill: #0067a5; stroke: #0067a5; }
.cim-plot .s1 { fill: #c8500a; stroke: #c8500a; }
.cim-plot .s2 { fill: #00805a; stroke: #00805a; }
.cim-plot .s3 { fill: #a8508a; stroke: #a8508a; }
.cim-plot .s4 { fill: #8a6d00; stroke: #8a6d00; }
.cim-plot .s5 { fill: #3f9bd0; stroke: #3f9bd0; }
.cim-plot path.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.cim-plot .apart { opacity: 0.55; }
@media (prefers-color-scheme: dark) {
.cim-plot text { fill: #c3c9d1; }
.cim-plot .title { fill: #f2f4f6; }
.cim-plot .paper { fill: #15181c; }
.cim-plot .grid { stroke: #2c3138; }
.cim-plot .axis { stroke: #727b86; }
.cim-plot .target { stroke: #c3c9d1; }
.cim-plot .s0 { fill: #58aee8; stroke: #58aee8; }
.cim-plot .s1 { fill: #f58a4b; stroke: #f58a4b; }
.cim-plot .s2 { fill: #3cc596; stroke: #3cc596; }
.cim-plot .s3 { fill: #dd8fc4; stroke: #dd8fc4; }
.cim-plot .s4 { fill: #d9b83a; stroke: #d9b83a; }
.cim-plot .s5 { fill: #9bd3f5; stroke: #9bd3f5; }
}
"""
"""Without characters that HTML and XML read differently: the page has it once for all its plots."""


class Axis(NamedTuple):
    """What it measures, with its unit. `places` names the ticks where they are not numbers."""

    label: str
    log: bool = False
    places: tuple[tuple[float, str], ...] = ()


class Series(NamedTuple):
    """Points joined by a line, by rising x."""

    name: str
    points: tuple[tuple[float, float], ...]


class Lines(NamedTuple):
    """`name` is unique within a page and names its file; `about` says in a sentence what is to be seen.

    `targets` are horizontal lines with their names.
    """

    name: str
    title: str
    about: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    targets: tuple[tuple[float, str], ...] = ()


class Bar(NamedTuple):
    """The parts of one bar, in the order of `Bars.parts`; `apart` stands under it and is not in its sum."""

    name: str
    values: tuple[float, ...]
    apart: float | None = None


class Bars(NamedTuple):
    """Stacked horizontal bars with their sums. `parts` names their parts, `apart` what stands under them."""

    name: str
    title: str
    about: str
    unit: str
    parts: tuple[str, ...]
    apart: str
    bars: tuple[Bar, ...]


Plot = Lines | Bars


def drawn(plot: Plot) -> Element:
    """The plot as an <svg> for a page that has STYLE."""
    return _lines(plot) if isinstance(plot, Lines) else _bars(plot)


def file(plot: Plot) -> str:
    """The plot as an SVG file, with paper under it: who shows it need not know what it stands on."""
    svg = drawn(plot)
    paper = Element("rect", {"class": "paper", "width": "100%", "height": "100%"})
    style = Element("style")
    style.text = STYLE
    svg[2:2] = [style, paper]
    ElementTree.indent(svg, " ")
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


# -- lines ----------------------------------------------------------------------------------------------------------


def _lines(plot: Lines) -> Element:
    svg, top = _sheet(plot, [series.name for series in plot.series], HEIGHT)
    left, right, bottom = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM
    xs = [x for series in plot.series for x, _ in series.points] or [0.0, 1.0]
    ys = [y for series in plot.series for _, y in series.points] + [y for y, _ in plot.targets]
    across = scale(plot.x, xs, left, right, from_zero=False)
    up = scale(plot.y, ys or [0.0, 1.0], bottom, top, from_zero=True)
    for value, said in up.ticks:
        _line(svg, "grid", left, up.at(value), right, up.at(value))
        _text(svg, left - 8, up.at(value) + 4, said, "end")
    for value, said in across.ticks:
        _line(svg, "axis", across.at(value), bottom, across.at(value), bottom + 5)
        _text(svg, across.at(value), bottom + 19, said, "middle")
    _line(svg, "axis", left, bottom, right, bottom)
    _text(svg, (left + right) / 2, HEIGHT - 10, plot.x.label, "middle")
    _text(svg, 16, top - 14, plot.y.label, "start")
    for y, said in plot.targets:
        _line(svg, "target", left, up.at(y), right, up.at(y))
        _text(svg, right, up.at(y) - 5, said, "end")
    for index, series in enumerate(plot.series):
        _series(svg, index, series, across, up, plot)
    return svg


def _series(svg: Element, index: int, series: Series, across: "Scale", up: "Scale", plot: Lines) -> None:
    places = [(across.at(x), up.at(y)) for x, y in series.points]
    steps = " L".join(f"{_short(x)} {_short(y)}" for x, y in places)
    if len(places) > 1:
        _add(svg, "path", {"class": f"line {_color(index)}", "d": f"M{steps}"})
    named = dict(plot.x.places)
    for (x, y), (at_x, at_y) in zip(series.points, places, strict=True):
        shape = _shape(svg, index, at_x, at_y)
        where = named.get(x) or f"{plot.x.label} {number(x)}"
        _add(shape, "title").text = f"{series.name}, {where}: {measured(y)}"


class Scale(NamedTuple):
    """Where values stand on the sheet, and the values with a tick."""

    at: Callable[[float], float]
    ticks: list[tuple[float, str]]


def scale(axis: Axis, values: Sequence[float], start: float, end: float, from_zero: bool) -> Scale:
    """From `start` to `end` in pixels. A logarithmic axis shows what is above 0."""
    if axis.places:
        low, high = axis.places[0][0], axis.places[-1][0]
        ticks = list(axis.places)
    elif axis.log:
        shown = [value for value in values if value > 0] or [1.0]
        low, high, ticks = _decades(shown, from_zero)
        if not from_zero:
            ticks = _as_measured(shown, abs(end - start)) or ticks
    else:
        low, high, ticks = _steps(values, from_zero)
    turn = math.log10 if axis.log and not axis.places else float
    span = turn(high) - turn(low) or 1.0

    def at(value: float) -> float:
        kept = max(value, low) if axis.log else value
        return start + (turn(kept) - turn(low)) / span * (end - start)

    return Scale(at, ticks)


def _decades(values: Sequence[float], widen: bool) -> tuple[float, float, list[tuple[float, str]]]:
    """1, 2 and 5 of each decade, or 1 alone where those are too many."""
    low, high = min(values), max(values)
    every = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        for digit in (1, 2, 5)
    ]
    if widen or low == high:
        low = max(tick for tick in every if tick <= low * 1.0001)
        high = min(tick for tick in every if tick >= high * 0.9999)
        if low == high:
            low, high = low / 2, high * 2
    ticks = [tick for tick in every if low * 0.9999 <= tick <= high * 1.0001]
    if len(ticks) > MAX_TICKS:
        ticks = [tick for tick in ticks if f"{tick:e}"[0] == "1"]
    ticks = ticks[:: math.ceil(len(ticks) / MAX_TICKS)] if ticks else [low, high]
    return low, high, [(tick, _compact(tick)) for tick in ticks]


def _as_measured(values: Sequence[float], room: float) -> list[tuple[float, str]]:
    """Ticks where something was measured; none when they would stand too near to each other, or are one."""
    places = sorted(set(values))
    span = math.log10(places[-1] / places[0])
    pairs = itertools.pairwise(places)
    if not span or any(math.log10(high / low) / span * room < NEAR for low, high in pairs):
        return []
    return [(value, _compact(value)) for value in places]


def _steps(values: Sequence[float], from_zero: bool) -> tuple[float, float, list[tuple[float, str]]]:
    """Round steps, at most so many."""
    low, high = min(values), max(values)
    if from_zero or low < high / 3 or low == high:
        low = min(low, 0.0)
    if high == low:
        high = low + 1.0
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.9999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(index * step, 12) for index in range(first, last + 1)]
    return ticks[0], ticks[-1], [(tick, _compact(tick)) for tick in ticks]


def _compact(value: float) -> str:
    """A tick: 100, 10k, 3M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (abs(value) >= size and value % (size / 10) == 0 and size > 1e3):
            return f"{value / size:.6g}{letter}"
    return number(value) if value == int(value) or value < 10 else measured(value)


# -- bars -----------------------------------------------------------------------------------------------------------


def _bars(plot: Bars) -> Element:
    names = [*plot.parts, *([plot.apart] if any(bar.apart is not None for bar in plot.bars) else [])]
    longest = max((len(bar.name) for bar in plot.bars), default=0)
    left, right = 16 + min(longest * CHARACTER + 10, WIDTH / 2.4), WIDTH - 64.0
    rows = _legend_rows(names) * LEGEND_ROW
    svg, top = _sheet(plot, names, TOP_OF_LEGEND + rows + HEAD + BAR_ROW * len(plot.bars) + BOTTOM - 10)
    bottom = top + BAR_ROW * len(plot.bars)
    values = [max(sum(bar.values), bar.apart or 0.0) for bar in plot.bars]
    across = scale(Axis(plot.unit), values or [1.0], left, right, from_zero=True)
    for value, said in across.ticks:
        _line(svg, "grid", across.at(value), top, across.at(value), bottom)
        _text(svg, across.at(value), bottom + 16, said, "middle")
    for index, bar in enumerate(plot.bars):
        _bar(svg, plot, bar, top + index * BAR_ROW + 8, left, across)
    _line(svg, "axis", left, top, left, bottom)
    _text(svg, (left + right) / 2, bottom + 34, plot.unit, "middle")
    return svg


def _bar(svg: Element, plot: Bars, bar: Bar, y: float, left: float, across: Scale) -> None:
    _text(svg, left - 8, y + 13, _cut(bar.name, left - 20), "end")
    edges = [0.0, *itertools.accumulate(bar.values)]
    for index, (begin, end) in enumerate(itertools.pairwise(edges)):
        _piece(svg, _color(index), f"{bar.name}, {plot.parts[index]}: {measured(end - begin)}", (begin, end), y, across)
    _text(svg, across.at(edges[-1]) + 6, y + 13, measured(edges[-1]), "start")
    if bar.apart is not None:
        said = f"{bar.name}, {plot.apart}: {measured(bar.apart)}"
        _piece(svg, f"apart {_color(len(plot.parts))}", said, (0.0, bar.apart), y + BAR + 2, across, BAR_APART)


def _piece(
    svg: Element, style: str, said: str, ends: tuple[float, float], y: float, across: Scale, height: float = BAR
) -> None:
    begin, end = across.at(ends[0]), across.at(ends[1])
    place = {"x": _short(begin), "y": _short(y), "width": _short(end - begin), "height": _short(height)}
    _add(_add(svg, "rect", {"class": style, "stroke-width": "0", **place}), "title").text = said


def _cut(text: str, width: float) -> str:
    room = int(width / CHARACTER)
    return text if len(text) <= room else text[: room - 1] + "…"


# -- the sheet ------------------------------------------------------------------------------------------------------


def _sheet(plot: Plot, legend: Sequence[str], height: float) -> tuple[Element, float]:
    """The sheet with its heading and legend, and where the drawing may begin."""
    title, about = f"{plot.name}-title", f"{plot.name}-about"
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg", "class": "cim-plot", "viewBox": f"0 0 {WIDTH} {_short(height)}",
            "width": str(WIDTH), "height": _short(height), "role": "img", "aria-labelledby": f"{title} {about}",
        },
    )  # fmt: skip
    _add(svg, "title", {"id": title}).text = plot.title
    _add(svg, "desc", {"id": about}).text = plot.about
    _text(svg, 16, 26, plot.title, "start", "title")
    rows = 0
    for index, (name, x, row) in enumerate(_legend(legend)):
        _shape(svg, index, x, TOP_OF_LEGEND + row * LEGEND_ROW)
        _text(svg, x + 10, TOP_OF_LEGEND + row * LEGEND_ROW + 4, name, "start")
        rows = row + 1
    return svg, TOP_OF_LEGEND + rows * LEGEND_ROW + HEAD


def _legend(names: Sequence[str]) -> Iterator[tuple[str, float, int]]:
    """Names with their places, as many in a row as there is room for; a single name is said by the title."""
    x, row = 22.0, 0
    for name in names if len(names) > 1 else ():
        wide = 30 + len(name) * CHARACTER
        if x + wide > WIDTH - RIGHT and x > 22.0:
            x, row = 22.0, row + 1
        yield name, x, row
        x += wide


def _legend_rows(names: Sequence[str]) -> int:
    return max((row + 1 for _, _, row in _legend(names)), default=0)


def _shape(svg: Element, index: int, x: float, y: float) -> Element:
    """The mark of a series: each has a form of its own."""
    size = 4.0
    forms = (
        ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
        ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        ((-1.2, -0.9), (1.2, -0.9), (0, 1.3)),
        ((-1.5, -0.6), (1.5, -0.6), (1.5, 0.6), (-1.5, 0.6)),
    )
    if index % SHAPES == 0:
        return _add(svg, "circle", {"class": _color(index), "cx": _short(x), "cy": _short(y), "r": _short(size)})
    corners = forms[index % SHAPES - 1]
    steps = " L".join(f"{_short(x + size * dx)} {_short(y + size * dy)}" for dx, dy in corners)
    return _add(svg, "path", {"class": _color(index), "d": f"M{steps} Z"})


def _color(index: int) -> str:
    return f"s{index % SHAPES}"


def _add(parent: Element, tag: str, attributes: dict[str, str] | None = None) -> Element:
    return ElementTree.SubElement(parent, tag, attributes or {})


def _text(svg: Element, x: float, y: float, said: str, anchor: str, style: str = "") -> None:
    attributes = {"x": _short(x), "y": _short(y), "text-anchor": anchor}
    _add(svg, "text", attributes | ({"class": style} if style else {})).text = said


def _line(svg: Element, style: str, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": _short(x1), "y1": _short(y1), "x2": _short(x2), "y2": _short(y2)}
    _add(svg, "line", {"class": style, **ends})


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
