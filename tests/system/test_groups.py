"""Groups, changes and what is told of them, through the SDK against a real cluster of two servers (I19, I20)."""

from collections.abc import Iterator

import pytest

from cim_client import Client, Group, Refused
from cim_common import ids
from cim_common.wire.codes import Code
from tests.system.cluster import Cluster
from tests.system.people import event, next_messages, on_two_servers, person, texts


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), "--servers", "2")
    yield made
    assert made.stop() == 0


async def known_to(client: Client, group: Group) -> Group:
    """The group as another member has it."""
    await event(client, "conversation", lambda found: found.conversation == group.id)
    return client.group(group.name)


async def test_a_group_of_three_over_two_servers(cluster: Cluster) -> None:
    async with (
        person(cluster, "ga-ann") as ann,
        person(cluster, "ga-bob") as bob,
        person(cluster, "ga-eve") as eve,
    ):
        await on_two_servers(cluster, ann, bob)
        group = await ann.create_group("ops", members=["ga-bob", "ga-eve"], topic="what runs")
        await ann.send(group, "hello")
        theirs = await known_to(bob, group)
        joined = await event(bob, "joined")
        assert (joined.state, joined.user, joined.targets) == ("created", "ga-ann", ("ga-bob", "ga-eve"))
        assert await texts(bob, 1) == ["hello"]
        (question,) = await next_messages(eve, 1)
        answer = await eve.send(group.id, "an answer", reply_to=question.seq)
        (seen,) = await next_messages(ann, 1)
        assert (seen.text, seen.reply_to, seen.seq) == ("an answer", question.seq, answer.seq)

        await group.kick("ga-bob")
        await ann.send(group, "without bob")
        for member in (bob, eve):
            kicked = await event(member, "kicked")
            assert (kicked.user, kicked.targets, kicked.seq) == ("ga-ann", ("ga-bob",), answer.seq + 1)
        assert await texts(bob, 1) == ["an answer"]
        assert await texts(eve, 1) == ["without bob"]
        with pytest.raises(Refused) as refused:
            await theirs.send("may I")
        assert refused.value.code == Code.NOT_A_MEMBER

        await group.invite("ga-bob")
        await ann.send(group, "bob again")
        assert await texts(bob, 1) == ["bob again"]
        hole = await event(bob, "notice", lambda found: found.state == "hole")
        assert (hole.conversation, hole.code, hole.ref, hole.seq) == (
            group.id, Code.NOT_A_MEMBER, answer.seq + 2, answer.seq + 2,
        )  # fmt: skip
        assert (await event(bob, "joined")).targets == ("ga-bob",)


async def test_an_owner_who_leaves_hands_over(cluster: Cluster) -> None:
    async with (
        person(cluster, "gb-ann") as ann,
        person(cluster, "gb-bob") as bob,
        person(cluster, "gb-eve") as eve,
    ):
        group = await ann.create_group("tea", members=["gb-bob", "gb-eve"])
        await group.set_role("gb-eve", "admin")
        theirs = await known_to(eve, group)
        await group.leave()
        left = await event(eve, "left")
        assert (left.user, left.conversation) == ("gb-ann", group.id)
        await theirs.rename("coffee", "strong")
        renamed = await event(bob, "conversation", lambda found: found.state == "renamed")
        assert (renamed.text, renamed.user) == ("coffee", "gb-eve")
        for member in (bob, eve):
            assert member.group("coffee").id == group.id
            with pytest.raises(Refused):
                member.group("tea")
        roles = {listed.title: listed.role for listed in await eve.conversations()}
        assert roles["coffee"] == "owner"
        with pytest.raises(Refused) as refused:
            await group.send("still here")
        assert refused.value.code == Code.NOT_A_MEMBER
        await theirs.dissolve()
        await event(bob, "conversation", lambda found: found.state == "dissolved")
        with pytest.raises(Refused) as refused:
            await bob.send(group, "too late")
        assert refused.value.code == Code.DISSOLVED


