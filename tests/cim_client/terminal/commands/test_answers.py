"""CIM's three rules."""

import pytest

from cim_client.terminal.commands.answers import Rules


@pytest.mark.parametrize(
    ("text", "answer"),
    [("你好吗？", "我好!"), ("在嘛?", "在!"), ("你是AI吗", "我是AI"), ("hello", "hello"), ("", "")],
)
async def test_answers(text: str, answer: str) -> None:
    assert await Rules().answer(text) == answer
