"""How long messages are kept, per kind of conversation, and the words in which an operator says so."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cim_common import ids

KINDS = ("direct", "self", "group", "lobby")
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_AGE = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_COUNT = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


class BadKeep(ValueError):
    """Words that say nothing about what to keep; one sentence for the operator."""


class Rule(NamedTuple):
    """What is kept of a conversation: entries not older than `age_ms`, and the `newest` so many; 0 is no limit.

    An entry goes when either limit is passed; the last one of a log always stays.
    """

    age_ms: int = 0
    newest: int = 0


EVERYTHING = Rule()


@dataclass(frozen=True, slots=True)
class Keep:
    """The rules of a cluster. A kind without a rule keeps everything."""

    rules: Mapping[str, Rule] = field(default_factory=dict)

    @classmethod
    def parse(cls, words: Iterable[str]) -> "Keep":
        """Rules from words like `lobby=30d`, `direct=100000` and `group=365d,100000`.

        Raises:
            BadKeep: a word is none of these.
        """
        rules: dict[str, Rule] = {}
        for word in words:
            kind, _, limits = word.partition("=")
            if kind not in KINDS:
                raise BadKeep(f"{word!r} does not begin with one of {', '.join(KINDS)} and '=', as in lobby=30d.")
            if kind in rules:
                raise BadKeep(f"{kind} is given twice: write age and number together, as in {kind}=365d,100000.")
            rules[kind] = _rule(word, limits)
        return cls(rules)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def rule(self, conversation: str) -> Rule:
        return self.rules.get(kind_of(conversation), EVERYTHING)

    @property
    def shortest_age_ms(self) -> int:
        """The shortest age any kind is kept for; 0 when none goes by age."""
        return min((rule.age_ms for rule in self.rules.values() if rule.age_ms), default=0)


def _rule(word: str, limits: str) -> Rule:
    age_ms = newest = 0
    for limit in limits.split(","):
        age = _AGE.fullmatch(limit)
        if age is not None and not age_ms:
            age_ms = int(age[1]) * _UNITS_MS[age[2]]
        elif _COUNT.fullmatch(limit) and not newest:
            newest = int(limit)
        else:
            raise BadKeep(
                f"{word!r} is not KIND=AGE, KIND=NUMBER or KIND=AGE,NUMBER; an age is a number and s, m, h or d, "
                "as in group=365d,100000."
            )
    return Rule(age_ms, newest)


def kind_of(conversation: str) -> str:
    """The kind of a conversation id, as operators call it."""
    if conversation == ids.LOBBY:
        return "lobby"
    users = ids.direct_users(conversation)
    if users is None:
        return "group"
    return "self" if users[0] == users[1] else "direct"
