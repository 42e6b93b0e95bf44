"""The page of results, read back as XML."""

import re
from dataclasses import replace
from xml.etree import ElementTree

from cim.bench.page import page
from cim.bench.results import Result
from tests.cim.bench import records


def read(*results: Result) -> ElementTree.Element:
    text = page(results)
    assert text.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(text.partition("\n")[2])


def rows(html: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in html.iter("tr")]


def test_the_page_of_everything() -> None:
    html = read(records.everything())
    assert [one.text for one in html.iter("h1")] == ["cim bench all"]
    found = rows(html)
    assert ["CPU of a message, saturated, one in flight", "<= 35", "30.0", "µs", "holds"] in found
    assert ["500/s, send to delivery, p99", "<= 4", "4.50", "ms", "missed"] in found
    assert ["CPU, total, as a multiple of the floor", "3.00", "times"] in found
    assert len(list(html.iter("{http://www.w3.org/2000/svg}svg"))) == 4
    assert len(list(html.iter("figure"))) == 4


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = page([records.everything()])
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|\shref=|\ssrc=|\son\w+=", text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_what_a_record_holds_is_text() -> None:
    label = "</style><script>alert('&')</script>"
    html = read(replace(records.messages(), label=label, command="cim bench <b>"))
    assert list(html.iter("script")) == []
    assert any(label in (one.text or "") for one in html.iter("h2"))
    assert [one.text for one in html.iter("code")] == ["cim bench <b>"]
    assert any("Imagined <CPU> & Co" in (one.text or "") for one in html.iter("p"))


def test_ids_are_unique() -> None:
    html = read(records.everything(), records.growth())
    ids = [one.attrib["id"] for one in html.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))
    assert ids


def test_a_run_with_a_loss_has_no_figures() -> None:
    html = read(records.lossy())
    assert [one.text for one in html.iter("p") if one.attrib["class"] == "wrong"] == ["no result: 3 lost"]
    assert rows(html) == []
    assert list(html.iter("figure")) == []
    assert "99,999" not in page([records.lossy()])


def test_no_element_is_empty_that_html_would_not_close() -> None:
    void = {"meta", "br", "hr"}
    svg = {"path", "circle", "rect", "line"}
    for one in read(records.everything(), records.lossy()).iter():
        name = one.tag.rpartition("}")[2]
        assert one.text or len(one) or name in void | svg, name


def test_the_spread_over_repeated_runs() -> None:
    runs = (records.messages(30.0), records.messages(33.0))
    assert ["CPU, total", "30.0", "µs a message (30.0 to 33.0 over the runs)"] in rows(
        read(replace(runs[0], runs=runs))
    )
