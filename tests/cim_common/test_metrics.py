"""Numbers as the exposition format writes them."""

from cim_common.metrics import Number, text_of


def test_gauges_counters_and_labels() -> None:
    text = text_of(
        (
            Number("cim_a", "some", lambda: 3),
            Number("cim_b_total", "all", lambda: 5),
            Number("cim_c", "by link", lambda: {"read": 1, "commit": 2}, "link"),
        )
    )
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ["cim_a 3.0", "cim_b_total 5.0", 'cim_c{link="read"} 1.0', 'cim_c{link="commit"} 2.0']
    assert "# TYPE cim_a gauge" in text
    assert "# TYPE cim_b_total counter" in text
