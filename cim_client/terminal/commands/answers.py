"""`:ai`: text is answered here and sent to nobody. `Answers` is the place for another way of answering."""

from typing import Protocol


class Answers(Protocol):
    """Answers what is typed, within the patience of a command."""

    name: str

    async def answer(self, text: str) -> str:
        """What to say to that."""


class Rules:
    """CIM's own three rules: 吗 and 嘛 are dropped, question marks become exclamation marks, you become I."""

    name = "AI"

    _RULES = str.maketrans({"吗": "", "嘛": "", "?": "!", "？": "!", "你": "我"})

    async def answer(self, text: str) -> str:
        return text.translate(self._RULES)
