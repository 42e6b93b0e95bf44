"""Plots, read back as the XML they are."""

import re
from xml.etree import ElementTree

import pytest

from cim.bench import plots
from cim.bench.plots import Axis, Bar, Bars, Lines, Series, scale

NAMESPACE = "{http://www.w3.org/2000/svg}"

LINES = Lines(
    "latency", "Latency & load", "What <load> does.", Axis("messages/s", log=True), Axis("ms"),
    (Series("p50", ((500, 1.0), (5_000, 2.0), (50_000, 4.0))), Series("<script>", ((500, 3.0), (50_000, 10.0)))),
    targets=((8.0, "target"),),
)  # fmt: skip
BARS = Bars(
    "cpu", "Processor time", "By process.", "µs a message", ("servers", "route", "Redis"), "generator (apart)",
    (Bar("one in flight", (20.0, 0.0, 10.0), 12.0), Bar("a very long name " * 9, (10.0, 5.0, 5.0))),
)  # fmt: skip


def read(plot: plots.Plot) -> ElementTree.Element:
    return ElementTree.fromstring(plots.file(plot))


def texts(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{NAMESPACE}text")]


def number(element: ElementTree.Element, name: str) -> float:
    return float(element.attrib[name])


@pytest.mark.parametrize("plot", [LINES, BARS])
def test_a_plot_has_a_title_and_a_description(plot: plots.Plot) -> None:
    svg = read(plot)
    assert svg.attrib["role"] == "img"
    named = [
        svg.find(f"{NAMESPACE}{tag}[@id='{name}']")
        for tag, name in zip(("title", "desc"), svg.attrib["aria-labelledby"].split(), strict=True)
    ]
    assert [one.text for one in named if one is not None] == [plot.title, plot.about]


@pytest.mark.parametrize("plot", [LINES, BARS])
def test_a_plot_needs_nothing_else_and_is_the_same_each_time(plot: plots.Plot) -> None:
    text = plots.file(plot)
    assert text == plots.file(plot)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<script|@import|url\(|href", text)
    assert not re.search(r"\d\.\d{2,}\"", text)


def test_style_reads_the_same_in_html_and_xml() -> None:
    assert not set(plots.STYLE) & set("<>&")


def test_lines_go_through_their_points_in_scale() -> None:
    svg = read(LINES)
    marks = [one for one in svg.iter(f"{NAMESPACE}circle") if one.find(f"{NAMESPACE}title") is not None]
    places = [(number(one, "cx"), number(one, "cy")) for one in marks]
    assert [title.text for one in marks for title in one] == [
        "p50, messages/s 500: 1.00", "p50, messages/s 5,000: 2.00", "p50, messages/s 50,000: 4.00",
    ]  # fmt: skip
    assert places[1][0] - places[0][0] == pytest.approx(places[2][0] - places[1][0], abs=0.2)  # a decade each
    assert (places[0][1] - places[1][1]) * 2 == pytest.approx(places[1][1] - places[2][1], abs=0.2)
    line = next(one for one in svg.iter(f"{NAMESPACE}path") if one.attrib["class"] == "line s0")
    assert line.attrib["d"] == "M" + " L".join(f"{x:g} {y:g}" for x, y in places)


def test_what_names_hold_is_text() -> None:
    svg = read(LINES)
    assert "<script>" in texts(svg)
    assert "target" in texts(svg)
    assert [one.tag for one in svg.iter() if "script" in one.tag] == []


def test_ticks_are_where_something_was_measured() -> None:
    assert {"500", "5,000", "50k", "0", "2", "10"} <= set(texts(read(LINES)))


def test_everything_stands_on_the_sheet() -> None:
    for plot in (LINES, BARS):
        svg = read(plot)
        _, _, width, height = (float(part) for part in svg.attrib["viewBox"].split())
        for one in svg.iter():
            for name, most in (
                ("x", width),
                ("x1", width),
                ("x2", width),
                ("cx", width),
                ("y", height),
                ("cy", height),
            ):
                if name in one.attrib:
                    assert 0 <= number(one, name) <= most, ElementTree.tostring(one)


def test_bars_are_stacked_and_the_generator_stands_apart() -> None:
    svg = read(BARS)
    pieces = [one for one in svg.iter(f"{NAMESPACE}rect") if one.find(f"{NAMESPACE}title") is not None]
    first = pieces[:4]
    assert number(first[0], "x") + number(first[0], "width") == pytest.approx(number(first[2], "x"), abs=0.2)
    assert number(first[0], "width") == pytest.approx(2 * number(first[2], "width"), abs=0.2)
    assert number(first[3], "x") == number(first[0], "x")
    assert number(first[3], "y") > number(first[0], "y")
    assert "apart" in first[3].attrib["class"]
    assert "30.0" in texts(svg)
    assert any(text.endswith("…") for text in texts(svg))


@pytest.mark.parametrize(
    ("axis", "values", "said"),
    [
        (Axis("x"), [0.0, 33.0], ["0", "10", "20", "30", "40"]),
        (Axis("x"), [100.0, 103.0], ["100", "101", "102", "103"]),
        (Axis("x"), [5.0], ["0", "1", "2", "3", "4", "5"]),
        (Axis("x"), [0.0], ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (Axis("x", log=True), [100, 1_000, 15_000], ["100", "1,000", "15k"]),
        (Axis("x", log=True), [3_000_000.0], ["2M", "5M"]),
        (Axis("x", places=((0.0, "p50"), (1.0, "max"))), [0.0, 1.0], ["p50", "max"]),
    ],
)
def test_scales(axis: Axis, values: list[float], said: list[str]) -> None:
    found = scale(axis, values, 0, 700, from_zero=False)
    assert [name for _, name in found.ticks] == said
    assert found.at(found.ticks[0][0]) >= -0.1
    assert found.at(found.ticks[-1][0]) <= 700.1


def test_a_logarithmic_height_has_round_ends_and_bears_a_zero() -> None:
    found = scale(Axis("ms", log=True), [0.0, 1.3, 33.0], 300, 0, from_zero=True)
    assert [name for _, name in found.ticks] == ["1", "2", "5", "10", "20", "50"]
    assert (found.at(0.0), found.at(1.0), found.at(50.0)) == (300, 300, 0)


def test_eight_decades_have_few_ticks() -> None:
    found = scale(
        Axis("x", log=True), [1 + 10**power * digit for power in range(8) for digit in (1, 3, 7)], 0, 700, False
    )
    assert 3 <= len(found.ticks) <= plots.MAX_TICKS


def test_an_empty_plot_is_a_plot() -> None:
    assert read(LINES._replace(series=(), targets=()))
    assert read(BARS._replace(bars=()))
