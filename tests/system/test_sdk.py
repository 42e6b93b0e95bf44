"""The SDK against a real cluster: what programs rely on."""

from pathlib import Path

import pytest
import trio

from cim_client import CimError, Client, Closed, Message, OutcomeUnknown, Refused, Unavailable, connect
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster

PASSWORD = "correct horse battery"


def person(cluster: Cluster, name: str, data_dir: Path | None = None) -> object:
    return connect(cluster.route, name=name, password=PASSWORD, register=True, data_dir=data_dir)


async def next_messages(client: Client, count: int) -> list[Message]:
    found: list[Message] = []
    with trio.fail_after(15 * SLOWNESS):
        async for message in client.messages():
            found.append(message)
            if len(found) == count:
                break
    return found


async def test_what_the_documentation_shows(cluster: Cluster) -> None:
    async with connect(cluster.route, name="anna", password=PASSWORD, register=True) as anna:
        async with connect(cluster.route, name="bert", password=PASSWORD, register=True, data_dir=None) as bert:
            receipt = await anna.send("bert", "hello")
            (message,) = await next_messages(bert, 1)
            assert (message.sender, message.text) == ("anna", "hello")
            assert (message.seq, message.conversation) == (receipt.seq, receipt.conversation)
            assert message.client_msg_id == receipt.client_msg_id
            await bert.send(receipt.conversation, "by id")
            assert [m.text for m in await next_messages(anna, 1)] == ["by id"]
            assert [m.text async for m in bert.history("anna", limit=5)] == ["by id", "hello"]
            assert [m.text async for m in bert.history("anna", limit=5, before_seq=2)] == ["hello"]
            assert {"anna", "bert"} <= set(await anna.online())
            assert "bert" in await anna.users("ber")
        assert [m async for m in bert.messages()] == []
        with pytest.raises(Closed):
            await bert.send("anna", "too late")


async def test_errors_come_unwrapped(cluster: Cluster) -> None:
    async with connect(cluster.route, name="carl", password=PASSWORD, register=True) as carl:
        for to, text, code in (
            ("nobody-of-that-name", "x", Code.NO_SUCH_USER),
            ("not a name", "x", Code.NO_SUCH_USER),
            ("carl", "", Code.EMPTY_TEXT),
            ("carl", "ü" * 8193, Code.TEXT_TOO_LONG),
            ("d-3000000000-3000000001", "x", Code.NO_SUCH_CONVERSATION),
        ):
            with pytest.raises(Refused) as refused:
                await carl.send(to, text)
            assert refused.value.code == code
        assert (await carl.send("carl", "ü" * 8192)).seq == 1
    with pytest.raises(Refused) as refused:
        async with connect(cluster.route, name="carl", password="another password"):
            pytest.fail("a wrong password was taken")
    assert refused.value.code == Code.WRONG_PASSWORD
    with pytest.raises(ZeroDivisionError):
        async with connect(cluster.route, name="carl", password=PASSWORD):
            raise ZeroDivisionError
    with pytest.raises(Unavailable):
        async with connect("http://127.0.0.1:1", name="carl", password=PASSWORD, timeout_s=0.5):
            pytest.fail("there is no route")
    with pytest.raises(CimError):
        async with connect("ftp://127.0.0.1", name="carl", password=PASSWORD):
            pytest.fail("that is no address")


async def test_closing_a_client_ends_it_and_nothing_else(cluster: Cluster) -> None:
    async with connect(cluster.route, name="clara", password=PASSWORD, register=True) as clara:
        await clara.close()
        await clara.close()
        assert clara.state == "closed"
        assert [m async for m in clara.messages()] == []
        assert [event.state async for event in clara.events() if event.kind == "connection"][-1] == "closed"
        for call in (clara.send("clara", "too late"), clara.unread()):
            with pytest.raises(Closed):
                await call
        await trio.lowlevel.checkpoint()


async def test_what_cannot_be_sent_is_refused_and_ends_nothing(cluster: Cluster, tmp_path: Path) -> None:
    async with person(cluster, "cleo", tmp_path) as cleo:  # type: ignore[attr-defined]
        for call, code in (
            (cleo.send("cleo", "x" * 100_000), Code.TEXT_TOO_LONG),
            (cleo.post("cleo", "x" * 100_000), Code.TEXT_TOO_LONG),
            (cleo.post("cleo", "\ud800"), Code.BAD_REQUEST),
            (cleo.send("\ud800", "x"), Code.BAD_REQUEST),
            (cleo.edit("cleo", -1, "x"), Code.BAD_REQUEST),
            (cleo.mark_read("cleo", -1), Code.BAD_REQUEST),
            (cleo.presence("x" * 100_000), Code.TOO_LARGE),
            (cleo.create_group("x", topic="y" * 100_000), Code.TOO_LARGE),
            (cleo.schedule("cleo", "x" * 100_000, in_s=1), Code.TEXT_TOO_LONG),
        ):
            with pytest.raises(Refused) as refused:
                await call
            assert refused.value.code == code
        assert (await cleo.send("cleo", "all is well")).seq == 1
    async with person(cluster, "cleo", tmp_path) as cleo:  # type: ignore[attr-defined]
        assert (await cleo.send("cleo", "still")).seq == 2


