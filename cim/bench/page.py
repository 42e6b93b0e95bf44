"""Results as a page: one file that needs nothing else, no script, no font, no picture from elsewhere.

It is written as XML that is HTML as well, by a library: whatever stands in a record is escaped.
"""

from collections.abc import Sequence
from xml.etree import ElementTree

from cim.bench import charts, figures, plots, table, targets
from cim.bench.charts import Chart, Rows
from cim.bench.figures import measured
from cim.bench.results import Result

Element = ElementTree.Element

STYLE = """
:root { color-scheme: light dark; --ink: #16191d; --soft: #59616b; --line: #dde1e5; --paper: #ffffff; --raised: #f6f7f9;
  --good: #00704e; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --soft: #a3abb5; --line: #2c3138; --paper: #15181c;
  --raised: #1c2025; --good: #3cc596; --bad: #ff8a80; } }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p.of { color: var(--soft); margin: .1rem 0; }
code { font: 13px ui-monospace, monospace; background: var(--raised); padding: .1em .35em; border-radius: 4px;
  overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { font-weight: 400; } thead th { color: var(--soft); font-weight: 600; white-space: normal; vertical-align: bottom; }
th:first-child, .text { text-align: left; }
td.holds { color: var(--good); text-align: left; } td.missed { color: var(--bad); text-align: left; font-weight: 600; }
td.none { color: var(--soft); text-align: left; }
.wrong { border-left: 4px solid var(--bad); background: var(--raised); padding: .6rem 1rem; font-weight: 600; }
figure { margin: 1rem 0 2.4rem; } figure svg { max-width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); margin: .4rem 0; }
@media (min-width: 74rem) { figure.pair { display: grid; grid-template-columns: 720px 1fr; gap: 1.2rem;
  align-items: center; } }
"""

VERDICTS = {targets.HOLDS: "holds", targets.MISSED: "missed", targets.NOT_MEASURED: "none"}

BESIDE = 6
"""Columns of a table that finds room beside a plot; a wider one stands under it."""


def page(results: Sequence[Result]) -> str:
    """The page of one result or of several."""
    html = Element("html", {"lang": "en"})
    head = _add(html, "head")
    _add(head, "meta", charset="utf-8")
    _add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    heading = " and ".join(dict.fromkeys(f"cim bench {result.benchmark}" for result in results))
    _add(head, "title", heading)
    _add(head, "style", STYLE + plots.STYLE)
    body = _add(html, "body")
    _add(body, "h1", heading)
    _origin(body, results[0])
    single = charts.flat(results)
    if len(single) > 1 or any(result.benchmark == "all" for result in results):
        _add(body, "h2", "Targets")
        _targets(body, single)
    for chart in charts.charts(results):
        _figure(body, chart)
    for result in single:
        _run(body, result)
    return "<!DOCTYPE html>\n" + ElementTree.tostring(html, encoding="unicode") + "\n"


def _origin(body: Element, result: Result) -> None:
    for line in table.origin_lines(result):
        _add(body, "p", line, **{"class": "of"})
    command = _add(body, "p", **{"class": "of"})
    _add(command, "code", result.command)


def _targets(body: Element, results: Sequence[Result]) -> None:
    rows, verdicts = [["figure", "target", "measured", "unit", "verdict"]], []
    for goal, value in targets.judged(results):
        verdict = goal.verdict(value)
        rows.append([goal.text, goal.limit, "–" if value is None else measured(value), goal.unit, verdict])
        verdicts.append(VERDICTS[verdict])
    _table(body, rows, {3: ["text"] * len(verdicts), 4: verdicts})


def _figure(body: Element, chart: Chart) -> None:
    beside = len(chart.rows[0]) <= BESIDE
    figure = _add(body, "figure", **({"class": "pair"} if beside else {}))
    figure.append(plots.drawn(chart.plot))
    told = _add(figure, "div")
    _table(told, chart.rows)
    for note in chart.notes:
        _add(told, "figcaption", note)


def _run(body: Element, result: Result) -> None:
    """One run: what was sent, and its figures if it is a result."""
    _add(body, "h2", table.title(result))
    for line in table.checked_lines(result):
        _add(body, "p", line, **{"class": "of"})
    wrong = table.no_result(result)
    if wrong is not None:
        _add(body, "p", wrong, **{"class": "wrong"})
        return
    rows = [["figure", "value", "unit"]]
    for figure, value in figures.figures_of(result):
        found = figures.spread(result, figure.path)
        between = f" ({measured(found.low)} to {measured(found.high)} over the runs)" if found else ""
        rows.append([figure.name, measured(value), (figure.unit + between).strip()])
    times = figures.times_floor(result)
    if times is not None:
        rows.append(["CPU, total, as a multiple of the floor", measured(times), "times"])
    if len(rows) > 1:
        _table(body, rows, {2: ["text"] * (len(rows) - 1)})
    for line in table.work_lines(result):
        _add(body, "p", line[:1].upper() + line[1:], **{"class": "of"})
    for name, why in result.missing.items():
        _add(body, "p", f"Not measured: {name}: {why}", **{"class": "of"})


def _table(parent: Element, rows: Rows, styles: dict[int, list[str]] | None = None) -> None:
    """`styles`: classes of the cells of a column, row by row without the headings."""
    made = _add(_add(parent, "div", **{"class": "wide"}), "table")
    head = _add(_add(made, "thead"), "tr")
    for column, name in enumerate(rows[0]):
        left = column in (styles or {})
        _add(head, "th", name or "–", scope="col", **({"class": "text"} if left else {}))
    body = _add(made, "tbody")
    for number, row in enumerate(rows[1:]):
        line = _add(body, "tr")
        _add(line, "th", row[0], scope="row")
        for column, cell in enumerate(row[1:], 1):
            kinds = (styles or {}).get(column)
            _add(line, "td", cell or "–", **({"class": kinds[number]} if kinds else {}))


def _add(parent: Element, tag: str, said: str | None = None, **attributes: str) -> Element:
    made = ElementTree.SubElement(parent, tag, attributes)
    made.text = said
    return made
