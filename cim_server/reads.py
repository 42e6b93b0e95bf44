"""What a v2 client may look up: pages of a log, its conversations, members, who a name is."""

from typing import Any

from cim_common import ids, names
from cim_common.store import accounts, conversations, members, pages
from cim_common.store.flow import Flow
from cim_common.store.pages import LogPage, NotReadable
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.limits import MAX_TARGETS
from cim_common.wire.messages import Conversations, List, MemberList, Members, Pull, Resolve, Resolved, Target
from cim_server.answers import Table, answer, fail, unanswered
from cim_server.channel import Channel
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session

NOTHING = LogPage(0, 0, 1, 1, False, "member", [], ())
"""What a conversation holds that does not exist yet."""


class Reads:
    """Requests that change nothing."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self.table: Table = {
            Pull: self._pull,
            List: self._list,
            Resolve: self._resolve,
            Members: self._members,
        }

    def _pull(self, channel: Channel, event: Pull) -> None:
        session: Session = channel.session
        if not conversations.may_take_part(event.conversation, session.user):
            fail(channel, event.request, Code.NO_SUCH_CONVERSATION, event.conversation)
            return
        flow = pages.asked_for(event, session.user)
        self._link.run(flow, lambda page: self._pulled(channel, event, page))

    def _pulled(self, channel: Channel, event: Pull, page: Any) -> None:
        if unanswered(channel, event.request, page, event.conversation):
            return
        if isinstance(page, NotReadable):
            fail(channel, event.request, page.code, event.conversation)
            return
        page = page or NOTHING
        channel.enqueue(
            codec.page_frame(
                event.conversation, page.incarnation, page.end, page.head, False, [entry for _, entry in page.entries],
                event.request, page.gaps,
            )
        )  # fmt: skip

    def _list(self, channel: Channel, event: List) -> None:
        session: Session = channel.session
        flow = conversations.list_since(session.user, session.device, event.since)
        self._link.run(flow, lambda outcome: self._listed(channel, event, outcome))

    def _listed(self, channel: Channel, event: List, outcome: Any) -> None:
        if unanswered(channel, event.request, outcome):
            return
        listed, version, more = outcome
        session: Session = channel.session
        session.list_version = max(session.list_version, version)
        answer(channel, Conversations(event.request, tuple(listed), version, more))

    def _resolve(self, channel: Channel, event: Resolve) -> None:
        session: Session = channel.session
        if event.name == ids.LOBBY:
            answer(channel, Resolved(event.request, ids.LOBBY, 0, ids.LOBBY))
            return
        if event.names:
            self._resolve_all(channel, event)
            return
        try:
            canonical = names.canonical(event.name)
        except names.BadName:
            fail(channel, event.request, Code.NO_SUCH_USER)
            return
        flow = accounts.by_name(canonical)
        self._link.run(flow, lambda account: self._resolved(channel, session, event, account))

    def _resolve_all(self, channel: Channel, event: Resolve) -> None:
        """Many names cost one request: the members of a group of thousands are looked up in a minute's budget."""
        if len(event.names) > MAX_TARGETS:
            fail(channel, event.request, Code.BAD_REQUEST)
            return
        flow = accounts.named([_canonical(name) for name in event.names])
        self._link.run(flow, lambda found: self._all_resolved(channel, event, found))

    def _all_resolved(self, channel: Channel, event: Resolve, found: Any) -> None:
        if not unanswered(channel, event.request, found):
            answer(channel, Resolved(event.request, "", 0, "", tuple(Target(*one) for one in found)))

    def _resolved(self, channel: Channel, session: Session, event: Resolve, account: Any) -> None:
        if unanswered(channel, event.request, account):
            return
        if account is None:
            fail(channel, event.request, Code.NO_SUCH_USER)
        else:
            conversation = ids.direct(session.user, account.id)
            answer(channel, Resolved(event.request, conversation, account.id, account.name))

    def _members(self, channel: Channel, event: Members) -> None:
        session: Session = channel.session
        if event.conversation == ids.LOBBY or not conversations.may_take_part(event.conversation, session.user):
            fail(channel, event.request, Code.NO_SUCH_CONVERSATION, event.conversation)
            return
        self._link.run(_members_for(event, session.user), lambda outcome: self._members_found(channel, event, outcome))

    def _members_found(self, channel: Channel, event: Members, outcome: Any) -> None:
        if unanswered(channel, event.request, outcome, event.conversation):
            return
        if outcome is None:
            fail(channel, event.request, Code.NOT_A_MEMBER, event.conversation)
        else:
            found, more = outcome
            answer(channel, MemberList(event.request, tuple(found), more))


def _canonical(name: str) -> str:
    """The canonical form of a name; "" when it cannot be one."""
    try:
        return names.canonical(name)
    except names.BadName:
        return ""


def _members_for(event: Members, user: int) -> Flow[tuple[list[Any], bool] | None]:
    """A page of members for one of them; None for anybody else."""
    role = yield from members.role_of(event.conversation, user)
    if role not in members.NAMES_OF_TAKING_PART:
        return None
    return (yield from members.page(event.conversation, event.after, event.limit, event.reads))
