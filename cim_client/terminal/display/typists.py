"""Who is typing, as far as one has been told lately. Pure: the caller says what time it is."""

from cim_client.terminal.display.sanitize import shown_name

TYPING_S = 6.0
"""How long somebody is taken to be typing: clients tell it every 3 s, and one may get lost."""

MAX_TYPISTS = 100


class Typists:
    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def typing(self, conversation: str, user: str, now: float) -> None:
        self._until.pop((conversation, user), None)
        self._until[conversation, user] = now + TYPING_S
        if len(self._until) > MAX_TYPISTS:
            del self._until[next(iter(self._until))]

    def wrote(self, conversation: str, user: str) -> None:
        """What was being typed has come."""
        self._until.pop((conversation, user), None)

    def shown(self, conversation: str, now: float) -> str:
        """`bob is typing`, `bob and carol are typing`, `3 are typing`, or nothing."""
        self._until = {who: until for who, until in self._until.items() if until > now}
        names = [shown_name(user) for where, user in self._until if where == conversation]
        if not names:
            return ""
        if len(names) == 1:
            return f"{names[0]} is typing"
        return f"{' and '.join(names)} are typing" if len(names) == 2 else f"{len(names)} are typing"
