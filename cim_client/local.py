"""What this device keeps on its own machine, for programs: `Client.local` (docs/sdk.md)."""

from collections.abc import Iterator

from cim_client.groups import Group, id_of
from cim_client.store.contract import LocalStore
from cim_client.types import Found, Message


class Local:
    """Messages kept by this device, drafts, settings and typed lines. Nothing here asks the cluster.

    In the data folder; without one in memory, for as long as the client lives. Messages are there with
    `connect(keep_messages=True)` only. A conversation is a `Group`, "lobby" or a conversation id. All of it is quick,
    connected or not: no call does more than some milliseconds of work, a search at most some tens.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    @property
    def failure(self) -> str:
        """Why nothing is kept in the data folder any more (`connect(on_store_failure="memory")`); "" if all is well."""
        return self._store.failure

    # -- messages ----------------------------------------------------------------------------------------

    def search(
        self, text: str, conversation: Group | str | None = None, limit: int = 50, before_id: int | None = None
    ) -> list[Found]:
        """Messages that hold a text, in any script and either case, newest first; of one conversation, or of all.

        With the `id` of the last one found as `before_id` a search goes on. At most 1,000 at a time.
        """
        where = None if conversation is None else id_of(conversation)
        return self._store.ask(lambda tables: tables.messages.search(text, where, limit, before_id))

    def messages(self, conversation: Group | str, limit: int = 100, before_seq: int | None = None) -> list[Message]:
        """Messages of a conversation, newest first, or those below `before_seq`. At most 1,000 at a time."""
        return self._store.ask(lambda tables: tables.messages.messages(id_of(conversation), limit, before_seq))

    def latest(self, conversation: Group | str) -> Message | None:
        """The newest message of a conversation."""
        newest = self.messages(conversation, 1)
        return newest[0] if newest else None

    def export(self, conversation: Group | str | None = None) -> Iterator[Message]:
        """All messages, or those of a conversation, oldest first. They are read some at a time as one goes on."""
        where = None if conversation is None else id_of(conversation)

        def page(after: int) -> tuple[list[Message], int]:
            return self._store.ask(lambda tables: tables.messages.export(where, after))

        messages, after = page(-1)
        while messages:
            yield from messages
            messages, after = page(after)

    # -- one's own ---------------------------------------------------------------------------------------

    def draft(self, conversation: Group | str) -> str:
        """What was half typed in a conversation, "" if nothing was."""
        return self._store.ask(lambda tables: tables.own.draft(id_of(conversation)))

    def set_draft(self, conversation: Group | str, text: str) -> None:
        """Keep what is half typed, up to 65,536 characters of it, over restarts; "" forgets it."""
        self._store.ask(lambda tables: tables.own.set_draft(id_of(conversation), text))

    def setting(self, name: str) -> str | None:
        """What a setting of the program was set to last, None if it never was."""
        return self._store.ask(lambda tables: tables.own.setting(name))

    def set_setting(self, name: str, value: str | None) -> None:
        """Keep a setting over restarts; None forgets it.

        Raises:
            ValueError: name or value has more than 4,096 characters, or there are 256 settings already.
        """
        self._store.ask(lambda tables: tables.own.set_setting(name, value))

    def typed(self, limit: int = 1_000) -> list[str]:
        """Lines typed before, oldest first, at most the newest `limit`."""
        return self._store.ask(lambda tables: tables.own.typed(limit))

    def add_typed(self, line: str) -> None:
        """Remember a line for `typed`, the newest 1,000 of them. One that is typed again at once is remembered once."""
        self._store.ask(lambda tables: tables.own.add_typed(line))
