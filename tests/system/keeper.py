"""A program of tests that keeps messages: it takes them as they come and posts its own, until it is killed.

python -m tests.system.keeper ROUTE NAME PASSWORD FOLDER PEER
"""

import sys
from itertools import count

import trio

from cim_client import Client, connect

PAUSE_S = 0.02


async def talk(me: Client, peer: str) -> None:
    done = {message.text for message in me.local.export()} | {waiting.text for waiting in me.waiting()}
    for number in count():
        if f"own {number}" not in done:
            await me.post(peer, f"own {number}")
            await trio.sleep(PAUSE_S)


async def main(route: str, name: str, password: str, folder: str, peer: str) -> None:
    async with (
        connect(route, name=name, password=password, data_dir=folder, keep_messages=True) as me,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(talk, me, peer)
        print("ready", flush=True)
        async for _ in me.messages():
            pass


_, route, name, password, folder, peer = sys.argv
trio.run(main, route, name, password, folder, peer)
