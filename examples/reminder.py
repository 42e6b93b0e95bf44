"""A reminder: write "in 10 tea is ready" to it, and in ten seconds it writes "tea is ready" back.

Run it:   CIM_PASSWORD="a good password" python examples/reminder.py reminder
Try it:   cim send reminder "in 10 tea is ready"

The cluster keeps what is scheduled: the reminder comes even if this program has ended by then.
"""

import os
import re
import sys
from functools import partial

import trio

from cim_client import Client, Message, Refused, connect

ROUTE = os.environ.get("CIM_CHAT_ROUTE", "http://127.0.0.1:8083")
FORM = re.compile(r"in (\d{1,8}) (.+)", re.DOTALL)


async def answer(me: Client, message: Message) -> None:
    asked = FORM.fullmatch(message.text)
    if asked is None:
        await me.send(message.conversation, 'Write: in SECONDS TEXT, such as "in 60 tea is ready"')
        return
    try:
        waiting = await me.schedule(message.conversation, asked[2], in_s=float(asked[1]))
    except Refused as refused:
        await me.send(message.conversation, str(refused))
        return
    await me.send(message.conversation, f"I will, at {waiting.at:%Y-%m-%d %H:%M:%S} UTC")


async def main(name: str, folder: str = "reminder-data") -> None:
    password = os.environ["CIM_PASSWORD"]
    async with connect(ROUTE, name=name, password=password, register=True, data_dir=folder) as me:
        print(f"{me.name} is listening", flush=True)
        async for message in me.messages():
            if message.conversation.startswith("d-") and message.sender_id != me.user_id:
                await answer(me, message)


if __name__ == "__main__":
    trio.run(partial(main, *sys.argv[1:]))
