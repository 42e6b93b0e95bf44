"""Answering SYNC: one page of a log for one connection, until a page has reached what is delivered (I11).

Who may read is decided by the store as a page is read; a page read before somebody was taken out is read again (I20).
"""

from collections import deque
from typing import Any

from cim_common import ids
from cim_common.store import incarnations, pages
from cim_common.store.flow import Flow
from cim_common.store.pages import LogPage, NotReadable
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_PAGE_BYTES
from cim_common.wire.messages import Failed
from cim_server.answers import RETRY_MS
from cim_server.channel import Channel
from cim_server.conversation import Conversation, Cursor, Page
from cim_server.redis_link import RedisLink

TAIL = 64


class Syncing:
    """Reads pages and hands them to the doors of those who asked."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    def read(self, conversation: Conversation, channel: Channel, cursor: Cursor) -> None:
        same = cursor.incarnation in (0, conversation.incarnation)
        if cursor.seq == conversation.applied and same and not ids.is_group(conversation.id):
            self.answer(conversation, channel, Page(cursor.seq, cursor.seq, True))
            return
        flow = _page_above(conversation.id, cursor, channel.session.user)
        removals = conversation.removals
        self._link.run(flow, lambda answer: self._page_read(conversation, channel, cursor, removals, answer))

    def _page_read(
        self, conversation: Conversation, channel: Channel, cursor: Cursor, removals: int, answer: Any
    ) -> None:
        if channel not in conversation.syncing or not channel.open:
            return
        if conversation.suspended:
            conversation.waiting.append((channel, cursor))
            return
        page, common = answer if type(answer) is tuple else (answer, ids.MAX_SEQ)
        if not isinstance(page, LogPage):
            code = page.code if isinstance(page, NotReadable) else Code.NO_SUCH_CONVERSATION
            if page is not None and not isinstance(page, NotReadable):
                code = Code.STORE_UNAVAILABLE
            if code != Code.STORE_UNAVAILABLE:
                del conversation.syncing[channel]
            self.fail(channel, conversation, code)
        elif conversation.removals != removals:
            self.read(conversation, channel, cursor)
        else:
            self.answer(conversation, channel, self._made_of(conversation, cursor, page, common))

    def _made_of(self, conversation: Conversation, cursor: Cursor, page: LogPage, common: int) -> Page:
        conversation.incarnation = page.incarnation
        good_to = min(page.head, common)
        if cursor.seq > good_to:
            return Page(good_to, page.head, False, rewound=True)
        if page.role in ("left", "banned") and not page.more:
            return Page(page.end, page.head, False, page.entries, page.gaps, left=True)
        entries, end = page.entries, page.end
        if not page.more and end < conversation.applied and conversation.tail:
            rest = [item for item in conversation.tail if item[0] > end]
            size = sum(len(entry) for _, entry in entries) + sum(len(entry) for _, entry in rest)
            complete = rest and rest[0][0] == end + 1 and rest[-1][0] == conversation.applied
            if complete and size <= MAX_PAGE_BYTES:
                entries, end = [*entries, *rest], conversation.applied
        live = not page.more and end >= conversation.applied
        return Page(end, max(page.head, end), live, entries, page.gaps)

    def answer(self, conversation: Conversation, channel: Channel, page: Page) -> None:
        if page.live or page.left:
            conversation.syncing.pop(channel, None)
        if page.live:
            conversation.live[channel] = page.end
        elif not page.left:
            conversation.syncing[channel] = False
            if conversation.tail is None:
                conversation.tail = deque(maxlen=TAIL)
        if not conversation.syncing:
            conversation.tail = None
        channel.door.page(channel, conversation, page)

    def fail(self, channel: Channel, conversation: Conversation, code: Code) -> None:
        channel.door.failed(channel, Failed(0, code, code.sentence, conversation.id, RETRY_MS))


def _page_above(conversation: str, cursor: Cursor, user: int) -> Flow[tuple[LogPage | NotReadable | None, int]]:
    """The page a SYNC asks for, and up to where a cursor of its incarnation is good in this one."""
    page = yield from pages.page_up(conversation, cursor.seq, user)
    common = ids.MAX_SEQ
    if isinstance(page, LogPage) and cursor.incarnation not in (0, page.incarnation):
        common = yield from incarnations.common_end(conversation, cursor.incarnation)
    return page, common
