"""Messages as they are written in one window: whom they went to as seen from the current conversation, what they
answer, their time, and the day where it changes. Decides no order and prints nothing.
"""

from collections.abc import Callable

from cim_client import Message, is_group
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.display import colours, lines
from cim_client.terminal.display.conversations import Conversations
from cim_client.terminal.display.lines import STORED, Head, Line
from cim_client.terminal.display.mentions import mention_of
from cim_client.terminal.display.outgoing import Pending, Settlement
from cim_client.terminal.display.recent import Recent
from cim_client.terminal.display.sanitize import shown_name


class Writer:
    """`width` tells the columns (None: do not fold), `now` the wall clock; `day` is that of the rows written last."""

    def __init__(
        self,
        me: str,
        conversations: Conversations,
        settings: Settings,
        width: Callable[[], int | None],
        now: Callable[[], float],
    ) -> None:
        self.recent = Recent()
        self.mention = mention_of(me)
        self._me = me
        self._conversations = conversations
        self._settings = settings
        self._width = width
        self._now = now
        self._day = lines.day(now())

    def message(self, message: Message, own: bool) -> list[Line]:
        """A message of the log; one's own was sent by another device, or is history."""
        self.recent.add(message)
        head = Head(
            self._clock(message.time_ms / 1000),
            None if own else message.sender,
            self._conversations.to(message.conversation, own),
            message.seq if self._settings.numbers else 0,
            colours.sender(message.sender),
            message.unverified,
        )
        end = _behind(message)
        if own:
            end.append(STORED)
        quote = self._quote(message.conversation, message.reply_to)
        rows = lines.message(head, message.text, self._width(), None if own else self.mention, end)
        return self._dated(message.time_ms / 1000, quote + rows)

    def settled(self, message: Pending, settlement: Settlement) -> list[Line]:
        """A message of this device with what became of it."""
        conversation, seq = settlement.conversation or message.to, settlement.seq
        if seq:
            self.recent.own(conversation, seq, self._me, message.text)
        head = self._own_head(message, conversation, seq if self._settings.numbers else 0)
        rows = lines.message(head, message.text, self._width(), end=[_mark(settlement)])
        if settlement.reason:
            again = " (/retry sends it again)" if settlement.again else ""
            rows += lines.fitting([lines.note(settlement.reason + again, "note.failed")], self._width())
        return self._dated(self._now(), self._quote(conversation, message.reply_to) + rows)

    def pending(self, message: Pending) -> Line:
        """The row above the prompt for a message on its way."""
        return lines.own_pending(self._own_head(message, message.to), message.text, self._width() or 80)

    def _own_head(self, message: Pending, conversation: str, number: int = 0) -> Head:
        if conversation == self._conversations.current:
            to = ""
        else:
            to = f"#{message.name}" if is_group(conversation) else message.name
        return Head(self._clock(message.time), to=to, number=number)

    def _quote(self, conversation: str, seq: int) -> list[Line]:
        if not seq:
            return []
        begun = self.recent.get(conversation, seq)
        return [lines.quote(begun.sender, seq, begun.words, self._width())]

    def _dated(self, then: float, rows: list[Line]) -> list[Line]:
        """Rows, below a rule with their day if it is another one than that of the rows before."""
        day = lines.day(then)
        if day == self._day:
            return rows
        self._day = day
        return [lines.day_rule(day), *rows]

    def _clock(self, then: float) -> str:
        form = self._settings.time
        return "" if form == "off" else lines.clock(then, form == "seconds")


def _mark(settlement: Settlement) -> tuple[str, str]:
    if not settlement.reason:
        return STORED
    return ("mark.failed", "? may not be sent" if settlement.unknown else "✗ not sent")


def _behind(message: Message) -> list[tuple[str, str]]:
    """What is to be said of a message as history has it."""
    end: list[tuple[str, str]] = []
    if message.recalled:
        end.append(("note", "(taken back)"))
    elif message.edited:
        end.append(("mark", "(edited)"))
    end += [("foreign", f"{shown_name(reaction.emoji)} {reaction.users}") for reaction in message.reactions]
    return end
