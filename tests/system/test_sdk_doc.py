"""The examples of docs/sdk.md, and the README's, run as they stand there, one after the other, on a real cluster."""

import ast
import re
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio

import cim_client
from cim_client import Client, connect
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD

ROOT = Path(__file__).parents[2]
ROUTE = "http://127.0.0.1:8083"
ENDLESS_S = 1.0
"""A program that runs until it is ended is given this long once it has begun."""


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


SNIPPETS = [block for block in blocks("docs/sdk.md") if "import" not in block]
PROGRAMS = [block for page in ("docs/sdk.md", "README.md") for block in blocks(page) if "import" in block]


def test_there_are_examples() -> None:
    assert len(SNIPPETS) >= 10
    assert len(PROGRAMS) == 3


async def run_snippet(code: str, names: dict[str, Any]) -> None:
    """A part of an async program: what it assigns is there in the next one."""
    whole = "async def part():\n" + textwrap.indent(code, "    ") + "\n    return locals()\n"
    exec(compile(ast.parse(whole), "docs/sdk.md", "exec"), names)
    with trio.move_on_after(ENDLESS_S if "async for" in code else 30.0 * SLOWNESS) as scope:
        names |= await names["part"]()
    assert not scope.cancelled_caught or "async for" in code, code


async def test_the_snippets_run_in_their_order(cluster: Cluster, tmp_path: Path) -> None:
    async def person(nursery: trio.Nursery, name: str) -> Client:
        async def live(task_status: trio.TaskStatus[Client]) -> None:
            async with connect(cluster.route, name=name, password=PASSWORD, register=True) as client:
                task_status.started(client)
                await trio.sleep_forever()

        started: Client = await nursery.start(live)
        return started

    async with trio.open_nursery() as nursery:
        people = {name: await person(nursery, name) for name in ("alice", "bob", "carol", "dave", "eve")}
        me = people["alice"]
        other = await person(nursery, "alice")
        names: dict[str, Any] = {
            "me": me, "cim_client": cim_client, "connect": connect, "route": cluster.route, "kept_token": me.token,
            "folder": tmp_path, "datetime": datetime, "UTC": UTC, "device_id": other.device,
            "seq": (await me.send("bob", "the message that the examples change")).seq,
            "group": await me.create_group("examples", members=["bob"]),
        }  # fmt: skip
        for code in SNIPPETS:
            await run_snippet(code, names)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("program", PROGRAMS)
async def test_the_programs_run(cluster: Cluster, program: str, tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        async with connect(cluster.route, name=name, password=PASSWORD, register=True):
            pass
    code = program.replace(ROUTE, cluster.route).replace("~/.cim", str(tmp_path))
    code = re.sub(r'password="[^"]*"', f'password="{PASSWORD}"', code).replace("timeout_s=5", "timeout_s=0.2")
    if "cim_client.blocking" in code:
        await trio.to_thread.run_sync(exec, code, {})
        return
    names: dict[str, Any] = {}
    exec(code.replace("trio.run(main)", ""), names)
    with trio.move_on_after(ENDLESS_S * 3) as scope:
        await names["main"]()
    assert scope.cancelled_caught
