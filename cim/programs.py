"""`cim send`, `tail`, `history`, `search`, `users`, `group`: chat for scripts (docs/programs.md).

What they do is imported when they run: `cim --help` stays quick.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from cim.options import client_data, client_route, option

if TYPE_CHECKING:
    from cim.session import Body, Options
    from cim_client import Client, Group, Message

Command = Callable[..., Any]


def _common(command: Command) -> Command:
    """What all of them take: who, where, and how to print."""
    for setting in reversed((
        option("--as", "account", metavar="NAME", variable="CIM_NAME",
               help="Who you are.  [default: the only account kept on this machine]"),
        client_route,
        client_data,
        click.option("--register", is_flag=True, help="Make the account, with CIM_PASSWORD, if there is none."),
        click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), metavar="SECONDS",
                     help="How long the cluster may be away."),
        click.option("--json", "as_json", is_flag=True, help="A JSON object a line."),
    )):  # fmt: skip
        command = setting(command)
    return command


def _run(body: "Body", settings: dict[str, Any]) -> None:
    from cim.session import Options, run

    context = click.get_current_context()
    command = context.command_path.removeprefix(context.find_root().command_path).strip()
    sys.exit(run(Options(command, **settings), body))


_group = click.option("--group", metavar="NAME", help="A group you are in, by name or id.")


@click.command()
@click.argument("words", nargs=-1, metavar="[TO] [TEXT]")
@_group
@click.option("--stdin", "from_stdin", is_flag=True, help="The text is what stdin holds.")
@click.option("--batch", is_flag=True, help="With --stdin: a message a line, as they come.")
@click.option("--join", "join_s", type=click.FloatRange(min=0.01), metavar="SECONDS",
              help="With --batch: lines that come within that time are one message, up to 4 KiB.")  # fmt: skip
@click.option("--id", "key", metavar="KEY", help="The same key is never sent twice, in whichever run, for 7 days.")
@click.option("--reply-to", type=click.IntRange(min=1), metavar="SEQ", help="The message this one answers.")
@_common
def send(
    words: tuple[str, ...], group: str | None, from_stdin: bool, batch: bool, join_s: float | None, key: str | None,
    reply_to: int | None, **settings: Any,
) -> None:  # fmt: skip
    """Send a message to TO: a user's name, "lobby" or a conversation id. Ends when it is stored.

    \b
    Examples:
      cim send bob "the build is done"
      cim send --group ops --stdin < report.txt
      journalctl -f | cim send --group ops --stdin --batch --join 1
      cim send --group ops --id backup-2026-01-31 "backup done"
    """
    to, *texts = (None, *words) if group is not None else (words or (None,))
    if (group is None and to is None) or len(texts) != (0 if from_stdin else 1):
        raise click.UsageError("Say whom and what: cim send TO TEXT, cim send --group NAME TEXT, or --stdin for TEXT.")
    if (batch and not from_stdin) or (join_s is not None and (not batch or key is not None)):
        raise click.UsageError("--batch goes with --stdin, and --join with --batch, without --id.")
    if batch and reply_to is not None:
        raise click.UsageError("--reply-to is for one message.")

    async def body(me: "Client", options: "Options") -> None:
        from cim.piping import Pipe, stored, whole_input
        from cim.session import conversation_of

        where = await conversation_of(me, to, group)
        if batch:
            await Pipe(options, me, where, key, join_s).run()
            return
        text = await whole_input() if from_stdin else texts[0]
        assert text is not None
        within_s = 30.0 if options.timeout_s is None else options.timeout_s
        if key is None:
            receipt = await me.send(where, text, reply_to=reply_to, timeout_s=within_s)
        else:
            receipt = await me.send_once(where, text, key, reply_to=reply_to, timeout_s=within_s)
        if options.as_json:
            options.put(stored(receipt), "")

    _run(body, settings)


@click.command()
@click.option("--conversation", "wanted", multiple=True, metavar="WHERE", help="Only this one: a name, lobby or id.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Only this group, by name or id.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after N messages.")
@_common
def tail(wanted: tuple[str, ...], groups: tuple[str, ...], count: int | None, **settings: Any) -> None:
    """Print messages as they come, over reconnects, until Ctrl-C.

    \b
    Examples:
      cim tail
      cim tail --json --group ops | jq -r .text
    """

    async def body(me: "Client", options: "Options") -> None:
        from cim.session import conversation_of, raise_if_closed

        only = {await conversation_of(me, to, None) for to in wanted}
        only |= {await conversation_of(me, None, group) for group in groups}
        options.complain(f"listening as {me.name}")
        printed = 0
        async for message in me.messages():
            if not only or message.conversation in only:
                options.put_message(message)
                printed += 1
                if printed == count:
                    return
        async for event in me.events():  # the newest of them says why there are no more messages
            raise_if_closed(event)

    _run(body, settings)


@click.command()
@click.argument("to", required=False)
@_group
@click.option("-n", "limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
@click.option("--before", "before_seq", type=click.IntRange(min=1), metavar="SEQ", help="The newest below it.")
@click.option("--after", "after_seq", type=click.IntRange(min=0), metavar="SEQ", help="The oldest above it.")
@_common
def history(
    to: str | None, group: str | None, limit: int, before_seq: int | None, after_seq: int | None, **settings: Any
) -> None:
    """Print messages of a conversation as the cluster has them, the oldest first.

    \b
    Examples:
      cim history bob -n 20
      cim history --group ops --after 1200 --json
    """
    if (to is None) == (group is None):
        raise click.UsageError("Name one conversation: cim history WHERE, or --group NAME.")
    if before_seq is not None and after_seq is not None:
        raise click.UsageError("Either --before or --after.")

    async def body(me: "Client", options: "Options") -> None:
        from cim.session import conversation_of

        where = await conversation_of(me, to, group)
        found = [m async for m in me.history(where, limit, before_seq, after_seq)]
        for message in found if after_seq is not None else reversed(found):
            options.put_message(message)

    _run(body, settings)


@click.command()
@click.argument("text")
@click.option("--conversation", "to", metavar="WHERE", help="Only this one: a name, lobby or id.")
@_group
@click.option("-n", "limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@click.option("--depth", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True,
              help="How many of the newest messages of each conversation are looked through.")  # fmt: skip
@_common
def search(text: str, to: str | None, group: str | None, limit: int, depth: int, **settings: Any) -> None:
    """Print messages that contain TEXT, the newest first. It is the cluster's history that is searched.

    \b
    Examples:
      cim search "disk full" --group ops
      cim search 你好 --json
    """

    async def body(me: "Client", options: "Options") -> None:
        from cim.session import conversation_of

        if to is None and group is None:
            where = [listed.id for listed in await me.conversations()]
        else:
            where = [await conversation_of(me, to, group)]
        found: list[Message] = []
        for conversation in where:
            matching = [m async for m in me.history(conversation, depth) if text.casefold() in m.text.casefold()]
            found = sorted([*found, *matching[:limit]], key=lambda m: m.time_ms, reverse=True)[:limit]
        for message in found:
            options.put_message(message)

    _run(body, settings)


@click.command()
@click.argument("prefix", required=False)
@click.option("-n", "limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many, with PREFIX.")
@_common
def users(prefix: str | None, limit: int, **settings: Any) -> None:
    """Print who is online, or, with PREFIX, the users whose names begin with it.

    \b
    Examples:
      cim users
      cim users bo --json
    """

    async def body(me: "Client", options: "Options") -> None:
        for name in await (me.online() if prefix is None else me.users(prefix, limit)):
            options.put({"name": name}, name)

    _run(body, settings)


@click.group()
def group() -> None:
    """Groups: list, create, members, invite, kick, leave, role.

    \b
    Example:  cim group create ops alice bob
    """


@group.command("list")
@_common
def list_groups(**settings: Any) -> None:
    """Print the groups you are in.

    \b
    Example:  cim group list --json
    """

    async def body(me: "Client", options: "Options") -> None:
        from cim_common.ids import is_group

        for found in await me.conversations():
            if is_group(found.id) and found.role not in ("left", "banned"):
                options.put(found._asdict(), f"{found.id} {found.title} ({found.role}, {found.members} members)")

    _run(body, settings)


@group.command()
@click.argument("name")
@click.argument("members", nargs=-1)
@click.option("--topic", default="", help="What it is about.")
@_common
def create(name: str, members: tuple[str, ...], topic: str, **settings: Any) -> None:
    """Make a group NAME of you and MEMBERS, and print its id.

    \b
    Example:  cim group create ops alice bob
    """

    async def body(me: "Client", options: "Options") -> None:
        made = await me.create_group(name, members, topic)
        options.put({"id": made.id, "name": made.name}, made.id)

    _run(body, settings)


@group.command("members")
@click.argument("which", metavar="GROUP")
@_common
def members_of(which: str, **settings: Any) -> None:
    """Print the members of a group.

    \b
    Example:  cim group members ops
    """

    async def body(me: "Client", options: "Options") -> None:
        for member in await me.group(which).members():
            record = {"name": member.name, "role": member.role, "user_id": member.user_id}
            options.put(record, f"{member.name} ({member.role})")

    _run(body, settings)


def _changed(which: str, change: Callable[["Group"], Awaitable[object]], settings: dict[str, Any]) -> None:
    async def body(me: "Client", options: "Options") -> None:
        await change(me.group(which))

    _run(body, settings)


@group.command()
@click.argument("which", metavar="GROUP")
@click.argument("names", nargs=-1, required=True)
@_common
def invite(which: str, names: tuple[str, ...], **settings: Any) -> None:
    """Make users members of a group.

    \b
    Example:  cim group invite ops carol dave
    """
    _changed(which, lambda found: found.invite(*names), settings)


@group.command()
@click.argument("which", metavar="GROUP")
@click.argument("names", nargs=-1, required=True)
@_common
def kick(which: str, names: tuple[str, ...], **settings: Any) -> None:
    """Take members out of a group.

    \b
    Example:  cim group kick ops carol
    """
    _changed(which, lambda found: found.kick(*names), settings)


@group.command()
@click.argument("which", metavar="GROUP")
@click.argument("name")
@click.argument("role", type=click.Choice(["member", "admin", "owner"]))
@_common
def role(which: str, name: str, role: str, **settings: Any) -> None:
    """Make a member admin or member again; owner hands the group over.

    \b
    Example:  cim group role ops carol admin
    """
    _changed(which, lambda found: found.set_role(name, role), settings)


@group.command()
@click.argument("which", metavar="GROUP")
@_common
def leave(which: str, **settings: Any) -> None:
    """Take part in a group no more.

    \b
    Example:  cim group leave ops
    """
    _changed(which, lambda found: found.leave(), settings)


COMMANDS = (send, tail, history, search, users, group)
