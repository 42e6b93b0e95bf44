"""Devices that send through the real append path and keep what they were told."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import redis

from cim_common import accept, ids
from cim_common.accept import Append, Status
from cim_common.store import entries, keys, resp, scripts
from cim_common.store.commit import RETRY_AWAY_MS, GroupCommit
from cim_common.store.flow import Command, StoreError, StoreUnavailable, drive
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_route.store import Store, translate

NAMES = {ids.MIN_USER_ID + index: name for index, name in enumerate(("alice", "bob", "carol", "dave"), 5)}
ALICE, BOB, CAROL, DAVE = NAMES


class Sent(NamedTuple):
    """A message of a device."""

    conversation: str
    user: int
    device: str
    n: int
    text: str


class Acknowledged(NamedTuple):
    """A message, the seq it was acknowledged with, and when (wall clock) the answer was there."""

    sent: Sent
    seq: int
    at: float


class Device:
    """One device and the process that commits for it: a group commit and a connection of its own.

    `unknown` are the messages without an ACK, in their order; `send` and `resend` try what is given to them once.
    """

    def __init__(self, url: str, user: int, device: str = "d1") -> None:
        self.user, self.device = user, device
        self.acknowledged: list[Acknowledged] = []
        self.unknown: list[Sent] = []
        self.refusals: list[Append] = []
        self.url = url
        self._n = 0
        self._group = GroupCommit(None, lambda ref: False)
        self._connection: Any = None

    def settled(self, append: Append) -> None:
        """The outcome is read from the append itself."""

    def send(self, conversation: str, texts: Iterable[str]) -> bool:
        """Send new messages to one conversation, as one batch; whether all were acknowledged."""
        sent = []
        for text in texts:
            self._n += 1
            sent.append(Sent(conversation, self.user, self.device, self._n, text))
        self.unknown += sent
        return self._commit(sent)

    def resend(self) -> bool:
        """Try everything that is unknown again, with the same numbers."""
        return self._commit(list(self.unknown))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def _commit(self, sent: list[Sent]) -> bool:
        appends, last = [], dict[str, int]()
        for item in self.unknown:
            if item in sent:
                appends.append(self._append(item, last.get(item.conversation, 0)))
            last[item.conversation] = item.n
        for append in appends:
            assert self._group.submit(append)
        self._turn()
        at = time.time()
        for item, append in zip(sent, appends, strict=True):
            if append.status in (Status.STORED, Status.KNOWN):
                self.acknowledged.append(Acknowledged(item, append.seq, at))
                self.unknown.remove(item)
            else:
                self.refusals.append(append)
        return all(append.status in (Status.STORED, Status.KNOWN) for append in appends)

    def _append(self, sent: Sent, after: int) -> Append:
        meta = codec.entry_meta(sent.user, NAMES[sent.user], sent.device, sent.n, 1)
        return Append(
            self, sent.conversation, accept.sender_argument(sent.user, sent.device), sent.n, after, meta,
            accept.content_of(sent.text), time.monotonic(),
        )  # fmt: skip

    def _turn(self) -> None:
        """What a driver does: batches until nothing waits, and the flows that appends ask for."""
        group = self._group
        while (write := group.next_write(time.time_ns() // 1_000_000)) is not None:
            try:
                reply = self.exchange(*write)
            except StoreUnavailable as error:
                group.fail(error)
                group.drain(Code.STORE_UNAVAILABLE)
                return
            if isinstance(reply, redis.ResponseError):
                group.fail(translate(reply))
                continue
            settled, _ = group.complete(reply)
            for flow, concerned in group.follow_up(settled, 1):
                try:
                    outcome = drive(flow, self._execute)
                except (StoreError, StoreUnavailable):
                    for append in concerned:
                        append.refuse(Status.RETRY, Code.OUTCOME_UNKNOWN, RETRY_AWAY_MS)
                else:
                    if concerned and concerned[0].status is Status.CREATE:
                        group.created(concerned, bool(outcome))

    def exchange(self, data: bytes, before: int) -> Any:
        """Write commands and read so many replies and one more, which is returned; StoreUnavailable if it breaks."""
        try:
            self._connect()
            self._connection.send_packed_command([data])
            return [self._reply() for _ in range(before + 1)][-1]
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self.close()
            raise StoreUnavailable(str(error)) from error

    def _connect(self) -> None:
        if self._connection is None:
            connection: Any = redis.ConnectionPool.from_url(self.url, protocol=2, retry=None).make_connection()
            connection.connect()
            for script in scripts.SCRIPTS:
                connection.send_command("SCRIPT", "LOAD", script.source)
                connection.read_response()
            self._connection = connection

    def _reply(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return error

    def _execute(self, commands: list[Command]) -> list[Any]:
        replies = [self.exchange(resp.pack([command]), 0) for command in commands]
        for reply in replies:
            if isinstance(reply, redis.ResponseError):
                raise translate(reply)
        return replies


def prepare(url: str) -> None:
    """A new store with four users."""
    store = Store(url)
    store.check()
    store.close()
    client = redis.Redis.from_url(url, retry=None)
    for user, name in NAMES.items():
        client.hset(keys.user(user), "name", name)
    client.close()


def lost(client: "redis.Redis", acknowledged: Iterable[Acknowledged]) -> list[Acknowledged]:
    """What was acknowledged and is not in the log at that seq, as it was sent."""
    return [item for item in acknowledged if not _stands(client, item)]


def _stands(client: "redis.Redis", item: Acknowledged) -> bool:
    message_id = f"{item.sent.user}:{item.sent.device}:{item.sent.n}"
    return text_at(client, item.sent.conversation, item.seq) == (message_id, item.sent.text)


def text_at(client: "redis.Redis", conversation: str, seq: int) -> tuple[str, str] | None:
    """Id and text of the message at a seq; None if there is none."""
    found: Any = client.xrange(keys.log(conversation), f"{seq}-0", f"{seq}-0")
    if not found:
        return None
    stored = entries.parse((b"e", found[0][1][b"e"]))
    entry = codec.decode_entry(codec.entry_bytes(stored.meta, stored.content, seq))
    return entry.client_msg_id, entry.text