async def test_refusals_have_a_code_and_a_sentence(cluster: Cluster) -> None:
    async with person(cluster, "gc-ann") as ann, person(cluster, "gc-bob") as bob:
        group = await ann.create_group("admins only", members=["gc-bob"], invite="admins")
        theirs = await known_to(bob, group)
        for attempt, code in (
            (ann.create_group(""), Code.NAME_TOO_LONG),
            (ann.create_group("x", members=["gc-nobody"]), Code.NO_SUCH_USER),
            (theirs.invite("gc-ann"), Code.FORBIDDEN),
            (theirs.kick("gc-ann"), Code.FORBIDDEN),
            (theirs.set_role("gc-ann", "member"), Code.FORBIDDEN),
            (group.invite("gc-bob"), Code.ALREADY_A_MEMBER),
            (ann.edit(group, 1, "x"), Code.NO_SUCH_MESSAGE),
            (ann.edit("gc-bob", 99, "x"), Code.NO_SUCH_MESSAGE),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.code == code
            assert str(refused.value).endswith(".")
        with pytest.raises(Refused) as refused:
            ann.group("no such group")
        assert refused.value.code == Code.NO_SUCH_CONVERSATION
        await group.ban("gc-bob")
        with pytest.raises(Refused) as refused:
            await group.invite("gc-bob")
        assert refused.value.code == Code.BANNED
        await group.unban("gc-bob")
        await group.invite(["gc-bob"])


async def test_edits_recalls_and_reactions_on_two_devices(cluster: Cluster) -> None:
    async with (
        person(cluster, "gd-ann") as one,
        person(cluster, "gd-ann") as two,
        person(cluster, "gd-bob") as bob,
    ):
        first = await one.send("gd-bob", "frist")
        second = await one.send("gd-bob", "secret")
        assert await texts(bob, 2) == ["frist", "secret"]
        assert await texts(two, 2) == ["frist", "secret"]
        await one.edit("gd-bob", first.seq, "first")
        await one.recall("gd-bob", second.seq)
        await bob.react("gd-ann", first.seq, "+1")
        for client in (two, bob):
            edited = await event(client, "edited")
            assert (edited.user, edited.ref, edited.text) == ("gd-ann", first.seq, "first")
            recalled = await event(client, "recalled")
            assert (recalled.ref, recalled.conversation) == (second.seq, first.conversation)
        for client in (one, two):
            reaction = await event(client, "reaction")
            assert (reaction.state, reaction.user, reaction.text) == ("added", "gd-bob", "+1")

        shown = [(m.text, m.recalled, m.edited > 0, m.reactions) async for m in two.history("gd-bob")]
        assert shown == [("", True, False, ()), ("first", False, True, (("+1", 1, False),))]
        assert [m.reactions async for m in bob.history("gd-ann", after_seq=0, limit=1)] == [(("+1", 1, True),)]
        await bob.react("gd-ann", first.seq, "+1", remove=True)
        assert (await event(one, "reaction")).state == "removed"
        with pytest.raises(Refused) as refused:
            await bob.edit("gd-ann", first.seq, "mine now")
        assert refused.value.code == Code.FORBIDDEN
        await bob.pin_message("gd-ann", first.seq)
        pinned = await event(one, "conversation", lambda found: found.state == "pinned")
        assert (pinned.ref, pinned.user) == (first.seq, "gd-bob")
        assert [listed.pins for listed in await two.conversations() if listed.id == first.conversation] == [
            (first.seq,)
        ]


async def test_what_is_recalled_before_it_was_shown_is_not(cluster: Cluster) -> None:
    async with person(cluster, "ge-ann") as ann, person(cluster, "ge-bob") as bob:
        for text in ("one", "two", "three"):
            receipt = await ann.send("ge-bob", text)
        await ann.recall("ge-bob", receipt.seq - 1)
        await event(bob, "recalled")
        assert await texts(bob, 2) == ["one", "three"]
    async with person(cluster, "ge-eve") as eve:
        receipt = await eve.send("ge-ann", "wrong")
        await eve.recall("ge-ann", receipt.seq)
        await eve.send("ge-ann", "right")
        async with person(cluster, "ge-ann") as ann:
            assert [m.text async for m in ann.history("ge-eve")] == ["right", ""]


async def test_history_goes_forward_too_and_names_what_one_may_not_read(cluster: Cluster) -> None:
    async with person(cluster, "gf-ann") as ann, person(cluster, "gf-bob") as bob:
        group = await ann.create_group("late")
        for number in range(5):
            await ann.send(group, f"early {number}")
        await group.invite("gf-bob")
        await known_to(bob, group)
        sent = [await ann.send(group, f"late {number}") for number in range(5)]
        await next_messages(bob, 5)
        history = bob.history(group)
        assert [m.text async for m in history] == [f"late {number}" for number in (4, 3, 2, 1, 0)]
        forward = bob.history(group, after_seq=0)
        assert [m.text async for m in forward] == [f"late {number}" for number in range(5)]
        assert [gap.code for gap in forward.gaps] == [Code.NOT_A_MEMBER]
        assert [m.text async for m in bob.history(group, limit=2, after_seq=sent[2].seq)] == ["late 3", "late 4"]
        times = [m.time async for m in ann.history(group, after_seq=0)]
        assert len(times) == 10
        assert {m.text async for m in ann.history(group, at=times[-1])} >= {"late 4"}
        assert [m async for m in ann.history(group, at=times[-1].timestamp() + 60)] == []


async def test_somebody_blocked(cluster: Cluster) -> None:
    async with person(cluster, "gg-ann") as ann, person(cluster, "gg-bob") as bob:
        await ann.block("gg-bob")
        with pytest.raises(Refused) as refused:
            await bob.send("gg-ann", "hey")
        assert refused.value.code == Code.BLOCKED
        await ann.unblock("gg-bob")
        await bob.send("gg-ann", "hey")
        assert await texts(ann, 1) == ["hey"]


async def test_ones_own_view_is_the_same_on_all_devices(cluster: Cluster) -> None:
    async with person(cluster, "gi-ann") as one, person(cluster, "gi-ann") as two:
        group = await one.create_group("gi", topic="view")
        await known_to(two, group)
        await one.pin(group)
        await event(two, "conversation", lambda found: found.state == "settings")
        await one.mute(group)
        await event(two, "conversation", lambda found: found.state == "settings")
        (listed,) = [listed for listed in await two.conversations() if listed.id == group.id]
        assert (listed.pinned, listed.muted, listed.topic, listed.members) == (True, True, "view", 1)
        await two.pin(group, on=False)
        (listed,) = [listed for listed in await one.conversations() if listed.id == group.id]
        assert (listed.pinned, listed.muted) == (False, True)


async def test_who_has_read_up_to_where(cluster: Cluster) -> None:
    async with person(cluster, "gj-ann") as ann, person(cluster, "gj-bob") as bob, person(cluster, "gj-eve") as eve:
        group = await ann.create_group("gj", members=["gj-bob", "gj-eve"])
        receipt = await ann.send(group, "read this")
        await bob.mark_read(group, receipt.seq)
        assert await ann.read_by(group) == {"gj-ann": 0, "gj-bob": receipt.seq, "gj-eve": 0}
        assert await group.members() == [
            ("gj-ann", "owner"), ("gj-bob", "member"), ("gj-eve", "member"),
        ]  # fmt: skip
        await eve.set_receipts(False)
        await eve.mark_read(group, receipt.seq)
        assert (await ann.read_by(group))["gj-eve"] == 0
        assert group.id not in await eve.unread()


async def test_messages_for_later(cluster: Cluster) -> None:
    async with person(cluster, "gk-ann") as ann, person(cluster, "gk-bob") as bob:
        never = await ann.schedule("gk-bob", "never", in_s=3_600)
        moved = await ann.schedule("gk-bob", "late", in_s=3_600)
        assert [waiting.id for waiting in await ann.scheduled()] == [never.id, moved.id]
        await ann.cancel(never.id)
        again = await ann.reschedule(moved.id, text="soon", in_s=0.2)
        assert (again.id, again.conversation, again.text) == (moved.id, moved.conversation, "soon")
        (message,) = await next_messages(bob, 1)
        assert (message.text, message.sender) == ("soon", "gk-ann")
        assert [m.text for m in await next_messages(ann, 1)] == ["soon"]
        assert await ann.scheduled() == []
        with pytest.raises(Refused) as refused:
            await ann.cancel(moved.id)
        assert (refused.value.code, refused.value.seq) == (Code.ALREADY_SENT, message.seq)
        with pytest.raises(Refused) as refused:
            await ann.reschedule(never.id, text="x")
        assert refused.value.code == Code.NO_SUCH_SCHEDULE


async def test_a_scheduled_message_that_is_refused_is_told(cluster: Cluster) -> None:
    async with person(cluster, "gl-ann") as ann, person(cluster, "gl-bob") as bob:
        group = await bob.create_group("gl", members=["gl-ann"])
        await ann.schedule(group, "too late", in_s=1.0)
        await group.kick("gl-ann")
        notice = await event(ann, "notice", lambda found: not found.state)
        assert notice.conversation == ids.direct(ann.user_id, ann.user_id)
        assert notice.text