async def test_two_devices_of_one_user(cluster: Cluster) -> None:
    async with (
        connect(cluster.route, name="dina", password=PASSWORD, register=True) as one,
        connect(cluster.route, name="dina", password=PASSWORD) as two,
        connect(cluster.route, name="emil", password=PASSWORD, register=True) as emil,
    ):
        assert one.device != two.device
        await one.send("emil", "from one")
        assert [m.text for m in await next_messages(two, 1)] == ["from one"]
        await emil.send("dina", "to both")
        assert [m.text for m in await next_messages(one, 1)] == ["to both"]
        assert [m.text for m in await next_messages(two, 1)] == ["to both"]


async def test_a_data_folder_goes_on_where_it_was(cluster: Cluster, tmp_path: Path) -> None:
    async with connect(cluster.route, name="fred", password=PASSWORD, register=True, data_dir=tmp_path) as fred:
        device = fred.device
    async with connect(cluster.route, name="gina", password=PASSWORD, register=True) as gina:
        for text in ("one", "two", "three"):
            await gina.send("fred", text)
        async with connect(cluster.route, name="fred", password=PASSWORD, data_dir=tmp_path) as fred:
            assert fred.device == device
            assert [m.text for m in await next_messages(fred, 2)] == ["one", "two"]
            async with connect(cluster.route, name="fred", password=PASSWORD, data_dir=tmp_path) as second:
                assert second.device != device
        async with connect(cluster.route, name="fred", password=PASSWORD, data_dir=tmp_path) as fred:
            assert [m.text for m in await next_messages(fred, 1)] == ["three"]
        with trio.move_on_after(0.3):
            async with connect(cluster.route, name="fred", password=PASSWORD, data_dir=tmp_path) as fred:
                assert [m async for m in fred.messages()] == []


async def test_a_message_not_shown_comes_again_after_a_crash(cluster: Cluster, tmp_path: Path) -> None:
    async with connect(cluster.route, name="hugo", password=PASSWORD, register=True, data_dir=tmp_path):
        pass
    async with connect(cluster.route, name="ines", password=PASSWORD, register=True) as ines:
        await ines.send("hugo", "one")
        await ines.send("hugo", "two")
        with pytest.raises(ZeroDivisionError):
            async with connect(cluster.route, name="hugo", password=PASSWORD, data_dir=tmp_path) as hugo:
                async for message in hugo.messages():
                    assert message.text == "one"
                    hugo._core.inbox._taken = None  # the program dies before it asks for the next one
                    raise ZeroDivisionError
        async with connect(cluster.route, name="hugo", password=PASSWORD, data_dir=tmp_path) as hugo:
            assert [m.text for m in await next_messages(hugo, 2)] == ["one", "two"]


async def test_posted_messages_survive_the_program(cluster: Cluster, tmp_path: Path) -> None:
    async with connect(cluster.route, name="jana", password=PASSWORD, register=True) as jana:
        async with connect(cluster.route, name="karl", password=PASSWORD, register=True, data_dir=tmp_path) as karl:
            karl._core.sending.outbox.frames = lambda now: []  # type: ignore[method-assign]
            posted = [await karl.post("jana", f"posted {n}") for n in range(3)]
        async with connect(cluster.route, name="karl", password=PASSWORD, data_dir=tmp_path) as karl:
            found = await next_messages(jana, 3)
            assert [m.text for m in found] == [f"posted {n}" for n in range(3)]
            assert [m.client_msg_id for m in found] == posted
            stored = []
            async for event in karl.events():
                if event.kind == "stored":
                    stored.append(event.client_msg_id)
                    if len(stored) == 3:
                        break
            assert stored == posted


async def test_giving_up_is_for_good(cluster: Cluster) -> None:
    async with (
        connect(cluster.route, name="lena", password=PASSWORD, register=True) as lena,
        connect(cluster.route, name="mats", password=PASSWORD, register=True) as mats,
    ):
        await lena.send("mats", "first")
        frames = lena._core.sending.outbox.frames
        lena._core.sending.outbox.frames = lambda now: []  # type: ignore[method-assign]
        with pytest.raises(OutcomeUnknown):
            await lena.send("mats", "given up", timeout_s=0.2)
        with trio.move_on_after(0.1):
            await lena.send("mats", "cancelled")
        lena._core.sending.outbox.frames = frames  # type: ignore[method-assign]
        await lena.send("mats", "last")
        assert [m.text for m in await next_messages(mats, 2)] == ["first", "last"]


async def test_a_copied_data_folder_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    import shutil

    original, copy = tmp_path / "original", tmp_path / "copy"
    async with connect(cluster.route, name="nora", password=PASSWORD, register=True, data_dir=original) as nora:
        await nora.send("nora", "before")
    shutil.copytree(original, copy)
    async with connect(cluster.route, name="nora", password=PASSWORD, data_dir=original) as nora:
        first = await nora.send("lobby", "from the original")
    async with connect(cluster.route, name="nora", password=PASSWORD, data_dir=copy) as nora:
        second = await nora.send("lobby", "from the copy")
        assert second.seq == first.seq + 1
        assert second.client_msg_id != first.client_msg_id
        assert [m.text async for m in nora.history("lobby", limit=2)] == ["from the copy", "from the original"]


async def test_many_senders_at_once(cluster: Cluster) -> None:
    async with (
        connect(cluster.route, name="otto", password=PASSWORD, register=True) as otto,
        connect(cluster.route, name="pia", password=PASSWORD, register=True) as pia,
        trio.open_nursery() as nursery,
    ):
        for n in range(300):
            nursery.start_soon(otto.send, "pia", str(n))
        found = await next_messages(pia, 300)
        assert [m.seq for m in found] == list(range(1, 301))
        assert sorted(int(m.text) for m in found) == list(range(300))
